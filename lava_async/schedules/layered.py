"""Layer synchronization, the schedule that networks are usually trained with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lava_async.schedules.base import Schedule


@dataclass(frozen=True, repr=False)
class Layered(Schedule):
    """Check a layer once per time step, after all its input arrived.

    Not a queue: all spikes of the time step are delivered into a layer, then all its neurons are checked once. Feedback
    (to the same or an earlier layer) arrives at the next time step. Equal to slayer with ``delay_shift=False``, and to
    Lava's LIF and Dense up to one time step per layer.
    """

    def __init__(self) -> None:
        super().__init__()

    name: ClassVar[str] = "layered"

    def __repr__(self) -> str:
        return "Layered()"

    grouped: ClassVar[bool] = False

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"name": self.name}
