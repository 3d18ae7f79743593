"""Activity and metrics of a network under one execution and one read-out, as numbers and distributions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lava_async.data.samples import LabelledSpikes, labelled
from lava_async.decisions import Decisions
from lava_async.execution import Execution, Fields, chosen
from lava_async.forms import class_labels
from lava_async.hardware import GROUPS, cost
from lava_async.network import Network
from lava_async.silence import Activity
from lava_async.tally import Tally, in_parts

if TYPE_CHECKING:
    from typing_extensions import Unpack

log = logging.getLogger(__name__)
#: Whose prices the energy split is in.
PRESET = "davies2018"


def measure(
    network: Network,
    data: LabelledSpikes,
    *,
    execution: Execution | None = None,
    threads: int = 1,
    **fields: Unpack[Fields],
) -> dict[str, Any]:
    """Return what a network does on samples, as plain data.

    Parameters
    ----------
    network : Network
        What is run.
    data : LabelledSpikes
        Samples, numbered 0 .. B - 1 for random draws.
    execution : Execution, optional
        How the network runs; default: as is noted about it.
    threads : int
        As in :func:`lava_async.simulate_batch`.
    **fields
        schedule, until, refractory, input_first, seed: each overrides a field of the execution.

    Returns
    -------
    dict
        ``numbers``: means as in :mod:`lava_async.metrics`, per sample unless the name says otherwise; energies in nJ
        (:mod:`lava_async.hardware.cost`: events, and what a chip with time steps pays for each of them); and what it
        took until the correct decision, energy of both kinds included, see :mod:`lava_async.decisions`; of timed runs
        also nanoseconds.
        ``layers``: spikes per sample and spike density of each layer. ``neurons``: spikes per sample of each neuron.
        ``first_output_steps``: how many time steps had their first output spike in forward step 1, 2, ...
        ``spikes_histogram``: edges and samples between them.

    Examples
    --------
    >>> from lava_async import Layered
    >>> from lava_async.data.digits import digits
    >>> from lava_async.experiments.measure import measure
    >>> from lava_async.models import load
    >>> found = measure(load("digits_robust"), digits("test").subset(range(20)), schedule=Layered())
    >>> sorted(found), found["numbers"]["accuracy"] > 0.8
    (['first_output_steps', 'layers', 'neurons', 'numbers', 'samples', 'spikes_histogram'], True)
    """
    data = labelled(data)
    execution = chosen(execution, network.execution, **fields)
    how: dict[str, Any] = {"execution": execution, "threads": threads}
    labels, schedule = class_labels("measure: labels", data.labels, len(network.outputs)), execution.schedule
    layered = schedule.layered
    tally, ends = Tally(), Decisions(lambda run: cost(network, run, PRESET, layered=layered).energy())
    energy, per_neuron = np.zeros(len(GROUPS)), np.zeros(network.n_neurons, np.int64)
    first_steps, per_sample, n_steps = np.zeros(1, np.int64), [], 0
    for part, run in in_parts(network, data.spikes, **how):
        tally.add(run, labels[part])
        ends.add(network, data.spikes, labels[part], part, run, how)
        price = cost(network, run, PRESET, layered=layered)
        energy += [price.energy(group) for group in GROUPS]
        per_neuron += run.counts.sum(axis=(0, 2))
        first_steps = _longer(first_steps, np.bincount(run.first_output.ravel(), minlength=1))
        per_sample.append(run.counts.sum(axis=(1, 2)))
        n_steps = run.counts.shape[2]
    samples = tally.samples
    activity = Activity(network, np.unique(labels))
    activity.add(per_neuron, samples * n_steps)
    for _, sentence in activity.sentences():
        log.warning("evaluated %s: %s", schedule.name, sentence)
    events, time_steps = (energy / samples * 1e9).tolist()
    neurons = per_neuron / samples
    heights, edges = np.histogram(np.concatenate(per_sample), bins=30)
    numbers = {
        "accuracy": tally.accuracy,
        "spikes": tally.spikes_per_sample,
        "spike_density": tally.spike_density,
        "forward_steps": tally.forward_steps / samples,
        "steps_to_first_output": tally.steps_to_first_output,
        "synaptic_operations": tally.synaptic_operations / samples,
        "neuron_updates": tally.neuron_updates / samples,
        "reactivity": tally.reactivity,
        "dropped": tally.dropped / samples,
        "energy_events_nj": events,
        "energy_time_steps_nj": time_steps,
        **ends.means(),
        **tally.times,
    }
    return {
        "samples": samples,
        "numbers": numbers,
        "layers": [
            {
                "name": layer.name or f"layer {i}",
                "neurons": layer.size,
                "spikes": float(part.sum()),
                "density": float(part.sum()) / (layer.size * n_steps),
            }
            for i, (layer, part) in enumerate(zip(network.layers, _split(network, neurons), strict=True))
        ],
        "neurons": neurons.round(4).tolist(),
        "first_output_steps": first_steps[1:].tolist(),
        "spikes_histogram": {"edges": edges.tolist(), "samples": heights.tolist()},
    }


def _longer(total: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of two lists of counts, as long as the longer one."""
    summed = np.zeros(max(len(total), len(more)), np.int64)
    summed[: len(total)] += total
    summed[: len(more)] += more
    return summed


def _split(network: Network, values: NDArray[Any]) -> list[NDArray[Any]]:
    return np.split(values, np.cumsum([layer.size for layer in network.layers])[:-1])
