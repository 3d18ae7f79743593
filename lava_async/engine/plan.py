"""A network laid out for the compiled engine: a few flat arrays instead of objects.

The synapses of all connections become *parts*: rows of one table, each with a kind, a source, a target and places in
the shared arrays of weights, lists and delays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.synapses import Lists, Lowered, Patches, Rows, Synapses

KIND, SOURCE, SOURCE_START, TARGET, TARGET_START, N_TARGET, WEIGHTS, STARTS, TARGETS, DELAYS, GEOMETRY = range(11)
"""Columns of the table of parts; WEIGHTS .. GEOMETRY are places in the shared arrays."""
N_COLUMNS = 11
ROWS, LISTS, PATCHES = range(3)
"""Kinds of parts, see `Rows`, `Lists` and `Patches` of :mod:`lava_async.synapses`."""
NO_DELAY = -1


class Plan(NamedTuple):
    """What the kernels read; neurons are numbered 0 .. N - 1, input channels -C .. -1."""

    n_inputs: int
    n_neurons: int
    layer_start: NDArray[np.int64]
    """(L + 1,) where the layers lie."""
    layer_of: NDArray[np.int32]
    part: NDArray[np.int64]
    """(P, N_COLUMNS) sorted by source layer, then target layer."""
    outgoing: NDArray[np.int64]
    """(L + 2,) parts ``outgoing[s + 1] .. outgoing[s + 2]`` leave layer s (-1: the input)."""
    weights: NDArray[Any]
    """What a single spike adds, in the units of the state; those of one source neuron are contiguous."""
    list_start: NDArray[np.int64]
    list_target: NDArray[np.int32]
    delay: NDArray[np.int32]
    geometry: NDArray[np.int64]
    """(G, 16) of convolutions."""
    queued: NDArray[np.bool_]
    """(C + N,) whether a source waits in the queue: it has a synapse without delay, or no synapse at all."""
    output: NDArray[np.bool_]
    delayed: NDArray[np.bool_]
    """(L + 1,) whether a part that leaves layer s has delays; at s + 1."""
    shared: NDArray[np.bool_]
    """(L + 1,) whether two parts that leave layer s have a target layer in common; at s + 1."""


_KINDS = {Rows: ROWS, Lists: LISTS, Patches: PATCHES}


class _Shared:
    """Arrays that grow by whole pieces, each of which gets a place."""

    def __init__(self, dtype: Any) -> None:
        self.pieces = [np.zeros(0, dtype)]
        self.size = 0

    def add(self, piece: NDArray[Any]) -> int:
        place = self.size
        self.pieces.append(piece.astype(self.pieces[0].dtype).ravel())
        self.size += piece.size
        return place

    def array(self) -> NDArray[Any]:
        return np.ascontiguousarray(np.concatenate(self.pieces))


def lay_out(network: Network) -> Plan:
    """Return the plan of a network."""
    n_layers, n_sources = len(network.layers), network.n_inputs + network.n_neurons
    weights, delays = _Shared(network.params.dtype), _Shared(np.int32)
    starts, targets = _Shared(np.int64), _Shared(np.int32)
    geometry: list[NDArray[np.int64]] = [np.zeros((0, 16), np.int64)]
    immediate, silent = np.zeros(n_sources, bool), np.ones(n_sources, bool)
    delayed = np.zeros(n_layers + 1, bool)
    table = []
    for s in network.synapses:
        target = network.layer_slices[s.target]
        source_start = network.start_of(s.source)
        sources = slice(source_start + network.n_inputs, source_start + network.n_inputs + s.n_source)
        for form, delay in s.lower():
            row = dict.fromkeys(range(N_COLUMNS), 0)
            row |= {SOURCE: s.source, SOURCE_START: source_start, TARGET: s.target, TARGET_START: target.start,
                    N_TARGET: s.n_target, DELAYS: NO_DELAY if delay is None else delays.add(delay)}  # fmt: skip
            row |= {KIND: _KINDS[type(form)], WEIGHTS: weights.add(arriving_through(network, s, form))}
            if isinstance(form, Lists):
                row |= {STARTS: starts.add(form.start), TARGETS: targets.add(form.target + target.start)}
            elif isinstance(form, Patches):
                row[GEOMETRY] = len(geometry) - 1
                geometry.append(form.geometry[None])
            reaches = _reaches(s, form)
            table.append([row[column] for column in range(N_COLUMNS)])
            silent[sources] &= ~reaches
            immediate[sources] |= reaches if delay is None else reaches & (delay == 0)
            delayed[s.source + 1] |= delay is not None
    part = np.array(table, np.int64).reshape(-1, N_COLUMNS)
    return Plan(
        network.n_inputs, network.n_neurons,
        np.array([s.start for s in network.layer_slices] + [network.n_neurons], np.int64),
        network.layer_of.astype(np.int32), part,
        np.searchsorted(part[:, SOURCE], np.arange(-1, n_layers + 1)).astype(np.int64),
        weights.array(), starts.array(), targets.array(), delays.array(), np.concatenate(geometry), immediate | silent,
        np.isin(np.arange(network.n_neurons), network.outputs), delayed, _shared(part, n_layers),
    )  # fmt: skip


def _shared(part: NDArray[np.int64], n_layers: int) -> NDArray[np.bool_]:
    """Return `Plan.shared`."""
    pairs, times = np.unique(part[:, [SOURCE, TARGET]], axis=0, return_counts=True)
    return np.isin(np.arange(-1, n_layers), pairs[times > 1, 0])


def arriving_through(network: Network, s: Synapses, form: Lowered) -> NDArray[Any]:
    """Return what a single spike adds through each weight."""
    here = network.layer_slices[s.target]
    if isinstance(form, Lists):
        return network.params.arriving(form.weights, form.target + here.start)
    if isinstance(form, Rows):
        return network.params.arriving(form.weights, here)
    channels = form.geometry[3]
    one = network.params.arriving(np.ones((channels, s.n_target // channels), np.int32),
                                  np.arange(here.start, here.stop).reshape(channels, -1))  # fmt: skip
    if (one != one[:, :1]).any():
        raise InvalidValue(f"LoihiParams.weight_exp of layer {s.target}", "differs within a channel", "one per channel")
    return network.params.arriving(form.weights, np.arange(here.start, here.stop, s.n_target // channels))


def _reaches(s: Synapses, form: Lowered) -> NDArray[np.bool_]:
    """Return which source neurons have a synapse."""
    if isinstance(form, Rows):
        return np.ones(s.n_source, bool)
    if isinstance(form, Lists):
        return np.diff(form.start) > 0
    channels = form.geometry[0]
    rows, columns = (_windows(*form.geometry[axis + np.array([1, 4, 7, 9, 11, 13])]) for axis in (0, 1))
    return np.tile(np.outer(rows, columns).ravel(), channels)


def _windows(size: int, n_windows: int, kernel: int, stride: int, padding: int, dilation: int) -> NDArray[np.bool_]:
    """Return which places of one axis of an image lie in some window of a convolution."""
    places = np.arange(n_windows)[:, None] * stride - padding + np.arange(kernel) * dilation
    return np.isin(np.arange(size), places)
