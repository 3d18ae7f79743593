"""Selection in the compiled engine: the group of at most F pending neurons that a schedule ranks first.

Every key is made an unsigned 64-bit number of the same order, so one comparison serves all schedules. The cost per
forward step grows with the number of pending neurons, never with N.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.draws import fold, unit
from lava_async.jit import apart, inner
from lava_async.schedules import Term

_SIGN = np.uint64(1 << 63)
_FEW = 16
"""Up to this group size a sorted list of the best is faster than a partition."""
_MANY = 48
"""Up to so many, comparing each with each is faster than anything with branches."""
_ALL = 32
"""Up to so many, all are compared; among more, those that have low keys if keys are drawn."""
_LANES = 16
"""So many are compared at once."""
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
    short: NDArray[np.int32]
    """(C + N + _LANES,) high bits of keys that are drawn."""
    best: NDArray[np.int32]
    """(C + N + _LANES,) positions of entries that come first, or how many come before each."""
    picked: NDArray[np.int32]
    """(C + N + _LANES,)"""
    number: NDArray[np.float64]
    """(1,) and the same memory as bits, to turn floats into keys."""
    bits: NDArray[np.uint64]


def make_queue(n_sources: int) -> Queue:
    """Return an empty queue."""
    number = np.zeros(1, np.float64)
    keys, room = np.zeros(n_sources, np.uint64), np.zeros(n_sources + _LANES, np.int32)
    return Queue(
        np.zeros(n_sources, np.int32), np.full(n_sources, np.inf), np.full(n_sources, -1, np.int32),
        np.zeros(n_sources, np.int32), keys, keys.copy(), room, room.copy(), room.copy(),
        number, number.view(np.uint64),
    )  # fmt: skip


@inner
def _make_keys(keys: Any, term: int, noise: float, queue: Any, n: int, plan: Any, draw: Any, noise_draw: Any) -> None:
    """Fill in the keys of n pending sources by one term: ascending keys are the order of the schedule."""
    kind, pending = abs(term), queue.pending[:n]
    if kind == _DRAW:
        for a in range(n):
            keys[a] = fold(draw, np.uint64(pending[a] - plan.n_inputs))
    elif kind == _EMITTED:
        for a in range(n):
            keys[a] = np.uint64(queue.emission[pending[a]] + 1)
    elif kind == _MOMENTUM:
        for a in range(n):
            x = queue.momentum[pending[a]]
            if noise != 0.0:
                x += noise * unit(fold(noise_draw, np.uint64(pending[a] - plan.n_inputs)))
            queue.number[0] = x
            bits = queue.bits[0]
            keys[a] = ~bits if bits >= _SIGN else bits | _SIGN
    else:
        for a in range(n):
            i = pending[a] - plan.n_inputs
            keys[a] = np.uint64(plan.layer_of[i] + 1 if i >= 0 else 0)
    if term < 0:
        for a in range(n):
            keys[a] = ~keys[a]


@inner
def _order(queue: Any, n: int, order: Any, plan: Any, draw: Any, noise_draw: Any) -> None:
    """Fill in the keys of n pending sources."""
    _make_keys(queue.first, order.first, order.noise, queue, n, plan, draw, noise_draw)
    if order.second != _NONE:
        _make_keys(queue.second, order.second, order.noise, queue, n, plan, draw, noise_draw)


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
def _move_to_end(queue: Any, n: int, m: int) -> None:
    """Swap the entries at the first m positions in `best`, which ascend, with the last of the n pending ones."""
    for place in range(m):
        a, b = queue.best[m - 1 - place], n - 1 - place
        queue.pending[a], queue.pending[b] = queue.pending[b], queue.pending[a]


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
    _move_to_end(queue, n, m)


@apart
def _count_lower(x: Any, lower: Any, n: int) -> None:
    """Count for each of the first n entries of x how many of them are lower; both have room for `_LANES` more.

    n^2 comparisons without a branch, which the processor does several at a time.
    """
    for begin in range(0, n, _LANES):
        some, count = x[begin : begin + _LANES], lower[begin : begin + _LANES]
        for a in range(_LANES):
            count[a] = 0
        for b in range(n):
            y = x[b]
            for a in range(_LANES):
                count[a] = np.int32(count[a] + np.int32(some[a] > y))


@apart
def _shorten(keys: Any, to: Any) -> None:
    for a in range(len(keys)):
        to[a] = np.int32(keys[a] >> np.uint64(33))


@inner
def _different(lower: Any) -> bool:
    """Tell whether all entries differ, given how many are lower than each: of any two, one is."""
    ordered = 0
    for a in range(len(lower)):
        ordered += lower[a]
    return bool(ordered == len(lower) * (len(lower) - 1) // 2)


@inner
def _rank(queue: Any, pending: Any, m: int, drawn: bool) -> None:
    """Move those of these pending entries that come first to their end; their keys are the first ones; for few."""
    n, lower, picked = len(pending), queue.best[: len(pending)], queue.picked
    first, second = queue.first[:n], queue.second[:n]
    if drawn:
        _shorten(first, queue.short)
        _count_lower(queue.short, queue.best, n)
    if not drawn or not _different(lower):
        for a in range(n):
            key, then, j, before = first[a], second[a], pending[a], 0
            for b in range(n):
                later = (second[b] < then) | ((second[b] == then) & (pending[b] < j))
                before += int((first[b] < key) | ((first[b] == key) & later))
            lower[a] = before
    rest = found = 0
    for a in range(n):
        j, chosen = pending[a], int(lower[a] < m)
        pending[rest] = picked[found] = j
        found += chosen
        rest += 1 - chosen
    for a in range(m):
        pending[rest + a] = picked[a]


@apart
def _list_lower(keys: Any, limit: Any, to: Any) -> int:
    """List the positions of keys below a limit, without a branch; return how many there are."""
    found = 0
    for a in range(len(keys)):
        to[found] = np.int32(a)
        found += int(keys[a] < limit)
    return found


@inner
def _likely(queue: Any, n: int, m: int) -> int:
    """Move entries with low keys, about as many as will be picked, to the end of the n pending ones.

    Their keys come to the front of the keys. For keys that are drawn: these lie evenly. Return how many there are.
    """
    share = (m + 3.0 * np.sqrt(m)) / n
    limit = np.uint64(share * 2.0**32) << np.uint64(32)
    found = _list_lower(queue.first[:n], limit, queue.best)
    for place in range(found):
        a = queue.best[place]
        queue.first[place], queue.second[place] = queue.first[a], queue.second[a]
    _move_to_end(queue, n, found)
    return found


@inner
def _sort_few(a: Any, queue: Any) -> None:
    """Sort a few different integers in place."""
    for place in range(len(a)):
        queue.picked[place] = a[place]
    _count_lower(queue.picked, queue.best, len(a))
    for place in range(len(a)):
        a[queue.best[place]] = queue.picked[place]


@inner
def select(queue: Any, n: int, order: Any, group_size: int, plan: Any, draw: Any, noise_draw: Any) -> int:
    """Pick from n pending sources; the picked ones are moved to the end and sorted. Return how many.

    `draw` and `noise_draw` are the hashes of the random schedule and of the momentum noise up to this forward step.
    """
    m = min(n, group_size)
    if m < n:
        _order(queue, n, order, plan, draw, noise_draw)
        few, drawn = n, abs(order.first) == _DRAW
        if drawn and n > _ALL and m <= _FEW:
            few = _likely(queue, n, m)
            if few < m or few > _MANY:  # rare
                few = n
                _order(queue, n, order, plan, draw, noise_draw)
        if few <= _MANY:
            _rank(queue, queue.pending[n - few : n], m, drawn)
        elif m <= _FEW:
            _top(queue, n, m)
        else:
            _partition(queue, n, m)
    group = queue.pending[n - m : n]
    if m <= _MANY:
        _sort_few(group, queue)
    else:
        _sort(group)
    return m
