"""Delivery backwards: what reached a target gives its synapse a gradient, and its source what it is owed."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from lava_async.engine.deliver import add_times, delay_of, patch_row
from lava_async.engine.plan import (
    DELAYS,
    GEOMETRY,
    KIND,
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
)
from lava_async.jit import inner, reassociating


class Weights(NamedTuple):
    """What is differentiated by, or the gradient; in units of the gradient."""

    weights: NDArray[Any]
    """As `Plan.weights`."""
    keep_u: NDArray[Any]
    keep_v: NDArray[Any]
    vth: NDArray[Any]
    bias: NDArray[Any]
    """(N,) each."""


@reassociating
def _dot(a: Any, b: Any) -> Any:
    total = a.dtype.type(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@reassociating
def _dot4(a: Any, b: Any, c: Any, d: Any, x: Any) -> Any:
    """Return the dot products of the first entries of four rows with x."""
    sum_a = sum_b = sum_c = sum_d = x.dtype.type(0)
    for i in range(len(x)):
        sum_a += a[i] * x[i]
        sum_b += b[i] * x[i]
        sum_c += c[i] * x[i]
        sum_d += d[i] * x[i]
    return sum_a, sum_b, sum_c, sum_d


@reassociating
def _row_back(weights: Any, gradient: Any, at: Any, payload: Any) -> Any:
    """Return the dot product of weights with `at`, and add `payload` times `at` to their gradient."""
    total = at.dtype.type(0)
    for i in range(len(at)):
        total += weights[i] * at[i]
        gradient[i] += payload * at[i]
    return total


@inner
def input_back(plan: Any, channel: Any, count: Any, target: int, at: Any, w: Any, g: Any) -> None:
    """Add to the gradient what input spikes brought; with `target` >= 0 only into that layer."""
    for q in range(plan.outgoing[0], plan.outgoing[1]):
        if target >= 0 and plan.part[q, TARGET] != target:
            continue
        n, a, start = plan.part[q, N_TARGET], plan.part[q, TARGET_START], plan.part[q, WEIGHTS]
        here, gradient = at[a : a + n], g.weights[start:]
        for e in range(len(channel)):
            if plan.part[q, KIND] == ROWS:  # nobody asks what a channel is owed
                add_times(gradient[channel[e] * n :], w.weights.dtype.type(count[e]), here)
            else:
                walk_back(plan, q, channel[e], count[e], at, w, g)


@reassociating
def _add_eight(to: Any, x: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> None:
    for i in range(len(to)):
        first = x[0] * a[i] + x[1] * b[i] + x[2] * c[i] + x[3] * d[i]
        to[i] += first + x[4] * e[i] + x[5] * f[i] + x[6] * g[i] + x[7] * h[i]


@inner
def add_products(columns: Any, x: Any, to: Any) -> None:
    """Add the product of a matrix, given column by column, with x; eight at once, since `to` is in memory."""
    n, m = len(to), len(x)
    blocks = m - m % 8
    for j in range(0, blocks, 8):
        c = columns[j * n :]
        _add_eight(to, x[j : j + 8], c, c[n:], c[2 * n :], c[3 * n :], c[4 * n :], c[5 * n :], c[6 * n :], c[7 * n :])
    for j in range(blocks, m):
        add_times(to, x[j], columns[j * n : j * n + n])


@inner
def turn(rows: Any, m: int, columns: Any) -> None:
    """Write a matrix, given in rows of m, column by column."""
    n = len(rows) // m
    for j in range(n):
        row, column = rows[j * m : j * m + m], columns[j:]
        for i in range(m):
            column[i * n] = row[i]


@inner
def _walk_patch_back(plan: Any, q: int, row: int, payload: Any, at: Any, w: Any, g: Any) -> Any:
    """Do as :func:`walk_back` for a convolution; loops as in :func:`~lava_async.engine.deliver._walk_patch`."""
    part, geo = plan.part[q], plan.geometry[plan.part[q, GEOMETRY]]
    height, width = geo[4], geo[5]
    outputs = geo[3] // geo[15]
    channel, place = row // (geo[1] * geo[2]), row % (geo[1] * geo[2])
    first = channel // geo[6] * outputs
    total = w.weights.dtype.type(0)
    factor = w.weights.dtype.type(payload)
    for k in range(geo[7]):
        y = patch_row(place // geo[2], k, geo[9], geo[11], geo[13], height)
        for m in range(geo[8] if y >= 0 else 0):
            x = patch_row(place % geo[2], m, geo[10], geo[12], geo[14], width)
            if x < 0:
                continue
            e = part[WEIGHTS] + (((channel % geo[6]) * geo[7] + k) * geo[8] + m) * geo[3] + first
            i = part[TARGET_START] + (first * height + y) * width + x
            for o in range(outputs):
                total += w.weights[e + o] * at[i]
                g.weights[e + o] += factor * at[i]
                i += height * width
    return total


@inner
def walk_back(plan: Any, q: int, row: int, payload: Any, at: Any, w: Any, g: Any) -> Any:
    """Return what source `row` is owed by its synapses of part q, given gI `at` the targets; add to their gradient."""
    part = plan.part[q]
    if part[KIND] == ROWS:
        n, a = part[N_TARGET], part[TARGET_START]
        start = part[WEIGHTS] + row * n
        here, weights = at[a : a + n], w.weights[start : start + n]
        if payload == 0:
            return _dot(weights, here)
        return _row_back(weights, g.weights[start : start + n], here, w.weights.dtype.type(payload))
    if part[KIND] == PATCHES:
        return _walk_patch_back(plan, q, row, payload, at, w, g)
    total = w.weights.dtype.type(0)
    factor = w.weights.dtype.type(payload)
    for e in range(plan.list_start[part[STARTS] + row], plan.list_start[part[STARTS] + row + 1]):
        i, place = plan.list_target[part[TARGETS] + e], part[WEIGHTS] + e
        total += w.weights[place] * at[i]
        g.weights[place] += factor * at[i]
    return total


@inner
def _rows_back(plan: Any, q: int, sources: Any, payloads: Any, at: Any, owed: Any, w: Any, g: Any) -> None:
    """Walk spikes back through part q, of kind rows; four at once, as in :func:`~lava_async.engine.deliver.deliver`."""
    part = plan.part[q]
    n, a, first = part[N_TARGET], part[TARGET_START], part[SOURCE_START] + plan.n_inputs
    here, weights, gradient = at[a : a + n], w.weights[part[WEIGHTS] :], g.weights[part[WEIGHTS] :]
    for e in range(len(sources)):
        add_times(gradient[(sources[e] - first) * n :], w.weights.dtype.type(payloads[e]), here)
    if part[SOURCE] < 0:
        return
    blocks = len(sources) - len(sources) % 4
    for e in range(0, blocks, 4):
        j0, j1, j2, j3 = sources[e] - first, sources[e + 1] - first, sources[e + 2] - first, sources[e + 3] - first
        totals = _dot4(weights[j0 * n :], weights[j1 * n :], weights[j2 * n :], weights[j3 * n :], here)
        for m in range(4):
            owed[sources[e + m] - plan.n_inputs] += totals[m]
    for e in range(blocks, len(sources)):
        owed[sources[e] - plan.n_inputs] += _dot(weights[(sources[e] - first) * n :][:n], here)


@inner
def deliver_back(plan: Any, sources: Any, payloads: Any, at: Any, owed: Any, w: Any, g: Any) -> None:
    """Walk a group back through its synapses without delay; `owed` (N,) gains what its neurons are owed.

    The sources are ascending, as they were delivered.
    """
    begin = 0
    while begin < len(sources):
        i = sources[begin] - plan.n_inputs
        layer = plan.layer_of[i] if i >= 0 else -1
        stop = plan.layer_start[layer + 1] + plan.n_inputs
        end = begin + 1
        while end < len(sources) and sources[end] < stop:
            end += 1
        for q in range(plan.outgoing[layer + 1], plan.outgoing[layer + 2]):
            if plan.part[q, KIND] == ROWS and plan.part[q, DELAYS] == NO_DELAY:
                _rows_back(plan, q, sources[begin:end], payloads[begin:end], at, owed, w, g)
                continue
            for place in range(begin, end):
                row = sources[place] - plan.n_inputs - plan.part[q, SOURCE_START]
                if delay_of(plan, q, row) == 0:
                    total = walk_back(plan, q, row, payloads[place], at, w, g)
                    if layer >= 0:
                        owed[sources[place] - plan.n_inputs] += total
        begin = end


@inner
def due_back(
    plan: Any, layer: int, past: Any, now: int, target: int, feedback: int, direct: bool, at: Any, w: Any, g: Any,
    counts: Any, row_now: int, input_side: bool,
) -> None:  # fmt: skip
    """Walk back what :func:`~lava_async.engine.deliver.deliver_due` delivered.

    `counts` (T, N) gets what past spike counts are owed.
    """
    first, last = plan.outgoing[layer + 1], plan.outgoing[layer + 2]
    if first == last:
        return
    n_sources = plan.n_inputs if input_side else plan.layer_start[layer + 1] - plan.layer_start[layer]
    offset = 0 if input_side else plan.layer_start[layer]
    for row in range(n_sources):
        for q in range(first, last):
            if target >= 0 and plan.part[q, TARGET] != target:
                continue
            delay = delay_of(plan, q, row)
            if delay == 0 and not direct:
                continue
            lag = max(delay, feedback)
            payload = past[now - lag, offset + row]
            # A neuron that was silent is owed too: its count is a sum of differentiable spikes.
            if input_side:
                if payload > 0:
                    walk_back(plan, q, row, payload, at, w, g)
            elif row_now - lag >= 0:
                counts[row_now - lag, offset + row] += walk_back(plan, q, row, payload, at, w, g)
