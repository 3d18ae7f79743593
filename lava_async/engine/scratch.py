"""The memory of one thread that walks the tape back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.engine.alignment import aligned_empty, aligned_zeros

LATER = np.int32(2**31 - 1)
"""A forward step after all others."""


class Scratch(NamedTuple):
    """Memory of one thread."""

    gu: NDArray[Any]
    gv: NDArray[Any]
    arriving: NDArray[Any]
    """(N,) gI of the current forward step."""
    owed: NDArray[Any]
    """(N,) derivative by the payload of the next delivery of a neuron."""
    since: NDArray[np.int32]
    """(N,) forward step of the first emission of that payload."""
    later: NDArray[Any]
    """(N,) gI of the forward step that will deliver zero spikes, by target."""
    refractory: NDArray[np.bool_]
    """(N,) whether a neuron was refractory in the current forward step."""
    zero: NDArray[Any]
    """(N,) credit `last`: what a silent check is owed by the step that delivers its zero spike."""
    valid: NDArray[np.bool_]
    """(L,) layers for which there is such a step."""
    touched: NDArray[np.bool_]
    """(L,) layers that the current step touched."""
    surrogate: NDArray[Any]
    """(N,) derivative of the surrogate at the peak of the time step."""
    here: NDArray[Any]
    """(N,) the same at the voltages of a check, for a moment only."""
    before_peak: NDArray[np.bool_]
    """(N,) whether the check at which the voltage came to its peak was passed."""
    lost: NDArray[Any]
    nothing: NDArray[Any]
    """(N,) what resets are owed, where they are differentiated; and zeros, where they are not."""
    counts: NDArray[Any]
    """(T, N) derivative of the loss by the spike counts of a sample."""
    columns: NDArray[Any]
    """(W,) weights of all-to-all synapses between neurons, target by target instead of source by source."""


def make_scratch(n_neurons: int, n_layers: int, n_steps: int, n_weights: int, dtype: Any) -> Scratch:
    """Return the memory of one thread."""

    def zeros(dtype: Any = dtype, n: int = n_neurons) -> NDArray[Any]:
        return aligned_zeros(n, dtype)

    since = zeros(np.int32)
    since[:] = LATER
    return Scratch(
        zeros(), zeros(), zeros(), zeros(), since, zeros(), zeros(np.bool_), zeros(),
        zeros(np.bool_, n_layers), zeros(np.bool_, n_layers), zeros(), zeros(),
        zeros(np.bool_), zeros(), zeros(), aligned_zeros((n_steps, n_neurons), dtype), aligned_empty(n_weights, dtype),
    )  # fmt: skip
