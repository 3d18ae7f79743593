"""Layer synchronization, the schedule that networks are usually trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.schedules.base import ExecutionKind, Lowered


@dataclass(frozen=True)
class Layered(ExecutionKind):
    """Check a layer once per time step, after all its input arrived.

    Not a queue: all spikes of the time step are delivered into a layer, then all its neurons are checked once. Feedback
    (to the same or an earlier layer) arrives at the next time step. Equal to slayer with ``delay_shift=False``, and to
    Lava's LIF and Dense up to one time step per layer.
    """

    name: ClassVar[str] = "layered"
    trainable: ClassVar[bool] = True

    def forward_steps(self, n_layers: int) -> int:  # noqa: D102
        return n_layers

    def lower(self) -> Lowered:  # noqa: D102
        return Lowered(layered=True)
