"""Layers, outputs and networks that never fire, or always: what is said about a training epoch and an evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.metrics import silent_outputs
from lava_async.network import Network

ALWAYS = 0.95
"""Part of its time steps in which a layer's neurons fire from which its thresholds are too low."""
_NAMED = 8
"""Outputs that are named one by one."""


class Activity:
    """Spikes of each neuron, summed over samples.

    Parameters
    ----------
    network : Network
        What runs.
    classes : (n,) int
        Numbers of the outputs that are to fire for some of the samples.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> activity = Activity(Network.feedforward([[[1.0]], [[1.0], [1.0]]], CubaParams(1, 1, 0.5)), np.arange(2))
    >>> activity.add(np.array([5, 5, 0]), time_steps=10)
    >>> [sentence for _, sentence in activity.sentences()]
    ['output 1 never fired, although there are samples of its class']
    """

    def __init__(self, network: Network, classes: NDArray[np.int64]) -> None:
        self._classes = classes
        self._network, self._spikes, self._time_steps = network, np.zeros(network.n_neurons), 0

    def add(self, spikes: NDArray[Any], time_steps: int) -> None:
        """Add the spikes (N,) of each neuron in so many time steps, those of all samples together."""
        self._spikes += spikes
        self._time_steps += time_steps

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong, as a name for the reason and a sentence."""
        network, spikes = self._network, self._spikes
        if not self._time_steps:
            return
        if not spikes.any():
            yield (
                "silent",
                (
                    "no neuron fired: choose larger weights (scale_to does it by your data) or lower "
                    "thresholds, and look at the input"
                ),
            )
            return
        for i, (layer, here) in enumerate(zip(network.layers, network.layer_slices, strict=True)):
            name = layer.name or f"layer {i}"
            if not spikes[here].any():
                if len(silent_outputs(network)) and i == len(network.layers) - 1:
                    break  # Its voltage is the answer.
                yield f"silent {i}", f"no neuron of {name} fired: choose larger weights or a lower threshold there"
                break  # What comes after it gets nothing.
            rate = spikes[here].mean() / self._time_steps
            if rate >= ALWAYS:
                yield (
                    f"always {i}",
                    (
                        f"the neurons of {name} fired in {rate:.0%} of the time steps: their threshold "
                        "is too low, or their weights are too large, to tell samples apart"
                    ),
                )
        else:
            outputs = self._classes[spikes[network.outputs[self._classes]] == 0]
            if len(outputs):
                few = ", ".join(map(str, outputs[:_NAMED])) + (" ..." if len(outputs) > _NAMED else "")
                plural, owner = ("s", "their classes") if len(outputs) > 1 else ("", "its class")
                yield "silent outputs", f"output{plural} {few} never fired, although there are samples of {owner}"

    def about_readout(self, readout: str) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with reading classes from "spikes" or "voltage", as :meth:`sentences` does."""
        outputs = self._network.outputs
        if readout == "spikes" and len(silent_outputs(self._network)) == len(outputs) > 0:
            yield (
                "read out",
                (
                    "no output can ever fire, so that all samples are of class 0: the voltages of the outputs are the "
                    "answer (--readout voltage, readout='voltage')"
                ),
            )
        fired = int(self._spikes[outputs].sum())
        if readout == "voltage" and fired:
            yield (
                "read out",
                f"the outputs fired {fired} times, and each spike resets the voltage that is read out",
            )
