"""A plan cut into cores, for timed execution: which synapses of a source lead into which core.

A *piece* are the neurons of a layer that share a core; pieces are numbered core by core. Every part of the plan leads
into one piece: a layer that lies whole in one core keeps its parts as they are, others are cut. Rows stay rows where a
piece is a range of neurons, else the synapses become lists. Neurons and sources keep their numbers and sums their
order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.engine.plan import (
    DELAYS,
    GEOMETRY,
    KIND,
    LISTS,
    N_COLUMNS,
    N_TARGET,
    NO_DELAY,
    PATCHES,
    ROWS,
    SOURCE,
    SOURCE_START,
    STARTS,
    TARGET,
    TARGET_START,
    TARGETS,
    WEIGHTS,
    Plan,
)

Numbers = NDArray[np.int64]


class Cut(NamedTuple):
    """What the timed kernel reads beside a plan whose parts lead into P pieces; M cores, C + N sources."""

    piece_of: NDArray[np.int64]
    """(N,)"""
    members: NDArray[np.int64]
    """(N,) neurons, piece by piece, ascending in each."""
    member_start: NDArray[np.int64]
    """(P + 1,) where the pieces lie in `members`."""
    piece_start: NDArray[np.int64]
    """(M + 1,) pieces of core c: ``piece_start[c] .. piece_start[c + 1]``."""
    size: NDArray[np.int64]
    """(M,) neurons of each core."""
    reach_start: NDArray[np.int64]
    """(C + N + 1,) where the cores that a source reaches without delay lie in the next two."""
    reach_core: NDArray[np.int64]
    reach_synapses: NDArray[np.int64]
    late: NDArray[np.int64]
    """(K, 4) source, core, delay >= 1 and number of synapses."""


class Synapses(NamedTuple):
    """All synapses of a part: row of the source, target neuron, place of the weight in the plan."""

    row: Numbers
    target: Numbers
    place: Numbers


def cut(plan: Plan, core_of: Numbers, n_cores: int) -> tuple[Plan, Cut]:
    """Return a plan whose parts lead into pieces, and what belongs to it.

    Parameters
    ----------
    plan : Plan
        The network.
    core_of : (N,) int
        Core of each neuron, 0 .. n_cores - 1, none of them empty.
    n_cores : int
        Number of cores M.
    """
    n_layers = len(plan.layer_start) - 1
    named, piece_of = np.unique(core_of * n_layers + plan.layer_of, return_inverse=True)
    members = np.argsort(piece_of, kind="stable")
    member_start = np.searchsorted(piece_of[members], np.arange(len(named) + 1))
    builder = _Parts(plan, piece_of, members, member_start)
    table = [row for part in plan.part for row in builder.cut(part)]
    part = np.array(table, np.int64).reshape(-1, N_COLUMNS)
    pairs, times = np.unique(part[:, [SOURCE, TARGET]], axis=0, return_counts=True)
    reach_start, reach_core, reach_synapses, late = _reaches(builder.reaches, named // n_layers, len(plan.queued))
    return plan._replace(
        part=part, outgoing=np.searchsorted(part[:, SOURCE], np.arange(-1, n_layers + 1)).astype(np.int64),
        weights=np.concatenate(builder.weights), list_start=np.concatenate(builder.starts),
        list_target=np.concatenate(builder.targets), queued=np.zeros_like(plan.queued),
        shared=np.isin(np.arange(-1, n_layers), pairs[times > 1, 0]),
    ), Cut(
        piece_of.astype(np.int64), members, member_start.astype(np.int64),
        np.searchsorted(named // n_layers, np.arange(n_cores + 1)).astype(np.int64),
        np.bincount(core_of, minlength=n_cores), reach_start, reach_core, reach_synapses, late,
    )  # fmt: skip


class _Parts:
    """Cuts parts and collects what they refer to."""

    def __init__(self, plan: Plan, piece_of: Numbers, members: Numbers, member_start: Numbers) -> None:
        self.plan, self.piece_of, self.members, self.member_start = plan, piece_of, members, member_start
        self.weights, self.starts, self.targets = [plan.weights], [plan.list_start], [plan.list_target]
        self.reaches: list[Numbers] = [np.zeros((0, 4), np.int64)]
        """(n, 4) source, piece, delay, number of synapses."""

    def cut(self, part: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the parts that a part becomes."""
        layer = slice(*self.plan.layer_start[part[TARGET] : part[TARGET] + 2])
        pieces = np.unique(self.piece_of[layer])
        synapses = expand(self.plan, part)
        into = self.piece_of[synapses.target]
        found = []
        for piece in pieces:
            mine = Synapses(*(x[into == piece] for x in synapses)) if len(pieces) > 1 else synapses
            row = part.copy()
            row[TARGET] = piece
            if len(pieces) > 1:
                self._narrow(row, piece, mine)
            found.append(row)
            self._note(part, piece, mine)
        return found

    def _narrow(self, row: NDArray[Any], piece: int, mine: Synapses) -> None:
        """Let a part lead into one of several pieces of its target layer."""
        neurons = self.members[self.member_start[piece] : self.member_start[piece + 1]]
        row[WEIGHTS] = sum(map(len, self.weights))
        if row[KIND] == ROWS and neurons[-1] - neurons[0] == len(neurons) - 1:
            row[TARGET_START], row[N_TARGET] = neurons[0], len(neurons)
            self.weights.append(self.plan.weights[mine.place])
            return
        order = np.argsort(mine.row, kind="stable")
        row[KIND], row[N_TARGET] = LISTS, len(neurons)
        row[STARTS], row[TARGETS] = sum(map(len, self.starts)), sum(map(len, self.targets))
        starts = np.searchsorted(mine.row[order], np.arange(_n_sources(self.plan, row) + 1))
        self.starts.append(starts.astype(self.plan.list_start.dtype))
        self.targets.append(mine.target[order].astype(self.plan.list_target.dtype))
        self.weights.append(self.plan.weights[mine.place[order]])

    def _note(self, part: NDArray[Any], piece: int, mine: Synapses) -> None:
        """Keep how many synapses lead from each source into a piece."""
        n = _n_sources(self.plan, part)
        number = np.bincount(mine.row, minlength=n)
        delay = np.zeros(n, np.int64) if part[DELAYS] == NO_DELAY else self.plan.delay[part[DELAYS] :][:n]
        source = np.arange(n) + part[SOURCE_START] + self.plan.n_inputs
        self.reaches.append(np.stack([source, np.full(n, piece), delay, number], axis=1)[number > 0])


def expand(plan: Plan, part: NDArray[Any]) -> Synapses:
    """Return all synapses of a part."""
    n = _n_sources(plan, part)
    if part[KIND] == ROWS:
        row, target = np.divmod(np.arange(n * part[N_TARGET]), part[N_TARGET])
        return Synapses(row, target + part[TARGET_START], np.arange(len(row)) + part[WEIGHTS])
    if part[KIND] == PATCHES:
        return _expand_patches(plan.geometry[part[GEOMETRY]], part)
    starts = plan.list_start[part[STARTS] :][: n + 1]
    entry = np.arange(starts[-1])
    return Synapses(np.repeat(np.arange(n), np.diff(starts)), plan.list_target[entry + part[TARGETS]].astype(np.int64),
                    entry + part[WEIGHTS])  # fmt: skip


def _expand_patches(geometry: Numbers, part: NDArray[Any]) -> Synapses:
    channels_in, height_in, width_in, channels, height, width, per_group, *kernel = geometry[:9].tolist()
    axes = [_taps(*geometry[axis + np.array([1, 4, 7, 9, 11, 13])].tolist()) for axis in (0, 1)]
    (k, a, y), (m, b, x) = axes
    outputs = channels // int(geometry[15])
    # Axes: tap along the height, tap along the width, channel of the source, channel of the target in its group.
    k, a, y = (axis[:, None, None, None] for axis in (k, a, y))
    m, b, x = (axis[None, :, None, None] for axis in (m, b, x))
    c, o = np.arange(channels_in)[:, None], np.arange(outputs)
    first = c // per_group * outputs
    row = (c * height_in + a) * width_in + b + 0 * o
    target = part[TARGET_START] + ((first + o) * height + y) * width + x
    place = part[WEIGHTS] + (((c % per_group) * kernel[0] + k) * kernel[1] + m) * channels + first + o
    return Synapses(*(np.broadcast_to(z, row.shape).ravel() for z in (row, target, place)))


def _taps(size: int, n_targets: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[Numbers, ...]:
    """Return along one axis through which row of the kernel which source reaches which target."""
    k, source = (axis.ravel() for axis in np.meshgrid(np.arange(kernel), np.arange(size), indexing="ij"))
    at = source + padding - dilation * k
    inside = (at >= 0) & (at % stride == 0) & (at // stride < n_targets)
    return k[inside], source[inside], at[inside] // stride


def _n_sources(plan: Plan, part: NDArray[Any]) -> int:
    return plan.n_inputs if part[SOURCE] < 0 else int(np.diff(plan.layer_start[part[SOURCE] :][:2])[0])


def _reaches(found: list[Numbers], core_of_piece: Numbers, n_sources: int) -> tuple[Numbers, ...]:
    """Return `Cut.reach_start`, `reach_core`, `reach_synapses` and `late`."""
    rows = np.concatenate(found)
    rows[:, 1] = core_of_piece[rows[:, 1]]
    triples, of = np.unique(rows[:, :3], axis=0, return_inverse=True)
    number = np.bincount(of.ravel(), rows[:, 3], len(triples)).astype(np.int64)
    now = triples[:, 2] == 0
    start = np.searchsorted(triples[now, 0], np.arange(n_sources + 1)).astype(np.int64)
    late = np.column_stack([triples[~now], number[~now]])
    return start, np.ascontiguousarray(triples[now, 1]), number[now], np.ascontiguousarray(late)
