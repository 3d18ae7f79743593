"""The main entry point: run a network on spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.engine import BatchResult, Result, Setup, State, StepRecord, compiled, reference, timed_reference
from lava_async.engine.steps import Steps, runs_single_steps
from lava_async.errors import InvalidType, InvalidValue, not_among
from lava_async.execution import LARGEST_KEY, Execution, Fields, chosen
from lava_async.forms import plain
from lava_async.network import Network
from lava_async.records import check_int, check_range, integer_array
from lava_async.renamed import renamed
from lava_async.schedules import ExecutionKind
from lava_async.spikes import SpikeBatch, SpikeTrain
from lava_async.stopping import StopRule

if TYPE_CHECKING:
    from typing_extensions import Unpack

RECORDS = ("counts", "groups", "trace")
ENGINES = {"compiled": compiled, "reference": reference}


def simulate(
    network: Network,
    spikes: ArrayLike | SpikeTrain,
    *,
    execution: Execution | None = None,
    schedule: ExecutionKind | None = None,
    until: StopRule | None = None,
    refractory: bool | None = None,
    input_first: bool | None = None,
    seed: int | None = None,
    sample: int = 0,
    record: str = "counts",
    engine: str = "compiled",
) -> Result:
    """Run one sample.

    Parameters
    ----------
    network : Network
        What to run; its parameters decide the arithmetic.
    spikes : (C, T) integers or SpikeTrain
        Input spike counts (a count is the payload of the spike), time last.
    execution : Execution, optional
        How the network runs. Default: as its file notes (``network.execution``), else as ``Execution()`` says: layer by
        layer, until nothing is pending, with refractoriness, input first, seed 0.
    schedule, until, refractory, input_first, seed : optional
        Each overrides a field of the execution; see :class:`lava_async.Execution`.
    sample : int
        Number of the sample. Together with the seed it keys the random schedules: equal keys, equal runs.
    record : {"counts", "groups", "trace"}
        "groups" adds which neurons were picked when, "trace" also current and voltage after every forward step.
    engine : {"compiled", "reference"}
        The two give the same result; the reference is slow and readable.

    Returns
    -------
    Result

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used, naming it, its value and what is allowed.
    ForwardStepLimit
        If a time step does not end within the limit of the stop rule.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> net = Network.feedforward([[[1.0], [0.4]], [[0.6, 0.6]]], CubaParams(du=1, dv=1, vth=0.5))
    >>> simulate(net, [[1, 0]], schedule=Random(group_size=1)).counts.tolist()
    [[1, 0], [0, 0], [1, 0]]
    """
    setup = _setup(
        network,
        record,
        execution,
        schedule=schedule,
        until=until,
        refractory=refractory,
        input_first=input_first,
        seed=seed,
    )
    chosen = engine_of(engine, setup.execution)
    if not isinstance(spikes, SpikeTrain):
        spikes = SpikeTrain.from_dense(spikes)
    _check_channels(network, spikes.n_channels)
    result: Result = chosen.run(setup, spikes, _key("sample", sample))
    if setup.machine is not None and setup.execution.schedule.layered:
        result = _timed_by_layer(setup, SpikeBatch.of_one(spikes), BatchResult.stack([result]))[0]
    return result


def simulate_batch(
    network: Network,
    spikes: ArrayLike | Sequence[SpikeTrain] | SpikeBatch,
    *,
    samples: ArrayLike | None = None,
    threads: int | None = None,
    execution: Execution | None = None,
    schedule: ExecutionKind | None = None,
    until: StopRule | None = None,
    refractory: bool | None = None,
    input_first: bool | None = None,
    seed: int | None = None,
    record: str = "counts",
    engine: str = "compiled",
) -> BatchResult:
    """Run B samples; each gives what :func:`simulate` gives for it alone, whatever the batch and the threads.

    Parameters
    ----------
    spikes : (B, C, T) integers, or B SpikeTrains of one shape
        Input spike counts.
    samples : (B,) int, optional
        Sample numbers, which key the random schedules; default 0 .. B - 1.
    threads : int, optional
        Threads that share the batch; default: the cores that this process may use.
    network, execution, schedule, until, refractory, input_first, seed, record, engine
        As in :func:`simulate`, as are the errors.

    Raises
    ------
    InvalidType, InvalidValue
        As in :func:`simulate`; or if there is not one sample number per sample.

    Examples
    --------
    >>> from lava_async import CubaParams, Random
    >>> net = Network.feedforward([[[2.0]], [[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate_batch(net, [[[1, 0, 1]], [[0, 0, 1]]], schedule=Random(group_size=1))
    >>> run.output[:, 0].tolist()
    [[1, 0, 1], [0, 0, 1]]
    """
    setup = _setup(
        network,
        record,
        execution,
        schedule=schedule,
        until=until,
        refractory=refractory,
        input_first=input_first,
        seed=seed,
    )
    chosen = engine_of(engine, setup.execution)
    batch = SpikeBatch.of(spikes)
    _check_channels(network, batch.n_channels)
    numbers = np.arange(len(batch)) if samples is None else integer_array("samples", samples)
    check_range("samples", numbers, 0, LARGEST_KEY)
    if numbers.shape != (len(batch),):
        raise InvalidValue("samples.shape", numbers.shape, f"({len(batch)},), one number per sample")
    if threads is not None:
        check_int("threads", threads, least=1)
    if (record == "counts" and chosen is compiled) or len(batch) == 0:
        return _timed_by_layer(setup, batch, compiled.run_batch(setup, batch, numbers, threads))
    each = [chosen.run(setup, batch[b], int(numbers[b])) for b in range(len(batch))]
    return _timed_by_layer(setup, batch, BatchResult.stack(each))


def _timed_by_layer(setup: Setup, batch: SpikeBatch, result: BatchResult) -> BatchResult:
    """Return a result with the times of a chip that keeps layers in step, if the schedule asks for them."""
    if setup.machine is None or not setup.execution.schedule.layered or not len(batch):
        return result
    from lava_async.hardware.barriers import layered_times

    times = layered_times(setup.network, setup.machine, batch, result.counts)
    if result.decided is not None:
        over = np.arange(batch.n_steps) >= np.where(result.decided > 0, result.decided, batch.n_steps)[:, None]
        times.step_ps[over] = 0
        return replace(result, **times._asdict(), decided_ps=np.full(len(batch), -1, np.int64))
    return replace(result, **times._asdict())


class Stepper:
    """A network that runs time step by time step and keeps its state in between, as a chip does.

    Parameters
    ----------
    network, execution, schedule, until, refractory, input_first, seed, engine, record
        As in :func:`simulate`.

    Notes
    -----
    ``[stepper.step(frame) for frame in frames]`` gives the spikes of :func:`simulate` on the frames together.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.simulation import Stepper
    >>> stepper = Stepper(Network.feedforward([[[2.0]]], CubaParams(du=1, dv=0.5, vth=2.5)))
    >>> [stepper.step([1]).counts.tolist() for _ in range(3)]
    [[[0]], [[1]], [[0]]]
    """

    def __init__(
        self,
        network: Network,
        *,
        execution: Execution | None = None,
        schedule: ExecutionKind | None = None,
        until: StopRule | None = None,
        refractory: bool | None = None,
        input_first: bool | None = None,
        seed: int | None = None,
        engine: str = "compiled",
        record: str = "counts",
    ) -> None:
        self.setup = _setup(
            network,
            record,
            execution,
            schedule=schedule,
            until=until,
            refractory=refractory,
            input_first=input_first,
            seed=seed,
        )
        self._engine = engine_of(engine, self.setup.execution)
        self.sample, self.state = 0, State.zeros(network)
        # One time step makes little work: the arrays of a call would cost more than the time step.
        kept = self._engine is compiled and record == "counts" and runs_single_steps(self.setup)
        self._steps = Steps(self.setup, self.state) if kept else None
        self._last: Result | None = None  # Of the last time step, if a call ran it.
        self._ran = False
        self._n_inputs = network.n_inputs

    def reset(self, sample: int) -> None:
        """Begin a sample: everything zero, time step 0."""
        self.sample = _key("sample", sample)
        if self._steps:
            self._steps.reset(self.sample)
        else:
            self.state = State.zeros(self.setup.network)

    def step(self, frame: ArrayLike) -> Result:
        """Run one time step on input counts of shape (C,); the result has T = 1."""
        self.advance(frame)
        return self.result()

    def advance(self, frame: ArrayLike) -> None:
        """Run one time step as :meth:`step` does, without a result, which takes longer than a small time step."""
        if type(frame) is not np.ndarray or frame.dtype.kind in "OV":
            frame = np.asarray(plain("frame", frame))
        flat = frame.reshape(-1)
        if len(flat) != self._n_inputs:
            _check_channels(self.setup.network, len(flat))
        self._ran = True
        if self._steps:
            if self._steps.step(flat):
                return
            self._steps = None  # Graded input: calls take it.
        self._last = self._engine.run(self.setup, SpikeTrain.from_dense(flat[:, None]), self.sample, self.state)

    @property
    def takes_counts(self) -> bool:
        """Whether all input so far was spike counts of neurons whose time steps run on arrays that are kept."""
        return self._steps is not None

    def result(self) -> Result:
        """Return the last time step as a result, T = 1.

        Raises
        ------
        InvalidValue
            If no time step has been run.
        """
        if not self._ran:
            raise InvalidValue("Stepper: time steps so far", 0, "at least 1: call step or advance first")
        if self._steps:
            return self._steps.result()
        assert self._last is not None
        return self._last

    @property
    def counts(self) -> NDArray[np.int32]:
        """Spikes of each neuron in the last time step, (N,); the next time step may write over them."""
        return self._steps.counts if self._steps else self.result().counts[:, 0]

    def totals(self) -> tuple[int, int, int, int]:
        """Return forward steps, synaptic operations, neuron updates and dropped spikes of the last time step."""
        if self._steps:
            return self._steps.forward_steps.item(), *self._steps.tally[0].tolist()
        last = self.result()
        return int(last.forward_steps[0]), last.synaptic_operations, last.neuron_updates, last.dropped


def _setup(network: Network, record: str, execution: Execution | None, **fields: Unpack[Fields]) -> Setup:
    if not isinstance(network, Network):
        raise InvalidType("network", network, "a Network")
    if record not in RECORDS:
        raise not_among("record", record, RECORDS)
    how = chosen(execution, network.execution, **fields)
    if not how.refractory and any(np.any(model.refractory_steps) for _, model in network.models):
        raise InvalidValue("refractory", False, "True for a network whose neurons have refractory_steps")
    return setup_of(network, how, record)


def setup_of(network: Network, execution: Execution, record: str = "counts", **dropout: float) -> Setup:
    """Return what engines run; `dropout` as of :class:`~lava_async.engine.Setup`."""
    machine = None
    chip: Any = execution.schedule if execution.schedule.timed else getattr(execution.schedule, "chip", None)
    if chip is not None:
        from lava_async.hardware.machine import machine_of  # Nothing else takes the time to import it.

        machine = machine_of(chip, network)
    return Setup(network, execution, record, **dropout, machine=machine)


def engine_of(name: str, execution: Execution) -> ModuleType:
    """Return the engine of that name, as it runs an execution: a module with a function ``run``."""
    if not isinstance(name, str) or name not in ENGINES:
        raise not_among("engine", name, ENGINES)
    engine = ENGINES[name]
    return timed_reference if engine is reference and execution.schedule.timed else engine


def _key(where: str, value: int) -> int:
    """Check a seed or sample number: 63 bits, so that it survives JSON, HDF5 and numpy alike."""
    return check_int(where, value, most=LARGEST_KEY)


def _check_channels(network: Network, n_channels: int) -> None:
    if n_channels != network.n_inputs:
        raise InvalidValue("spikes: number of channels C", n_channels, f"{network.n_inputs}, the network's inputs")


__all__ = ["BatchResult", "Result", "StepRecord", "Stepper", "simulate", "simulate_batch"]

__getattr__ = renamed(__name__, {"Checked": StepRecord}, globals())
