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
    synapses: list[Synapses], weights: dict[int, Floats], n_inputs: int, budget: Budget
) -> list[Synapses]:
    """Return the synapses of a network whose input has one more channel.

    Parameters
    ----------
    synapses : list of Synapses
        Those of the network without that channel.
    weights : dict of int to (n,) float
        From the channel to layers.
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
            delay = None if s.delay is None else np.append(s.delay, 0)
            found.append(Dense(INPUT, s.target, np.column_stack([s.weights, column]), delay))
        else:
            found.append(_listed(s, n_inputs + 1, budget))
    for target, column in left.items():
        post = np.flatnonzero(column)
        size = (len(column), n_inputs + 1)
        found.append(Sparse(INPUT, target, np.full(len(post), n_inputs), post, column[post], size))
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
    pre, post, weights = [], [], []
    channel, (height, width) = np.arange(s.weights.shape[1]), s.input_shape[1:]
    first = np.arange(len(s.weights)) // (len(s.weights) // s.groups) * s.weights.shape[1]
    for i, j in np.ndindex(s.weights.shape[2:]):
        (rows, at_rows), (columns, at_columns) = (_tap(s, axis, tap) for axis, tap in enumerate((i, j)))
        source = (first[:, None, None, None] + channel[:, None, None]) * height + at_rows[:, None]
        target = np.arange(len(s.weights))[:, None, None, None] * s.output_shape[1] + rows[:, None]
        pre.append(source * width + at_columns)
        post.append(np.broadcast_to(target * s.output_shape[2] + columns, pre[-1].shape))
        weights.append(np.broadcast_to(s.weights[:, :, i, j, None, None], pre[-1].shape))
    sources, targets, each = (np.concatenate([part.ravel() for part in parts]) for parts in (pre, post, weights))
    delay: Any = None if s.delay is None else s.delay[sources]
    return Sparse(s.source, s.target, sources, targets, each, (s.n_target, n_source), delay)


def _tap(s: Conv, axis: int, tap: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which rows of the output a row of the kernel leads to, and from which rows of the input."""
    stride, padding, dilation = (pair[axis] for pair in (s.stride, s.padding, s.dilation))  # type: ignore[index]
    to = np.arange(s.output_shape[1 + axis])
    at = to * stride - padding + dilation * tap
    inside = (at >= 0) & (at < s.input_shape[1 + axis])
    return to[inside], at[inside]
