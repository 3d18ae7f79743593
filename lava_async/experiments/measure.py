"""What a network does and is worth under one execution and one read-out, in numbers and in distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import metrics
from lava_async.engine import BatchResult
from lava_async.hardware import GROUPS, cost
from lava_async.network import Network
from lava_async.schedules import Layered, Schedule
from lava_async.simulation import simulate_batch
from lava_async.stopping import StopRule
from lava_async.training.trainer import LabelledSpikes

#: Whose prices the energy split is in.
PRESET = "davies2018"


def measure(
    network: Network, data: LabelledSpikes, *, schedule: Schedule, until: StopRule, seed: int = 0, threads: int = 1
) -> dict[str, Any]:  # fmt: skip
    """Return what a network does on samples, as plain data.

    Parameters
    ----------
    network : Network
        What is run.
    data : LabelledSpikes
        Samples, numbered 0 .. B - 1 for random draws.
    schedule, until, seed, threads
        As in :func:`lava_async.simulate_batch`.

    Returns
    -------
    dict
        ``numbers``: means as in :mod:`lava_async.metrics`, per sample unless the name says otherwise; energies in nJ
        (:mod:`lava_async.hardware.cost`: events, and what a chip with time steps pays for each of them); and what it
        took until the correct decision, see :func:`decided`; of timed runs also nanoseconds.
        ``layers``: spikes per sample and spike density of each layer. ``neurons``: spikes per sample of each neuron.
        ``first_output_steps``: how many time steps had their first output spike in forward step 1, 2, ...
        ``spikes_histogram``: edges and samples between them.
    """
    how: dict[str, Any] = {"schedule": schedule, "until": until, "seed": seed, "threads": threads}
    run = simulate_batch(network, data.spikes, **how)
    labels = np.asarray(data.labels)
    samples, _, n_steps = run.counts.shape
    layered = schedule.name == Layered.name
    price = cost(network, run, PRESET, layered=layered)
    events, time_steps = (price.energy(group) / samples * 1e9 for group in GROUPS)
    neurons = run.counts.sum(axis=(0, 2)) / samples
    first = run.first_output[run.first_output > 0]
    heights, edges = np.histogram(run.counts.sum(axis=(1, 2)), bins=30)
    numbers = {
        "accuracy": metrics.accuracy(run.output, labels),
        "spikes": metrics.spikes_per_sample(run.counts),
        "spike_density": metrics.spike_density(run.counts),
        "forward_steps": float(run.forward_steps.sum(axis=1).mean()),
        "steps_to_first_output": metrics.latency(run.first_output),
        "synaptic_operations": float(run.synaptic_operations.mean()),
        "neuron_updates": float(run.neuron_updates.mean()),
        "reactivity": metrics.reactivity(run.synaptic_operations, run.counts),
        "dropped": float(run.dropped.mean()),
        "energy_events_nj": events,
        "energy_time_steps_nj": time_steps,
        **_until_decided(network, data, run, how),
        **_times(run, labels),
    }
    return {
        "samples": samples,
        "numbers": numbers,
        "layers": [
            {"name": layer.name or f"layer {i}", "neurons": layer.size,
             "spikes": float(part.sum()), "density": float(part.sum()) / (layer.size * n_steps)}
            for i, (layer, part) in enumerate(zip(network.layers, _split(network, neurons), strict=True))
        ],
        "neurons": neurons.round(4).tolist(),
        "first_output_steps": np.bincount(first, minlength=1)[1:].tolist(),
        "spikes_histogram": {"edges": edges.tolist(), "samples": heights.tolist()},
    }  # fmt: skip


def decided(output: NDArray[np.int32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return after how many time steps the class of each sample is its label and stays so; 0: never.

    Parameters
    ----------
    output : (B, n_out, T)
        Spike counts of the output neurons. The class after t time steps is the argmax of those up to t.
    labels : (B,) int
        Classes.

    Returns
    -------
    (B,) int64
    """
    correct = output.cumsum(axis=2).argmax(axis=1) == np.asarray(labels)[:, None]
    wrong_last = np.where(correct.all(axis=1), 0, correct.shape[1] - (~correct[:, ::-1]).argmax(axis=1))
    return np.asarray(np.where(correct[:, -1], wrong_last + 1, 0), np.int64)


def _until_decided(
    network: Network, data: LabelledSpikes, run: BatchResult, how: dict[str, Any]
) -> dict[str, float]:  # fmt: skip
    """Return what samples that end up correct took until their class was decided, means over these samples.

    A run is a function of what came before, so the samples are run again up to their decision: what was counted then
    is exact.
    """
    ends = decided(run.output, data.labels)
    total = {"forward_steps_to_decision": 0.0, "synaptic_operations_to_decision": 0.0, "spikes_to_decision": 0.0}
    for end in np.unique(ends[ends > 0]):
        chosen = np.flatnonzero(ends == end)
        total["forward_steps_to_decision"] += float(run.forward_steps[chosen, :end].sum())
        total["spikes_to_decision"] += float(run.counts[chosen, :, :end].sum())
        if end == run.output.shape[2]:
            operations = run.synaptic_operations[chosen]
        else:
            cut = simulate_batch(network, _first_steps(data.spikes[chosen], int(end)), samples=chosen, **how)
            operations = cut.synaptic_operations
        total["synaptic_operations_to_decision"] += float(operations.sum())
    correct = int((ends > 0).sum())
    steps = float(ends[ends > 0].mean()) if correct else float("nan")
    means = {name: value / correct if correct else float("nan") for name, value in total.items()}
    return {"time_steps_to_decision": steps, **means}


def _times(run: BatchResult, labels: NDArray[np.int64]) -> dict[str, float]:
    """Return how long a timed run took in nanoseconds; nothing of other runs."""
    if run.step_ps is None or run.first_output_ps is None:
        return {}
    return {
        "nanoseconds_per_time_step": float(run.step_ps.mean()) / metrics.PS_PER_NS,
        "nanoseconds_to_first_output": metrics.time_to_first_output(run.first_output_ps),
        "nanoseconds_to_decision": metrics.decision_time(run.step_ps, decided(run.output, labels)),
    }


def _first_steps(spikes: Any, n: int) -> NDArray[Any]:
    """Return the first n time steps of (B, C, T) spike counts."""
    dense = spikes if isinstance(spikes, np.ndarray) else spikes.to_dense()
    return dense[:, :, :n]


def _split(network: Network, values: NDArray[Any]) -> list[NDArray[Any]]:
    return np.split(values, np.cumsum([layer.size for layer in network.layers])[:-1])
