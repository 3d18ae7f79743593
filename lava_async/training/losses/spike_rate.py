"""Distance of the rates to those that are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lava_async.training.blocks import slayer
from lava_async.training.losses.base import check_number


@dataclass(frozen=True)
class SpikeRate:
    """Slayer's ``SpikeRate``: squared distance of the rates to those that are wanted, summed over the outputs.

    Parameters
    ----------
    true_rate : float
        Spikes per time step, in 0 .. 1, of the output of the label.
    false_rate : float
        Spikes per time step, in 0 .. 1, of all others.

    Raises
    ------
    InvalidType, InvalidValue
        If a rate is no such number.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import SpikeRate
    >>> counts = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    >>> SpikeRate(true_rate=0.5, false_rate=0.0)(counts, torch.tensor([0]))
    tensor(0.)
    """

    true_rate: float = 0.5
    false_rate: float = 0.02
    classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("SpikeRate.true_rate", self.true_rate, most=1.0)
        check_number("SpikeRate.false_rate", self.false_rate, most=1.0)

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        total: Tensor = slayer().loss.SpikeRate(self.true_rate, self.false_rate, reduction="sum")(output, labels)
        return total / len(labels)
