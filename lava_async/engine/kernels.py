"""The kernels of the compiled engine: what happens inside one sample, event by event.

Sources are numbered as in :mod:`~lava_async.engine.deliver`: input channels, then neurons.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.draws import MOMENTUM_NOISE, RANDOM_SCHEDULE, REFRACTORY_DROPOUT, G, fold, mix, unit
from lava_async.engine.deliver import N_PENDING, N_TOUCHED, OUTPUT_FIRED, deliver, deliver_due, list_fired
from lava_async.engine.select import select
from lava_async.engine.tape import OVERFLOW, close_row, close_sample, open_row, write_checks, write_group, write_step
from lava_async.jit import apart, inner, jit
from lava_async.neurons import integrate, leak

DONE, LIMIT_REACHED, RECORD_FULL, NOT_PENDING = range(4)
"""How a kernel ends."""
OPERATIONS, UPDATES, DROPPED, AT, STEP, SOURCE_AT = range(6)
"""Places in `tally`: the counters of a sample; after a failure also time step, forward step and source."""
N_TALLY = 6
GROUPS, IDS, CHECKS = range(3)
"""Places in `Record.used`."""


class Rules(NamedTuple):
    """Schedule, stop rule and switches as plain numbers."""

    layered: bool
    replay: bool
    first: int
    second: int
    noise: float
    group_size: int
    extra_steps: int
    limit: int
    truncate: bool
    refractory: bool
    input_first: bool
    refractory_dropout: float
    seed: int


class Record(NamedTuple):
    """What a sample leaves behind if asked; arrays of length 0 are not filled."""

    groups: NDArray[np.int64]
    """(n, 3) t, k, size of each group."""
    ids: NDArray[np.int32]
    checks: NDArray[np.int64]
    """(n, 2) t, k of each forward step."""
    u: NDArray[Any]
    v: NDArray[Any]
    counts: NDArray[np.int32]
    """(n, N) spikes of each neuron so far in the time step."""
    used: NDArray[np.int64]


@inner
def _push(queue: Any, work: Any, source: int, payload: int, momentum: float, k: int) -> None:
    """Let spikes of a source wait."""
    if queue.payload[source] == 0:
        queue.momentum[source] = momentum
        queue.emission[source] = k
        queue.pending[work.counter[N_PENDING]] = source
        work.counter[N_PENDING] += 1
    queue.payload[source] += payload


@inner
def _emit(plan: Any, rules: Any, i: int, v: Any, counts: Any, k: int, drop: Any, work: Any, queue: Any) -> None:
    """Semantics 3.4 for a neuron above threshold; `drop` is the hash of refractory dropout up to this forward step."""
    source = plan.n_inputs + i
    if plan.queued[source] and not rules.layered:
        _push(queue, work, source, 1, v[i], k)
    v[i] = 0
    counts[i] += 1
    if plan.output[i]:
        work.counter[OUTPUT_FIRED] = 1
    if rules.refractory:
        q = rules.refractory_dropout
        work.refractory[i] = q == 0.0 or unit(fold(drop, np.uint64(i))) >= q


@apart
def _integrate(p: Any, a: int, vth: Any, refractory: Any, u: Any, v: Any, arriving: Any, fires: Any) -> None:
    """Let neurons from a on take what arrived, and note who fires."""
    for i in range(len(u)):
        u[i], v[i] = integrate(p, a + i, u[i], v[i], arriving[i], refractory[i])
        arriving[i] = 0
        fires[i] = (v[i] > vth[i]) & (not refractory[i])


@inner
def _check_range(
    plan: Any, p: Any, rules: Any, a: int, b: int, u: Any, v: Any, counts: Any, k: int, drop: Any, everyone: bool,
    work: Any, queue: Any, tape: Any,
) -> None:  # fmt: skip
    """Integrate and check neurons a .. b - 1."""
    _integrate(p, a, p.vth[a:b], work.refractory[a:b], u[a:b], v[a:b], work.arriving[a:b], work.fires)
    if tape.on[0]:
        write_checks(tape, plan, work, a, b, v, everyone)
    for place in range(list_fired(work, b - a)):
        _emit(plan, rules, a + work.fired[place], v, counts, k, drop, work, queue)


@inner
def _check(
    plan: Any, p: Any, rules: Any, u: Any, v: Any, counts: Any, k: int, drop: Any, work: Any, queue: Any, tape: Any
) -> int:
    """Integrate and check what was touched, or everyone, or layer k; forget the touches. Return the neurons touched."""
    updates = 0
    n_layers = len(plan.layer_start) - 1
    last = n_layers + work.counter[N_TOUCHED]
    # Whole layers, then single neurons of other layers, then, instead of both, everyone. One loop, compiled once.
    for place in range(1 if rules.layered else last + 1):
        a = b = 0
        if rules.layered:
            a, b = plan.layer_start[k], plan.layer_start[k + 1]
        elif place < n_layers:
            if work.full[place]:
                a, b = plan.layer_start[place], plan.layer_start[place + 1]
        elif place < last:
            i = work.touched[place - n_layers]
            if not work.full[plan.layer_of[i]]:
                a, b = i, i + 1
        updates += b - a
        everyone = k == 0 and not rules.layered
        if everyone:
            a, b = 0, plan.n_neurons if place == last else 0
        if b > a:
            _check_range(plan, p, rules, a, b, u, v, counts, k, drop, everyone, work, queue, tape)
    if tape.on[0]:
        write_step(tape, plan, work, k)
    _forget_touches(work)
    return updates


@inner
def _forget_touches(work: Any) -> None:
    """Get ready for the next forward step."""
    for place in range(work.counter[N_TOUCHED]):
        work.marked[work.touched[place]] = False
    work.counter[N_TOUCHED] = 0
    for layer in range(len(work.full)):
        work.full[layer] = False


@inner
def _record_check(record: Any, t: int, k: int, u: Any, v: Any, counts: Any) -> bool:
    """Keep the state after a check and who fired in it; return False if there is no room left."""
    n = record.used[CHECKS]
    if n >= len(record.checks):
        return False
    record.checks[n, 0], record.checks[n, 1] = t, k
    for i in range(len(u)):
        record.u[n, i], record.v[n, i] = u[i], v[i]
        record.counts[n, i] = counts[i]
    record.used[CHECKS] = n + 1
    return True


@inner
def _record_group(record: Any, t: int, k: int, group: Any) -> bool:
    """Keep a group; return False if there is no room left."""
    n, m = record.used[GROUPS], record.used[IDS]
    if n >= len(record.groups) or m + len(group) > len(record.ids):
        return False
    record.groups[n, 0], record.groups[n, 1], record.groups[n, 2] = t, k, len(group)
    for place in range(len(group)):
        record.ids[m + place] = group[place]
    record.used[GROUPS], record.used[IDS] = n + 1, m + len(group)
    return True


@inner
def _select_replay(plan: Any, work: Any, queue: Any, t: int, k: int, tally: Any) -> int:
    """Pick the recorded group of this forward step; return its size, -1 if one of it is not pending."""
    at = work.replay_at
    place, end = 0, len(at) - 1
    while place < end:
        middle = (place + end) >> 1
        if at[middle, 0] < t or (at[middle, 0] == t and at[middle, 1] < k):
            place = middle + 1
        else:
            end = middle
    if place == len(at) - 1 or at[place, 0] != t or at[place, 1] != k:
        return 0
    n = work.counter[N_PENDING]
    group = work.replay_source[at[place, 2] : at[place + 1, 2]]
    for m in range(len(group)):
        found = -1
        for a in range(n - m):
            if queue.pending[a] == group[m]:
                found = a
        if found < 0:
            tally[SOURCE_AT] = group[m] - plan.n_inputs
            return -1
        queue.pending[found] = queue.pending[n - m - 1]
        queue.pending[n - m - 1] = group[m]
    for m in range(len(group)):
        queue.pending[n - len(group) + m] = group[m]
    return len(group)


@inner
def _open_input(plan: Any, rules: Any, channel: Any, count: Any, inputs: Any, now: int, work: Any, queue: Any) -> int:
    """Let the input of a time step in: queued, or listed for delivery; return the length of the list."""
    n = 0
    for e in range(len(channel)):
        c = channel[e]
        if len(inputs) > 0:
            inputs[now, c] = count[e]
        if not rules.layered and not rules.input_first:
            if plan.queued[c]:
                _push(queue, work, c, count[e], np.inf, -1)
        elif len(inputs) == 0:
            work.listed[n], work.payload[n] = c, count[e]
            n += 1
    return n


@inner
def _list_layered(plan: Any, n_inputs: int, k: int, past: Any, now: int, work: Any) -> int:
    """List after the input what reaches layer k in a network without delays: later layers are a time step late."""
    n = n_inputs
    for i in range(plan.n_neurons):
        payload = past[now - int(i >= plan.layer_start[k]), i]
        work.listed[n], work.payload[n] = plan.n_inputs + i, payload
        n += int(payload > 0)
    return n


@inner
def _pick(
    plan: Any, rules: Any, t: int, k: int, draw: Any, noise_draw: Any, work: Any, queue: Any, record: Any, tape: Any,
    tally: Any,
) -> int:  # fmt: skip
    """List the next group for delivery and take it from the queue; return its length, or minus what went wrong."""
    n = work.counter[N_PENDING]
    if rules.replay:
        m = _select_replay(plan, work, queue, t, k, tally)
        if m < 0:
            tally[STEP] = k
            return -NOT_PENDING
    else:
        m = select(queue, n, rules, rules.group_size, plan, draw, noise_draw)
    group = queue.pending[n - m : n]
    if len(record.groups) and m > 0 and not _record_group(record, t, k, group):
        return -RECORD_FULL
    work.counter[N_PENDING] = n - m
    if tape.on[0]:
        write_group(tape, queue, group)
    for place in range(m):
        work.listed[place], work.payload[place] = group[place], queue.payload[group[place]]
        queue.payload[group[place]] = 0
    return m


@inner
def _run_sample(
    plan: Any, p: Any, rules: Any, sample: int, t0: int, channel: Any, count: Any, start: Any, inputs: Any,
    past: Any, u: Any, v: Any, forward_steps: Any, first_output: Any, tally: Any, work: Any, queue: Any, record: Any,
    tape: Any,
) -> int:  # fmt: skip
    """Run one sample from its state; see :func:`run_slice` for the arrays."""
    n_layers = len(plan.layer_start) - 1
    has_delays = len(plan.delay) > 0
    base = mix(np.uint64(rules.seed) + G)
    number = np.uint64(sample)
    draws_schedule = fold(fold(base, np.uint64(RANDOM_SCHEDULE)), number)
    draws_noise = fold(fold(base, np.uint64(MOMENTUM_NOISE)), number)
    draws_refractory = fold(fold(base, np.uint64(REFRACTORY_DROPOUT)), number)
    n_steps = len(forward_steps)
    for row in range(n_steps):
        t = t0 + row
        word = np.uint64(t)
        now, in_now = len(past) - n_steps + row, len(inputs) - n_steps + row
        counts = past[now]
        begin, end = start[row], start[row + 1]
        tally[AT] = t
        if tape.on[0] and not open_row(tape, row, u, v):
            return RECORD_FULL
        for i in range(plan.n_neurons):
            u[i], v[i] = leak(p, i, u[i], v[i])
            work.refractory[i] = False
        n_inputs = _open_input(plan, rules, channel[begin:end], count[begin:end], inputs, in_now, work, queue)
        k, last, n = 0, -1, n_inputs
        while True:
            step = np.uint64(k)
            if rules.layered and not has_delays:
                n = _list_layered(plan, n_inputs, k, past, now, work)
            walked = deliver(plan, n, k if rules.layered else -1, work)
            if has_delays and (rules.layered or k == 0):
                target = k if rules.layered else -1
                for layer in range(-1, n_layers):
                    history, place = (inputs, in_now) if layer < 0 else (past, now)
                    direct = rules.layered or (layer < 0 and rules.input_first)
                    if len(inputs) > 0 if layer < 0 else rules.layered or plan.delayed[layer + 1]:
                        feedback = int(rules.layered and layer >= k)
                        walked += deliver_due(plan, layer, history, place, target, feedback, direct, work)
            tally[OPERATIONS] += walked
            work.counter[OUTPUT_FIRED] = 0
            drop = fold(fold(draws_refractory, word), step)
            tally[UPDATES] += _check(plan, p, rules, u, v, counts, k, drop, work, queue, tape)
            if len(record.checks) and not _record_check(record, t, k, u, v, counts):
                return RECORD_FULL
            if work.counter[OUTPUT_FIRED] and first_output[row] == 0:
                first_output[row] = k + 1
                if rules.extra_steps >= 0:
                    last = k + rules.extra_steps
            if rules.layered:
                if k + 1 == n_layers:
                    break
            else:
                if work.counter[N_PENDING] == 0 or k == last:
                    break
                if k + 1 >= rules.limit:
                    if rules.truncate:
                        break
                    return LIMIT_REACHED
                n = _pick(plan, rules, t, k, fold(fold(draws_schedule, word), step),
                          fold(fold(draws_noise, word), step), work, queue, record, tape, tally)  # fmt: skip
                if n < 0:
                    return -n
            k += 1
        forward_steps[row] = k + 1
        if tape.on[0] and not rules.layered:
            write_group(tape, queue, queue.pending[: work.counter[N_PENDING]])
            write_step(tape, plan, work, -1)
            close_row(tape, work.refractory)
        for place in range(work.counter[N_PENDING]):
            tally[DROPPED] += queue.payload[queue.pending[place]]
            queue.payload[queue.pending[place]] = 0
        work.counter[N_PENDING] = 0
    return RECORD_FULL if tape.on[0] and tape.cursor[OVERFLOW] else DONE


@jit
def run_slice(
    plan: Any, p: Any, rules: Any, samples: Any, t0: int, channel: Any, count: Any, start: Any, inputs: Any,
    past: Any, u: Any, v: Any, forward_steps: Any, first_output: Any, tally: Any, work: Any, queue: Any, record: Any,
    tape: Any,
) -> int:  # fmt: skip
    """Run n samples one after another.

    Parameters
    ----------
    plan : Plan
        The network.
    p : NamedTuple
        Arrays of its neuron model.
    rules : Rules
        Schedule, stop rule and switches.
    samples : (n,) int64
        Sample numbers.
    t0 : int
        Number of the first time step.
    channel, count, start : (E,), (E,), (n, T + 1)
        Input, as in SpikeBatch.
    inputs : (n, D_in + T, C) int32
        Room for input counts, after those of the last D_in time steps; (n, 0, C) if no input synapse has a delay.
    past : (n, D + T, N) int32
        Room for spike counts, after those of the last D time steps.
    u, v : (n, N)
        State, carried on in place.
    forward_steps, first_output : (n, T) int32
        Filled.
    tally : (n, N_TALLY) int64
        Filled.
    work, queue, record, tape : Work, Queue, Record, Tape
        Memory of this thread.

    Returns
    -------
    int
        The status of the first sample that failed, times n, plus its place; DONE if all were run.
    """
    for b in range(len(samples)):
        status = _run_sample(plan, p, rules, samples[b], t0, channel, count, start[b], inputs[b], past[b], u[b], v[b],
                             forward_steps[b], first_output[b], tally[b], work, queue, record, tape)  # fmt: skip
        if tape.on[0]:
            close_sample(tape)
        if status != DONE:
            return status * len(samples) + b
    return DONE
