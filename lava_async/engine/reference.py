"""The reference engine: semantics.md in numpy, to be read. Slow on purpose; `compiled` is held equal to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import draws
from lava_async.engine import Checked, Result, Setup, State, public_state
from lava_async.neurons import integrate, leak
from lava_async.schedules import Layered, Pending, Timed
from lava_async.spikes import SpikeTrain
from lava_async.stopping import not_ended

ALL = slice(None)
NEVER = -1


def run(setup: Setup, spikes: SpikeTrain, sample: int, state: State) -> Result:
    """Run one sample from `state`, which is carried on in place; arguments as in :func:`lava_async.simulate`."""
    ahead = replace(state, u=state.u.copy(), v=state.v.copy())  # a run that fails leaves the state as it was
    result = _run_of(setup)(setup, spikes, sample, ahead).result()
    vars(state).update(vars(ahead))
    return result


def _run_of(setup: Setup) -> type[Run]:
    if isinstance(setup.execution.schedule, Timed):
        from lava_async.engine.timed_reference import TimedRun  # It stands on this module.

        return TimedRun
    return Run


class Run:
    """One sample on its way. Sources are numbered 0 .. C - 1 (input channels), C .. C + N - 1 (neurons)."""

    def __init__(self, setup: Setup, spikes: SpikeTrain, sample: int, state: State) -> None:
        net = setup.network
        self.setup, self.sample, self.state = setup, sample, state
        self.C, self.N, self.T = net.n_inputs, net.n_neurons, spikes.n_steps
        self.p = net.params.arrays()
        self.fan = [net.fan_out(j) for j in range(-self.C, self.N)]
        self.layer = np.concatenate([np.full(self.C, -1), net.layer_of])
        self.queued = np.array([(fan.delay == 0).any() or not len(fan.delay) for fan in self.fan])
        # emitted[t] for t = -D .. T - 1 stands in row t + D: spikes of all sources in each time step.
        self.D = max(len(state.history), len(state.inputs))
        self.emitted = np.zeros((self.D + self.T, self.C + self.N), np.int64)
        self.emitted[self.D - len(state.inputs) : self.D, : self.C] = state.inputs
        self.emitted[self.D - len(state.history) : self.D, self.C :] = state.history
        self.emitted[self.D :, : self.C] = spikes.to_dense().T
        self.forward_steps, self.first_output = np.zeros(self.T, np.int32), np.zeros(self.T, np.int32)
        self.synaptic_operations = self.neuron_updates = self.dropped = 0
        self.groups: list[list[Any]] = []
        self.trace: list[Checked] = []

    def result(self) -> Result:
        """Run all time steps."""
        time_step = self.layered if isinstance(self.setup.execution.schedule, Layered) else self.asynchronous
        state, setup = self.state, self.setup
        for row in range(self.T):
            self.row, self.t = row + self.D, state.t
            self.lose_input()
            state.u, state.v = leak(self.p, ALL, state.u, state.v)
            self.refractory = np.zeros(self.N, bool)
            time_step(row)
            state.t += 1
        state.history = self.emitted[len(self.emitted) - len(state.history) :, self.C :].astype(np.int32)
        state.inputs = self.emitted[len(self.emitted) - len(state.inputs) :, : self.C].astype(np.int32)
        counts = self.emitted[self.D :, self.C :].T.astype(np.int32)
        return Result(
            counts,
            counts[setup.network.outputs],
            self.forward_steps,
            self.first_output,
            public_state(setup, state.u),
            public_state(setup, state.v),
            self.synaptic_operations,
            self.neuron_updates,
            self.dropped,
            None if setup.record == "counts" else self.groups,
            self.trace if setup.record == "trace" else None,
        )

    def asynchronous(self, row: int) -> None:
        """Semantics 3: deliver, check, select until nothing is pending."""
        schedule, stop = self.setup.execution.schedule, self.setup.execution.until.lower()
        self.payload = np.zeros(self.C + self.N, np.int64)
        self.momentum = np.full(self.C + self.N, np.inf)
        self.emission = np.full(self.C + self.N, NEVER)
        group = self.arrivals(now=self.setup.execution.input_first)
        if not self.setup.execution.input_first:
            self.payload[: self.C] = np.where(self.queued[: self.C], self.emitted[self.row, : self.C], 0)
        k, last = 0, NEVER
        while True:
            fired = self.deliver_and_check(group, k, everyone=k == 0)
            if self.first_output[row] == 0 and np.isin(fired, self.setup.network.outputs).any():
                self.first_output[row] = k + 1
                last = k + stop.extra_steps if stop.extra_steps >= 0 else NEVER
            pending = np.flatnonzero(self.payload)
            if not len(pending) or k == last or schedule.ends(self.t, k):
                break
            if k + 1 >= stop.limit:
                if stop.truncate:
                    break
                raise not_ended(self.t, self.sample, stop.limit)
            picked = pending[np.sort(schedule.pick(self.pending(pending, k)))]
            group = [(j, np.where(self.fan[j].delay == 0, self.payload[j], 0)) for j in picked]
            self.payload[picked] = 0
            if group:
                self.groups.append([self.t, k, [int(j) - self.C for j in picked]])
            k += 1
        self.forward_steps[row] = k + 1
        self.dropped += int(self.payload.sum())

    def layered(self, row: int) -> None:
        """Semantics 4, `layered`: all spikes of the time step into a layer, then one check of its neurons."""
        for k, layer in enumerate(self.setup.network.layer_slices):
            group = []
            for j, fan in enumerate(self.fan):
                # What comes from the same or a later layer was emitted in the time step before.
                delay = np.maximum(fan.delay, 1 if self.layer[j] >= k else 0)
                into = (fan.target >= layer.start) & (fan.target < layer.stop)
                group.append((j, np.where(into, self.emitted[self.row - delay, j], 0)))
            fired = self.deliver_and_check(group, k, everyone=False, only=layer)
            if self.first_output[row] == 0 and np.isin(fired, self.setup.network.outputs).any():
                self.first_output[row] = k + 1
        self.forward_steps[row] = len(self.setup.network.layers)
        self.neuron_updates += self.N

    def arrivals(self, now: bool) -> list[Any]:
        """Return what arrives as a time step opens: the input, unless it queues, and delayed spikes."""
        return [
            (j, np.where((fan.delay > 0) | (now and j < self.C), self.emitted[self.row - fan.delay, j], 0))
            for j, fan in enumerate(self.fan)
        ]

    def deliver_and_check(self, group: list[Any], k: int, everyone: bool, only: slice | None = None) -> NDArray[Any]:
        """Deliver spikes (source, payload of each of its synapses), integrate, let neurons emit; return who did."""
        state, p = self.state, self.p
        arriving = np.zeros(self.N, p.bias.dtype)
        touched = np.zeros(self.N, bool)
        for j, payload in group:
            taken = payload > 0
            target = self.fan[j].target[taken]
            np.add.at(arriving, target, payload[taken].astype(arriving.dtype) * self.fan[j].weight[taken])
            touched[target] = True
            self.synaptic_operations += len(target)
        if only is None:
            self.neuron_updates += int(touched.sum())
        where = only if only is not None else (ALL if everyone else np.flatnonzero(touched))
        state.u[where], state.v[where] = integrate(
            p, where, state.u[where], state.v[where], arriving[where], self.refractory[where]
        )
        may = np.zeros(self.N, bool)
        may[where] = True
        fired = np.flatnonzero(may & ~self.refractory & (state.v > p.vth))
        self.emit(fired, k)
        if self.setup.record == "trace":
            u, v = public_state(self.setup, state.u), public_state(self.setup, state.v)
            self.trace.append(Checked(self.t, k, u, v, fired))
        return fired

    def emit(self, fired: NDArray[Any], k: int) -> None:
        """Semantics 3.4: momentum, reset, pending count, spike count, refractoriness."""
        source = fired + self.C
        if not isinstance(self.setup.execution.schedule, Layered):
            first = source[self.payload[source] == 0]
            self.momentum[first], self.emission[first] = self.state.v[first - self.C], k
            self.payload[source] += self.queued[source]
        self.state.v[fired] = 0
        self.emitted[self.row, source] += 1
        if self.setup.execution.refractory:
            self.refractory[fired] = ~self.drop(self.setup.refractory_dropout, draws.REFRACTORY_DROPOUT, k, fired)

    def lose_input(self) -> None:
        """Training only: drop the spikes of input channels."""
        lost = self.drop(self.setup.input_dropout, draws.INPUT_DROPOUT, 0, np.arange(self.C))
        self.emitted[self.row, : self.C][lost] = 0

    def drop(self, probability: float, stream: int, k: int, i: NDArray[Any]) -> Any:
        """Return which of `i` a dropout takes."""
        if probability == 0.0:
            return np.zeros(len(i), bool)
        return draws.unit(draws.key(self.setup.execution.seed, stream, self.sample, self.t, k, i)) < probability

    def pending(self, sources: NDArray[Any], k: int) -> Pending:
        """Return what a schedule may know."""
        i = sources - self.C
        return Pending(
            i,
            self.momentum[sources],
            self.emission[sources],
            self.layer[sources],
            self.t,
            k,
            lambda stream: draws.key(self.setup.execution.seed, stream, self.sample, self.t, k, i),
        )
