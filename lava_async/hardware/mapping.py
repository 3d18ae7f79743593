"""Which neuron lies in which core: a simple mapping, described completely here.

Layers are placed one after another; each starts with a fresh core, as Lava's compiler does it. The neurons of a layer
are taken in their order, those of a picture place by place with all channels of a place together (neighbours read the
same inputs). A core takes as many of them as its limits allow: neurons, memory for the synapses that lead into them,
lists of synapses (axons in: one per source neuron). Then cores whose neurons reach too many cores (axons out: one per
neuron and target core) are cut in halves, as long as that helps. A limit that not even a single neuron meets is left
aside for its layer and reported.

Memory is counted as in nengo-loihi (:mod:`lava_async.hardware.lists`). The kernel of a convolution is stored once per
core (Davies et al. 2018: "population-based hierarchical connectivity"); what kernels at borders need beside that is
left out. Input channels lie outside the chip; outputs that leave it take no axon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.chips.targets import Target, target_of
from lava_async.display import Brief
from lava_async.errors import InvalidValue
from lava_async.hardware.lists import Indices, list_lengths, stored_bits, synapse_bits
from lava_async.network import Network
from lava_async.records import integer_array, within


class Hops(NamedTuple):
    """Tiles crossed on the way between two cores, along rows first, then along columns."""

    east_west: NDArray[np.int64]
    north_south: NDArray[np.int64]


class Edges(NamedTuple):
    """Which sources reach which cores: E pairs, ascending by core, then source.

    `source` counts neurons from 0 and input channel c as c - C; `synapses` is the length of the list in that core.
    """

    source: NDArray[np.int64]
    core: NDArray[np.int64]
    synapses: NDArray[np.int64]


@dataclass(frozen=True)
class Load:
    """What a core holds; compare with the limits of its target."""

    layer: int
    neurons: int
    synapses: int
    synaptic_bits: int
    axons_in: int
    axons_out: int


@dataclass(frozen=True, eq=False)
class Mapping(Brief):
    """Where the neurons of a network lie.

    Parameters
    ----------
    target : Target
        The chip.
    core_of : (N,) int
        Core of each neuron; cores are numbered from 0 across chips.
    loads : tuple of Load
        One per core.
    edges : Edges
        Messages that spikes become.
    too_large : tuple of (int, str, int)
        Layer, limit and need of single neurons that meet no core's limit.
    """

    target: Target
    core_of: NDArray[np.int64]
    loads: tuple[Load, ...]
    edges: Edges
    too_large: tuple[tuple[int, str, int], ...]

    def facts(self) -> dict[str, str]:
        """Return what is shown of the mapping."""
        return {"target": self.target.title, "neurons": f"{len(self.core_of):,}", "cores": f"{self.n_cores:,}"}

    @property
    def n_cores(self) -> int:
        """Number of cores in use."""
        return len(self.loads)

    @property
    def n_chips(self) -> int:
        """Number of chips with so many cores."""
        return -(-self.n_cores // (self.target.cores.value or self.n_cores))

    @property
    def n_tiles(self) -> int:
        """Number of tiles in use.

        Raises
        ------
        InvalidValue
            If the mesh of the target is not published.
        """
        return int(tile_axes(self.target, np.array([self.n_cores - 1]))[2][0]) + 1

    def most(self, name: str) -> int:
        """Return the largest value of a field of :class:`Load` over all cores."""
        return max(getattr(load, name) for load in self.loads)

    def hops(self, core_a: Any, core_b: Any) -> Hops:
        """Return the tiles crossed between cores (integers or arrays): 0 and 0 within a tile.

        Chips lie in a row; what it costs to leave one is not published, a border counts as one hop.

        Raises
        ------
        InvalidValue
            If there is no such core, or the mesh of the target is not published.
        """
        ends = []
        for name, core in (("core_a", core_a), ("core_b", core_b)):
            cores = integer_array(f"Mapping.hops {name}", core)
            within(f"Mapping.hops {name}", cores, 0, self.n_cores - 1)
            ends.append(tile_axes(self.target, cores))
        (xa, ya, _), (xb, yb, _) = ends
        return Hops(np.abs(xa - xb), np.abs(ya - yb))


def tile_axes(
    target: Target, cores: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return column, row and number of the tile of each core; rows are filled to and fro, so that tiles adjoin.

    Raises
    ------
    InvalidValue
        If the mesh of the target is not published.
    """
    grid = target.grid
    if grid is None:
        raise InvalidValue("hardware target", target.name, "one whose mesh is published: loihi1")
    tile = cores // grid.cores
    chip, on_chip = np.divmod(tile, grid.width * grid.height)
    row, column = np.divmod(on_chip, grid.width)
    column = np.where(row % 2, grid.width - 1 - column, column)
    return chip * grid.width + column, row, tile


class _Core(NamedTuple):
    """Neurons of a layer (local indices) that share a core, what reaches them and the memory for it."""

    layer: int
    neurons: Indices
    source: Indices
    lengths: Indices
    bits: int


def place(network: Network, target: Target | str = "loihi1") -> Mapping:
    """Return the mapping of a network to the cores of a chip, or of several.

    Parameters
    ----------
    network : Network
        Any network; weights in floating point are counted with 8 bits.
    target : Target or {"loihi1", "loihi2"}
        Whose limits to keep.

    Raises
    ------
    InvalidValue
        If there is no such target.
    """
    chip = target_of(target)
    cores: list[_Core] = []
    too_large: list[tuple[int, str, int]] = []
    for layer in range(len(network.layers)):
        _fill(network, layer, chip, cores, too_large)
    cores = _split(network, cores, chip)
    core_of, edges, axons_out = _join(network, cores)
    most = chip.axons_out.value
    for layer in range(len(network.layers)):
        need = max(int(n) for n, core in zip(axons_out, cores, strict=True) if core.layer == layer)
        if most is not None and need > most:
            too_large.append((layer, "axons_out", need))
    loads = [
        Load(core.layer, len(core.neurons), int(core.lengths.sum()), core.bits, len(core.source), int(n))
        for n, core in zip(axons_out, cores, strict=True)
    ]
    core_of.flags.writeable = False
    return Mapping(chip, core_of, tuple(loads), edges, tuple(too_large))


def _join(network: Network, cores: list[_Core]) -> tuple[NDArray[np.int64], Edges, NDArray[np.int64]]:
    """Return the core of each neuron, who reaches which core, and the axons out of each core."""
    core_of = np.empty(network.n_neurons, np.int64)
    for c, core in enumerate(cores):
        core_of[core.neurons + network.start_of(core.layer)] = c
    edges = Edges(
        np.concatenate([core.source for core in cores]),
        np.repeat(np.arange(len(cores)), [len(core.source) for core in cores]),
        np.concatenate([core.lengths for core in cores]),
    )
    return core_of, edges, np.bincount(core_of[edges.source[edges.source >= 0]], minlength=len(cores))


def _split(network: Network, cores: list[_Core], chip: Target) -> list[_Core]:
    """Cut cores with too many axons out in halves, layer by layer as long as that lowers the largest need."""
    most = chip.axons_out.value
    if most is None:
        return cores
    least: dict[int, int] = {}
    while True:
        axons_out = _join(network, cores)[2].tolist()
        need: dict[int, int] = {}
        for n, core in zip(axons_out, cores, strict=True):
            if n > most and len(core.neurons) > 1:
                need[core.layer] = max(n, need.get(core.layer, 0))
        # In a large recurrent layer, halves reach twice as many cores: cutting does not help.
        need = {layer: n for layer, n in need.items() if n < least.get(layer, n + 1)}
        if not need:
            return cores
        least |= need
        parts: list[_Core] = []
        for n, core in zip(axons_out, cores, strict=True):
            cut = n > most and core.layer in need
            halves = np.array_split(core.neurons, 2) if cut and len(core.neurons) > 1 else []
            parts += [_core(network, core.layer, half, chip) for half in halves] or [core]
        cores = parts


def _fill(
    network: Network, layer: int, chip: Target, cores: list[_Core], too_large: list[tuple[int, str, int]]
) -> None:
    """Add the cores of a layer."""
    order = _order(network.layers[layer].shape)
    limits = {"synaptic_bits": chip.synaptic_bits.value, "axons_in": chip.axons_in.value}

    def excess(core: _Core) -> list[tuple[int, str, int]]:
        used = {"synaptic_bits": core.bits, "axons_in": len(core.source)}
        return [(layer, name, used[name]) for name, limit in limits.items() if limit is not None and used[name] > limit]

    while len(order):
        alone = _core(network, layer, order[:1], chip)
        for what in excess(alone):
            too_large.append(what)
            limits[what[1]] = None
        # The largest number of neurons that fits; needs grow with it. `low` fits.
        low, high = 1, min(len(order), chip.neurons.value or len(order)) + 1
        best, tried = alone, high - 1
        while high - low > 1:
            core = _core(network, layer, order[:tried], chip)
            low, high, best = (low, tried, best) if excess(core) else (tried, high, core)
            tried = (low + high) // 2
        cores.append(best)
        order = order[len(best.neurons) :]


def _order(shape: tuple[int, ...]) -> Indices:
    """Return the neurons of a layer in the order in which cores take them."""
    neurons = np.arange(int(np.prod(shape))).reshape(shape)
    return neurons.transpose(1, 2, 0).reshape(-1) if neurons.ndim == 3 else neurons.reshape(-1)


def _core(network: Network, layer: int, neurons: Indices, chip: Target) -> _Core:
    """Return what reaches neurons of a layer; several connections from one source share its list."""
    index_bits = ((chip.neurons.value or 1) - 1).bit_length()
    bits, found = 0, dict[int, Indices]()
    for s in network.synapses:
        if s.target == layer:
            lengths = list_lengths(s, neurons)
            bits += stored_bits(s, neurons, lengths, synapse_bits(s, network.params, index_bits))
            found[s.source] = found.get(s.source, np.zeros_like(lengths)) + lengths
    source, length = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for source_layer, lengths in found.items():
        reaching = np.flatnonzero(lengths)
        source.append(reaching + network.start_of(source_layer))
        length.append(lengths[reaching])
    return _Core(layer, neurons, np.concatenate(source), np.concatenate(length), bits)
