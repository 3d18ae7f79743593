"""The kernel of timed execution: cores that work side by side, semantics.md section 7.

It delivers with :func:`~lava_async.engine.deliver.deliver` through a plan that is cut into cores; neurons of different
cores share nothing, so that forward steps in the order of their start are all that happens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.draws import REFRACTORY_DROPOUT, G, fold, mix
from lava_async.engine.deliver import N_TOUCHED, OUTPUT_FIRED, deliver, deliver_due
from lava_async.engine.kernels import (
    AT,
    DONE,
    DROPPED,
    GROUPS,
    LIMIT_REACHED,
    NOT_PENDING,
    OPERATIONS,
    RECORD_FULL,
    STEP,
    UPDATES,
    _emit,
    _record_check,
    _record_group,
)
from lava_async.engine.messages import NONE, OVERFLOW, SPIKES, WAITING, clear, first, send, take, take_recorded
from lava_async.jit import inner, jit
from lava_async.neurons import integrate, leak

NO_ROOM = 4
"""How a kernel ends, beside :mod:`~lava_async.engine.kernels`: more messages than there is room for."""
NEVER = np.iinfo(np.int64).max


class Cores(NamedTuple):
    """Scratch memory of one thread: M cores, N neurons."""

    free: NDArray[np.int64]
    """(M,) when each core is free."""
    operations: NDArray[np.int64]
    """(M,) synapses walked in forward step 0."""
    received: NDArray[np.int64]
    updates: NDArray[np.int64]
    checked: NDArray[np.int64]
    """(N,) neurons that a forward step checks."""


@inner
def _receive(cores: Any, core: int, synapses: int) -> None:
    cores.received[core] += 1
    cores.operations[core] += synapses


@inner
def _open_input(
    plan: Any, cut: Any, rules: Any, channel: Any, count: Any, inputs: Any, in_now: int, work: Any, cores: Any,
    messages: Any, chained: bool,
) -> int:  # fmt: skip
    """Let the input of a time step in: sent, or listed for delivery; return the length of the list."""
    n = 0
    for e in range(len(channel)):
        c = channel[e]
        if len(inputs) > 0:
            inputs[in_now, c] = count[e]
        elif rules.input_first:
            work.listed[n], work.payload[n] = c, count[e]
            n += 1
        for place in range(cut.reach_start[c], cut.reach_start[c + 1]):
            if rules.input_first:
                _receive(cores, cut.reach_core[place], cut.reach_synapses[place])
            else:
                send(messages, c, cut.reach_core[place], count[e], 0, chained)
    return n


@inner
def _receive_late(plan: Any, cut: Any, past: Any, now: int, inputs: Any, in_now: int, cores: Any) -> None:
    """Count what delayed synapses deliver as a time step opens."""
    for e in range(len(cut.late)):
        source, delay = cut.late[e, 0], cut.late[e, 2]
        early = source < plan.n_inputs
        if (inputs[in_now - delay, source] if early else past[now - delay, source - plan.n_inputs]) > 0:
            _receive(cores, cut.late[e, 1], cut.late[e, 3])


@inner
def _list_touched(cut: Any, core: int, machine: Any, work: Any, cores: Any) -> int:
    """List the neurons that a forward step checks, those touched in a core, all if `core` < 0; return how many.

    Those touched are counted per core, and the touches forgotten.
    """
    n = 0
    begin, end = (0, len(work.full)) if core < 0 else (cut.piece_start[core], cut.piece_start[core + 1])
    for piece in range(begin, end):
        if work.full[piece]:
            a, b = cut.member_start[piece], cut.member_start[piece + 1]
            cores.updates[machine.core_of[cut.members[a]]] += b - a
            for place in range(a, b):
                cores.checked[n] = cut.members[place]
                n += 1
    for place in range(work.counter[N_TOUCHED]):
        i = work.touched[place]
        work.marked[i] = False
        if not work.full[cut.piece_of[i]]:
            cores.updates[machine.core_of[i]] += 1
            cores.checked[n] = i
            n += 1
    work.counter[N_TOUCHED] = 0
    for piece in range(begin, end):
        work.full[piece] = False
    if core < 0:
        n = len(cores.checked)
        for i in range(n):
            cores.checked[i] = i
    return n


@inner
def _integrate(p: Any, n: int, u: Any, v: Any, work: Any, cores: Any) -> int:
    """Add what arrived to the n listed neurons; list those above threshold, ascending; return how many."""
    fires = 0
    for place in range(n):
        i = cores.checked[place]
        u[i], v[i] = integrate(p, i, u[i], v[i], work.arriving[i], work.refractory[i])
        work.arriving[i] = 0
        if v[i] > p.vth[i] and not work.refractory[i]:
            at = fires
            while at > 0 and work.fired[at - 1] > i:
                work.fired[at] = work.fired[at - 1]
                at -= 1
            work.fired[at] = i
            fires += 1
    return fires


@inner
def _send_spike(plan: Any, cut: Any, machine: Any, i: int, cores: Any, messages: Any, chained: bool) -> Any:
    """Send what a neuron emits to the cores that it reaches; return when it had emitted."""
    core, source = machine.core_of[i], plan.n_inputs + i
    emitted = time = cores.free[core] + machine.times.emission
    for place in range(cut.reach_start[source], cut.reach_start[source + 1]):
        time += machine.times.message
        to = cut.reach_core[place]
        send(messages, source, to, 1, time + machine.way[core, to], chained)
    cores.free[core] = time
    return emitted


@inner
def _record(record: Any, log: Any, t: int, k: int, n: int, start: Any, work: Any, messages: Any) -> bool:
    """Keep which message a forward step processes; return False if there is no room left."""
    if not _record_group(record, t, k - 1, work.listed[:1]):
        return False
    place = record.used[GROUPS] - 1
    log[place, 0], log[place, 1], log[place, 2] = messages.core[n], messages.arrival[n], start
    return True


@jit
def run_timed(
    plan: Any, cut: Any, machine: Any, p: Any, rules: Any, sample: int, t0: int, channel: Any, count: Any, begin: Any,
    inputs: Any, past: Any, u: Any, v: Any, forward_steps: Any, first_output: Any, step_ps: Any, first_output_ps: Any,
    tally: Any, work: Any, queue: Any, cores: Any, messages: Any, replaying: bool, replay: Any, record: Any, log: Any,
) -> int:  # fmt: skip
    """Run one sample from its state.

    Parameters
    ----------
    plan, cut : Plan, Cut
        The network, cut into cores.
    machine : Machine
        Cores, times and ways.
    p, rules, t0, channel, count, inputs, past, u, v, forward_steps, first_output, tally, work, queue, record
        Of one sample, as in :func:`~lava_async.engine.kernels.run_slice`.
    sample : int
        Its number.
    begin : (T + 1,) int
        Where the input of each time step lies.
    step_ps, first_output_ps : (T,) int64
        Filled; the second is left as it is where no output neuron emitted.
    cores, messages : Cores, Messages
        Memory of this thread.
    replaying, replay : bool, (R, 3) int64
        Whether to process recorded messages; their time steps, sources and cores, as the kernel numbers both.
    log : (n, 3) int64
        Filled beside ``record.groups``: core, arrival, start.

    Returns
    -------
    int
        How it ended.
    """
    n_layers, times, n_steps = len(plan.layer_start) - 1, machine.times, len(forward_steps)
    draws_refractory = fold(fold(mix(np.uint64(rules.seed) + G), np.uint64(REFRACTORY_DROPOUT)), np.uint64(sample))
    recorded = 0
    for row in range(n_steps):
        t = t0 + row
        now, in_now = len(past) - n_steps + row, len(inputs) - n_steps + row
        counts = past[now]
        tally[AT] = t
        for i in range(plan.n_neurons):
            u[i], v[i] = leak(p, i, u[i], v[i])
            work.refractory[i] = False
        for c in range(len(cores.free)):
            cores.operations[c] = cores.received[c] = cores.updates[c] = 0
        clear(messages)
        n_listed = _open_input(plan, cut, rules, channel[begin[row] : begin[row + 1]],
                               count[begin[row] : begin[row + 1]], inputs, in_now, work, cores, messages,
                               replaying)  # fmt: skip
        _receive_late(plan, cut, past, now, inputs, in_now, cores)
        while recorded < len(replay) and replay[recorded, 0] < t:
            recorded += 1
        k, last, core, start = 0, -1, -1, np.int64(0)
        while True:
            walked = 0
            # A plan without a target means all; a core may hold pieces of several layers.
            piece, end = (-1, 0) if core < 0 else (cut.piece_start[core], cut.piece_start[core + 1])
            while piece < end:
                walked += deliver(plan, n_listed, piece, work)
                piece += 1
            if core < 0 and len(cut.late) + len(inputs) > 0:
                for layer in range(-1, n_layers):
                    history, place = (inputs, in_now) if layer < 0 else (past, now)
                    if len(inputs) > 0 if layer < 0 else plan.delayed[layer + 1]:
                        walked += deliver_due(plan, layer, history, place, -1, 0, layer < 0 and rules.input_first, work)
            tally[OPERATIONS] += walked
            n = _list_touched(cut, core, machine, work, cores)
            n_fired = _integrate(p, n, u, v, work, cores)
            if core < 0:
                for c in range(len(cores.free)):
                    tally[UPDATES] += cores.updates[c]
                    cores.free[c] = (times.inactive_update * cut.size[c] + times.arrival * cores.received[c]
                                     + times.synaptic_operation * cores.operations[c]
                                     + times.active_update * cores.updates[c])  # fmt: skip
            else:
                tally[UPDATES] += n
                cores.free[core] = start + times.arrival + times.synaptic_operation * walked + times.active_update * n
            drop = fold(fold(draws_refractory, np.uint64(t)), np.uint64(k))
            work.counter[OUTPUT_FIRED] = 0
            earliest = NEVER
            for place in range(n_fired):
                i = work.fired[place]
                _emit(plan, rules, i, v, counts, k, drop, work, queue)
                emitted = _send_spike(plan, cut, machine, i, cores, messages, replaying)
                if plan.output[i]:
                    earliest = min(earliest, emitted)
            if messages.used[OVERFLOW]:
                return NO_ROOM
            if len(record.checks) and not _record_check(record, t, k, u, v, counts):
                return RECORD_FULL
            if work.counter[OUTPUT_FIRED] and first_output[row] == 0:
                first_output[row], first_output_ps[row] = k + 1, earliest
                if rules.extra_steps >= 0:
                    last = k + rules.extra_steps
            if messages.used[WAITING] == 0 or k == last:
                break
            if k + 1 >= rules.limit:
                if rules.truncate:
                    break
                return LIMIT_REACHED
            k += 1
            if replaying:
                if recorded == len(replay) or replay[recorded, 0] != t:
                    k -= 1
                    break
                n = take_recorded(messages, replay[recorded, 1], replay[recorded, 2])
                if n == NONE:
                    tally[STEP] = k
                    return NOT_PENDING
                recorded += 1
            else:
                n = first(messages, cores.free)
                take(messages, n)
            core = messages.core[n]
            start = max(messages.arrival[n], cores.free[core])
            n_listed, work.listed[0], work.payload[0] = 1, messages.source[n], messages.payload[n]
            if len(record.groups) and not _record(record, log, t, k, n, start, work, messages):
                return RECORD_FULL
        forward_steps[row] = k + 1
        for c in range(len(cores.free)):
            step_ps[row] = max(step_ps[row], cores.free[c] + times.barrier)
        tally[DROPPED] += messages.used[SPIKES]
    return DONE
