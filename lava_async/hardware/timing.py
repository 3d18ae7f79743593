"""The machine of :class:`~lava_async.Timed`: a mapping and the times of a preset as whole picoseconds."""

from __future__ import annotations

import numpy as np

from lava_async.errors import InvalidValue
from lava_async.hardware.mapping import place, tile_axes
from lava_async.hardware.presets import Preset, Price, preset_of
from lava_async.hardware.targets import TARGETS
from lava_async.network import Network
from lava_async.schedules.timed import Machine, Timed, Times

PICOSECOND = 1e-12


def check(schedule: Timed) -> None:
    """Raise an error unless target and preset are known and belong together.

    Raises
    ------
    InvalidValue
        Naming the field, its value and what is allowed.
    """
    timed = [name for name, target in TARGETS.items() if target.grid is not None]
    if schedule.target not in timed:
        raise InvalidValue(
            "Timed.target", schedule.target, f"one of {', '.join(timed)}: of other chips no times are published"
        )
    if isinstance(schedule.preset, str) and preset_of(schedule.preset).target != schedule.target:
        raise InvalidValue("Timed.preset", schedule.preset, f"one of {schedule.target}")


def machine(schedule: Timed, network: Network) -> Machine:
    """Return the cores in use, who lies where, and how long operations and ways take.

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
    target = TARGETS[schedule.target]
    core_of = place(network, target).core_of if schedule.mapping is None else np.array(schedule.mapping, np.int64)
    if len(core_of) != network.n_neurons:
        raise InvalidValue("Timed.mapping, length", len(core_of), f"{network.n_neurons}, the neurons of the network")
    cores, position = np.unique(core_of, return_inverse=True)
    column, row, tile = tile_axes(target, cores)
    times = schedule.preset if isinstance(schedule.preset, Times) else times_of(schedule.preset, len(np.unique(tile)))
    way = times.east_west * np.abs(column[:, None] - column) + times.north_south * np.abs(row[:, None] - row)
    way[tile[:, None] == tile] = times.within_tile
    return Machine(times, cores, position.astype(np.int64), way)


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
