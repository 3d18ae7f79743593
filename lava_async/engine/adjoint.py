"""The backward pass: semantics.md section 6, walked along the tape from the last event to the first.

What was picked when, who was refractory and every dropout are constants. With gu, gv the derivatives of the loss by u
and v, one forward step backwards is, for each touched neuron that was checked with slope s' and owed gs by its
deliveries:

- gv <- 0 if it fired, else gv; then gv += gs s' (and -= gv v s' if the reset is differentiated);
- gI = gu + gv arrives at its synapses: the weight gets payload * gI, the source neuron is owed w gI.

Sparse input stays sparse: only weights of spikes that were delivered are visited.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.engine.alignment import aligned_empty, aligned_zeros
from lava_async.engine.deliver import delay_of
from lava_async.engine.deliver_back import add_products, deliver_back, due_back, input_back, turn, walk_back
from lava_async.engine.exponential import exp_minus
from lava_async.engine.plan import (
    DELAYS,
    KIND,
    N_TARGET,
    NO_DELAY,
    ROWS,
    SOURCE,
    SOURCE_START,
    TARGET,
    TARGET_START,
    WEIGHTS,
)
from lava_async.engine.tape import (
    ABOVE_PEAK,
    AT_PEAK,
    CHECK_END,
    CHECKED,
    FIRED,
    FULL_LAYERS,
    GROUP_END,
    ROW,
    STEP,
    TOUCHED_END,
)
from lava_async.jit import apart, inner, jit

DELIVERED, ALL, KEEP, LAST = range(4)
"""Credit rules."""
EXPONENTIAL, ATAN = range(2)
"""Surrogates: ``b exp(-abs(a x))`` and ``b / (b + (a x)^2)``."""
_LATER = np.int32(2**31 - 1)


class Rule(NamedTuple):
    """How a run is differentiated."""

    credit: int
    peak: bool
    differentiated: bool
    surrogate: int
    a: NDArray[Any]
    b: NDArray[Any]
    """(N,) each: parameters of the surrogate, in units of the gradient."""
    states: bool
    """Whether decays get a gradient (the tape has the states)."""


class Scratch(NamedTuple):
    """Memory of one thread."""

    gu: NDArray[Any]
    gv: NDArray[Any]
    arriving: NDArray[Any]
    """(N,) gI of the current forward step."""
    owed: NDArray[Any]
    """(N,) derivative by the payload of the next delivery of a neuron."""
    since: NDArray[np.int32]
    """(N,) forward step of the first emission of that payload."""
    later: NDArray[Any]
    """(N,) gI of the forward step that will deliver zero spikes, by target."""
    refractory: NDArray[np.bool_]
    """(N,) whether a neuron was refractory in the current forward step."""
    zero: NDArray[Any]
    """(N,) credit `last`: what a silent check is owed by the step that delivers its zero spike."""
    valid: NDArray[np.bool_]
    """(L,) layers for which there is such a step."""
    touched: NDArray[np.bool_]
    """(L,) layers that the current step touched."""
    surrogate: NDArray[Any]
    """(N,) derivative of the surrogate at the peak of the time step."""
    here: NDArray[Any]
    """(N,) the same at the voltages of a check, for a moment only."""
    before_peak: NDArray[np.bool_]
    """(N,) whether the check at which the voltage came to its peak was passed."""
    lost: NDArray[Any]
    nothing: NDArray[Any]
    """(N,) what resets are owed, where they are differentiated; and zeros, where they are not."""
    counts: NDArray[Any]
    """(T, N) derivative of the loss by the spike counts of a sample."""
    columns: NDArray[Any]
    """(W,) weights of all-to-all synapses between neurons, target by target instead of source by source."""


def make_scratch(n_neurons: int, n_layers: int, n_steps: int, n_weights: int, dtype: Any) -> Scratch:
    """Return the memory of one thread."""

    def zeros(dtype: Any = dtype, n: int = n_neurons) -> NDArray[Any]:
        return aligned_zeros(n, dtype)

    since = zeros(np.int32)
    since[:] = _LATER
    return Scratch(
        zeros(), zeros(), zeros(), zeros(), since, zeros(), zeros(np.bool_), zeros(),
        zeros(np.bool_, n_layers), zeros(np.bool_, n_layers), zeros(), zeros(),
        zeros(np.bool_), zeros(), zeros(), aligned_zeros((n_steps, n_neurons), dtype), aligned_empty(n_weights, dtype),
    )  # fmt: skip


@apart
def _differentiate(surrogate: int, a: Any, b: Any, voltage: Any, vth: Any, to: Any) -> None:
    """Write the derivative of the surrogate at v - vth."""
    if surrogate == EXPONENTIAL:
        for i in range(len(to)):
            to[i] = b[i] * exp_minus(abs(a[i] * (voltage[i] - vth[i])))
    else:
        for i in range(len(to)):
            y = a[i] * (voltage[i] - vth[i])
            to[i] = b[i] / (b[i] + y * y)


@apart
def _at_most_one(counts: Any) -> bool:
    """Tell whether no neuron fired twice."""
    most = np.int32(0)
    for i in range(len(counts)):
        most = max(most, counts[i])
    return bool(most <= 1)


@inner
def _zero_spike(plan: Any, i: int, s: Any, w: Any, g: Any) -> Any:
    """Return what a silent check of neuron i is owed by the delivery of its zero spike (credit `all`, `keep`)."""
    total = w.weights.dtype.type(0)
    layer = plan.layer_of[i]
    for q in range(plan.outgoing[layer + 1], plan.outgoing[layer + 2]):
        row = i - plan.part[q, SOURCE_START]
        if s.valid[plan.part[q, TARGET]] and delay_of(plan, q, row) == 0:
            total += walk_back(plan, q, row, 0, s.later, w, g)
    return total


@apart
def _checks_back(
    check: Any, lost: Any, counted: Any, derivative: Any, owed: Any, zero: Any, since: Any, surrogate: Any,
    now: Any, layered: bool, mine: bool, every: bool, resets: bool, reaches: bool,
    before_peak: Any, gu: Any, gv: Any, arriving: Any, refractory: Any, threshold: Any,
) -> None:  # fmt: skip
    """Go back through checks: from what is owed to gv, and to what arrives at the synapses."""
    nothing = gv.dtype.type(0)
    for i in range(len(check)):
        checked, fires = (check[i] & CHECKED) != 0, (check[i] & FIRED) != 0
        at_peak = (not before_peak[i]) & ((check[i] & (AT_PEAK | ABOVE_PEAK)) != 0)
        before_peak[i] |= (check[i] & ABOVE_PEAK) != 0
        has_slope = checked & (fires | every | ((layered | (counted[i] == 0)) & at_peak))
        by_delivery, by_zero = owed[i], zero[i]  # both are read, or the compiler chooses between addresses
        slope = derivative[i] + (by_delivery if mine | fires | (now >= since[i]) else by_zero)
        slope = (slope - lost[i]) * surrogate[i] if has_slope else nothing
        threshold[i] -= slope
        gv[i] = (nothing if fires & resets else gv[i]) + slope
        arriving[i] = gu[i] + (gv[i] if reaches | checked else nothing)
        refractory[i] &= not fires


@apart
def _resets_back(check: Any, voltage: Any, gv: Any, lost: Any) -> None:
    """Write what a spike is owed, with a minus sign, by the reset that takes the voltage away."""
    for i in range(len(check)):
        lost[i] = gv[i] * (voltage[i] if (check[i] & CHECKED) != 0 else gv.dtype.type(0))


@inner
def _check_back(
    plan: Any, rule: Any, tape: Any, place: int, a: int, b: int, k: int, fired: Any, counts: Any, once: bool,
    layered: bool, s: Any, w: Any, g: Any,
) -> None:  # fmt: skip
    """Go back through the checks of neurons a .. b - 1, which are at this place of the tape, and set their gI.

    `fired` are spike counts of the time step, `counts` the derivatives by them; `once`: no neuron fired twice.
    """
    now = np.int32(k)  # of 32 bits, as `since`, so that they are compared several at once
    check, owed, zero, since = tape.check[place : place + b - a], s.owed[a:b], s.zero[a:b], s.since[a:b]
    if rule.credit == ALL or rule.credit == KEEP:
        for i in range(b - a):
            counts_here = not rule.peak or (not s.before_peak[a + i] and check[i] & (AT_PEAK | ABOVE_PEAK) != 0)
            if not layered and now < since[i] and check[i] & (CHECKED | FIRED) == CHECKED and counts_here:
                zero[i] = _zero_spike(plan, a + i, s, w, g)
    surrogate, lost = s.surrogate[a:b], s.nothing[a:b]
    if not (rule.peak and once):  # else it counts at the peak alone: who fires once does so there
        surrogate = s.here[: b - a]
        voltage = tape.voltage[place : place + b - a]
        _differentiate(rule.surrogate, rule.a[a:b], rule.b[a:b], voltage, w.vth[a:b], surrogate)
    if rule.differentiated:
        lost = s.lost[: b - a]
        _resets_back(check, tape.voltage[place : place + b - a], s.gv[a:b], lost)
    # Without a check: refractory; or, in forward step 0, not touched, and then what arrives (the value 0) reaches the
    # voltage too.
    _checks_back(
        check, lost, fired[a:b], counts[a:b], owed, zero, since, surrogate,
        now, layered, layered or rule.credit == DELIVERED, not rule.peak, not layered or rule.differentiated, k == 0,
        s.before_peak[a:b], s.gu[a:b], s.gv[a:b], s.arriving[a:b], s.refractory[a:b], g.vth[a:b],
    )  # fmt: skip


@apart
def _leak_back(keep_u: Any, keep_v: Any, gu: Any, gv: Any, bias: Any) -> None:
    """Go back through the opening of a time step."""
    for i in range(len(gu)):
        bias[i] += gv[i]
        gu[i] = (gu[i] + gv[i]) * keep_u[i]
        gv[i] *= keep_v[i]


@apart
def _decays_back(open_u: Any, open_v: Any, gu: Any, gv: Any, keep_u: Any, keep_v: Any) -> None:
    """Add to the gradient of the decays, before the opening."""
    for i in range(len(gu)):
        keep_u[i] += (gu[i] + gv[i]) * open_u[i]
        keep_v[i] += gv[i] * open_v[i]


@inner
def _layered_back(
    plan: Any, rule: Any, step: int, tape: Any, channel: Any, count: Any, inputs: Any, in_now: int, past: Any, now: int,
    row: int, counts: Any, once: bool, s: Any, w: Any, g: Any,
) -> None:  # fmt: skip
    """Go back through the check of one layer, and through what was delivered into it."""
    k = tape.step[step, STEP]
    a, b = plan.layer_start[k], plan.layer_start[k + 1]
    place = tape.step[step, CHECK_END] - (b - a)
    # A later layer already added what it owes to this time step's spike count.
    _check_back(plan, rule, tape, place, a, b, k, past[now], counts[row], once, True, s, w, g)
    if len(inputs) > 0:
        due_back(plan, -1, inputs, in_now, k, 0, True, s.arriving, w, g, counts, row, True)
    else:
        input_back(plan, channel, count, k, s.arriving, w, g)
    for layer in range(len(plan.layer_start) - 1):
        due_back(plan, layer, past, now, k, 1 if layer >= k else 0, True, s.arriving, w, g, counts, row, False)


@inner
def _begins(tape: Any, b: int, step: int) -> Any:
    """Return where the group, the checks and the touched neurons of a forward step of sample b begin."""
    if step == tape.end[b, 0]:
        return tape.end[b, 1], tape.end[b, 2], tape.end[b, 3]
    return tape.step[step - 1, GROUP_END], tape.step[step - 1, CHECK_END], tape.step[step - 1, TOUCHED_END]


@inner
def _asynchronous_back(
    plan: Any, rule: Any, step: int, tape: Any, b: int, fired: Any, counts: Any, once: bool, s: Any, w: Any, g: Any,
) -> None:  # fmt: skip
    """Go back through one forward step: checks, then what was delivered before them."""
    k, layers = tape.step[step, STEP], tape.step[step, FULL_LAYERS]
    group, check, touched = _begins(tape, b, step)
    n_layers = len(plan.layer_start) - 1
    # Whole layers, then single neurons of other layers; in forward step 0 everyone at once, instead of both.
    for place in range(1 if k == 0 else n_layers + tape.step[step, TOUCHED_END] - touched):
        if k == 0:
            first, last = 0, plan.n_neurons
        elif place < n_layers:
            s.touched[place] = (layers >> np.int64(place)) & np.int64(1) == 1
            first, last = plan.layer_start[place], plan.layer_start[place + 1] if s.touched[place] else 0
        else:
            first = tape.touched[touched + place - n_layers]
            last = first + 1
            s.touched[plan.layer_of[first]] = True
        if last > first:
            _check_back(plan, rule, tape, check, first, last, k, fired, counts, once, False, s, w, g)
            check += last - first
    if k == 0:
        return
    for place in range(group, tape.step[step, GROUP_END]):
        i = tape.source[place] - plan.n_inputs
        if i >= 0:
            s.owed[i], s.since[i] = 0, tape.emission[place]
    end = tape.step[step, GROUP_END]
    deliver_back(plan, tape.source[group:end], tape.payload[group:end], s.arriving, s.owed, w, g)
    if rule.credit != DELIVERED:
        _keep_for_zero_spikes(plan, rule, s, w, g)


@inner
def _turn_weights(plan: Any, s: Any, w: Any) -> None:
    """Fill in `Scratch.columns`."""
    for q in range(len(plan.part)):
        source, start, m = plan.part[q, SOURCE], plan.part[q, WEIGHTS], plan.part[q, N_TARGET]
        if source >= 0 and plan.part[q, KIND] == ROWS:
            n = plan.layer_start[source + 1] - plan.layer_start[source]
            turn(w.weights[start : start + n * m], m, s.columns[start : start + n * m])


@inner
def _zero_spikes_into(plan: Any, layer: int, s: Any, w: Any, g: Any) -> None:
    """Note what all silent checks are owed by the last step that touches a layer (credit `last`)."""
    for q in range(len(plan.part)):
        source = plan.part[q, SOURCE]
        if plan.part[q, TARGET] != layer or source < 0:
            continue
        first, n = plan.layer_start[source], plan.layer_start[source + 1] - plan.layer_start[source]
        if plan.part[q, KIND] == ROWS and plan.part[q, DELAYS] == NO_DELAY:
            m, start, a = plan.part[q, N_TARGET], plan.part[q, WEIGHTS], plan.part[q, TARGET_START]
            add_products(s.columns[start : start + n * m], s.later[a : a + m], s.zero[first : first + n])
        else:
            for row in range(n):
                if delay_of(plan, q, row) == 0:
                    s.zero[first + row] += walk_back(plan, q, row, 0, s.later, w, g)


@apart
def _reaching(gu: Any, gv: Any, refractory: Any, to: Any) -> None:
    """Write the gI of a forward step."""
    nothing = to.dtype.type(0)
    for i in range(len(to)):
        to[i] = gu[i] + (nothing if refractory[i] else gv[i])


@inner
def _keep_for_zero_spikes(plan: Any, rule: Any, s: Any, w: Any, g: Any) -> None:
    """Let earlier silent checks find the gI of this forward step, if it is the one that delivers their zero spikes."""
    for layer in range(len(plan.layer_start) - 1):
        if rule.credit == ALL:
            s.valid[layer] = s.touched[layer]
        if not s.touched[layer] or (rule.credit == LAST and s.valid[layer]):
            continue
        s.valid[layer] = True
        a, b = plan.layer_start[layer], plan.layer_start[layer + 1]
        _reaching(s.gu[a:b], s.gv[a:b], s.refractory[a:b], s.later[a:b])
        if rule.credit == LAST:
            _zero_spikes_into(plan, layer, s, w, g)


@jit
def backward_slice(
    plan: Any, rules: Any, rule: Any, channel: Any, count: Any, start: Any, inputs: Any, past: Any,
    tape: Any, derivative: Any, neurons: Any, w: Any, g: Any, s: Any,
) -> None:  # fmt: skip
    """Add the gradient of n samples to `g`.

    Parameters
    ----------
    plan, rules, channel, count, start, inputs, past
        As in :func:`kernels.run_slice`, after the run.
    rule : Rule
        How to differentiate.
    tape : Tape
        What the run left.
    derivative : (n, T, m) float
        Derivative of the loss by the spike counts of some neurons.
    neurons : (m,) int64
        Which these are.
    w, g : Weights
        What to differentiate by, and where the gradient is added.
    s : Scratch
        Memory of this thread.
    """
    n_steps, counts = derivative.shape[1], s.counts
    n_layers = len(plan.layer_start) - 1
    if rule.credit == LAST:
        _turn_weights(plan, s, w)
    for b in range(len(derivative)):
        for i in range(plan.n_neurons):
            s.gu[i] = s.gv[i] = 0
        counts[:, :] = 0
        for row in range(n_steps):
            for place in range(len(neurons)):
                counts[row, neurons[place]] = derivative[b, row, place]
        step = tape.end[b + 1, 0] - 1
        for row in range(n_steps - 1, -1, -1):
            now, in_now = past.shape[1] - n_steps + row, inputs.shape[1] - n_steps + row
            begin, end = start[b, row], start[b, row + 1]
            for i in range(plan.n_neurons):
                s.owed[i] = s.zero[i] = 0
                s.since[i] = _LATER
                s.refractory[i] = tape.refractory[b, row, i]
                s.before_peak[i] = False
            for layer in range(n_layers):
                s.valid[layer] = False
            peaks, once = tape.peak[b, row], _at_most_one(past[b, now])
            if rule.peak and once:
                _differentiate(rule.surrogate, rule.a, rule.b, peaks, w.vth, s.surrogate)
            while step >= tape.end[b, 0] and tape.step[step, ROW] == row:
                if rules.layered:
                    _layered_back(plan, rule, step, tape, channel[begin:end], count[begin:end],
                                  inputs[b], in_now, past[b], now, row, counts, once,
                                  s, w, g)  # fmt: skip
                elif tape.step[step, STEP] < 0:
                    for place in range(_begins(tape, b, step)[0], tape.step[step, GROUP_END]):
                        if tape.source[place] >= plan.n_inputs:
                            s.since[tape.source[place] - plan.n_inputs] = tape.emission[place]
                else:
                    _asynchronous_back(plan, rule, step, tape, b, past[b, now], counts[row], once,
                                       s, w, g)  # fmt: skip
                step -= 1
            if not rules.layered:
                _opening_back(plan, rules, channel[begin:end], count[begin:end], inputs[b], in_now, past[b], now,
                              row, counts, s, w, g)  # fmt: skip
            if rule.states:
                _decays_back(tape.open_u[b, row], tape.open_v[b, row], s.gu, s.gv, g.keep_u, g.keep_v)
            _leak_back(w.keep_u, w.keep_v, s.gu, s.gv, g.bias)


@inner
def _opening_back(
    plan: Any, rules: Any, channel: Any, count: Any, inputs: Any, in_now: int, past: Any, now: int,
    row: int, counts: Any, s: Any, w: Any, g: Any,
) -> None:  # fmt: skip
    """Go back through what arrived in forward step 0: the input, unless it queued, and delayed spikes."""
    if len(inputs) > 0:
        due_back(plan, -1, inputs, in_now, -1, 0, rules.input_first, s.arriving, w, g, counts, row, True)
    elif rules.input_first:
        input_back(plan, channel, count, -1, s.arriving, w, g)
    for layer in range(len(plan.layer_start) - 1):
        if plan.delayed[layer + 1]:
            due_back(plan, layer, past, now, -1, 0, False, s.arriving, w, g, counts, row, False)
