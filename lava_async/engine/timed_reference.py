"""Timed execution on the reference engine: semantics.md section 7, to be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import Result, Setup, State, reference
from lava_async.engine.queue import NEVER
from lava_async.engine.reference import Delivered, Run
from lava_async.schedules.timed import Timed, not_under_way
from lava_async.spikes import SpikeTrain
from lava_async.stopping import not_ended


def run(setup: Setup, spikes: SpikeTrain, sample: int, state: State | None = None) -> Result:
    """Run one sample, from rest or from `state`, which is carried on in place."""
    return reference.run(setup, spikes, sample, state, TimedRun)


class Message(NamedTuple):
    """A spike of a source on its way to a core; `core` is its position in `Machine.cores`."""

    core: int
    arrival: int
    source: int
    number: int
    payload: Any
    spikes: int
    """How many the payload stands for."""


class TimedRun(Run):
    """One sample on its way."""

    def __init__(self, setup: Setup, spikes: SpikeTrain, sample: int, state: State) -> None:
        super().__init__(setup, spikes, sample, state)
        schedule: Any = setup.execution.schedule
        self.schedule: Timed = schedule
        assert setup.machine is not None
        self.machine = setup.machine
        self.cores_of = [np.unique(self.machine.core_of[fan.target[fan.delay == 0]]).tolist() for fan in self.fan]
        self.step_ps, self.first_output_ps = np.zeros(self.T, np.int64), np.full(self.T, -1, np.int64)
        self.messages: list[list[int]] = []
        self.decided_ps = -1
        self.recorded = {(t, k): (source, core) for t, k, source, core in schedule.messages or ()}

    def result(self) -> Result:
        """Run all time steps."""
        found = super().result()
        messages = None if self.setup.record == "counts" else self.messages
        return replace(
            found,
            step_ps=self.step_ps,
            first_output_ps=self.first_output_ps,
            messages=messages,
            decided_ps=self.decided_ps if self.stop.margin else None,
        )

    def asynchronous(self, row: int) -> None:
        """Semantics 7: core by core, one message after another, until none waits."""
        times, stop = self.machine.times, self.stop
        self.under_way: list[Message] = []
        self.n_sent = 0
        if not self.setup.execution.input_first:
            for c in np.flatnonzero(self.emitted[self.row, : self.C]):
                for core in self.cores_of[c]:
                    payload, spikes = self.sent[self.row, c], int(self.emitted[self.row, c])
                    self.send(Message(core, 0, int(c), self.n_sent, payload, spikes))
        group = self.arrivals(now=self.setup.execution.input_first)
        self.free = self.busy_at_first(group)
        fired, k, last = self.deliver_and_check(group, 0, everyone=True), 0, NEVER
        while True:
            emitted = [self.emit_in_time(int(i)) for i in fired]
            outputs = [time for i, time in zip(fired, emitted, strict=True) if i in self.setup.network.outputs]
            if self.first_output[row] == 0 and outputs:
                self.first_output[row], self.first_output_ps[row] = k + 1, min(outputs)
                last = k + stop.extra_steps if stop.extra_steps >= 0 else NEVER
            if self.is_decided(fired):
                self.decided_ps = max(outputs)
                break
            if not self.under_way or k == last:
                break
            if k + 1 >= stop.limit:
                if stop.truncate:
                    break
                raise not_ended(self.t, self.sample, stop.limit)
            message = self.next(k + 1)
            if message is None:
                break
            k += 1
            self.under_way.remove(message)
            core, start = message.core, self.start(message)
            source = message.source - self.C
            self.groups.append([self.t, k - 1, [source]])
            self.messages.append([self.t, k, source, int(self.machine.cores[core]), message.arrival, start])
            before = self.synaptic_operations, self.neuron_updates
            fan = self.fan[message.source]
            here = (fan.delay == 0) & (self.machine.core_of[fan.target] == core)
            payload = np.full(len(here), message.payload)
            fired = self.deliver_and_check([Delivered(message.source, payload, here)], k, everyone=False)
            synapses, touched = self.synaptic_operations - before[0], self.neuron_updates - before[1]
            self.free[core] = (
                start + times.arrival + times.synaptic_operation * synapses + times.active_update * touched
            )
        self.forward_steps[row] = k + 1
        self.step_ps[row] = max(self.free) + times.barrier
        self.dropped += sum(message.spikes for message in self.under_way)

    def busy_at_first(self, group: list[Delivered]) -> list[int]:
        """Return how long each core is busy with the leak and with what forward step 0 delivers."""
        core_of, times, n_cores = self.machine.core_of, self.machine.times, len(self.machine.cores)
        received, operations = np.zeros(n_cores, np.int64), np.zeros(n_cores, np.int64)
        touched = np.zeros(self.N, bool)
        for j, _, taken in group:
            target, delay = self.fan[j].target[taken], self.fan[j].delay[taken]
            touched[target] = True
            np.add.at(operations, core_of[target], 1)
            for core, _ in {*zip(core_of[target].tolist(), delay.tolist(), strict=True)}:
                received[core] += 1
        leaks, updates = (np.bincount(core_of[who], minlength=n_cores) for who in (slice(None), touched))
        busy = times.inactive_update * leaks + times.active_update * updates
        return [int(time) for time in busy + times.arrival * received + times.synaptic_operation * operations]

    def emit_in_time(self, i: int) -> int:
        """Let a neuron emit as soon as its core is free, and send its messages; return when it had emitted."""
        core, times = int(self.machine.core_of[i]), self.machine.times
        emitted: int = self.free[core] + times.emission
        self.free[core] = emitted
        for to in self.cores_of[self.C + i]:
            self.free[core] += times.message
            arrival = self.free[core] + int(self.machine.way[core, to])
            self.send(Message(to, arrival, self.C + i, self.n_sent, self.leaving[i], int(self.spikes[i])))
        return emitted

    def enqueue(
        self, fired: NDArray[np.int64], k: int, momentum: NDArray[Any], spikes: NDArray[Any], payload: NDArray[Any]
    ) -> None:
        """Keep what neurons emitted until their cores send it."""
        self.spikes, self.leaving = spikes, payload

    def send(self, message: Message) -> None:
        """Let a message wait."""
        self.under_way.append(message)
        self.n_sent += 1

    def start(self, message: Message) -> int:
        """Return when the core of a message could begin with it."""
        return max(message.arrival, self.free[message.core])

    def next(self, k: int) -> Message | None:
        """Return the message that forward step k processes; None: the record of this time step is over."""
        if self.schedule.messages is None:
            return min(self.under_way, key=lambda message: (self.start(message), *message))
        if (self.t, k) not in self.recorded:
            return None
        source, core = self.recorded[self.t, k]
        for message in self.under_way:
            if (message.source - self.C, self.machine.cores[message.core]) == (source, core):
                return message
        raise not_under_way(self.t, k, source, core)
