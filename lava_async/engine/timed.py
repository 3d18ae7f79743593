"""Timed execution on the compiled engine: a :class:`~lava_async.engine.compiled.Job` of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import BatchResult, Result, Setup, State, kernels
from lava_async.engine.compiled import Job, plan_of
from lava_async.engine.cut import Cut, cut
from lava_async.engine.kernels import Record
from lava_async.engine.messages import make_messages
from lava_async.engine.plan import Plan
from lava_async.engine.timed_kernel import NO_ROOM, Cores, run_timed
from lava_async.engine.width import OneWidth
from lava_async.network import Network
from lava_async.schedules import Fifo, Timed
from lava_async.schedules.timed import Machine, not_under_way
from lava_async.spikes import SpikeBatch

_CUTS = "_cuts"
"""Under this name a network keeps its plans that are cut into cores."""
GROWTH = 4


class TimedJob(Job):
    """The arrays of one call; arguments as of a Job."""

    def __init__(self, setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], state: State) -> None:
        schedule: Any = setup.schedule
        self.schedule: Timed = schedule
        self.machine = schedule.machine(setup.network)
        plan, self.cut = _cut_of(schedule, setup.network, self.machine)
        self.recorded = self._replay(setup.network)
        self.room = 1 + 2 * len(self.cut.reach_core)
        # No queue is ranked: of the rules, only those that are not about the order are read.
        queueless = replace(setup, schedule=Fifo())
        super().__init__(queueless, batch, samples, state, OneWidth(plan, plan_of(setup.network).wide[1]))

    def _replay(self, network: Network) -> NDArray[np.int64]:
        """Return recorded messages as the kernel numbers sources and cores; what is none of this network is -1."""
        rows = np.array(self.schedule.messages or (), np.int64).reshape(-1, 4)
        t, _, source, core = rows.T
        known = np.isin(core, self.machine.cores) & (source >= -network.n_inputs) & (source < network.n_neurons)
        place = np.searchsorted(self.machine.cores, core)
        return np.stack([t, np.where(known, source + network.n_inputs, -1), np.where(known, place, -1)], axis=1)

    def load(self, batch: SpikeBatch, samples: NDArray[np.int64], state: State) -> None:  # noqa: D102
        super().load(batch, samples, state)
        self.step_ps = np.zeros(self.forward_steps.shape, np.int64)
        self.first_output_ps = np.full(self.forward_steps.shape, -1, np.int64)

    def memory(self) -> Any:  # noqa: D102
        work, queue = super().memory()
        n_cores, n_neurons = len(self.machine.cores), self.plan.n_neurons
        zeros = np.zeros(n_cores, np.int64)
        work = work._replace(full=np.zeros(len(self.cut.member_start) - 1, np.bool_))
        return (
            work,
            queue,
            Cores(zeros, zeros.copy(), zeros.copy(), zeros.copy(), np.zeros(n_neurons, np.int64)),
            self._messages(),
        )

    def _messages(self) -> Any:
        return make_messages(self.room, len(self.machine.cores), self.plan.n_inputs + self.plan.n_neurons)

    def run(self, part: slice, record: Record, tape: Any, memory: Any = None) -> int:
        """Run the samples of a slice in this thread; return the status of the kernel, as a Job does."""
        samples = range(*part.indices(len(self.samples)))
        work, queue, cores, messages = memory or self.memory()
        self.log = np.zeros((len(record.groups), 3), np.int64)
        for place, b in enumerate(samples):
            before = self.u[b].copy(), self.v[b].copy()
            while True:
                status: int = run_timed(
                    self.plan, self.cut, self.machine, self.p, self.rules, self.samples[b], self.t0,
                    self.batch.channel, self.batch.count, self.batch.start[b], self.inputs[b], self.past[b],
                    self.u[b], self.v[b], self.forward_steps[b], self.first_output[b], self.step_ps[b],
                    self.first_output_ps[b], self.tally[b], work, queue, cores, messages,
                    self.schedule.messages is not None, self.recorded, record, self.log,
                )  # fmt: skip
                if status != NO_ROOM:
                    break
                # Neurons without refractoriness send any number of messages: again from the start, with more room.
                self.room = max(self.room, GROWTH * len(messages.arrival))
                work, queue, cores, messages = self.memory()
                self._restore(b, *before)
                record.used[:] = 0
            if status != kernels.DONE:
                return status * len(samples) + place
        return kernels.DONE

    def _restore(self, b: int, u: NDArray[Any], v: NDArray[Any]) -> None:
        """Undo what an attempt at a sample has done."""
        self.u[b], self.v[b] = u, v
        self.past[b, self.D :] = 0
        self.inputs[b, len(self.inputs[b]) - self.batch.n_steps :] = 0
        for counts in (self.forward_steps, self.first_output, self.step_ps, self.tally):
            counts[b] = 0
        self.first_output_ps[b] = -1

    def raise_for(self, status: int, n: int, first: int) -> None:  # noqa: D102
        code, b = divmod(status, max(n, 1))
        if code == kernels.NOT_PENDING:
            at = self.tally[first + b]
            t, k = int(at[kernels.AT]), int(at[kernels.STEP])
            raise next(not_under_way(*each) for each in self.schedule.messages or () if each[:2] == (t, k))
        super().raise_for(status, n, first)

    def result(self) -> BatchResult:  # noqa: D102
        return replace(super().result(), step_ps=self.step_ps, first_output_ps=self.first_output_ps)

    def with_record(self, result: Result, record: Record) -> Result:
        """Add what was recorded to a result."""
        found = super().with_record(result, record)
        log = self.log[: len(found.groups or ())].tolist()
        cores = self.machine.cores.tolist()
        messages = [
            [t, k + 1, source, cores[core], arrival, start]
            for (t, k, (source,)), (core, arrival, start) in zip(found.groups or (), log, strict=True)
        ]
        return replace(found, messages=messages)


def _cut_of(schedule: Timed, network: Network, machine: Machine) -> tuple[Plan, Cut]:
    """Return the plan of a network cut into the cores of a mapping; made once."""
    kept: dict[Any, tuple[Plan, Cut]] = vars(network).setdefault(_CUTS, {})
    key = schedule.target, schedule.mapping
    if key not in kept:
        kept[key] = cut(plan_of(network).wide[0], machine.core_of, len(machine.cores))
    return kept[key]
