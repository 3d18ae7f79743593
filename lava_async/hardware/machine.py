"""The machine of :class:`~lava_async.Timed`: a mapping and the times of a preset as whole picoseconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from lava_async.chips.presets import Preset, Price, preset_of
from lava_async.chips.targets import TARGETS
from lava_async.engine import Machine
from lava_async.errors import InvalidValue
from lava_async.hardware.mapping import Mapping, tile_axes
from lava_async.hardware.placing import place
from lava_async.network import Network
from lava_async.schedules.timed import Timed, Times

PICOSECOND = 1e-12
_MACHINES = "_machines"
"""Under this name a network keeps the machines that it was run on."""


def machine_of(schedule: Timed, network: Network) -> Machine:
    """Return the cores in use, which neuron is in which, and how long operations and ways take; made once per network.

    Parameters
    ----------
    schedule : Timed
        Target, preset and mapping.
    network : Network
        What lies on the chip.

    Raises
    ------
    InvalidValue
        If the mapping is not one of this network.
    """
    kept: dict[Any, Machine] = vars(network).setdefault(_MACHINES, {})
    key = schedule.target, schedule.preset, schedule.mapping, schedule.neurons_per_core, schedule.tiles
    if key not in kept:
        kept[key] = _machine(schedule, network)
    return kept[key]


def _machine(schedule: Timed, network: Network) -> Machine:
    target = TARGETS[schedule.target]
    core_of = mapping_of(schedule, network).core_of
    cores, position = np.unique(core_of, return_inverse=True)
    column, row, tile = tile_axes(target, cores)
    times = schedule.preset if isinstance(schedule.preset, Times) else times_of(schedule.preset, len(np.unique(tile)))
    way = times.east_west * np.abs(column[:, None] - column) + times.north_south * np.abs(row[:, None] - row)
    way[tile[:, None] == tile] = times.within_tile
    return Machine(times, cores, position.astype(np.int64), way)


def mapping_of(schedule: Timed, network: Network) -> Mapping:
    """Return where the neurons of a network lie, as a schedule says.

    Parameters
    ----------
    schedule : Timed
        Its target, mapping, neurons_per_core and tiles count.
    network : Network
        What lies on the chip.

    Raises
    ------
    InvalidValue
        If the mapping is not one of this network, or the chip has no such cores or tiles.
    """
    target = TARGETS[schedule.target]
    if schedule.mapping is None:
        try:
            return place(network, target, neurons_per_core=schedule.neurons_per_core, tiles=schedule.tiles)
        except InvalidValue as error:
            raise InvalidValue(error.where.replace("place.", "Timed."), error.value, error.allowed) from None
    n = len(schedule.mapping)
    if n != network.n_neurons:
        raise InvalidValue("Timed.mapping, length", n, f"{network.n_neurons}, the neurons of the network")
    return place(network, target, cores=np.array(schedule.mapping, np.int64))


def times_of(preset: Preset | str, tiles: int) -> Times:
    """Return the times of a preset, each rounded once to picoseconds; what it does not price takes none.

    Parameters
    ----------
    preset : Preset or str
        The prices.
    tiles : int
        Tiles that take part in a barrier.
    """
    prices = preset_of(preset)
    seconds = {name: price.time or 0.0 for name, price in vars(prices).items() if isinstance(price, Price)}
    seconds["barrier"] = prices.barrier_time(tiles)
    return Times(**{name: round(time / PICOSECOND) for name, time in seconds.items()})
