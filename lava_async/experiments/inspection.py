"""What stands in a network, as a report for browsers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lava_async import plots
from lava_async.hardware.limits import Fit
from lava_async.hardware.summary import Histogram, LayerSummary, histogram, summarize
from lava_async.network import Network
from lava_async.plots.report import Section, report_html
from lava_async.schedules import Layered, Schedule
from lava_async.simulation import simulate

#: Larger networks are not drawn neuron by neuron.
MOST_NEURONS = 3000
#: Share of the input channels that get a spike for the wavefront, and the seed that says which.
DENSITY, SEED = 0.1, 0


def inspection_html(
    network: Network, fits: Sequence[Fit], *, name: str, metadata: dict[str, Any], schedule: Schedule
) -> str:
    """Return a page with the layers, weights, neurons, limits of chips, and one time step of a network.

    Parameters
    ----------
    network : Network
        What is inspected.
    fits : list of Fit
        What :func:`lava_async.hardware.check` said about each chip.
    name : str
        Of the network, for the title.
    metadata : dict
        What is noted in its file.
    schedule : Schedule
        Shown beside the layered one.
    """
    layers, weights = summarize(network), histogram(network)
    synapses = sum(c.synapses for layer in layers for c in layer.incoming)
    text = (f"{network.n_neurons:,} neurons, {synapses:,} synapses, {network.n_inputs:,} input channels, "
            f"{len(network.outputs):,} outputs, {network.params.tag}")  # fmt: skip
    parts = [
        Section("Layers", table=_layers(layers)),
        Section("Weights", picture=_weights(weights), says="Histogram of the stored weights"),
        Section("Neurons", "Least .. largest of each parameter.", table=_neurons(layers)),
    ]
    for fit in fits:
        verdict = fit.verdict[0].upper() + fit.verdict[1:]
        parts.append(Section(fit.mapping.target.title, f"{verdict}.", table=_limits(fit)))
    if network.n_neurons + network.n_inputs <= MOST_NEURONS:
        parts.append(one_time_step(network, schedule))
    if metadata:
        rows = [["name", "value"], *([str(key), str(value)] for key, value in metadata.items())]
        parts.append(Section("Noted in the file", table=rows))
    return report_html(name, parts, text=text)


def _layers(layers: Sequence[LayerSummary]) -> list[list[str]]:
    rows = [["layer", "shape", "neurons", "receives from", "type", "synapses", "weights", "least", "largest", "bits",
             "longest delay"]]  # fmt: skip
    for layer in layers:
        for c in layer.incoming:
            shape = " x ".join(map(str, layer.shape))
            rows.append([layer.name, shape, f"{layer.neurons:,}", c.source, c.kind, f"{c.synapses:,}", f"{c.weights:,}",
                         f"{c.low:g}", f"{c.high:g}", "-" if c.bits is None else str(c.bits),
                         str(c.longest_delay)])  # fmt: skip
    return rows


def _neurons(layers: Sequence[LayerSummary]) -> list[list[str]]:
    rows = [["layer", *layers[0].parameters]]
    for layer in layers:
        ranges = layer.parameters.values()
        rows.append([layer.name, *(f"{a:g}" if a == b else f"{a:g} .. {b:g}" for a, b in ranges)])
    return rows


def _weights(weights: Histogram) -> Figure:
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(weights.edges[:-1], weights.counts, width=np.diff(weights.edges), align="edge", color="0.7",
             edgecolor="0.2")  # fmt: skip
    axes.set(xlabel="weight", ylabel="stored weights")
    return figure


def _limits(fit: Fit) -> list[list[str]]:
    words = {True: "ok", False: "NO", None: "not published"}
    rows = [["limit", "needed", "allowed", "verdict", "layers", "what to do", "source"]]
    for c in fit.checks:
        rows.append([c.title, c.needed, c.allowed, words[c.ok], ", ".join(map(str, c.layers)), c.advice, c.source])
    return rows


def one_time_step(network: Network, schedule: Schedule) -> Section:
    """Return a part that shows a time step of a network under the layered and another schedule."""
    spikes = (np.random.default_rng(SEED).random((network.n_inputs, 1)) < DENSITY).astype(np.int64)
    shown = {"layered": Layered(), schedule.name if schedule.group_size is None else
             f"{schedule.name}, F = {schedule.group_size}": schedule}  # fmt: skip
    waves = {title: plots.wave(network, simulate(network, spikes, schedule=s, record="trace"), 0, spikes)
             for title, s in shown.items()}  # fmt: skip
    text = f"A spike in a tenth of the input channels, drawn at random (seed {SEED}), and what it sets off."
    return Section("One time step", text, page=plots.wavefront_html(waves, title="One time step"))
