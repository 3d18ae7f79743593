"""The reference engine: semantics.md in numpy, to be read. Slow on purpose; `compiled` is held equal to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async import draws
from lava_async.engine import Result, Setup, State, StepRecord, check_payloads, public_fields
from lava_async.engine.queue import NEVER, PendingQueue
from lava_async.neurons.base import Fields, NeuronModel, part_of
from lava_async.spikes import SpikeTrain
from lava_async.stopping import not_ended

ALL = slice(None)


def run(
    setup: Setup, spikes: SpikeTrain, sample: int, state: State | None = None, kind: Callable[..., Run] | None = None
) -> Result:
    """Run one sample, from rest or from `state`, which is carried on in place."""
    check_payloads(setup.network, spikes.count)
    if state is None:
        state = State.zeros(setup.network)
    fields = {name: x.copy() for name, x in state.fields.items()}
    # A run that fails leaves the state as it was.
    ahead = replace(state, fields=fields, held=state.held.copy(), totals=state.totals.copy())
    result = (kind or Run)(setup, spikes, sample, ahead).result()
    vars(state).update(vars(ahead))
    return result


class Delivered(NamedTuple):
    """What a source delivers: the payload of each of its synapses, and through which of them."""

    source: int
    payload: NDArray[Any]
    taken: NDArray[np.bool_]


def spikes_of(payload: NDArray[Any]) -> NDArray[np.int64]:
    """Return how many spikes input payloads are: a positive integer counts them, any other number is one."""
    counts = (payload > 0) & (payload == np.floor(payload))
    return np.where(counts, payload, payload != 0).astype(np.int64)


class Run:
    """One sample on its way. Sources are numbered 0 .. C - 1 (input channels), C .. C + N - 1 (neurons)."""

    def __init__(self, setup: Setup, spikes: SpikeTrain, sample: int, state: State) -> None:
        net = setup.network
        self.setup, self.sample, self.state = setup, sample, state
        self.C, self.N, self.T = net.n_inputs, net.n_neurons, spikes.n_steps
        self.dtype = net.params.dtype
        self.models = [(rows, model, model.arrays()) for rows, model in net.models]
        self.refractory_steps, self.sync_threshold = (
            np.concatenate([np.asarray(getattr(model, name)) for _, model, _ in self.models])
            for name in ("refractory_steps", "sync_threshold")
        )
        self.graded = np.repeat([m.graded for _, m, _ in self.models], [r.stop - r.start for r, _, _ in self.models])
        self.stop = setup.execution.until.lower()
        self.fan = [net.fan_out(j) for j in range(-self.C, self.N)]
        self.is_complex = any(model.complex_weights for _, model, _ in self.models)
        if self.is_complex:
            self.imaginary = [net.fan_out(j, imaginary=True).weight for j in range(-self.C, self.N)]
        self.layer = np.concatenate([np.full(self.C, -1), net.layer_of])
        queued = np.array([(fan.delay == 0).any() or not len(fan.delay) for fan in self.fan])
        index = np.arange(-self.C, self.N)
        self.queue = PendingQueue(setup.execution, np.array([sample]), index, self.layer, queued, self.dtype)
        # What all sources emitted in time step t = -D .. T - 1 is in row t + D: how many spikes, and their payloads.
        self.D = max(len(state.history), len(state.inputs))
        self.emitted = np.zeros((self.D + self.T, self.C + self.N), np.int64)
        self.sent: NDArray[Any] = np.zeros((self.D + self.T, self.C + self.N), self.dtype)
        before = slice(self.D - len(state.history), self.D)
        self.emitted[before, self.C :] = state.history
        self.sent[before, self.C :] = state.history if state.sent is None else state.sent
        self.sent[self.D - len(state.inputs) : self.D, : self.C] = state.inputs
        self.sent[self.D :, : self.C] = spikes.to_dense().T
        self.emitted[:, : self.C] = spikes_of(self.sent[:, : self.C])
        self.forward_steps, self.first_output = np.zeros(self.T, np.int32), np.zeros(self.T, np.int32)
        self.synaptic_operations = self.neuron_updates = self.dropped = 0
        self.groups: list[list[Any]] = []
        self.trace: list[StepRecord] = []

    def result(self) -> Result:
        """Run all time steps."""
        time_step = self.layered if self.setup.execution.schedule.layered else self.asynchronous
        state, setup = self.state, self.setup
        for row in range(self.T):
            self.row, self.t = row + self.D, state.t
            state.t += 1
            if state.decided:
                continue
            self.drop_input()
            self.open()
            time_step(row)
            if self.stop.margin:
                state.decided = state.t if self.leads() else 0
                state.totals += self.emitted[self.row, self.C + setup.network.outputs].astype(np.int32)
        neurons, inputs = (len(self.emitted) - len(kept) for kept in (state.history, state.inputs))
        state.history = self.emitted[neurons:, self.C :].astype(np.int32)
        state.sent = None if state.sent is None else self.sent[neurons:, self.C :].copy()
        state.inputs = self.sent[inputs:, : self.C].astype(np.int32 if self.dtype is np.int64 else np.float32)
        counts = self.emitted[self.D :, self.C :].T.astype(np.int32)
        fields = public_fields(setup, state.fields)
        return Result(
            counts,
            counts[setup.network.outputs],
            self.forward_steps,
            self.first_output,
            fields["u"],
            fields["v"],
            self.synaptic_operations,
            self.neuron_updates,
            self.dropped,
            self.sent[self.D :, self.C :].T.copy() if setup.network.graded else counts,
            fields,
            None if setup.record == "counts" else self.groups,
            self.trace if setup.record == "trace" else None,
            decided=state.decided if self.stop.margin else None,
        )

    def open(self) -> None:
        """Semantics 3.1 and 8.0: all neurons leak; one that waits out its refractory steps is refractory."""
        self.refractory = (self.state.held > 0) & self.setup.execution.refractory
        self.state.held = np.maximum(self.state.held - 1, 0)
        self.received = np.zeros(self.N, np.int64)
        for rows, model, p in self.models:
            self.put(rows, model.open(p, self.of(rows, model), self.refractory[rows]))

    def of(self, which: slice | NDArray[np.int64], model: NeuronModel) -> Fields:
        """Return a copy of the numbers of some neurons of a model."""
        return {name: self.state.fields[name][which].copy() for name in model.state}

    def put(self, which: slice | NDArray[np.int64], numbers: Fields) -> None:
        """Keep the numbers of some neurons."""
        for name, values in numbers.items():
            self.state.fields[name][which] = values

    def asynchronous(self, row: int) -> None:
        """Semantics 3: deliver, check, select until nothing is pending."""
        schedule: Any = self.setup.execution.schedule
        stop = self.stop
        self.queue.clear()
        group = self.arrivals(now=self.setup.execution.input_first)
        if not self.setup.execution.input_first:
            c = np.flatnonzero(self.emitted[self.row, : self.C])
            self.queue.push(0, c, NEVER, np.inf, self.emitted[self.row, c], self.sent[self.row, c])
        k, last = 0, NEVER
        while True:
            fired = self.deliver_and_check(group, k, everyone=k == 0)
            if self.first_output[row] == 0 and np.isin(fired, self.setup.network.outputs).any():
                self.first_output[row] = k + 1
                last = k + stop.extra_steps if stop.extra_steps >= 0 else NEVER
            if not self.queue.waiting.any() or k == last or schedule.ends(self.t, k) or self.is_decided(fired):
                break
            if k + 1 >= stop.limit:
                if stop.truncate:
                    break
                raise not_ended(self.t, self.sample, stop.limit)
            _, picked, payload = self.queue.pop(self.t, k)
            group = [
                Delivered(j, np.full(len(self.fan[j].delay), x), self.fan[j].delay == 0)
                for j, x in zip(picked.tolist(), payload, strict=True)
            ]
            if group:
                self.groups.append([self.t, k, (picked - self.C).tolist()])
            k += 1
        self.forward_steps[row] = k + 1
        self.dropped += int(self.queue.waiting.sum())

    def leads(self) -> bool:
        """Semantics 5, `Margin`: whether the best output leads the second one by enough spikes of the sample so far."""
        outputs = self.setup.network.outputs
        counts = np.sort([0, 0, *(self.state.totals + self.emitted[self.row, self.C + outputs])])
        return bool(counts[-1] - counts[-2] >= self.stop.margin)

    def is_decided(self, fired: NDArray[Any]) -> bool:
        """Return whether a forward step ends the sample."""
        if not self.stop.margin or self.stop.at_step:
            return False
        return bool(np.isin(fired, self.setup.network.outputs).any()) and self.leads()

    def layered(self, row: int) -> None:
        """Semantics 4, `layered`: all spikes of the time step into a layer, then one check of its neurons."""
        for k, layer in enumerate(self.setup.network.layer_slices):
            group = []
            for j, fan in enumerate(self.fan):
                # What comes from the same or a later layer was emitted in the time step before.
                then = self.row - np.maximum(fan.delay, 1 if self.layer[j] >= k else 0)
                into = (fan.target >= layer.start) & (fan.target < layer.stop)
                group.append(Delivered(j, self.sent[then, j], into & (self.emitted[then, j] != 0)))
            fired = self.deliver_and_check(group, k, everyone=False, only=layer)
            if self.first_output[row] == 0 and np.isin(fired, self.setup.network.outputs).any():
                self.first_output[row] = k + 1
        self.forward_steps[row] = len(self.setup.network.layers)
        self.neuron_updates += self.N

    def arrivals(self, now: bool) -> list[Delivered]:
        """Return what arrives as a time step opens: the input, unless it queues, and delayed spikes."""
        found = []
        for j, fan in enumerate(self.fan):
            then = self.row - fan.delay
            due = (fan.delay > 0) | (now and j < self.C)
            found.append(Delivered(j, self.sent[then, j], due & (self.emitted[then, j] != 0)))
        return found

    def deliver_and_check(
        self, group: list[Delivered], k: int, everyone: bool, only: slice | None = None
    ) -> NDArray[np.int64]:
        """Deliver spikes, integrate, let neurons emit; return which did."""
        arriving: NDArray[Any] = np.zeros((2, self.N), self.dtype)
        touched = np.zeros(self.N, bool)
        for j, payload, taken in group:
            target = self.fan[j].target[taken]
            np.add.at(arriving[0], target, payload[taken] * self.fan[j].weight[taken])
            if self.is_complex:
                np.add.at(arriving[1], target, payload[taken] * self.imaginary[j][taken])
            np.add.at(self.received, target, 1)
            touched[target] = True
            self.synaptic_operations += len(target)
        if only is None:
            self.neuron_updates += int(touched.sum())
        looked_at = np.zeros(self.N, bool)
        looked_at[only if only is not None else (ALL if everyone else touched)] = True
        may = looked_at & ~self.refractory & (self.received >= self.sync_threshold)
        fired = np.zeros(self.N, bool)
        for rows, model, p in self.models:
            who = rows.start + np.flatnonzero(looked_at[rows])
            of = part_of(p, who - rows.start)
            brought = arriving[:, who] if model.complex_weights else arriving[0, who]
            after = model.integrate(of, self.of(who, model), brought, self.refractory[who])
            self.put(who, after)
            fired[who] = may[who] & model.fires(of, after)
        found = np.flatnonzero(fired)
        self.emit(found, k)
        if self.setup.record == "trace":
            fields = public_fields(self.setup, self.state.fields)
            self.trace.append(StepRecord(self.t, k, fields["u"], fields["v"], found, fields))
        return found

    def emit(self, fired: NDArray[np.int64], k: int) -> None:
        """Semantics 3.4: momentum, reset, pending spikes, spike counts, refractoriness."""
        payload: NDArray[Any] = np.zeros(self.N, self.dtype)
        momentum = np.zeros(self.N)
        spikes = np.zeros(self.N, np.int64)
        for rows, model, p in self.models:
            who = fired[(fired >= rows.start) & (fired < rows.stop)]
            of, before = part_of(p, who - rows.start), self.of(who, model)
            momentum[who] = model.momentum(of, before)
            after, payload[who] = model.fire(of, before, self.setup.execution.refractory)
            spikes[who] = 1 if model.graded else payload[who]
            self.put(who, after)
        self.enqueue(fired, k, momentum, spikes, payload)
        self.emitted[self.row, self.C :] += spikes
        self.sent[self.row, self.C :] += payload
        if self.setup.execution.refractory:
            self.refractory[fired] = ~self.drop(self.setup.refractory_dropout, draws.REFRACTORY_DROPOUT, k, fired)
            self.state.held[fired] = self.refractory_steps[fired]

    def enqueue(
        self, fired: NDArray[np.int64], k: int, momentum: NDArray[Any], spikes: NDArray[Any], payload: NDArray[Any]
    ) -> None:
        """Let what neurons emitted wait."""
        if not self.setup.execution.schedule.layered:
            self.queue.push(0, self.C + fired, k, momentum[fired], spikes[fired], payload[fired], self.graded[fired])

    def drop_input(self) -> None:
        """Training only: drop the spikes of input channels."""
        lost = self.drop(self.setup.input_dropout, draws.INPUT_DROPOUT, 0, np.arange(self.C))
        self.emitted[self.row, : self.C][lost] = self.sent[self.row, : self.C][lost] = 0

    def drop(self, probability: float, stream: int, k: int, i: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which of `i` a dropout takes."""
        if probability == 0.0:
            return np.zeros(len(i), bool)
        return draws.dropped(probability, self.setup.execution.seed, stream, self.sample, self.t, k, i)
