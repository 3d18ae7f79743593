"""Calls of the core for networks of current-based neurons: arrays that go in, results made of what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from lava_async import _core
from lava_async.engine import BatchResult, Machine, Result, Setup, State, StepRecord, public_state
from lava_async.engine.compiled_network import compiled
from lava_async.errors import InvalidType
from lava_async.neurons.cuba import too_small
from lava_async.schedules import Timed
from lava_async.schedules.replay import Group, not_pending
from lava_async.schedules.timed import not_under_way
from lava_async.spikes import SpikeBatch
from lava_async.stopping import not_ended

_EVERYTHING = 2**31 - 1
Arrays = dict[str, NDArray[Any]]


def rules_of(setup: Setup) -> _core.Rules:
    """Return how a network runs, as the core reads it.

    Raises
    ------
    InvalidType
        If the schedule has no order that the core knows.
    """
    how, stop = setup.execution, setup.execution.until.lower()
    plan = how.schedule.lower()
    if plan is None:
        raise InvalidType("schedule", type(how.schedule).__name__, "ranked by an Order; engine='reference' runs any")
    return _core.Rules(
        order=(int(plan.order.first), int(plan.order.second), float(plan.order.noise)),
        layered=plan.layered,
        group_size=min(plan.group_size or _EVERYTHING, _EVERYTHING),
        extra_steps=min(stop.extra_steps, _EVERYTHING),
        limit=min(stop.limit, _EVERYTHING),
        truncate=stop.truncate,
        margin=stop.margin,
        at_step=stop.at_step,
        refractory=how.refractory,
        input_first=how.input_first,
        refractory_dropout=float(setup.refractory_dropout),
        seed=how.seed,
        replay=None if plan.groups is None else _groups(plan.groups),
    )


def _groups(groups: tuple[Group, ...]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return (t, k, end) of each recorded group, and the sources of all; those of a group come before its `end`."""
    ends = np.cumsum([len(ids) for _, _, ids in groups], dtype=np.int64)
    rows = [(t, k, end) for (t, k, _), end in zip(groups, ends, strict=True)]
    sources = [i for _, _, ids in groups for i in ids]
    return np.array(rows, np.int64).reshape(-1, 3), np.array(sources, np.int32)


class Call:
    """The arrays of one call.

    Parameters
    ----------
    setup : Setup
        What is run.
    batch : SpikeBatch
        B samples of T time steps.
    samples : (B,) int64
        Sample numbers.
    threads : int
        Threads that share the batch.
    state : State, optional
        Where the one sample begins, carried on in place; default: all begin at rest.
    """

    def __init__(
        self, setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], threads: int, state: State | None
    ) -> None:
        self.setup, self.samples, self.threads = setup, samples, threads
        self.network, self.compiled = setup.network, compiled(setup.network)
        self.rules = rules_of(setup)
        self.batch, self.state = batch, state
        n, n_steps, n_neurons = len(batch), batch.n_steps, self.network.n_neurons
        self.margin = setup.execution.until.lower().margin > 0
        self.decisions: tuple[NDArray[np.int32], NDArray[np.int32]] | None = None
        self.counts = np.empty((n, n_steps, n_neurons), np.int32)
        self.forward_steps, self.first_output = np.empty((2, n, n_steps), np.int32)
        self.tally = np.empty((n, 3), np.int64)
        self.recorded: Arrays = {}
        self.t0 = 0 if state is None else state.t
        self.history: NDArray[np.int32] | None = None
        self.inputs: NDArray[np.int32] | None = None
        self.u: NDArray[Any]
        self.v: NDArray[Any]
        self.begin(state)

    def begin(self, state: State | None) -> None:
        """Begin at a state, or at rest: then the core reads no state."""
        if state is None:
            self.u, self.v = np.empty((2, len(self.batch), self.network.n_neurons), self.network.params.dtype)
        else:
            self.u, self.v = state.u[None], state.v[None]
            self.history, self.inputs = state.history[None], state.inputs[None]

    def run(self) -> None:
        """Run all samples.

        Raises
        ------
        ForwardStepLimit, InvalidValue
            See :func:`lava_async.simulate`.
        """
        if self.setup.input_dropout > 0:
            self.batch = self.batch.thinned(self.setup.input_dropout, self.setup.execution.seed, self.samples, self.t0)
        failure = self.run_on_engines()
        if failure is not None:
            self.fail(*failure)
        if self.state is not None:
            self.carry(self.state)

    def run_on_engines(self) -> tuple[Any, ...] | None:
        """Run on the engine that is enough; return how it failed."""
        failure = self.run_on(self.compiled.narrow)
        # The input, the state, or spikes that added up while they waited are more than 32 bits hold.
        return self.run_on(self.compiled.wide) if failure is not None and failure[0] == "too wide" else failure

    def run_on(self, engine: _core.Engine) -> tuple[Any, ...] | None:
        """Run on an engine, from what the call began with; return how it failed."""
        if self.margin:
            self.decisions = self._undecided()
        found = self._call(engine)
        if self.setup.record == "counts":
            return found  # type: ignore[no-any-return]
        failure, self.recorded = found
        return failure  # type: ignore[no-any-return]

    def _undecided(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return spikes of the outputs so far, and the decisions, to be carried on by a call, which may fail."""
        if self.state is not None:
            return self.state.totals[None].copy(), np.array([self.state.decided], np.int32)
        n = len(self.batch)
        return np.zeros((n, len(self.network.outputs)), np.int32), np.zeros(n, np.int32)

    def input_counts(self) -> NDArray[np.int32]:
        """Return the spike counts of the input, one per entry."""
        return self.batch.count

    def arrays_of_any(self) -> _core.AnyArrays | None:
        """Return the arrays that networks of any models have besides."""
        return None

    def _call(self, engine: _core.Engine) -> Any:
        batch = self.batch
        return engine.run(
            self.rules,
            self.samples,
            self.t0,
            batch.channel,
            self.input_counts(),
            batch.start,
            self.history,
            self.inputs,
            self.state is None,
            self.u,
            self.v,
            self.counts,
            self.forward_steps,
            self.first_output,
            self.tally,
            self.decisions,
            self.threads,
            self.setup.record,
            self.arrays_of_any(),
        )

    def fail(self, status: str, sample: int, t: int, k: int, source: int) -> NoReturn:
        """Raise what a failure of the core means."""
        raise failure_of(self.setup, status, sample, t, k, source)

    def carry(self, state: State) -> None:
        """Carry on what the core does not carry on in place."""
        state.t += self.batch.n_steps
        self.carry_decisions(state)
        state.history = last_rows(state.history, self.counts[0])
        if len(state.inputs):
            state.inputs = last_rows(state.inputs, self.batch[0].to_dense().T)

    def carry_decisions(self, state: State) -> None:
        """Write back what is known of the decision of the first sample."""
        if self.decisions is not None:
            state.totals, state.decided = self.decisions[0][0], int(self.decisions[1][0])

    def columns(self, at: int | slice) -> dict[str, Any]:
        """Return the arrays of a result by name: of one sample, or of several."""
        counts = self.counts[at].swapaxes(-2, -1)
        current, voltage = public_state(self.setup, self.u[at]), public_state(self.setup, self.v[at])
        return {
            "counts": counts,
            "output": counts[..., self.network.outputs, :],
            "forward_steps": self.forward_steps[at],
            "first_output": self.first_output[at],
            "current": current,
            "voltage": voltage,
            "emitted": counts,
            "state": {"u": current, "v": voltage},
        }

    def one(self) -> Result:
        """Return what the one sample did."""
        operations, updates, dropped = self.tally[0].tolist()
        return Result(
            **self.columns(0),
            synaptic_operations=operations,
            neuron_updates=updates,
            dropped=dropped,
            groups=self._groups(),
            trace=self._trace(),
            decided=None if self.decisions is None else int(self.decisions[1][0]),
        )

    def result(self) -> BatchResult:
        """Return what all samples did; they are recorded one by one, so that there is none if something is."""
        operations, updates, dropped = self.tally.T
        return BatchResult(
            **self.columns(slice(None)),
            synaptic_operations=operations,
            neuron_updates=updates,
            dropped=dropped,
            groups=None if self.setup.record == "counts" else [],
            trace=[] if self.setup.record == "trace" else None,
            decided=None if self.decisions is None else self.decisions[1],
        )

    def _groups(self) -> list[list[Any]] | None:
        if not self.recorded:
            return None
        r = self.recorded
        ids = np.split(r["ids"], np.cumsum(r["group_size"])[:-1]) if len(r["group_size"]) else []
        times = zip(r["group_t"].tolist(), r["group_k"].tolist(), ids, strict=True)
        return [[t, k, group.tolist()] for t, k, group in times]

    def _trace(self) -> list[StepRecord] | None:
        return list(self._checks()) if self.setup.record == "trace" else None

    def _checks(self) -> Iterator[StepRecord]:
        r = self.recorded
        u, v = (public_state(self.setup, r[name]).reshape(-1, self.network.n_neurons) for name in ("u", "v"))
        fired = np.split(r["fired"].astype(np.int64), np.cumsum(r["n_fired"])[:-1]) if len(u) else []
        for n, (t, k) in enumerate(zip(r["check_t"].tolist(), r["check_k"].tolist(), strict=True)):
            yield StepRecord(t, k, u[n], v[n], fired[n], {"u": u[n], "v": v[n]})


class TimedCall(Call):
    """The same for timed execution."""

    def __init__(
        self, setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], threads: int, state: State | None
    ) -> None:
        super().__init__(setup, batch, samples, threads, state)
        schedule: Any = setup.execution.schedule
        self.schedule: Timed = schedule
        assert setup.machine is not None
        self.machine: Machine = setup.machine
        shape = self.forward_steps.shape
        self.step_ps, self.first_output_ps = np.zeros(shape, np.int64), np.full(shape, -1, np.int64)
        self.decided_ps = np.full(len(batch), -1, np.int64)

    def _call(self, engine: _core.Engine) -> Any:
        batch = self.batch
        return engine.run_timed(
            self.rules,
            *machine_arrays(self.machine),
            self._replay(),
            self.samples,
            self.t0,
            batch.channel,
            self.input_counts(),
            batch.start,
            self.history,
            self.inputs,
            self.state is None,
            self.u,
            self.v,
            self.counts,
            self.forward_steps,
            self.first_output,
            self.tally,
            self.decisions,
            self.step_ps,
            self.first_output_ps,
            self.decided_ps,
            self.threads,
            self.setup.record,
            self.arrays_of_any(),
        )

    def _replay(self) -> NDArray[np.int64] | None:
        """Return recorded messages as the core numbers sources and cores; what is none of this network is -1."""
        if self.schedule.messages is None:
            return None
        network, cores = self.network, self.machine.cores
        t, _, source, core = np.array(self.schedule.messages, np.int64).reshape(-1, 4).T
        known = np.isin(core, cores) & (source >= -network.n_inputs) & (source < network.n_neurons)
        place = np.searchsorted(cores, core)
        columns = t, np.where(known, source + network.n_inputs, -1), np.where(known, place, -1)
        return np.ascontiguousarray(np.stack(columns, axis=1))

    def fail(self, status: str, sample: int, t: int, k: int, source: int) -> NoReturn:  # noqa: D102
        if status == "not pending":
            raise next(not_under_way(*each) for each in self.schedule.messages or () if each[:2] == (t, k))
        super().fail(status, sample, t, k, source)

    def columns(self, at: int | slice) -> dict[str, Any]:  # noqa: D102
        return {**super().columns(at), "step_ps": self.step_ps[at], "first_output_ps": self.first_output_ps[at]}

    def one(self) -> Result:  # noqa: D102
        found = super().one()
        decided_ps = None if self.decisions is None else int(self.decided_ps[0])
        if found.groups is None:
            return replace(found, decided_ps=decided_ps)
        log, cores = self.recorded["log"].reshape(-1, 3).tolist(), self.machine.cores.tolist()
        messages = [
            [t, k + 1, source, cores[core], arrival, start]
            for (t, k, (source,)), (core, arrival, start) in zip(found.groups, log, strict=True)
        ]
        return replace(found, decided_ps=decided_ps, messages=messages)

    def result(self) -> BatchResult:  # noqa: D102
        found = super().result()
        return replace(
            found,
            messages=found.groups,  # None, or of no sample
            decided_ps=None if self.decisions is None else self.decided_ps,
        )


def machine_arrays(machine: Machine) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return a chip as the core reads it: times of operations, cores of neurons (N,), ways from core to core (M, M)."""
    times = machine.times
    prices = (
        times.synaptic_operation,
        times.active_update,
        times.inactive_update,
        times.emission,
        times.message,
        times.arrival,
        times.barrier,
    )
    return np.array(prices, np.int64), machine.core_of, machine.way


def failure_of(setup: Setup, status: str, sample: int, t: int, k: int, source: int) -> Exception:
    """Return the error that a failure of the core means."""
    if status == "stuck":
        rows, model = next((r, m) for r, m in setup.network.models if r.start <= source < r.stop)
        return too_small(f"{type(model).__name__}.vth", model.arrays().vth[source - rows.start].item())
    if status == "not pending":
        return not_pending(t, k, source)
    return not_ended(t, sample, setup.execution.until.lower().limit)


def last_rows(before: NDArray[np.int32], after: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the last time steps of two arrays (T, n), as many as the first has."""
    n = len(before)
    return after[-n:].copy() if n <= len(after) else np.concatenate([before[len(after) :], after])
