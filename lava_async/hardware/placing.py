"""Which neuron lies in which core: a simple mapping, described completely here.

Layers are placed one after another; each starts with a fresh core, as Lava's compiler does it. The neurons of a layer
are taken in their order, those of a picture place by place with all channels of a place together (neighbours read the
same inputs). A core takes as many of them as its limits allow: neurons, memory for the synapses that lead into them,
lists of synapses (axons in: one per source neuron); no more than `neurons_per_core`, if that is given. Then cores whose
neurons reach too many cores (axons out: one per neuron and target core) are cut in halves, as long as that helps. A
limit that not even a single neuron meets is left aside for its layer and reported.

Memory is counted as in nengo-loihi (:mod:`lava_async.hardware.synapse_memory`). The kernel of a convolution is stored
once per core (Davies et al. 2018: "population-based hierarchical connectivity"); what kernels at borders need beside
that is left out. Input channels lie outside the chip; outputs that leave it take no axon. Cores are numbered in the
order in which they are filled, four to a tile; `tiles` spreads them evenly over more tiles than they need. A mapping of
one's own is taken as it is, and its needs are counted alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.chips.targets import Target, target_of
from lava_async.errors import InvalidValue
from lava_async.hardware.mapping import Edges, Load, Mapping
from lava_async.hardware.synapse_memory import Indices, list_lengths, stored_bits, synapse_bits
from lava_async.network import Network
from lava_async.records import check_int, check_range, integer_array

MOST_CORES = 2**20


class _Core(NamedTuple):
    """Neurons of a layer (local indices) that share a core, what reaches them and the memory for it."""

    layer: int
    neurons: Indices
    source: Indices
    lengths: Indices
    bits: int


def place(
    network: Network,
    target: Target | str = "loihi1",
    *,
    neurons_per_core: int | Sequence[int | None] | None = None,
    tiles: int | None = None,
    cores: ArrayLike | None = None,
) -> Mapping:
    """Return the mapping of a network to the cores of a chip, or of several.

    Parameters
    ----------
    network : Network
        Any network; weights in floating point are counted with 8 bits.
    target : Target or {"loihi1", "loihi2"}
        Whose limits to keep.
    neurons_per_core : int or list of int or None, optional
        Most neurons of a core, for all layers or one number per layer; None: as many as the limits allow. Few neurons
        per core work side by side on many cores, and each spike becomes a message to more of them.
    tiles : int, optional
        Spread the cores evenly over so many tiles; default: as few as hold them.
    cores : (N,) int, optional
        A mapping of one's own: the core of each neuron. It is taken as it is; :func:`lava_async.hardware.check` tells
        which limits it breaks.

    Raises
    ------
    InvalidValue, InvalidType
        If there is no such target, the chip has no such cores or tiles, or both rules and cores are given.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> network = Network.feedforward([np.ones((40, 3)), np.ones((10, 40))], CubaParams(du=1, dv=1, vth=1))
    >>> place(network, neurons_per_core=16).core_of[[0, 15, 16, 39, 40]].tolist()
    [0, 0, 1, 2, 3]
    >>> place(network, neurons_per_core=16, tiles=4).cores.tolist()
    [0, 4, 8, 12]
    """
    chip = target_of(target)
    if cores is not None:
        if neurons_per_core is not None or tiles is not None:
            raise InvalidValue("place.cores", "given", "given alone, without neurons_per_core and tiles")
        return _own(network, chip, cores)
    filled: list[_Core] = []
    too_large: list[tuple[int, str, int]] = []
    for layer, most in enumerate(_most_of_layers(network, chip, neurons_per_core)):
        _fill(network, layer, chip, most, filled, too_large)
    filled = _split(network, filled, chip)
    numbers = _spread(chip, len(filled), tiles)
    core_of, edges, axons_out = _join(network, filled)
    most_out = chip.axons_out.value
    for layer in range(len(network.layers)):
        need = max(int(n) for n, core in zip(axons_out, filled, strict=True) if core.layer == layer)
        if most_out is not None and need > most_out:
            too_large.append((layer, "axons_out", need))
    return _mapping(chip, filled, numbers, core_of, edges, axons_out, tuple(too_large))


def _mapping(
    chip: Target,
    filled: list[_Core],
    numbers: NDArray[np.int64],
    core_of: NDArray[np.int64],
    edges: Edges,
    axons_out: NDArray[np.int64],
    too_large: tuple[tuple[int, str, int], ...],
) -> Mapping:
    """Return what was found with the numbers that cores have on the chip."""
    loads = [
        Load(core.layer, len(core.neurons), int(core.lengths.sum()), core.bits, len(core.source), int(n))
        for n, core in zip(axons_out, filled, strict=True)
    ]
    of = numbers[core_of]
    for array in (of, numbers):
        array.flags.writeable = False
    return Mapping(chip, of, numbers, tuple(loads), edges._replace(core=numbers[edges.core]), too_large)


def _most_of_layers(
    network: Network, chip: Target, neurons_per_core: int | Sequence[int | None] | None
) -> list[int | None]:
    """Return the most neurons of a core for each layer."""
    n_layers, where = len(network.layers), "place.neurons_per_core"
    given = neurons_per_core if isinstance(neurons_per_core, Sequence) else [neurons_per_core] * n_layers
    if len(given) != n_layers:
        raise InvalidValue(f"{where}, length", len(given), f"{n_layers}, one number per layer, or one for all")
    most = chip.neurons.value
    for number in given:
        if number is None:
            continue
        if check_int(where, number, least=1) > (most or number):
            raise InvalidValue(where, number, f"1 .. {most}, the neurons of a core of {chip.title}")
    return [None if number is None else int(number) for number in given]


def _spread(chip: Target, n_cores: int, tiles: int | None) -> NDArray[np.int64]:
    """Return the numbers of cores on the chip: one after another, or evenly over some tiles."""
    if tiles is None:
        return np.arange(n_cores)
    grid = chip.grid
    if grid is None:
        raise InvalidValue("place.tiles", tiles, f"left out: the mesh of {chip.title} is not published")
    on_chip = grid.width * grid.height
    if check_int("place.tiles", tiles, least=1) > on_chip:
        raise InvalidValue("place.tiles", tiles, f"1 .. {on_chip}, the tiles of {chip.title}")
    if n_cores > tiles * grid.cores:
        needed = -(-n_cores // grid.cores)
        raise InvalidValue("place.tiles", tiles, f"at least {needed}: {n_cores} cores, {grid.cores} to a tile")
    parts = np.array_split(np.arange(n_cores), tiles)
    return np.concatenate([tile * grid.cores + np.arange(len(part)) for tile, part in enumerate(parts)])


def _own(network: Network, chip: Target, cores: ArrayLike) -> Mapping:
    """Return a mapping that is given."""
    given = integer_array("place.cores", cores)
    if given.shape != (network.n_neurons,):
        raise InvalidValue("place.cores, shape", given.shape, f"({network.n_neurons},), a core for each neuron")
    check_range("place.cores", given, 0, MOST_CORES)
    numbers, core_of = np.unique(given, return_inverse=True)
    filled = []
    for c in range(len(numbers)):
        neurons = np.flatnonzero(core_of == c)
        parts = [
            _core(network, layer, neurons[here] - network.start_of(layer), chip)
            for layer in np.unique(network.layer_of[neurons]).tolist()
            for here in [network.layer_of[neurons] == layer]
        ]
        filled.append(_merged(parts, neurons))
    source = np.concatenate([core.source for core in filled])
    reached = np.repeat(np.arange(len(filled)), [len(core.source) for core in filled])
    edges = Edges(source, reached, np.concatenate([core.lengths for core in filled]))
    axons_out = np.bincount(core_of[source[source >= 0]], minlength=len(filled))
    return _mapping(chip, filled, numbers.astype(np.int64), core_of, edges, axons_out, ())


def _merged(parts: list[_Core], neurons: Indices) -> _Core:
    """Return a core that holds neurons of one layer or of several, all of them by their numbers in the network."""
    source, inverse = np.unique(np.concatenate([part.source for part in parts]), return_inverse=True)
    lengths = np.bincount(inverse, np.concatenate([part.lengths for part in parts]), len(source)).astype(np.int64)
    layer = parts[0].layer if len(parts) == 1 else -1
    return _Core(layer, neurons, source, lengths, sum(part.bits for part in parts))


def _join(network: Network, cores: list[_Core]) -> tuple[NDArray[np.int64], Edges, NDArray[np.int64]]:
    """Return the core of each neuron, which neurons reach which core, and the axons out of each core."""
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
    network: Network,
    layer: int,
    chip: Target,
    most: int | None,
    cores: list[_Core],
    too_large: list[tuple[int, str, int]],
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
        low, high = 1, min(len(order), most or len(order), chip.neurons.value or len(order)) + 1
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
