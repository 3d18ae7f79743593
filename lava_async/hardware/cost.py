"""Energy and time of a run, from its counters and the prices of a preset.

Every entry is ``count * price``; nothing else enters. Entries are of two groups. *Events* are what happened because
spikes were delivered. *Time steps* are what a chip that works in time steps pays for every neuron and every barrier,
spikes or not; a chip that updates neurons when something reaches them does not. Reporting them apart shows what
asynchrony can save, and what not.

A neuron update has two prices. In an asynchronous run, neurons that something reached in a forward step are events at
the active price, and all N neurons pay the inactive price once per time step, for their leak. In a layered run every
neuron is updated once per time step; how many of them received input is not recorded, so those that fired count as
active and all others as inactive. That is a lower bound, which never flatters asynchronous execution.

Limits: energy at rest (leakage), input and output of the chip and learning are not in it. With a stop rule, spikes that
it dropped count as sent; without refractoriness, a neuron that fires twice before it is picked counts as two messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.chips.presets import Preset, Price, preset_of
from lava_async.display import Brief
from lava_async.engine import BatchResult, Result
from lava_async.errors import InvalidValue, not_among
from lava_async.hardware.mapping import Mapping
from lava_async.network import Network
from lava_async.records import from_registry

EVENTS, TIME_STEPS = "events", "time steps"
GROUPS = (EVENTS, TIME_STEPS)


@dataclass(frozen=True)
class Entry:
    """How often something happened, and its price.

    Parameters
    ----------
    name, group : str
        What; "events" or "time steps".
    count : int
        How often, in all samples.
    price : Price
        For one time.

    Examples
    --------
    >>> from lava_async.hardware import PRESETS
    >>> from lava_async.hardware.cost import Entry
    >>> entry = Entry("synaptic operation", "events", 1000, PRESETS["davies2018"].synaptic_operation)
    >>> entry.count, entry.price.energy
    (1000, 2.36e-11)
    """

    name: str
    group: str
    count: int
    price: Price

    @property
    def energy(self) -> float | None:
        """Energy in joules; None if the price is not published."""
        return None if self.price.energy is None else self.count * self.price.energy

    @property
    def time(self) -> float | None:
        """Time in seconds if done one after another; None if the price is not published."""
        return None if self.price.time is None else self.count * self.price.time


@dataclass(frozen=True)
class Cost(Brief):
    """What a run would cost.

    Parameters
    ----------
    preset : Preset
        Where the prices are from.
    samples : int
        Number of samples that the counts are of.
    entries : tuple of Entry
        What is paid for.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, simulate
    >>> from lava_async.hardware import cost
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> found = cost(network, simulate(network, [[1, 0, 1]]), layered=True)
    >>> [(entry.name, entry.count) for entry in found.entries][:3]
    [('synaptic operations', 2), ('spikes emitted', 2), ('neuron updates that fire', 2)]
    """

    preset: Preset
    samples: int
    entries: tuple[Entry, ...]

    def facts(self) -> dict[str, str]:
        """Return what is shown of the cost."""
        return {
            "preset": self.preset.name,
            "samples": f"{self.samples:,}",
            "energy_nJ": f"{self.energy() * 1e9:,.3f}",
            "serial_time_us": f"{self.serial_time() * 1e6:,.3f}",
            "not_published": ", ".join(self.not_published) or "nothing",
        }

    def energy(self, group: str | None = None) -> float:
        """Return the energy in joules of a group or of all, without what is not published."""
        return float(sum(entry.energy or 0.0 for entry in self._of(group)))

    def serial_time(self, group: str | None = None) -> float:
        """Return the time in seconds if nothing ran in parallel, without what is not published."""
        return float(sum(entry.time or 0.0 for entry in self._of(group)))

    @property
    def not_published(self) -> tuple[str, ...]:
        """Names of entries that happened and whose energy nobody published."""
        return tuple(entry.name for entry in self.entries if entry.count and entry.energy is None)

    def _of(self, group: str | None) -> list[Entry]:
        if group is not None and group not in GROUPS:
            raise not_among("Cost group", group, GROUPS, ", or None")
        return [entry for entry in self.entries if group in (None, entry.group)]

    def rows(self) -> list[list[str]]:
        """Return a table per sample, its head first: what, group, count, energy in nJ, time in us."""

        def number(value: float | None, scale: float) -> str:
            return "not published" if value is None else f"{value / self.samples * scale:,.3f}"

        rows = [["per sample", "group", "count", "energy / nJ", "serial time / us"]]
        for entry in self.entries:
            count = f"{entry.count / self.samples:,.1f}"
            rows.append([entry.name, entry.group, count, number(entry.energy, 1e9), number(entry.time, 1e6)])
        for group in (*GROUPS, None):
            name = "all" if group is None else f"all {group}"
            rows.append([name, group or "", "", number(self.energy(group), 1e9), number(self.serial_time(group), 1e6)])
        return rows


def cost(
    network: Network,
    result: Result | BatchResult,
    preset: Preset | str = "davies2018",
    *,
    layered: bool,
    mapping: Mapping | None = None,
    barriers: str = "time step",
) -> Cost:
    """Return what a run would cost on a chip.

    Parameters
    ----------
    network : Network
        What was run.
    result : Result or BatchResult
        What :func:`~lava_async.simulate` or :func:`~lava_async.simulate_batch` returned.
    preset : Preset or {"davies2018", "sanafe"}
        Prices.
    layered : bool
        Whether the schedule was ``layered``.
    mapping : Mapping, optional
        Where the neurons lie; without it, messages between cores are left out.
    barriers : {"time step", "forward step", "none"}
        What ends with a barrier between all tiles: each time step; each forward step, as if one ran as a time step of
        the chip; nothing.

    Raises
    ------
    InvalidValue
        If preset or barriers are unknown, or the result is not one of this network or not one of a layered run.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, simulate
    >>> from lava_async.hardware import cost
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> found = cost(network, simulate(network, [[1, 0, 1]]), "davies2018", layered=True)
    >>> found.entries[0].name, found.entries[0].count, found.entries[0].energy
    ('synaptic operations', 2, 4.72e-11)
    """
    prices = preset_of(preset)
    counts = np.asarray(result.counts)
    samples, n, steps = counts.shape if counts.ndim == 3 else (1, *counts.shape)
    if n != network.n_neurons:
        raise InvalidValue("hardware.cost result, number of neurons", n, f"{network.n_neurons}, as of the network")
    ended = np.atleast_1d(result.decided) if result.decided is not None else np.zeros(samples, int)
    time_steps = int(np.where(ended > 0, ended, steps).sum())  # those that ran
    sweep, fired, events = n * time_steps, int(np.count_nonzero(counts)), int(np.sum(result.neuron_updates))
    if layered and events != sweep:
        raise InvalidValue("hardware.cost layered", layered, "False: the result is not one of the layered schedule")
    ends = {
        "time step": lambda: time_steps,
        "forward step": lambda: int(np.sum(result.forward_steps)),
        "none": lambda: 0,
    }
    n_barriers = from_registry("hardware.cost barriers", ends, barriers, {})
    entries = [
        Entry("synaptic operations", EVENTS, int(np.sum(result.synaptic_operations)), prices.synaptic_operation),
        Entry("spikes emitted", EVENTS, int(counts.sum()), prices.emission),
    ]
    if not layered:
        entries.append(Entry("neuron updates by events", EVENTS, events, prices.active_update))
    if mapping is not None:
        entries += _messages(mapping, counts.sum(axis=-1).reshape(samples, n).sum(axis=0), prices)
    if layered:
        entries.append(Entry("neuron updates that fire", TIME_STEPS, fired, prices.active_update))
    silent = sweep - fired if layered else sweep
    tiles = mapping.n_tiles if mapping is not None else prices.barrier[0][0]
    entries += [
        Entry(
            "neuron updates, others" if layered else "neuron updates per time step",
            TIME_STEPS,
            silent,
            prices.inactive_update,
        ),
        Entry("barriers", TIME_STEPS, n_barriers, Price(None, prices.barrier_time(tiles), f"barrier of {tiles} tiles")),
    ]
    return Cost(prices, samples, tuple(entries))


def _messages(mapping: Mapping, spikes: NDArray[Any], prices: Preset) -> list[Entry]:
    """Return what the spikes of the neurons (N,) cost on the mesh: a message per target core."""
    inside = mapping.edges.source >= 0
    source, core = mapping.edges.source[inside], mapping.edges.core[inside]
    times = spikes[source]
    east_west, north_south = mapping.hops(mapping.core_of[source], core)
    staying = times[(east_west == 0) & (north_south == 0)].sum()
    return [
        Entry("messages sent", EVENTS, int(times.sum()), prices.message),
        Entry("messages received", EVENTS, int(times.sum()), prices.arrival),
        Entry("messages within a tile", EVENTS, int(staying), prices.within_tile),
        Entry("hops east-west", EVENTS, int(times @ east_west), prices.east_west),
        Entry("hops north-south", EVENTS, int(times @ north_south), prices.north_south),
    ]


def operations_per_core(mapping: Mapping, counts: ArrayLike, inputs: ArrayLike) -> NDArray[np.int64]:
    """Return the synaptic operations that each core does, shape (n_cores,).

    Parameters
    ----------
    mapping : Mapping
        Where the neurons lie.
    counts : (N, T) int
        Spikes of the neurons.
    inputs : (C, T) int
        Input spikes; one with a payload is one spike.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, simulate
    >>> from lava_async.hardware import operations_per_core, place
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> run = simulate(network, [[1, 0, 1]])
    >>> operations_per_core(place(network), run.counts, [[1, 0, 1]])
    array([4, 4])
    """
    spikes = np.concatenate([np.count_nonzero(inputs, axis=-1), np.sum(counts, axis=-1)])
    edges, n_inputs = mapping.edges, len(np.asarray(inputs))
    done = spikes[edges.source + n_inputs] * edges.synapses
    place = np.searchsorted(mapping.cores, edges.core)
    return np.bincount(place, done, mapping.n_cores).astype(np.int64)
