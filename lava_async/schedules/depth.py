"""Breadth first and depth first through the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.schedules.base import Order, Schedule, Term


@dataclass(frozen=True)
class Shallow(Schedule):
    """Pick spikes of early layers first, then the oldest: the closest to layers that a queue comes.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.0], [3.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> [n for _, _, n in simulate(net, [[1]], schedule=Shallow(group_size=1), record="groups").groups]
    [[0], [1], [2]]
    """

    name: ClassVar[str] = "shallow"
    order: ClassVar[Order] = Order(Term.LAYER, Term.EMITTED)


@dataclass(frozen=True)
class Deep(Schedule):
    """Pick spikes of late layers first, then the oldest: a wave runs ahead to the outputs.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.0], [3.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> [n for _, _, n in simulate(net, [[1]], schedule=Deep(group_size=1), record="groups").groups]
    [[0], [2], [1]]
    """

    name: ClassVar[str] = "deep"
    order: ClassVar[Order] = Order(-Term.LAYER, Term.EMITTED)
