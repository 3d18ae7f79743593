"""What is in a network, as a report for browsers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lava_async import plots
from lava_async.execution import Execution, chosen
from lava_async.experiments.inspection import Inspection, limit_rows, verdict
from lava_async.hardware.summary import Histogram
from lava_async.network import Network
from lava_async.plots.report_page import Section, report_html
from lava_async.schedules import Layered, Momentum
from lava_async.simulation import simulate

#: Larger networks are not drawn neuron by neuron.
MOST_NEURONS = 3000
#: Share of the input channels that get a spike for the wavefront, and the seed that says which.
DENSITY, SEED = 0.1, 0


def inspection_html(found: Inspection) -> str:
    """Return a page with the layers, weights, neurons, limits of chips, and one time step of a network.

    Parameters
    ----------
    found : Inspection
        What it shows. The time step runs layered beside the execution that is noted in the file, if any, else momentum.
    """
    network = found.network
    parts = [
        Section("Layers", table=found.layer_rows()),
        Section("Weights", pictures={"Histogram of the stored weights": _weights(found.weights)}),
        Section("Neurons", "Least .. largest of each parameter.", table=found.neuron_rows()),
    ]
    for fit in found.fits:
        parts.append(Section(fit.mapping.target.title, verdict(fit), table=limit_rows(fit)))
    if network.n_neurons + network.n_inputs <= MOST_NEURONS:
        parts.append(one_time_step(network, chosen(network.execution or Execution(Momentum(8)))))
    if found.metadata:
        parts.append(Section("Noted in the file", table=found.note_rows()))
    return report_html(found.name, parts, text=found.headline)


def _weights(weights: Histogram) -> Figure:
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(
        weights.edges[:-1], weights.counts, width=np.diff(weights.edges), align="edge", color="0.7", edgecolor="0.2"
    )
    axes.set(xlabel="weight", ylabel="stored weights")
    return figure


def one_time_step(network: Network, execution: Execution) -> Section:
    """Return a part that shows a time step of a network under the layered schedule and another execution."""
    spikes = (np.random.default_rng(SEED).random((network.n_inputs, 1)) < DENSITY).astype(np.int64)
    shown = {"layered": execution.but(schedule=Layered()), execution.schedule.title: execution}
    waves = {
        title: plots.wave(network, simulate(network, spikes, execution=how, record="trace"), 0, spikes)
        for title, how in shown.items()
    }
    text = f"A spike in a tenth of the input channels, drawn at random (seed {SEED}), and what it sets off."
    return Section("One time step", text, page=plots.wavefront_html(waves, title=""))
