"""Layers that cannot fire: whether any neuron can reach its threshold at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_async.network import Network
from lava_async.neurons import CubaParams
from lava_async.synapses import Conv, Dense, Sparse, Synapses

STEPS = 1000
"""Time steps within which a threshold must be reached."""


def out_of_reach(network: Network, steps: int = STEPS) -> list[int]:
    """Return the layers none of whose neurons can reach its threshold.

    Parameters
    ----------
    network : Network
        In floating point; of others nothing is returned.
    steps : int
        Length of a sample in time steps.

    Returns
    -------
    list of int
        Layers whose voltages stay at or below the thresholds even if all input channels and neurons that reach them
        through positive weights emit one spike in every time step.

    Examples
    --------
    >>> network = Network.feedforward([[[1e-4]]], CubaParams(du=1, dv=0.1, vth=1))
    >>> out_of_reach(network)
    [0]
    """
    p = network.params
    if not isinstance(p, CubaParams):
        return []
    found = []
    for i, here in enumerate(network.layer_slices):
        du, dv, vth, bias = (np.asarray(x, np.float64)[here] for x in (p.du, p.dv, p.vth, p.bias))
        drive = sum((_positive(s) for s in network.synapses if s.target == i), np.zeros(len(vth)))
        current = drive * _summed(1 - du, steps)
        highest = np.maximum(current + bias, 0) * _summed(1 - dv, steps)
        if (highest <= vth).all():
            found.append(i)
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
    return np.full(s.n_target, np.inf)
