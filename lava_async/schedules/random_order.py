"""Random order: 'RS' of Koopman et al. (TMLR 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.schedules.base import Order, Schedule, Term


@dataclass(frozen=True)
class Random(Schedule):
    """Pick uniformly among the pending neurons, again at each forward step: ascending key(seed, 0, sample, t, k, i).

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.0]] * 3, [[1.0] * 3]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(net, [[1]], schedule=Random(group_size=2), record="groups")
    >>> [len(neurons) for _, _, neurons in run.groups]
    [2, 2]
    """

    name: ClassVar[str] = "random"
    order: ClassVar[Order] = Order(Term.DRAW)
