"""Schedules: which of the pending neurons are delivered next, and the kinds of execution without one queue.

A schedule is one file with a frozen dataclass. Most say it with an :class:`Order`: one or two terms that rank the
pending neurons (emission, momentum, layer, a random draw), which both engines understand. One that needs more
overrides :meth:`Schedule.pick` and runs on the reference engine. Add its class to `SCHEDULES` below, and every
test of schedules covers it. What others need to know of it are its capabilities (:class:`ExecutionKind`).
"""

from __future__ import annotations

from lava_async.records import from_registry
from lava_async.registry import Registry
from lava_async.schedules.base import ExecutionKind, Lowered, Order, Pending, Schedule, Term, checked, no_single_queue
from lava_async.schedules.depth import Deep, Shallow
from lava_async.schedules.fifo import Fifo, Lifo
from lava_async.schedules.layered import Layered
from lava_async.schedules.momentum import Momentum
from lava_async.schedules.random_order import Random
from lava_async.schedules.replay import Replay
from lava_async.schedules.timed import Timed

SCHEDULES: Registry[type[ExecutionKind]] = Registry(
    "schedules",
    {kind.name: kind for kind in (Layered, Random, Momentum, Fifo, Lifo, Shallow, Deep, Timed, Replay)},
)


def by_name(*, trainable: bool = False) -> list[str]:
    """Return the names of the kinds that commands and configs offer: all but records of a run.

    Parameters
    ----------
    trainable : bool
        Only those that networks can be trained with.

    Examples
    --------
    >>> from lava_async.schedules import by_name
    >>> by_name()[:3], "timed" in by_name(trainable=True)
    (['layered', 'random', 'momentum'], True)
    """
    return [name for name, kind in SCHEDULES.items() if not kind.recorded and (kind.trainable or not trainable)]


def schedule(name: str, **options: object) -> ExecutionKind:
    """Return the schedule of that name, for example ``schedule("momentum", group_size=8)``.

    A `group_size` of None is taken by those without a queue too.

    Raises
    ------
    InvalidValue, InvalidType
        If there is no schedule of that name, or it has no such options.

    Examples
    --------
    >>> schedule("random", group_size=8)
    Random(group_size=8)
    """
    kind = SCHEDULES.get(name) if isinstance(name, str) else None
    if kind is not None and "group_size" not in kind.options() and options.get("group_size", 0) is None:
        options.pop("group_size")
    made: ExecutionKind = from_registry("schedule", SCHEDULES, name, options)
    return made


__all__ = [
    "SCHEDULES",
    "Deep",
    "ExecutionKind",
    "Fifo",
    "Layered",
    "Lifo",
    "Lowered",
    "Momentum",
    "Order",
    "Pending",
    "Random",
    "Replay",
    "Schedule",
    "Shallow",
    "Term",
    "Timed",
    "by_name",
    "checked",
    "no_single_queue",
    "schedule",
]
