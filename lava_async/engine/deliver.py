"""Delivery: a spike walks through the synapses of its source, and what it brings gathers at their targets.

Sources are numbered 0 .. C - 1 (input channels), C .. C + N - 1 (neurons). Between forward steps `Work.arriving` is
zero and nothing is marked as touched, so each step pays only for what its spikes reach.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.engine.plan import (
    DELAYS,
    GEOMETRY,
    KIND,
    N_TARGET,
    NO_DELAY,
    PATCHES,
    ROWS,
    SOURCE_START,
    STARTS,
    TARGET,
    TARGET_START,
    TARGETS,
    WEIGHTS,
)
from lava_async.jit import apart, inner

N_TOUCHED, N_PENDING, OUTPUT_FIRED = range(3)
"""Places in `Work.counter`."""


class Work(NamedTuple):
    """Scratch memory of one thread."""

    arriving: NDArray[Any]
    """(N,) what the current group brings."""
    refractory: NDArray[np.bool_]
    full: NDArray[np.bool_]
    """(L,) layers all of whose neurons are touched."""
    marked: NDArray[np.bool_]
    """(N,) neurons in `touched`."""
    touched: NDArray[np.int32]
    counter: NDArray[np.int64]
    """(3,) length of `touched`, number of pending sources, whether an output neuron fired."""
    replay_at: NDArray[np.int64]
    """(n, 3) t, k and place in `replay_source` of recorded groups, and a last row that ends them."""
    replay_source: NDArray[np.int32]
    fired: NDArray[np.int32]
    """(N + 8,) neurons that fire in a check, counted from its first one."""
    fires: NDArray[np.uint8]
    """(N + 8,) whether neurons fire in a check, and the same memory as words of 8."""
    words: NDArray[np.uint64]
    listed: NDArray[np.int32]
    """(C + N,) sources that deliver."""
    payload: NDArray[np.int32]
    """(C + N,) payloads of `listed` sources."""


@inner
def patch_row(a: int, k: int, stride: int, padding: int, dilation: int, size: int) -> int:
    """Return which row of the output the row `a` of the input reaches through row k of the kernel; -1: none."""
    at = a + padding - dilation * k
    return at // stride if at >= 0 and at % stride == 0 and at // stride < size else -1


@inner
def _walk_patch(plan: Any, q: int, row: int, payload: int, work: Any) -> int:
    """Deliver one spike through a convolution; return the synapses walked."""
    weights, arriving = plan.weights, work.arriving
    part, geo = plan.part[q], plan.geometry[plan.part[q, GEOMETRY]]
    height, width = geo[4], geo[5]
    outputs = geo[3] // geo[15]
    channel, at = row // (geo[1] * geo[2]), row % (geo[1] * geo[2])
    first = channel // geo[6] * outputs
    touched = work.counter[N_TOUCHED]
    walked = 0
    for k in range(geo[7]):
        y = patch_row(at // geo[2], k, geo[9], geo[11], geo[13], height)
        for m in range(geo[8] if y >= 0 else 0):
            x = patch_row(at % geo[2], m, geo[10], geo[12], geo[14], width)
            if x < 0:
                continue
            w = part[WEIGHTS] + (((channel % geo[6]) * geo[7] + k) * geo[8] + m) * geo[3] + first
            i = part[TARGET_START] + (first * height + y) * width + x
            for o in range(outputs):
                arriving[i] += weights.dtype.type(payload) * weights[w + o]
                if not work.marked[i]:
                    work.marked[i] = True
                    work.touched[touched] = i
                    touched += 1
                i += height * width
            walked += outputs
    work.counter[N_TOUCHED] = touched
    return walked


@inner
def walk(plan: Any, q: int, row: int, payload: int, work: Any) -> int:
    """Deliver one spike through part q from its source `row`; return the synapses walked."""
    weights, arriving = plan.weights, work.arriving
    part = plan.part[q]
    if part[KIND] == ROWS:
        n, a = part[N_TARGET], part[TARGET_START]
        w = part[WEIGHTS] + row * n
        # Slices, since an index that may be negative keeps the compiler from vectorizing.
        to, row_weights = arriving[a : a + n], weights[w : w + n]
        if payload == 1:
            for i in range(n):
                to[i] += row_weights[i]
        else:
            for i in range(n):
                to[i] += weights.dtype.type(payload) * row_weights[i]
        work.full[part[TARGET]] = True
        return n
    if part[KIND] == PATCHES:
        return _walk_patch(plan, q, row, payload, work)
    start, end = plan.list_start[part[STARTS] + row], plan.list_start[part[STARTS] + row + 1]
    touched = work.counter[N_TOUCHED]
    for e in range(start, end):
        i = plan.list_target[part[TARGETS] + e]
        arriving[i] += weights.dtype.type(payload) * weights[part[WEIGHTS] + e]
        if not work.marked[i]:
            work.marked[i] = True
            work.touched[touched] = i
            touched += 1
    work.counter[N_TOUCHED] = touched
    return end - start


@inner
def delay_of(plan: Any, q: int, row: int) -> int:
    """Return the delay of source `row` in part q, in time steps."""
    place = plan.part[q, DELAYS]
    return 0 if place == NO_DELAY else plan.delay[place + row]


@apart
def _add_four(to: Any, a: Any, b: Any, c: Any, d: Any) -> None:
    for i in range(len(to)):
        to[i] = to[i] + a[i] + b[i] + c[i] + d[i]


@apart
def _add(to: Any, row: Any) -> None:
    for i in range(len(to)):
        to[i] += row[i]


@apart
def add_times(to: Any, factor: Any, x: Any) -> None:
    """Add `factor` times x to the first entries of `to`."""
    for i in range(len(x)):
        to[i] += factor * x[i]


@inner
def _add_rows(plan: Any, q: int, begin: int, end: int, work: Any) -> int:
    """Deliver the listed spikes begin .. end - 1 through part q, of kind rows; return the synapses walked.

    Four rows at a time, since a sum in a register costs a quarter of one in memory; each sum keeps the sources' order.
    """
    part = plan.part[q]
    n, a, first = part[N_TARGET], part[TARGET_START], part[SOURCE_START] + plan.n_inputs
    # Slices, since an index that may be negative keeps the compiler from vectorizing.
    to, weights = work.arriving[a : a + n], plan.weights[part[WEIGHTS] :]
    sources, payloads = work.listed[begin:end], work.payload[begin:end]
    e = 0
    while e < len(sources):
        w0 = weights[(sources[e] - first) * n :]
        if e + 3 < len(sources) and payloads[e] == payloads[e + 1] == payloads[e + 2] == payloads[e + 3] == 1:
            w1, w2 = weights[(sources[e + 1] - first) * n :], weights[(sources[e + 2] - first) * n :]
            w3 = weights[(sources[e + 3] - first) * n :]
            _add_four(to, w0, w1, w2, w3)
            e += 4
        else:
            if payloads[e] == 1:
                _add(to, w0)
            else:
                add_times(to, weights.dtype.type(payloads[e]), w0[:n])
            e += 1
    work.full[part[TARGET]] = True
    return n * len(sources)


@inner
def deliver(plan: Any, n: int, target: int, work: Any) -> int:
    """Deliver the n listed spikes, of sources in ascending order, through their synapses without delay.

    With `target` >= 0 only into that layer. Return the synapses walked.
    """
    walked = begin = 0
    while begin < n:
        i = work.listed[begin] - plan.n_inputs
        layer = plan.layer_of[i] if i >= 0 else -1
        stop = plan.layer_start[layer + 1] + plan.n_inputs
        end = begin + 1
        # Parts that share targets take turns spike by spike: the order of sums is that of the sources.
        while end < n and work.listed[end] < stop and not plan.shared[layer + 1]:
            end += 1
        for q in range(plan.outgoing[layer + 1], plan.outgoing[layer + 2]):
            if target >= 0 and plan.part[q, TARGET] != target:
                continue
            if plan.part[q, KIND] == ROWS and plan.part[q, DELAYS] == NO_DELAY:
                walked += _add_rows(plan, q, begin, end, work)
                continue
            for place in range(begin, end):
                row = work.listed[place] - plan.n_inputs - plan.part[q, SOURCE_START]
                if delay_of(plan, q, row) == 0:
                    walked += walk(plan, q, row, work.payload[place], work)
        begin = end
    return walked


@inner
def deliver_due(plan: Any, layer: int, past: Any, now: int, target: int, feedback: int, direct: bool, work: Any) -> int:
    """Deliver what the sources of a layer emitted some time steps ago and what is due in row `now` of `past`.

    With `target` >= 0 (layered) only into that layer, and what has no delay was emitted `feedback` time steps ago;
    otherwise what has no delay is due only if `direct`.
    """
    walked = 0
    first, last = plan.outgoing[layer + 1], plan.outgoing[layer + 2]
    if first == last:
        return 0
    n_sources = plan.n_inputs if layer < 0 else plan.layer_start[layer + 1] - plan.layer_start[layer]
    offset = 0 if layer < 0 else plan.layer_start[layer]
    for row in range(n_sources):
        for q in range(first, last):
            if target >= 0 and plan.part[q, TARGET] != target:
                continue
            delay = delay_of(plan, q, row)
            if delay == 0 and not direct:
                continue
            payload = past[now - max(delay, feedback), offset + row]
            if payload > 0:
                walked += walk(plan, q, row, payload, work)
    return walked


@inner
def list_fired(work: Any, n: int) -> int:
    """List who of n checked neurons fires, eight at a time; return how many do."""
    fires, fired = work.fires, work.fired
    words = (n + 7) >> 3
    for i in range(n, 8 * words):
        fires[i] = 0
    found = 0
    for w in range(words):
        if work.words[w] != 0:
            for i in range(8 * w, 8 * w + 8):  # without a branch for each neuron: who fires cannot be predicted
                fired[found] = i
                found += fires[i]
    return found
