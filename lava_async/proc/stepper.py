"""The time steps of a network in a Lava Process: arrays stay where they are, since a time step is little work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import State
from lava_async.engine.steps import Steps, runs_single_steps
from lava_async.execution import Execution
from lava_async.metrics import silent_outputs
from lava_async.network import Network
from lava_async.simulation import Stepper, setup_of
from lava_async.spikes import dense_counts


class TimeSteps:
    """The time steps of samples, one after another, on the compiled engine.

    Parameters
    ----------
    network, execution
        As in :class:`lava_async.simulation.Stepper`, whose results these are.

    Attributes
    ----------
    u, v : (N,) float32 or int64
        Current and voltage; whoever writes into them changes what comes next.
    counts : (N,) int32
        Spikes of each neuron in the last time step.
    """

    def __init__(self, network: Network, execution: Execution) -> None:
        setup = setup_of(network, execution)
        state = State.zeros(setup.network)
        self._steps, self._outputs = Steps(setup, state), setup.network.outputs
        self.u, self.v, self.counts = state.u, state.v, self._steps.counts

    def reset(self, sample: int) -> None:
        """Begin a sample: everything zero."""
        self._steps.reset(sample)

    def step(self, frame: NDArray[Any]) -> NDArray[np.int32]:
        """Run one time step on input counts (C,); return the spikes of the output neurons."""
        if not self._steps.step(frame):
            dense_counts("AsyncNetwork: frame", frame[:, None], "(C, T)")  # It says what is wrong.
        return self.counts[self._outputs]

    @property
    def decided(self) -> int:
        """After how many time steps a stop rule ended the sample; 0: it goes on, or no rule ends samples."""
        return int(self._steps.decided[0])

    def totals(self) -> tuple[int, int, int, int]:
        """Return forward steps, synaptic operations, neuron updates and dropped spikes of the last time step."""
        return self._steps.forward_steps.item(), *self._steps.tally[0].tolist()


class TimedSteps:
    """The same for `Timed` and for neurons that are not CUBA; there, making results is the smaller part."""

    def __init__(self, network: Network, execution: Execution) -> None:
        self._stepper, self._outputs = Stepper(network, execution=execution), network.outputs
        read_out = network.outputs[silent_outputs(network)]
        sums = np.zeros(network.n_neurons, bool)
        for here, model in network.models:
            sums[here] = "sigma" in model.state
        self._read_out = np.isin(network.outputs, read_out) & sums[network.outputs]

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

    def step(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Run one time step on an input frame (C,); return what the output neurons sent, spikes or numbers.

        Sigma-delta neurons that never send are read out: of them it is sigma, as Lava's Sigma sends it.
        """
        result = self._result = self._stepper.step(frame)
        self.counts = result.counts[:, 0]
        answer: NDArray[Any] = result.emitted[self._outputs, 0]
        if self._read_out.any():
            answer = np.where(self._read_out, result.state["sigma"][self._outputs], answer)
        return answer

    @property
    def decided(self) -> int:
        """After how many time steps a stop rule ended the sample; 0: it goes on, or no rule ends samples."""
        return self._stepper.state.decided

    def totals(self) -> tuple[int, int, int, int]:
        """Return forward steps, synaptic operations, neuron updates and dropped spikes of the last time step."""
        last = self._result
        return int(last.forward_steps[0]), last.synaptic_operations, last.neuron_updates, last.dropped


def time_steps(network: Network, execution: Execution) -> TimeSteps | TimedSteps:
    """Return the time steps of a network; arguments as in :class:`lava_async.simulation.Stepper`."""
    return (TimeSteps if runs_single_steps(setup_of(network, execution)) else TimedSteps)(network, execution)
