"""Schedules: which of the pending neurons are delivered next.

A schedule is one file with a frozen dataclass. Most say it with an :class:`Order`: one or two terms that rank the
pending neurons (emission, momentum, layer, a random draw), which both engines understand. One that needs more
overrides :meth:`Schedule.pick` and runs on the reference engine. Add its class to `SCHEDULES` below, and every
test of schedules covers it.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.draws import MOMENTUM_NOISE, RANDOM_SCHEDULE, unit
from lava_async.records import count, member


class Term(IntEnum):
    """What pending neurons can be ranked by; ``-Term.X`` ranks descending."""

    NONE = 0
    DRAW = 1
    """A random key, drawn anew at each forward step."""
    MOMENTUM = 2
    """Voltage just before the reset, of the first pending spike."""
    EMITTED = 3
    """Forward step in which the first pending spike was emitted."""
    LAYER = 4
    """Layer of the neuron; input spikes: -1."""


class Order(NamedTuple):
    """A ranking of the pending neurons: by the first term, then the second, then the index."""

    first: int
    second: int = Term.NONE
    noise: float = 0.0
    """Momentum only: each forward step adds ``noise * unit(draw)``."""


class Pending(NamedTuple):
    """The P neurons that wait, ascending by index (input spikes: channel - n_inputs, so they come first)."""

    source: NDArray[np.int64]
    momentum: NDArray[np.float64]
    emitted: NDArray[np.int64]
    layer: NDArray[np.int64]
    t: int
    k: int
    draw: Callable[[int], NDArray[np.uint64]]
    """``draw(stream)`` gives one random 64-bit key per pending neuron for this forward step."""

    def key(self, term: int, noise: float) -> NDArray[Any]:
        """Return the ascending sort key of a term."""
        kind, down = abs(term), term < 0
        values: NDArray[Any]
        if kind == Term.DRAW:
            values = self.draw(RANDOM_SCHEDULE)
            return ~values if down else values
        if kind == Term.MOMENTUM:
            values = self.momentum + (noise * unit(self.draw(MOMENTUM_NOISE)) if noise else 0.0)
        else:
            values = self.emitted if kind == Term.EMITTED else self.layer
        return -values if down else values


@dataclass(frozen=True)
class Schedule(ABC):
    """A policy that picks the group of neurons to deliver.

    Parameters
    ----------
    group_size : int or None
        F, the most pending neurons delivered per forward step, >= 1; None: everything pending.
    """

    group_size: int | None = None

    name: ClassVar[str]
    order: ClassVar[Order | None] = None
    grouped: ClassVar[bool] = True
    """Whether it has a group size."""

    def __post_init__(self) -> None:
        if self.group_size is not None:
            size = count(f"{type(self).__name__}.group_size", self.group_size, least=1)
            object.__setattr__(self, "group_size", size)

    def ranking(self) -> Order | None:
        """Return how pending neurons are ranked; None: only :meth:`pick` knows, the compiled engine cannot."""
        return self.order

    def pick(self, pending: Pending) -> NDArray[np.int64]:
        """Return the positions in `pending` of at most `group_size` neurons to deliver next."""
        order = self.ranking()
        if order is None:
            raise NotImplementedError(f"{type(self).__name__} needs an order or its own pick()")
        keys = [pending.key(term, order.noise) for term in (order.second, order.first) if term != Term.NONE]
        ranked: NDArray[np.int64] = np.lexsort((pending.source, *keys))
        return ranked[: self.group_size]

    def config(self) -> dict[str, Any]:
        """Return the schedule as plain data, as :func:`schedule` takes it."""
        return {"name": self.name, **asdict(self)}


from lava_async.schedules.depth import Deep, Shallow  # noqa: E402
from lava_async.schedules.fifo import Fifo, Lifo  # noqa: E402
from lava_async.schedules.layered import Layered  # noqa: E402
from lava_async.schedules.momentum import Momentum  # noqa: E402
from lava_async.schedules.random_order import Random  # noqa: E402
from lava_async.schedules.replay import Replay  # noqa: E402
from lava_async.schedules.timed import Timed  # noqa: E402

SCHEDULES: dict[str, type[Schedule]] = {
    kind.name: kind for kind in (Layered, Random, Momentum, Fifo, Lifo, Shallow, Deep, Timed, Replay)
}


def schedule(name: str, **options: Any) -> Schedule:
    """Return the schedule of that name, for example ``schedule("momentum", group_size=8)``.

    Raises
    ------
    InvalidValue, InvalidType
        If there is no schedule of that name, or it has no such options.
    """
    if name in (Layered.name, Timed.name) and options.get("group_size", 0) is None:
        options.pop("group_size")
    made: Schedule = member("schedule", SCHEDULES, name, options)
    return made


__all__ = [
    "SCHEDULES",
    "Deep",
    "Fifo",
    "Layered",
    "Lifo",
    "Momentum",
    "Order",
    "Pending",
    "Random",
    "Replay",
    "Schedule",
    "Shallow",
    "Term",
    "Timed",
    "schedule",
]
