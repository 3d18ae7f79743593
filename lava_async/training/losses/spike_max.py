"""Negative log likelihood of the label by its rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lava_async.errors import InvalidValue, nearest
from lava_async.training.blocks import slayer


@dataclass(frozen=True)
class SpikeMax:
    """Slayer's ``SpikeMax``: negative log likelihood of the label.

    Parameters
    ----------
    mode : {"softmax", "probability"}
        How rates become probabilities. With "probability" an output that is silent has probability 0, so its loss is
        infinite: for networks that spike already.

    Raises
    ------
    InvalidValue
        If there is no such mode.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import SpikeMax
    >>> counts = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    >>> SpikeMax()(counts, torch.tensor([0]))
    tensor(0.3133)
    """

    mode: str = "softmax"
    classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        modes = ("softmax", "probability")
        if self.mode not in modes:
            raise InvalidValue("SpikeMax.mode", self.mode, f"'softmax' or 'probability'{nearest(self.mode, modes)}")

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        total: Tensor = slayer().loss.SpikeMax(mode=self.mode, reduction="sum")(output, labels)
        return total / len(labels)
