"""The compiled engine: semantics.md event by event, in numba. Work is done only for what a spike touches.

Equal to `reference` bit by bit: sums run in the same order and fastmath is off. A kernel runs a slice of a batch
serially and without the GIL; threads share a batch by slices. What a kernel cannot finish (a list that is full, a
limit) it returns as a status, and Python deals with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import BatchResult, Checked, Result, Setup, State, kernels, public_state
from lava_async.engine.alignment import aligned_zeros
from lava_async.engine.deliver import Work
from lava_async.engine.kernels import Record, Rules
from lava_async.engine.plan import lay_out
from lava_async.engine.select import Queue, make_queue
from lava_async.engine.tape import Tape, no_tape
from lava_async.engine.width import Widths
from lava_async.errors import InvalidType
from lava_async.network import Network
from lava_async.schedules import Layered, Order, Replay, Schedule, Timed
from lava_async.schedules.replay import not_pending
from lava_async.spikes import SpikeBatch, SpikeTrain
from lava_async.stopping import not_ended
from lava_async.threads import in_threads, share

_EVERYTHING = 2**31 - 1
NO_TAPE = no_tape()
_NO_REPLAY = np.zeros((1, 3), np.int64), np.zeros(0, np.int32)
_PLAN = "_plan"
"""Under this name a network keeps its plan, as a cached property would."""


def run(setup: Setup, spikes: SpikeTrain, sample: int, state: State) -> Result:
    """Run one sample from `state`, which is carried on in place; arguments as in :func:`lava_async.simulate`."""
    batch = SpikeBatch.of_one(spikes)
    room = 0 if setup.record == "counts" else 64
    while True:
        job = job_of(setup, batch, np.array([sample]), state)
        record = _make_record(job, room, trace=setup.record == "trace") if room else job.no_record
        status = job.run(slice(0, 1), record, NO_TAPE)
        if status != kernels.RECORD_FULL:
            break
        room *= 4
    job.raise_for(status, 1, 0)
    job.carry(state)
    result = job.result()[0]
    if room == 0:
        return result
    return job.with_record(result, record)


class Steps:
    """Runs one time step after another; what :func:`run` makes for each call is made once."""

    def __init__(self, setup: Setup, state: State) -> None:
        silence = SpikeTrain.from_dense(np.zeros((setup.network.n_inputs, 1), np.int32))
        self.job = job_of(setup, SpikeBatch.of_one(silence), np.zeros(1, np.int64), state)
        self.memory = self.job.memory()

    def run(self, spikes: SpikeTrain, sample: int, state: State) -> Result:
        """Run one time step; arguments as of :func:`run`."""
        before = self.job.plan
        self.job.load(SpikeBatch.of_one(spikes), np.array([sample]), state)
        if self.job.plan is not before:
            self.memory = self.job.memory()
        status = self.job.run(slice(0, 1), self.job.no_record, NO_TAPE, self.memory)
        if status != kernels.DONE:
            self.memory = self.job.memory()
        self.job.raise_for(status, 1, 0)
        self.job.carry(state)
        return self.job.result()[0]


def run_batch(setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], threads: int | None = None) -> BatchResult:
    """Run the samples of a batch from rest, on `threads` threads (default: the cores that this process may use)."""
    job = job_of(setup, batch, samples, State.zeros(setup.network))
    slices = share(len(batch), threads)
    statuses = in_threads(lambda part: job.run(part, job.no_record, NO_TAPE), slices)
    for part, status in zip(slices, statuses, strict=True):
        job.raise_for(status, part.stop - part.start, part.start)
    return job.result()


def warm_up(network: Network) -> None:
    """Compile, or load from the cache, what runs this network, so that a forked process need not."""
    spikes = SpikeTrain.from_dense(np.zeros((network.n_inputs, 1), np.int32))
    run(Setup(network), spikes, 0, State.zeros(network))


def job_of(setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], state: State) -> Job:
    """Return the arrays of a call, as its schedule needs them."""
    if isinstance(setup.schedule, Timed):
        from lava_async.engine.timed import TimedJob  # It stands on this module.

        return TimedJob(setup, batch, samples, state)
    return Job(setup, batch, samples, state)


def plan_of(network: Network) -> Widths:
    """Return the plan of a network and the arrays of its neurons; made once."""
    kept = vars(network)
    if _PLAN not in kept:
        kept[_PLAN] = Widths(lay_out(network), network.params.arrays())
    widths: Widths = kept[_PLAN]
    return widths


class Job:
    """The arrays of one call."""

    def __init__(
        self, setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], state: State,
        widths: Widths | None = None,
    ) -> None:  # fmt: skip
        self.setup, self.widths = setup, widths or plan_of(setup.network)
        self.rules = _rules(setup)
        self.replay = _replay_arrays(setup.schedule, setup.network.n_inputs)
        self.load(batch, samples, state)

    def load(self, batch: SpikeBatch, samples: NDArray[np.int64], state: State) -> None:
        """Get ready to run these samples, from this state."""
        setup = self.setup
        if setup.input_dropout > 0:
            batch = batch.thinned(setup.input_dropout, setup.seed, samples, state.t)
        self.batch, self.samples, self.t0 = batch, samples, state.t
        once = setup.refractory and setup.refractory_dropout == 0  # the payload of a neuron is at most 1
        payload = int(batch.count.max(initial=1))
        self.plan, self.p = self.widths.of(payload, state.u, state.v) if once else self.widths.wide
        n, n_steps = len(batch), batch.n_steps
        self.D, d_in = len(state.history), len(state.inputs)
        self.past = np.zeros((n, self.D + n_steps, self.plan.n_neurons), np.int32)
        self.past[:, : self.D] = state.history
        self.inputs = np.zeros((n, d_in + n_steps if d_in else 0, self.plan.n_inputs), np.int32)
        self.inputs[:, :d_in] = state.inputs
        dtype = self.plan.weights.dtype
        self.u, self.v = (np.repeat(x[None].astype(dtype), n, axis=0) for x in (state.u, state.v))
        self.forward_steps, self.first_output = np.zeros((n, n_steps), np.int32), np.zeros((n, n_steps), np.int32)
        self.tally = np.zeros((n, kernels.N_TALLY), np.int64)
        self.no_record = _make_record(self, 0, trace=False)

    def memory(self) -> tuple[Work, Queue]:
        """Return what one thread needs; a run that ends well leaves it as it was."""
        plan, n_sources = self.plan, self.plan.n_inputs + self.plan.n_neurons
        words = np.zeros(plan.n_neurons // 8 + 1, np.uint64)
        work = Work(
            aligned_zeros(plan.n_neurons, self.u.dtype), np.zeros(plan.n_neurons, np.bool_),
            np.zeros(len(plan.layer_start) - 1, np.bool_), np.zeros(plan.n_neurons, np.bool_),
            np.zeros(plan.n_neurons, np.int32), np.zeros(3, np.int64), *self.replay,
            np.zeros(plan.n_neurons + 8, np.int32), words.view(np.uint8), words,
            np.zeros(n_sources, np.int32), np.zeros(n_sources, np.int32),
        )  # fmt: skip
        return work, make_queue(n_sources)

    def run(self, part: slice, record: Record, tape: Tape, memory: tuple[Work, Queue] | None = None) -> int:
        """Run the samples of a slice in this thread; return the status of the kernel."""
        work, queue = memory or self.memory()
        status: int = kernels.run_slice(
            self.plan, self.p, self.rules, self.samples[part], self.t0, self.batch.channel, self.batch.count,
            self.batch.start[part], self.inputs[part], self.past[part], self.u[part], self.v[part],
            self.forward_steps[part], self.first_output[part], self.tally[part], work, queue, record, tape,
        )  # fmt: skip
        return status

    def raise_for(self, status: int, n: int, first: int) -> None:
        """Raise what a status of :func:`kernels.run_slice` means."""
        code, b = divmod(status, max(n, 1))
        if code == kernels.DONE:
            return
        tally = self.tally[first + b]
        if code == kernels.NOT_PENDING:
            raise not_pending(int(tally[kernels.AT]), int(tally[kernels.STEP]), int(tally[kernels.SOURCE_AT]))
        raise not_ended(int(tally[kernels.AT]), int(self.samples[first + b]), self.rules.limit)

    def carry(self, state: State) -> None:
        """Write the end of the first sample back to its state."""
        state.u, state.v, state.t = self.u[0], self.v[0], state.t + self.batch.n_steps
        state.history = self.past[0, len(self.past[0]) - len(state.history) :]
        state.inputs = self.inputs[0, len(self.inputs[0]) - len(state.inputs) :]

    def result(self) -> BatchResult:
        """Return what all samples did."""
        counts = self.past[:, self.D :].transpose(0, 2, 1)
        tally = self.tally
        return BatchResult(
            counts, counts[:, self.setup.network.outputs], self.forward_steps, self.first_output,
            public_state(self.setup, self.u), public_state(self.setup, self.v),
            tally[:, kernels.OPERATIONS], tally[:, kernels.UPDATES], tally[:, kernels.DROPPED],
        )  # fmt: skip

    def with_record(self, result: Result, record: Record) -> Result:
        """Add what was recorded to a result."""
        return _with_record(self.setup, result, record)


def _rules(setup: Setup) -> Rules:
    schedule, stop = setup.schedule, setup.until.lower()
    order = Order(0) if isinstance(schedule, (Layered, Replay)) else schedule.ranking()
    if order is None or (type(schedule).pick is not Schedule.pick and not isinstance(schedule, Replay)):
        raise InvalidType("schedule", type(schedule).__name__, "ranked by an Order; engine='reference' runs any")
    return Rules(
        isinstance(schedule, Layered), isinstance(schedule, Replay), int(order.first), int(order.second),
        float(order.noise), schedule.group_size or _EVERYTHING, stop.extra_steps, stop.limit, stop.truncate,
        setup.refractory, setup.input_first, float(setup.refractory_dropout), setup.seed,
    )  # fmt: skip


def _replay_arrays(schedule: Schedule, n_inputs: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return `Work.replay_at` and `Work.replay_source`."""
    if not isinstance(schedule, Replay):
        return _NO_REPLAY
    groups = schedule.groups
    sizes = np.cumsum([0] + [len(ids) for _, _, ids in groups])
    at = [(t, k, size) for (t, k, _), size in zip(groups, sizes[:-1], strict=True)] + [(0, 0, sizes[-1])]
    sources = [i + n_inputs for _, _, ids in groups for i in ids]
    return np.array(at, np.int64), np.array(sources, np.int32)


def _make_record(job: Job, room: int, *, trace: bool) -> Record:
    checks, n = (room if trace else 0), job.plan.n_neurons
    return Record(
        np.zeros((room, 3), np.int64), np.zeros(room * 8, np.int32), np.zeros((checks, 2), np.int64),
        np.zeros((checks, n), job.u.dtype), np.zeros((checks, n), job.u.dtype), np.zeros((checks, n), np.int32),
        np.zeros(3, np.int64),
    )  # fmt: skip


def _with_record(setup: Setup, result: Result, record: Record) -> Result:
    """Add what was recorded to a result."""
    n_inputs, used = setup.network.n_inputs, record.used
    ends = np.cumsum(record.groups[: used[kernels.GROUPS], 2])
    ids = np.split(record.ids[: used[kernels.IDS]] - n_inputs, ends)
    groups = [[int(t), int(k), ids[g].tolist()] for g, (t, k, _) in enumerate(record.groups[: used[kernels.GROUPS]])]
    trace = None
    if setup.record == "trace":
        n, u, v = used[kernels.CHECKS], public_state(setup, record.u), public_state(setup, record.v)
        t, k, so_far = record.checks[:n, 0], record.checks[:n, 1], record.counts[:n]
        earlier = np.zeros_like(so_far)
        earlier[1:] = np.where((np.diff(t) == 0)[:, None], so_far[:-1], 0)
        trace = [Checked(int(t[c]), int(k[c]), u[c], v[c], np.flatnonzero(so_far[c] > earlier[c])) for c in range(n)]
    return Result(**{**result.__dict__, "groups": groups, "trace": trace})
