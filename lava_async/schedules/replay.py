"""Replay of a recorded run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from operator import index
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.records import check_range
from lava_async.schedules.base import Lowered, Pending, Schedule

Group = tuple[int, int, tuple[int, ...]]


@dataclass(frozen=True)
class Replay(Schedule):
    """Deliver the groups of a recorded run, whatever schedule made them.

    A time step ends after the delivery of its last group. What is still pending then is dropped, as it was when a stop
    rule ended the recorded time step.

    Parameters
    ----------
    groups : iterable of (t, k, neurons)
        As in ``Result.groups`` (``record="groups"``): in time step t, forward step k, these neurons were picked.

    Raises
    ------
    InvalidValue, InvalidType
        If two groups belong to one forward step, a group names a neuron twice, or something is not an integer.
        When run: if a neuron of a group is not pending when its turn comes.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> net = Network.feedforward([[[2.0]] * 3, [[1.0] * 3]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(net, [[1]], schedule=Random(1), record="groups")
    >>> bool((simulate(net, [[1]], schedule=Replay(run.groups)).counts == run.counts).all())
    True
    """

    groups: tuple[Group, ...] = ()
    _at: dict[tuple[int, int], tuple[int, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _last: dict[int, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    name: ClassVar[str] = "replay"
    recorded: ClassVar[bool] = True

    def __init__(self, groups: Iterable[tuple[int, int, Iterable[int]]] = ()) -> None:
        try:
            plain = tuple(sorted((index(t), index(k), tuple(sorted(map(index, ids)))) for t, k, ids in groups))
        except (TypeError, ValueError):
            raise InvalidType("Replay.groups", groups, "a list of (t, k, neurons)") from None
        object.__setattr__(self, "group_size", None)
        object.__setattr__(self, "groups", plain)
        object.__setattr__(self, "_at", {(t, k): ids for t, k, ids in plain})
        object.__setattr__(self, "_last", {t: k for t, k, _ in plain})  # The last group of each time step wins.
        if len(self._at) != len(plain):
            twice = next((t, k) for (t, k, _), (s, l, _) in pairwise(plain) if (t, k) == (s, l))
            raise InvalidValue("Replay.groups (t, k)", twice, "given once")
        for t, k, ids in plain:
            check_range(f"Replay.groups[t={t}, k={k}]", np.array(ids), -(2**31), 2**31 - 1)
            if len(set(ids)) < len(ids):
                raise InvalidValue(f"Replay.groups[t={t}, k={k}]", list(ids), "different neurons")

    def pick(self, pending: Pending) -> NDArray[np.int64]:  # noqa: D102
        wanted = np.array(self._at.get((pending.t, pending.k), ()), dtype=np.int64)
        if not np.isin(wanted, pending.source).all():
            missing = int(wanted[~np.isin(wanted, pending.source)][0])
            raise not_pending(pending.t, pending.k, missing)
        return np.searchsorted(pending.source, wanted)

    def ends(self, t: int, k: int) -> bool:  # noqa: D102
        return k > self._last.get(t, -1)

    def forward_steps(self, n_layers: int) -> int:  # noqa: D102
        return max((k for _, k, _ in self.groups), default=-1) + 2

    def lower(self) -> Lowered:  # noqa: D102
        return Lowered(groups=self.groups)

    def config(self) -> dict[str, Any]:  # noqa: D102
        return {"name": self.name, "groups": [[t, k, list(ids)] for t, k, ids in self.groups]}


def not_pending(t: int, k: int, neuron: int) -> InvalidValue:
    """Return the error of a group that the network cannot deliver."""
    return InvalidValue(f"Replay.groups[t={t}, k={k}]", neuron, "a neuron that is pending in this forward step")
