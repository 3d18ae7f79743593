"""First in, first out, and its mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.schedules.base import Order, Schedule, Term


@dataclass(frozen=True)
class Fifo(Schedule):
    """Pick the oldest spikes first (forward step of emission, then index), as a chip with a queue would.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.0], [3.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> [n for _, _, n in simulate(net, [[1]], schedule=Fifo(group_size=1), record="groups").groups]
    [[0], [1], [2]]
    """

    name: ClassVar[str] = "fifo"
    order: ClassVar[Order] = Order(Term.EMITTED)


@dataclass(frozen=True)
class Lifo(Schedule):
    """Pick the newest spikes first.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.0], [3.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> [n for _, _, n in simulate(net, [[1]], schedule=Lifo(group_size=1), record="groups").groups]
    [[0], [2], [1]]
    """

    name: ClassVar[str] = "lifo"
    order: ClassVar[Order] = Order(-Term.EMITTED)
