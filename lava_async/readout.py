"""The class of a sample by the voltages of the outputs: the answer of networks whose outputs never fire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lava_async.execution import RunOptions
from lava_async.network import Network
from lava_async.simulation import Stepper
from lava_async.spikes import SpikeBatch, Spikes

if TYPE_CHECKING:
    from typing_extensions import Unpack

READOUTS = ("spikes", "voltage")


class VoltageReadout:
    """Reads classes from voltages, ``argmax_i sum_t v[i, t]``; ties: the lower class.

    ``v[i, t]`` is the voltage of output i at the end of time step t. Outputs that fire are reset by it.

    Parameters
    ----------
    network : Network
        What is run.
    **how
        As in :class:`lava_async.simulation.Stepper`, which runs it time step by time step.

    Examples
    --------
    >>> from lava_async import LoihiParams
    >>> network = Network.feedforward([[[3], [-3]]], LoihiParams(du=4095, dv=0, vth=2**17))
    >>> readout = VoltageReadout(network)
    >>> readout.sums([[[0, 1, 1]]], np.arange(1)).tolist()
    [[576.0, -576.0]]
    >>> readout.classes([[[0, 1, 1]]], np.arange(1)).tolist()
    [0]
    """

    def __init__(self, network: Network, **how: Unpack[RunOptions]) -> None:
        self._stepper = Stepper(network, **how)
        self._outputs = network.outputs

    def sums(self, spikes: Spikes, samples: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the voltages of the outputs, summed over time steps.

        Parameters
        ----------
        spikes : (B, C, T) array, SpikeBatch, or B SpikeTrains
            Input.
        samples : (B,) int64
            Sample numbers, which key random schedules.

        Returns
        -------
        (B, n_out) float64
            In the units of the network's state.
        """
        batch = SpikeBatch.of(spikes)
        found = np.zeros((len(batch), len(self._outputs)))
        for b, sample in enumerate(samples):
            self._stepper.reset(int(sample))
            for frame in batch[b].to_dense().T:
                found[b] += self._stepper.step(frame).voltage[self._outputs]
        return found

    def classes(self, spikes: Spikes, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the class of each sample, (B,); arguments as of :meth:`sums`."""
        return np.asarray(np.argmax(self.sums(spikes, samples), axis=1), np.int64)
