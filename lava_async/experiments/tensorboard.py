"""Curves of a training for TensorBoard, an optional package."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lava_async.experiments.config import Config
from lava_async.extras import needs
from lava_async.training.distributed import Ranks
from lava_async.training.history import Epoch

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Curves:
    """Writes what each epoch did.

    Parameters
    ----------
    writer : SummaryWriter or None
        Of torch; None: write nothing.
    """

    def __init__(self, writer: SummaryWriter | None = None) -> None:
        self._writer = writer

    @classmethod
    def of(cls, config: Config, folder: Path, group: Ranks) -> Curves:
        """Return the curves of a training, into a folder in its folder, if the config and the process want any.

        Raises
        ------
        MissingExtra
            If they are wanted and TensorBoard is not installed.
        """
        if not (config.training.tensorboard and group.writes):
            return cls()
        with needs("tensorboard", "training.tensorboard = true"):
            from torch.utils.tensorboard import SummaryWriter
        return cls(SummaryWriter(str(folder / "tensorboard")))

    def add(self, epoch: Epoch) -> None:
        """Add an epoch."""
        if self._writer:
            for name, value in asdict(epoch).items():
                if name != "number":
                    self._writer.add_scalar(name, value, epoch.number)

    def close(self) -> None:
        """Write what is still to be written."""
        if self._writer:
            self._writer.close()
