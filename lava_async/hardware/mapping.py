"""Which neuron lies in which core, what each core holds, and how far messages between cores go.

Cores lie four to a tile; :mod:`lava_async.hardware.placing` fills them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.chips.targets import Target
from lava_async.display import Brief
from lava_async.errors import InvalidValue
from lava_async.records import integer_array


class Hops(NamedTuple):
    """Tiles crossed on the way between two cores, along rows first, then along columns.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import place
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> hops = place(network, tiles=4).hops([0, 0], [0, 4])
    >>> hops.east_west, hops.north_south
    (array([0, 1]), array([0, 0]))
    """

    east_west: NDArray[np.int64]
    north_south: NDArray[np.int64]


class Edges(NamedTuple):
    """Which sources reach which cores: E pairs, ascending by core, then source.

    `source` counts neurons from 0 and input channel c as c - C; `synapses` is the length of the list in that core.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import place
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> edges = place(network).edges
    >>> edges.source, edges.core, edges.synapses
    (array([-1,  0,  1]), array([0, 1, 1]), array([2, 1, 1]))
    """

    source: NDArray[np.int64]
    core: NDArray[np.int64]
    synapses: NDArray[np.int64]


@dataclass(frozen=True)
class Load:
    """What a core holds; compare with the limits of its target. `layer` is -1 if it holds neurons of several.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import place
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> place(network).loads[0]
    Load(layer=0, neurons=2, synapses=2, synaptic_bits=64, axons_in=1, axons_out=2)
    """

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
    cores : (M,) int
        Numbers of the cores in use, ascending.
    loads : tuple of Load
        One per core in use.
    edges : Edges
        Messages that spikes become.
    too_large : tuple of (int, str, int)
        Layer, limit and need of single neurons that meet no core's limit.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import place
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> mapping = place(network)
    >>> mapping.core_of, mapping.n_cores, mapping.n_chips
    (array([0, 0, 1]), 2, 1)
    """

    target: Target
    core_of: NDArray[np.int64]
    cores: NDArray[np.int64]
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
        """Number of chips that these cores are on."""
        return len(np.unique(self.cores // (self.target.cores.value or int(self.cores.max()) + 1)))

    @property
    def n_tiles(self) -> int:
        """Number of tiles in use.

        Raises
        ------
        InvalidValue
            If the mesh of the target is not published.
        """
        return len(np.unique(tile_axes(self.target, self.cores)[2]))

    def most(self, name: str) -> int:
        """Return the largest value of a field of :class:`Load` over all cores."""
        return max(getattr(load, name) for load in self.loads)

    def hops(self, core_a: ArrayLike, core_b: ArrayLike) -> Hops:
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
            if not np.isin(cores, self.cores).all():
                used = f"{self.cores[0]} .. {self.cores[-1]}" if self.n_cores > 1 else str(self.cores[0])
                raise InvalidValue(f"Mapping.hops {name}", core, f"a core in use, of {used}")
            ends.append(tile_axes(self.target, cores))
        (xa, ya, _), (xb, yb, _) = ends
        return Hops(np.abs(xa - xb), np.abs(ya - yb))


def tile_axes(
    target: Target, cores: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return column, row and number of the tile of each core; rows are filled in serpentine order: tiles adjoin.

    Raises
    ------
    InvalidValue
        If the mesh of the target is not published.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.hardware import TARGETS
    >>> from lava_async.hardware.mapping import tile_axes
    >>> column, row, tile = tile_axes(TARGETS["loihi1"], np.array([0, 4, 31, 32]))
    >>> column, row, tile
    (array([0, 1, 7, 7]), array([0, 0, 0, 1]), array([0, 1, 7, 8]))
    """
    grid = target.grid
    if grid is None:
        raise InvalidValue("hardware target", target.name, "one whose mesh is published: loihi1")
    tile = cores // grid.cores
    chip, on_chip = np.divmod(tile, grid.width * grid.height)
    row, column = np.divmod(on_chip, grid.width)
    column = np.where(row % 2, grid.width - 1 - column, column)
    return chip * grid.width + column, row, tile
