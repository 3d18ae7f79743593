"""A network that runs time step by time step on arrays that stay where they are: nothing is made for one time step.

What a time step makes is little work, so `Stepper`, whose results are new objects, would take most of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import State, kernels
from lava_async.engine.compiled import NO_TAPE, Job, plan_of
from lava_async.engine.width import OneWidth
from lava_async.jit import jit
from lava_async.schedules import Timed
from lava_async.simulation import Stepper
from lava_async.spikes import MAX_PAYLOAD, SpikeBatch, SpikeTrain


class TimeSteps:
    """The time steps of samples, one after another, on the compiled engine.

    Parameters
    ----------
    rules : dict
        Keywords of :class:`lava_async.simulation.Stepper`, whose results these are.

    Attributes
    ----------
    u, v : (N,) float32 or int64
        Current and voltage; whoever writes into them changes what comes next.
    counts : (N,) int32
        Spikes of each neuron in the last time step.
    """

    def __init__(self, rules: dict[str, Any]) -> None:
        self._setup = Stepper(**rules).setup
        network = self._setup.network
        self._outputs = network.outputs
        silence = SpikeBatch.of_one(SpikeTrain.from_dense(np.zeros((network.n_inputs, 1), np.int32)))
        # In the numbers of the model: frames may have any payload, and users may write any state.
        width = OneWidth(*plan_of(network).wide)
        self._job = job = Job(self._setup, silence, np.zeros(1, np.int64), State.zeros(network), width)
        self._work = job.memory()
        self._t = 0
        self.u, self.v, self.counts = job.u[0], job.v[0], job.past[0, -1]
        # The engine trusts lists of spikes as they are, so it gets them in arrays that it cannot write.
        self._channel, self._count = np.zeros((2, network.n_inputs), np.int32)
        self._start = np.zeros((1, 2), np.int64)
        lists = self._channel.view(), self._count.view(), self._start.view()
        for array in lists:
            array.flags.writeable = False
        self._before = job.plan, job.p, job.rules, job.samples
        self._after = (*lists, job.inputs, job.past, job.u, job.v, job.forward_steps, job.first_output, job.tally)

    def reset(self, sample: int) -> None:
        """Begin a sample: everything zero."""
        self._t = 0
        for array in (self.u, self.v, self._job.past, self._job.inputs):
            array.fill(0)
        self._job.samples[0] = sample

    def step(self, frame: NDArray[Any]) -> NDArray[np.int32]:
        """Run one time step on input counts (C,); return the spikes of the output neurons."""
        job = self._job
        n = list_spikes(frame, self._channel, self._count)
        if n < 0:
            SpikeTrain.from_dense(frame.reshape(-1, 1))  # It says what is wrong.
        self._start[0, 1] = n
        for history in (job.past[0], job.inputs[0]):
            history[:-1] = history[1:]
            history[-1:] = 0
        job.tally[:] = job.first_output[:] = 0
        work, queue = self._work
        status = kernels.run_slice(*self._before, self._t, *self._after, work, queue, job.no_record, NO_TAPE)
        if status != kernels.DONE:
            job.raise_for(status, 1, 0)
        self._t += 1
        return self.counts[self._outputs]

    def totals(self) -> tuple[Any, Any, Any, Any]:
        """Return forward steps, synaptic operations, neuron updates and dropped spikes of the last time step."""
        tally = self._job.tally[0]
        return (self._job.forward_steps[0, 0], tally[kernels.OPERATIONS], tally[kernels.UPDATES],
                tally[kernels.DROPPED])  # fmt: skip


class TimedSteps:
    """The same for `Timed`, which has a kernel of its own; there, making results is the smaller part."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self._stepper = Stepper(**rules)

    @property
    def u(self) -> NDArray[Any]:
        """Current; whoever writes into it changes what comes next."""
        return self._stepper.state.u

    @property
    def v(self) -> NDArray[Any]:
        """Voltage, alike."""
        return self._stepper.state.v

    def reset(self, sample: int) -> None:
        """Begin a sample: everything zero."""
        self._stepper.reset(sample)

    def step(self, frame: NDArray[Any]) -> NDArray[np.int32]:
        """Run one time step on input counts (C,); return the spikes of the output neurons."""
        self._result = self._stepper.step(frame)
        self.counts = self._result.counts[:, 0]
        return self._result.output[:, 0]

    def totals(self) -> tuple[Any, Any, Any, Any]:
        """Return forward steps, synaptic operations, neuron updates and dropped spikes of the last time step."""
        last = self._result
        return last.forward_steps[0], last.synaptic_operations, last.neuron_updates, last.dropped


def time_steps(rules: dict[str, Any]) -> TimeSteps | TimedSteps:
    """Return the time steps of a network; `rules` are keywords of :class:`lava_async.simulation.Stepper`."""
    return TimedSteps(rules) if isinstance(rules["schedule"], Timed) else TimeSteps(rules)


@jit
def list_spikes(frame: Any, channel: Any, count: Any) -> int:
    """List the spikes of a frame (C,); return how many there are, -1 if one is no count."""
    n = 0
    for c in range(len(frame)):
        x = frame[c]
        if x != 0:
            whole = np.int32(x)
            if whole != x or x < 0 or x > MAX_PAYLOAD:
                return -1
            channel[n], count[n] = c, whole
            n += 1
    return n
