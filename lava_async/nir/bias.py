"""Biases that the current of a neuron filters: an input channel that emits one spike in every time step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.nir.equations import Floats
from lava_async.nir.paths import Budget
from lava_async.synapses import INPUT, Conv, Dense, Sparse, Synapses
from lava_async.synapses.geometry import neurons


def add_bias_channel(spikes: ArrayLike) -> NDArray[Any]:
    """Return spikes with one more channel, the last, that emits one spike in every time step.

    Parameters
    ----------
    spikes : (C, T) or (B, C, T) int
        Counts of input spikes.

    Returns
    -------
    (C + 1, T) or (B, C + 1, T) array
        What a network with a bias channel takes.

    Raises
    ------
    InvalidValue
        If the array has another number of axes.

    Examples
    --------
    >>> add_bias_channel([[0, 2, 0]]).tolist()
    [[0, 2, 0], [1, 1, 1]]
    """
    counts = np.asarray(spikes)
    if counts.ndim not in (2, 3):
        raise InvalidValue("nir.add_bias_channel spikes.shape", counts.shape, "(C, T) or (B, C, T)")
    return np.concatenate([counts, np.ones_like(counts[..., :1, :])], axis=-2)


def with_bias_channel(
    synapses: list[Synapses], weights: dict[int, Floats], late: int, n_inputs: int, budget: Budget
) -> list[Synapses]:
    """Return the synapses of a network whose input has one more channel.

    Parameters
    ----------
    synapses : list of Synapses
        Those of the network without that channel.
    weights : dict of int to (n,) float
        From the channel to layers.
    late : int
        Their delay in time steps.
    n_inputs : int
        Number of channels without that one.
    budget : Budget
        What a list of synapses instead of a convolution is taken from.
    """
    found, left = list[Synapses](), dict(weights)
    for s in synapses:
        if s.source != INPUT:
            found.append(s)
        elif isinstance(s, Dense):
            column = left.pop(s.target, np.zeros(s.n_target))
            delay = np.append(np.zeros(s.n_source, np.int64) if s.delay is None else s.delay, late)
            found.append(Dense(INPUT, s.target, np.column_stack([s.weights, column]), delay))
        else:
            found.append(_listed(s, n_inputs + 1, budget))
    for target, column in left.items():
        post = np.flatnonzero(column)
        size = (len(column), n_inputs + 1)
        delays = np.full(len(post), late)
        found.append(Sparse(INPUT, target, np.full(len(post), n_inputs), post, column[post], size, delays))
    return found


def _listed(s: Synapses, n_source: int, budget: Budget) -> Sparse:
    """Return synapses as a list, from a source of more neurons."""
    if isinstance(s, Sparse):
        return Sparse(s.source, s.target, s.pre, s.post, s.weights, (s.n_target, n_source), s.delay)
    assert isinstance(s, Conv)
    places = math.prod(s.output_shape[1:])
    budget.take(
        f"the convolution of the input into layer {s.target}, listed beside a bias channel", s.weights.size * places
    )
    target, j = np.indices(s.weights.shape[:2]).reshape(2, -1)
    source = target // (len(s.weights) // s.groups) * s.weights.shape[1] + j
    rows, columns = (axis.taps(n, m) for axis, n, m in zip(s.axes, s.input_shape[1:], s.output_shape[1:], strict=True))
    sources = neurons(source, rows.source, columns.source, s.input_shape)
    targets = neurons(target, rows.target, columns.target, s.output_shape)
    each = s.weights[target, j][:, rows.kernel[:, None], columns.kernel].reshape(-1)
    delay: Any = None if s.delay is None else s.delay[sources]
    return Sparse(s.source, s.target, sources, targets, each, (s.n_target, n_source), delay)
