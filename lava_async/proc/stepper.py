"""The time steps of a network in a Lava Process: those of a Stepper, and what is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.execution import Execution
from lava_async.metrics import silent_outputs
from lava_async.network import Network
from lava_async.simulation import Stepper
from lava_async.spikes import dense_counts


class TimeSteps:
    """The time steps of samples, one after another, on the compiled engine.

    Parameters
    ----------
    network, execution
        As in :class:`lava_async.simulation.Stepper`, whose time steps these are.

    Attributes
    ----------
    stepper : Stepper
        What runs them; whoever writes into its `state` changes what comes next.
    """

    def __init__(self, network: Network, execution: Execution) -> None:
        self.stepper, self._outputs = Stepper(network, execution=execution), network.outputs
        read_out = network.outputs[silent_outputs(network)]
        sums = np.zeros(network.n_neurons, bool)
        for here, model in network.models:
            sums[here] = "sigma" in model.state
        self._read_out = np.isin(network.outputs, read_out) & sums[network.outputs]
        self._counts_alone, self._graded = self.stepper.takes_counts, network.graded

    def step(self, frame: NDArray[Any]) -> NDArray[Any]:
        """Run one time step on an input frame (C,); return what the output neurons sent, spikes or numbers.

        Sigma-delta neurons that never send are read out: of them it is sigma, as Lava's Sigma sends it.
        """
        self.stepper.advance(frame)
        if self._counts_alone and not self.stepper.takes_counts:
            dense_counts("AsyncNetwork: frame", frame[:, None], "(C, T)")  # It says what is wrong.
        if not self._graded:
            return self.stepper.counts[self._outputs]
        result = self.stepper.result()
        answer: NDArray[Any] = result.emitted[self._outputs, 0]
        return (
            np.where(self._read_out, result.state["sigma"][self._outputs], answer) if self._read_out.any() else answer
        )
