"""Published energies and times of single operations, in joules and seconds, each preset from one source.

Presets are never mixed: an operation that a source does not price is None and is reported as "not published". There is
no preset for Loihi 2, of which no such figures were published.
"""

from __future__ import annotations

from dataclasses import dataclass

from lava_async.chips.targets import DAVIES_2018, SANA_FE, by_name
from lava_async.registry import Registry

PICO, NANO = 1e-12, 1e-9


@dataclass(frozen=True)
class Price:
    """What one operation costs.

    Parameters
    ----------
    energy : float or None
        In joules; None: not published.
    time : float or None
        In seconds; None: not published.
    source : str
        The words or the field of the source.

    Examples
    --------
    >>> from lava_async.hardware import Price
    >>> Price(energy=23.6e-12, time=3.5e-9, source="an example").time
    3.5e-09
    """

    energy: float | None
    time: float | None
    source: str


@dataclass(frozen=True)
class Preset:
    """Prices from one source.

    Parameters
    ----------
    name, target, source : str
        Name, the chip that it is about, the publication.
    basis : str
        How the figures were found.
    synaptic_operation : Price
        A spike walks one synapse.
    active_update : Price
        A neuron that received input is updated.
    inactive_update : Price
        A neuron without input is updated: the price of every neuron in every time step.
    emission : Price
        A neuron emits a spike, beside its update.
    message : Price
        A spike leaves for one target core, beside the hops.
    arrival : Price
        A message is received by its target core.
    within_tile, east_west, north_south : Price
        A message stays in its tile; crosses to the next tile along the rows; along the columns.
    barrier : tuple of (int, float), ascending
        Tiles that take part and seconds until all of them know that the time step is over.

    Examples
    --------
    >>> from lava_async.hardware import PRESETS
    >>> preset = PRESETS["davies2018"]
    >>> preset.target, preset.synaptic_operation.energy, preset.synaptic_operation.time
    ('loihi1', 2.36e-11, 3.5000000000000003e-09)
    >>> round(preset.barrier_time(32) * 1e9), preset.barrier_time(1) < preset.barrier_time(32)
    (465, True)
    """

    name: str
    target: str
    source: str
    basis: str
    synaptic_operation: Price
    active_update: Price
    inactive_update: Price
    emission: Price
    message: Price
    arrival: Price
    within_tile: Price
    east_west: Price
    north_south: Price
    barrier: tuple[tuple[int, float], ...]

    def barrier_time(self, tiles: int) -> float:
        """Return the time of a barrier between `tiles` tiles, in seconds, interpolated between published points."""
        (low, time), *rest = self.barrier
        for high, later in rest:
            if tiles <= high:
                return time + (later - time) * max(tiles - low, 0) / (high - low)
            low, time = high, later
        return time


NOT_PRICED = Price(None, None, "not published")

DAVIES2018 = Preset(
    "davies2018",
    "loihi1",
    f"{DAVIES_2018}, Table 2",
    "simulated before silicon (SDF and SPICE) at 0.75 V, consistent with early silicon",
    synaptic_operation=Price(23.6 * PICO, 3.5 * NANO, "per synaptic spike op: energy (min), time (max)"),
    active_update=Price(81 * PICO, 8.4 * NANO, "per neuron update, active"),
    inactive_update=Price(52 * PICO, 5.3 * NANO, "per neuron update, inactive"),
    emission=NOT_PRICED,
    message=NOT_PRICED,
    arrival=NOT_PRICED,
    within_tile=Price(1.7 * PICO, 2.1 * NANO, "within-tile spike energy, latency"),
    east_west=Price(3.0 * PICO, 4.1 * NANO, "per tile hop (E-W)"),
    north_south=Price(4.0 * PICO, 6.5 * NANO, "per tile hop (N-S)"),
    barrier=((1, 113 * NANO), (32, 465 * NANO)),
)

SANAFE = Preset(
    "sanafe",
    "loihi1",
    SANA_FE,
    "calibrated by its authors against measurements of a Loihi 1",
    synaptic_operation=Price(35.5 * PICO, 3.8 * NANO, "loihi_dense_synapse: process_spike"),
    active_update=Price((51.2 + 21.6) * PICO, (6.0 + 3.7) * NANO, "loihi_lif: access_neuron + update_neuron"),
    inactive_update=Price(51.2 * PICO, 6.0 * NANO, "loihi_lif: access_neuron"),
    emission=Price(69.3 * PICO, 30.0 * NANO, "loihi_lif: spike_out"),
    message=Price(111.0 * PICO, 5.1 * NANO, "loihi_out: message_out"),
    arrival=Price(0.0, 16.0 * NANO, "loihi_in: message_in"),
    within_tile=NOT_PRICED,
    east_west=Price(3.0 * PICO, 4.1 * NANO, "east_hop, west_hop"),
    north_south=Price(4.2 * PICO, 6.5 * NANO, "north_hop, south_hop"),
    barrier=((1, 0.6e-6), (2, 1.0e-6), (4, 1.4e-6), (29, 1.8e-6)),
)

PRESETS: Registry[Preset] = Registry("presets", {preset.name: preset for preset in (DAVIES2018, SANAFE)})


def preset_of(preset: Preset | str) -> Preset:
    """Return a preset given by name, or as it is.

    Raises
    ------
    InvalidValue
        If there is none of this name.

    Examples
    --------
    >>> from lava_async.hardware import preset_of
    >>> preset_of("sanafe").target
    'loihi1'
    >>> preset_of("loihi3")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: hardware preset = 'loihi3': must be one of davies2018, sanafe; for Loihi 2 nothing
    is published
    """
    return by_name("hardware preset", PRESETS, preset, "; for Loihi 2 nothing is published")
