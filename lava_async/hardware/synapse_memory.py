"""How many synapses lead from each source neuron to a set of target neurons, and the memory that they take.

Closed forms for the types of this package; synapses of any other type are counted neuron by neuron.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.neurons import LoihiParams, Params
from lava_async.synapses import Conv, Dense, Sparse, Synapses

Indices = NDArray[np.int64]

ASSUMED_WEIGHT_BITS = 8
"""Of networks in floating point, which must be quantized before they run on a chip."""
WORD, LIST_HEADER, PER_BLOCK = 64, 10, 64
"""Bits of a memory word; bits in front of each block of a list; synapses of a block. Source: nengo-loihi, block.py,
`SynapseConfig.bits_per_axon`."""


@singledispatch
def list_lengths(s: Synapses, targets: Indices) -> Indices:
    """Return the number of synapses from each source neuron to `targets` (local indices), shape (n_source,)."""
    return np.array([np.isin(s.fan_out(j).target, targets).sum() for j in range(s.n_source)], np.int64)


@list_lengths.register
def _(s: Dense, targets: Indices) -> Indices:
    return np.full(s.n_source, len(targets))


@list_lengths.register
def _(s: Sparse, targets: Indices) -> Indices:
    wanted = np.zeros(s.n_target, bool)
    wanted[targets] = True
    return np.bincount(s.pre[wanted[s.post]], minlength=s.n_source)


@list_lengths.register
def _(s: Conv, targets: Indices) -> Indices:
    channels, height, width = s.output_shape
    # Channels of one group at one place read the same inputs: count them once, with their number.
    place = targets % (height * width) + targets // (height * width * (channels // s.groups)) * (height * width)
    number = np.bincount(place, minlength=s.groups * height * width)
    place = np.flatnonzero(number)
    group, row, column = np.unravel_index(place, (s.groups, height, width))
    _, in_height, in_width = s.input_shape
    y, x = s.axes[0].read(row), s.axes[1].read(column)
    inside = ((y >= 0) & (y < in_height))[:, :, None] & ((x >= 0) & (x < in_width))[:, None, :]
    source = (group[:, None, None] * in_height + y[:, :, None]) * in_width + x[:, None, :]
    times = np.broadcast_to(number[place][:, None, None], source.shape)
    lengths = np.bincount(source[inside], times[inside], s.groups * in_height * in_width).astype(np.int64)
    per_group = np.broadcast_to(lengths.reshape(s.groups, 1, -1), (s.groups, s.weights.shape[1], in_height * in_width))
    return per_group.reshape(-1)


def weight_bits(weights: NDArray[Any]) -> int:
    """Return the bits that integer weights need, a sign included if they have both; common factors of 2 are free."""
    if weights.dtype.kind == "c":
        return weight_bits(weights.real.astype(np.int64)) + weight_bits(weights.imag.astype(np.int64))
    low, high = min(int(weights.min(initial=0)), 0), max(int(weights.max(initial=0)), 0)
    common = int(np.bitwise_or.reduce(np.abs(weights), axis=None)) if weights.size else 0
    zeros = (common & -common).bit_length() - 1 if common else 0
    low, high = low >> zeros, high >> zeros
    if low < 0 < high:
        return max(high.bit_length(), (-low - 1).bit_length()) + 1
    return max(high.bit_length(), (-low).bit_length(), 1)


def synapse_bits(s: Synapses, params: Params, index_bits: int) -> int:
    """Return the bits of one synapse: weight, delay and, unless all targets follow one another, the target."""
    weights: NDArray[Any] = s.weights  # type: ignore[attr-defined]
    bits = weight_bits(weights) if params.tag == LoihiParams.tag else ASSUMED_WEIGHT_BITS
    return bits + s.max_delay.bit_length() + (0 if isinstance(s, Dense) else index_bits)


def list_bits(lengths: Indices, bits: int) -> int:
    """Return the memory of lists of synapses of `bits` bits each, in bits: blocks of whole words."""
    full, rest = lengths // PER_BLOCK, lengths % PER_BLOCK
    words = full * -(-(PER_BLOCK * bits + LIST_HEADER) // WORD) + (rest > 0) * -(-(rest * bits + LIST_HEADER) // WORD)
    return int(words.sum()) * WORD


def stored_bits(s: Synapses, targets: Indices, lengths: Indices, bits: int) -> int:
    """Return the memory of the synapses onto `targets`; a kernel is stored once per core, for the channels in it."""
    if not isinstance(s, Conv):
        return list_bits(lengths, bits)
    channels, height, width = s.output_shape
    present = np.bincount(np.unique(targets // (height * width)) // (channels // s.groups), minlength=s.groups)
    kernel = s.weights.shape[2] * s.weights.shape[3]
    return list_bits(np.repeat(present * kernel, s.weights.shape[1]), bits)
