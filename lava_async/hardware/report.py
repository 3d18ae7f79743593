"""Tables about a mapping: what each core holds, and how far messages go."""

from __future__ import annotations

import numpy as np

from lava_async.hardware.mapping import Mapping, tile_axes
from lava_async.network import Network


def core_rows(mapping: Mapping) -> list[list[str]]:
    """Return what each core holds, the head first: core, tile, layer, neurons, synapses, memory, axons.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> from lava_async.hardware import place
    >>> mapping = place(Network.feedforward([[[1.0]], [[1.0]]], CubaParams(du=1, dv=1, vth=1)))
    >>> core_rows(mapping)[1]
    ['0', '0', '0', '1', '1', '8', '1', '1']
    """
    rows = [["core", "tile", "layer", "neurons", "synapses", "bytes", "axons in", "axons out"]]
    known = mapping.target.grid is not None
    tiles = tile_axes(mapping.target, mapping.cores)[2].tolist() if known else ["-"] * mapping.n_cores
    for core, tile, load in zip(mapping.cores.tolist(), tiles, mapping.loads, strict=True):
        layer = "several" if load.layer < 0 else str(load.layer)
        numbers = load.neurons, load.synapses, load.synaptic_bits // 8, load.axons_in, load.axons_out
        rows.append([str(core), str(tile), layer, *(f"{number:,}" for number in numbers)])
    return rows


def hop_rows(network: Network, mapping: Mapping) -> list[list[str]]:
    """Return how many messages one spike of each neuron of a layer makes, and how far they go, the head first.

    Parameters
    ----------
    network : Network
        What lies on the chip.
    mapping : Mapping
        Where; of a chip whose mesh is published.

    Raises
    ------
    InvalidValue
        If it is not.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import hop_rows, place
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> hop_rows(network, place(network, tiles=4))
    [['from layer', 'to layer', 'messages', 'within a tile', 'mean hops', 'most hops'], ['0', '1', '2', '0%', '1.00',
    '1']]
    """
    rows = [["from layer", "to layer", "messages", "within a tile", "mean hops", "most hops"]]
    inside = mapping.edges.source >= 0
    source, core = mapping.edges.source[inside], mapping.edges.core[inside]
    hops = mapping.hops(mapping.core_of[source], core)
    total, layer = hops.east_west + hops.north_south, network.layer_of[source]
    held = {int(c): load.layer for c, load in zip(mapping.cores, mapping.loads, strict=True)}
    target = np.array([held[int(c)] for c in core], np.int64)
    for a, b in sorted({*zip(layer.tolist(), target.tolist(), strict=True)}):
        here = total[(layer == a) & (target == b)]
        to = "several" if b < 0 else str(b)
        near = f"{np.mean(here == 0):.0%}"
        rows.append([str(a), to, f"{len(here):,}", near, f"{here.mean():.2f}", str(int(here.max()))])
    return rows
