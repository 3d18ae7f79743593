"""Selection in the compiled engine: the group of at most F pending neurons that a schedule ranks first.

Every key is made an unsigned 64-bit number of the same order, so one comparison serves all schedules. The cost per
forward step grows with the number of pending neurons, never with N.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.draws import fold, unit
from lava_async.jit import inner
from lava_async.schedules import Term

_SIGN = np.uint64(1 << 63)
_FEW = 16
"""Up to this group size a sorted list of the best is faster than a partition."""
_NONE, _DRAW, _MOMENTUM, _EMITTED = int(Term.NONE), int(Term.DRAW), int(Term.MOMENTUM), int(Term.EMITTED)


class Queue(NamedTuple):
    """The pending neurons of one sample; sources are numbered 0 .. C + N - 1, input channels first."""

    payload: NDArray[np.int32]
    """(C + N,) spikes that wait; 0: not pending."""
    momentum: NDArray[np.float64]
    """(C + N,)"""
    emission: NDArray[np.int32]
    """(C + N,) forward step of the first pending spike; -1 for input spikes."""
    pending: NDArray[np.int32]
    """(C + N,) the sources that wait, in no order."""
    first: NDArray[np.uint64]
    """Keys of the pending sources, by the terms of the order."""
    second: NDArray[np.uint64]
    best: NDArray[np.int32]
    """(C + N,) positions of entries that come first."""
    number: NDArray[np.float64]
    """(1,) and the same memory as bits, to turn floats into keys."""
    bits: NDArray[np.uint64]


def make_queue(n_sources: int) -> Queue:
    """Return an empty queue."""
    number = np.zeros(1, np.float64)
    keys = np.zeros(n_sources, np.uint64)
    return Queue(
        np.zeros(n_sources, np.int32), np.full(n_sources, np.inf), np.full(n_sources, -1, np.int32),
        np.zeros(n_sources, np.int32), keys, keys.copy(), np.zeros(n_sources, np.int32), number, number.view(np.uint64),
    )  # fmt: skip


@inner
def _key(term: int, noise: float, queue: Any, j: int, layer: int, draw: Any, noise_draw: Any, i: Any) -> Any:
    """Return the key of source j by one term: ascending keys are the order of the schedule."""
    kind = abs(term)
    if kind == _DRAW:
        key = fold(draw, i)
    elif kind == _MOMENTUM:
        x = queue.momentum[j]
        if noise != 0.0:
            x += noise * unit(fold(noise_draw, i))
        queue.number[0] = x
        bits = queue.bits[0]
        key = ~bits if bits >= _SIGN else bits | _SIGN
    elif kind == _EMITTED:
        key = np.uint64(queue.emission[j] + 1)
    else:
        key = np.uint64(layer + 1)
    return ~key if term < 0 else key


@inner
def _before(queue: Any, a: int, b: int) -> bool:
    """Tell whether the entry at position a comes before the one at b."""
    if queue.first[a] != queue.first[b]:
        return queue.first[a] < queue.first[b]
    if queue.second[a] != queue.second[b]:
        return queue.second[a] < queue.second[b]
    return queue.pending[a] < queue.pending[b]


@inner
def _swap(queue: Any, a: int, b: int) -> None:
    queue.first[a], queue.first[b] = queue.first[b], queue.first[a]
    queue.second[a], queue.second[b] = queue.second[b], queue.second[a]
    queue.pending[a], queue.pending[b] = queue.pending[b], queue.pending[a]


@inner
def _partition(queue: Any, n: int, m: int) -> None:
    """Move the m entries that come first to the end of the n entries (Hoare's selection, median of three)."""
    low, high, goal = 0, n - 1, n - m
    while low < high:
        middle = (low + high) >> 1
        # The pivot is the median of three, moved to `high`; entries that come after it gather at the left.
        if _before(queue, low, middle):
            _swap(queue, low, middle)
        if _before(queue, low, high):
            _swap(queue, low, high)
        if _before(queue, high, middle):
            _swap(queue, middle, high)
        store = low
        for a in range(low, high):
            if _before(queue, high, a):
                _swap(queue, a, store)
                store += 1
        _swap(queue, store, high)
        if store == goal:
            return
        if store < goal:
            low = store + 1
        else:
            high = store - 1


@inner
def _sort(a: Any) -> None:
    """Sort integers in place (Shell's method: short lists are the rule, and no memory is taken)."""
    gap = 1
    while 3 * gap < len(a):
        gap = 3 * gap + 1
    while gap > 0:
        for n in range(gap, len(a)):
            x = a[n]
            m = n
            while m >= gap and a[m - gap] > x:
                a[m] = a[m - gap]
                m -= gap
            a[m] = x
        gap //= 3


@inner
def _top(queue: Any, n: int, m: int) -> None:
    """Move the m entries that come first to the end of the n entries; for small m."""
    best = queue.best
    size = 0
    for a in range(n):
        if size == m and not _before(queue, a, best[m - 1]):
            continue
        place = size if size < m else m - 1
        while place > 0 and _before(queue, a, best[place - 1]):
            best[place] = best[place - 1]
            place -= 1
        best[place] = a
        size = min(size + 1, m)
    _sort(best[:m])
    for place in range(m):
        a, b = best[m - 1 - place], n - 1 - place
        queue.pending[a], queue.pending[b] = queue.pending[b], queue.pending[a]


@inner
def select(queue: Any, n: int, order: Any, group_size: int, plan: Any, draw: Any, noise_draw: Any) -> int:
    """Pick from n pending sources; the picked ones are moved to the end and sorted. Return how many.

    `draw` and `noise_draw` are the hashes of the random schedule and of the momentum noise up to this forward step.
    """
    m = min(n, group_size)
    if m < n:
        for a in range(n):
            j = queue.pending[a]
            i = j - plan.n_inputs
            layer = plan.layer_of[i] if i >= 0 else -1
            word = np.uint64(i)
            queue.first[a] = _key(order.first, order.noise, queue, j, layer, draw, noise_draw, word)
            if order.second != _NONE:
                queue.second[a] = _key(order.second, order.noise, queue, j, layer, draw, noise_draw, word)
        if m <= _FEW:
            _top(queue, n, m)
        else:
            _partition(queue, n, m)
    _sort(queue.pending[n - m : n])
    return m
