"""Runs that can be differentiated: the forward kernels with a tape, then the backward kernels, slice by slice.

Each thread has a slice of the batch, a tape and a gradient of its own; gradients are added in the order of the slices,
so a result depends on the number of threads only by the order of float sums, and is the same from run to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import Setup, State, adjoint, kernels
from lava_async.engine.adjoint import Rule
from lava_async.engine.alignment import aligned_zeros
from lava_async.engine.compiled import Job
from lava_async.engine.deliver_back import Weights
from lava_async.engine.plan import Plan
from lava_async.engine.scratch import Scratch, make_scratch
from lava_async.engine.tape import MAX_LAYERS, Tape, make_tape
from lava_async.engine.width import Widths
from lava_async.errors import InvalidValue
from lava_async.spikes import SpikeBatch
from lava_async.threads import in_threads, share


class Model(NamedTuple):
    """A network as the forward kernels read it, and once more in floating point, for the backward kernels."""

    plan: Plan
    p: Any
    """Arrays of its neurons."""
    weights: Weights
    unit: float
    """What one unit of the state of the forward kernels is in floating point."""


class Pool:
    """Memory that is used again: a new tape costs page faults, about as much time as a third of a run."""

    def __init__(self) -> None:
        self._free: list[Tape] = []
        self._scratch: list[Scratch] = []
        self._room = (64, 256, 8192, 256)
        """Steps, spikes, checks and touches per sample that were enough so far."""

    def tape(self, n: int, n_steps: int, model: Model, states: bool, voltages: bool) -> Tape:
        """Return an empty tape for n samples of T time steps; `states`, `voltages` as in :func:`tape.make_tape`."""
        for place, tape in enumerate(self._free):
            if self._fits(tape, n, n_steps, model, states, voltages):
                tape.cursor[:] = 0
                return self._free.pop(place)
        always = (model.weights.keep_u != 0) | (model.weights.bias != 0)
        room = tuple(n * each for each in self._room)
        return make_tape(n, n_steps, always, model.unit, model.weights.vth.dtype, room, states, voltages)  # type: ignore[arg-type]

    def _fits(self, tape: Tape, n: int, n_steps: int, model: Model, states: bool, voltages: bool) -> bool:
        tape.always[:] = (model.weights.keep_u != 0) | (model.weights.bias != 0)
        tape.unit[0] = model.unit
        same = tape.peak.shape[:2] == (n, n_steps) and tape.peak.dtype == model.weights.vth.dtype
        same &= (len(tape.open_u) > 0, len(tape.voltage) > 0) == (states and n > 0, voltages and n > 0)
        return same and len(tape.step) >= n * self._room[0]

    def scratch(self, plan: Plan, n_steps: int, dtype: Any) -> Scratch:
        """Return the memory of one thread that walks back."""
        scratch = self._scratch.pop() if self._scratch else None
        if scratch is None or (len(scratch.counts), scratch.counts.dtype) != (n_steps, dtype):
            n_layers = len(plan.layer_start) - 1
            scratch = make_scratch(plan.n_neurons, n_layers, n_steps, len(plan.weights), dtype)
        return scratch

    def enlarge(self) -> None:
        """Make room: a tape was full."""
        self._room = tuple(2 * each for each in self._room)  # type: ignore[assignment]
        self._free.clear()

    def give_back(self, tapes: Sequence[Tape] = (), scratch: Sequence[Scratch] = ()) -> None:
        """Take what nobody reads any more; a little is kept."""
        self._free = [*self._free, *tapes][-8:]
        self._scratch = [*self._scratch, *scratch][-8:]


class Recorded:
    """A run that can be differentiated.

    Parameters
    ----------
    setup : Setup
        What is run, as in :func:`lava_async.simulate_batch`.
    model : Model
        The network of `setup` with the weights of this run.
    rule : Rule
        How to differentiate.
    batch, samples, threads
        As in :func:`lava_async.simulate_batch`.
    pool : Pool
        Where memory comes from.
    """

    def __init__(
        self, setup: Setup, model: Model, rule: Rule, batch: SpikeBatch, samples: NDArray[np.int64],
        threads: int | None, pool: Pool,
    ) -> None:  # fmt: skip
        self._pool, self._tapes = pool, list[Tape]()
        n_layers = len(setup.network.layers)
        if n_layers > MAX_LAYERS:
            raise InvalidValue("Network.layers", f"{n_layers} layers", f"at most {MAX_LAYERS} for compiled training")
        self.model, self.rule = model, rule
        self.slices = share(len(batch), threads)
        widths = Widths(model.plan, model.p)
        # Voltages are asked for unless each neuron counts where it is highest, which the tape knows, and only there.
        voltages = not rule.peak or rule.differentiated or not setup.refractory or setup.refractory_dropout > 0
        while True:
            self.job = Job(setup, batch, samples, State.zeros(setup.network), widths)
            self._tapes = [
                pool.tape(s.stop - s.start, batch.n_steps, model, rule.states, voltages) for s in self.slices
            ]
            statuses = in_threads(lambda s, tape: self.job.run(s, self.job.no_record, tape), self.slices, self._tapes)
            sizes = [s.stop - s.start for s in self.slices]
            if not any(status // max(n, 1) == kernels.RECORD_FULL for status, n in zip(statuses, sizes, strict=True)):
                break
            pool.enlarge()
        for s, status in zip(self.slices, statuses, strict=True):
            self.job.raise_for(status, s.stop - s.start, s.start)

    def __del__(self) -> None:
        self._pool.give_back(self._tapes)

    def backward(self, counts: NDArray[Any], neurons: slice = slice(None)) -> Weights:
        """Return the gradient of a loss, given its derivative by each spike count of some neurons, (B, T, n)."""
        counts = np.ascontiguousarray(counts, self.model.weights.vth.dtype)
        places = np.arange(self.job.plan.n_neurons)[neurons]
        scratch = [self._pool.scratch(self.job.plan, counts.shape[1], counts.dtype) for _ in self.slices]
        gradients = in_threads(
            lambda s, tape, scratch: self._backward(counts[s], places, s, tape, scratch),
            self.slices, self._tapes, scratch,
        )  # fmt: skip
        self._pool.give_back(scratch=scratch)
        total = gradients[0]
        for gradient in gradients[1:]:
            for into, more in zip(total, gradient, strict=True):
                into += more
        return total

    def _backward(
        self, counts: NDArray[Any], neurons: NDArray[np.int64], part: slice, tape: Tape, scratch: Scratch
    ) -> Weights:
        job, w = self.job, self.model.weights
        gradient = Weights(*(aligned_zeros(x.shape, x.dtype) for x in w))
        plan = job.plan._replace(weights=w.weights)  # of one type for both arithmetics: compiled once
        adjoint.backward_slice(
            plan, job.rules, self.rule, job.batch.channel, job.batch.count, job.batch.start[part],
            job.inputs[part], job.past[part], tape, counts, neurons, w, gradient, scratch,
        )  # fmt: skip
        return gradient
