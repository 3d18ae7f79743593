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

from lava_async.engine.credit import ALL, DELIVERED, KEEP, LAST, keep_for_zero_spikes, turn_weights, zero_spike
from lava_async.engine.deliver_back import deliver_back, due_back, input_back
from lava_async.engine.exponential import exp_minus
from lava_async.engine.scratch import LATER
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

EXPONENTIAL, ATAN = range(2)
"""Surrogates: ``b exp(-abs(a x))`` and ``b / (b + (a x)^2)``."""


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
        at_peak = (not before_peak[i]) & ((check[i] & AT_PEAK) != 0)
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
            counts_here = not rule.peak or (not s.before_peak[a + i] and check[i] & AT_PEAK != 0)
            if not layered and now < since[i] and check[i] & (CHECKED | FIRED) == CHECKED and counts_here:
                zero[i] = zero_spike(plan, a + i, s, w, g)
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
        keep_for_zero_spikes(plan, rule, s, w, g)


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
        turn_weights(plan, s, w)
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
                s.since[i] = LATER
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
