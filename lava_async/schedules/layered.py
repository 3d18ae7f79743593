"""Layer synchronization, the schedule that networks are usually trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lava_async.errors import InvalidType
from lava_async.schedules.base import ExecutionKind, Lowered
from lava_async.schedules.timed import Timed


@dataclass(frozen=True)
class Layered(ExecutionKind):
    """Check a layer once per time step, after all its input arrived.

    Not a queue: all spikes of the time step are delivered into a layer, then all its neurons are checked once. Feedback
    (to the same or an earlier layer) arrives at the next time step. Equal to slayer with ``delay_shift=False``, and to
    Lava's LIF and Dense up to one time step per layer.

    Parameters
    ----------
    chip : Timed or table of its options, optional
        Also tell how long that takes on a chip which keeps layers in step by a barrier after each of them: results have
        ``step_ps`` and ``first_output_ps`` (:mod:`lava_async.hardware.barriers`). Spikes do not depend on it. Runs step
        by step have no times.

    Examples
    --------
    >>> from lava_async import CubaParams, Layered, Network, Timed, simulate
    >>> net = Network.feedforward([[[1.0]], [[1.0]]], CubaParams(du=1, dv=1, vth=0.5))
    >>> in_step, free = (simulate(net, [[1]], schedule=s) for s in (Layered(chip=Timed()), Timed()))
    >>> int(in_step.step_ps[0] - free.step_ps[0]) / 1000
    606.0
    """

    chip: Timed | None = None

    name: ClassVar[str] = "layered"
    trainable: ClassVar[bool] = True

    def __init__(self, chip: Timed | Mapping[str, Any] | None = None) -> None:
        if isinstance(chip, Mapping):
            chip = Timed(**{name: value for name, value in chip.items() if name != "name"})
        if chip is not None and (not isinstance(chip, Timed) or chip.messages is not None):
            raise InvalidType("Layered.chip", chip, "Timed(...) without recorded messages, or None")
        object.__setattr__(self, "chip", chip)

    @property
    def title(self) -> str:
        """What tables call it, as in "layered, barriers sanafe"."""
        return self.name if self.chip is None else f"{self.name}, barriers {self.chip.title.removeprefix('timed ')}"

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"name": self.name, **({} if self.chip is None else {"chip": self.chip.config()})}

    def forward_steps(self, n_layers: int) -> int:  # noqa: D102
        return n_layers

    def lower(self) -> Lowered:  # noqa: D102
        return Lowered(layered=True)
