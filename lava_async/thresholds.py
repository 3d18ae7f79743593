"""Layers that cannot fire: whether any neuron can reach its threshold at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams, unknown
from lava_async.neurons.loihi import ONE
from lava_async.synapses import Conv, Dense, Sparse, Synapses

STEPS = 1000
"""Time steps within which a threshold must be reached."""


def out_of_reach(network: Network, steps: int = STEPS) -> list[int]:
    """Return the layers none of whose neurons can reach its threshold; as :func:`neurons_out_of_reach`.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> network = Network.feedforward([[[1e-4]]], CubaParams(du=1, dv=0.1, vth=1))
    >>> out_of_reach(network)
    [0]
    """
    silent = neurons_out_of_reach(network, steps)
    return [i for i, here in enumerate(network.layer_slices) if silent[here].all()]


def neurons_out_of_reach(network: Network, steps: int = STEPS) -> NDArray[np.bool_]:
    """Return the neurons that cannot reach their thresholds, whatever comes.

    Parameters
    ----------
    network : Network
        Of CubaParams or LoihiParams; of other neurons nothing is known. What integers round is left aside: it makes
        voltages smaller.
    steps : int
        Length of a sample in time steps.

    Returns
    -------
    (N,) bool
        Neurons whose voltages stay at or below the thresholds even if all input channels and neurons that reach them
        through positive weights emit one spike in every time step.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> network = Network.feedforward([[[1e-4]]], CubaParams(du=1, dv=0.1, vth=1))
    >>> neurons_out_of_reach(network)
    array([ True])
    """
    params: Any = network.params
    if unknown(params, CubaParams, LoihiParams):
        return np.zeros(network.n_neurons, bool)
    whole = ONE if isinstance(params, LoihiParams) else 1
    keep_u, keep_v, vth, bias = (np.asarray(x, np.float64) for x in params.arrays(params.dtype))
    found = np.zeros(network.n_neurons, bool)
    for i, here in enumerate(network.layer_slices):
        weights = sum((_positive(s) for s in network.synapses if s.target == i), np.zeros(len(vth[here])))
        current = params.arriving(weights, here) * _summed(keep_u[here] / whole, steps)
        highest = np.maximum(current + bias[here], 0) * _summed(keep_v[here] / whole, steps)
        found[here] = highest <= vth[here]
    return found


def _summed(kept: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Return ``1 + kept + kept^2 + ...`` of so many terms."""
    leaks = kept < 1
    return np.where(leaks, (1 - kept**steps) / np.where(leaks, 1 - kept, 1.0), float(steps))


def _positive(s: Synapses) -> NDArray[np.float64]:
    """Return the most that a time step can bring to each target neuron (n,) if sources emit one spike each."""
    if isinstance(s, Dense):
        return np.maximum(s.weights, 0).sum(axis=1, dtype=np.float64)
    if isinstance(s, Sparse):
        return np.bincount(s.post, np.maximum(s.weights, 0), s.n_target).astype(np.float64)
    if isinstance(s, Conv):
        each = np.maximum(s.weights, 0).sum(axis=(1, 2, 3), dtype=np.float64)
        return np.repeat(each, s.n_target // len(each))
    total = np.zeros(s.n_target)
    for j in range(s.n_source):
        fan = s.fan_out(j)
        np.add.at(total, fan.target, np.maximum(fan.weight, 0))
    return total
