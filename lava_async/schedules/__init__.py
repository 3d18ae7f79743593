"""Schedules: which of the pending neurons are delivered next.

A schedule is one file with a frozen dataclass. Most say it with an :class:`Order`: one or two terms that rank the
pending neurons (emission, momentum, layer, a random draw), which both engines understand. One that needs more
overrides :meth:`Schedule.pick` and runs on the reference engine. Add its class to `SCHEDULES` below, and every
test of schedules covers it.
"""

from __future__ import annotations

from typing import Any

from lava_async.records import member
from lava_async.registry import Registry
from lava_async.schedules.base import Order, Pending, Schedule, Term
from lava_async.schedules.depth import Deep, Shallow
from lava_async.schedules.fifo import Fifo, Lifo
from lava_async.schedules.layered import Layered
from lava_async.schedules.momentum import Momentum
from lava_async.schedules.random_order import Random
from lava_async.schedules.replay import Replay
from lava_async.schedules.timed import Timed

SCHEDULES: Registry[type[Schedule]] = Registry(
    "schedules",
    {kind.name: kind for kind in (Layered, Random, Momentum, Fifo, Lifo, Shallow, Deep, Timed, Replay)},
)


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
