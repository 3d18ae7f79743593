"""Draw the pictures of the documentation: ``python docs/draw_pictures.py`` (a minute on one core).

Two more come from commands: demo.png from `lava-async demo`, encoders.png from `lava-async data encoders`.

Two networks 200-64-64-10 are trained on the digits, as in tutorial 03; equal seeds give equal pictures. The frontier is
drawn of frontier.csv: columns of what `lava-async study frontier` writes into results.csv.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import six_neurons
import torch
from PIL import Image

from lava_async import (
    FirstOutput,
    Layered,
    Momentum,
    Network,
    Random,
    metrics,
    plots,
    simulate,
    simulate_batch,
)
from lava_async.data.digits import digits
from lava_async.experiments.comparison import UNITS_OF, draw_gains, gains
from lava_async.plots.style import colour_scale
from lava_async.training import ATan, UnlayeredNetwork, dense_blocks, evaluate, fit

FOLDER = Path(__file__).parent / "pictures"


def main() -> None:
    """Draw all of them."""
    FOLDER.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    draw_six()
    draw_frontier()
    train, test = digits("train+validation"), digits("test")
    trained = {}
    for name, schedule in (("layered", Layered()), ("unlayered", Random(8))):
        blocks = dense_blocks([200, 64, 64, 10], voltage_decay=1.0, gain=2.0, seed=0)
        network = UnlayeredNetwork(blocks, schedule=schedule, surrogate=ATan(2.4), seed=0)
        fit(network, train, epochs=20, batch_size=32, learning_rate=1e-2, penalty=0.0, seed=0)
        trained[name] = network.eval().to_network()
    draw_runs(trained["unlayered"], test.spikes[0])
    draw_results(trained, test)


def draw_six() -> None:
    """Draw one event through six neurons: a strip and a film."""
    waves = six_neurons.waves()
    says = {
        "layered": "Layered: neuron 2 of dense 0 inhibits in the same forward step; the output stays silent.",
        "momentum, F = 1": "Asynchronous (momentum, F = 1): it waits in the queue for too long; the output fires.",
    }
    figure, panels = plt.subplots(2, 4, figsize=(11, 4.2))
    figure.subplots_adjust(0.01, 0.07, 0.99, 0.88, wspace=0.1, hspace=0.3)
    for row, (name, wave) in zip(panels, waves.items(), strict=True):
        for k, axes in enumerate(row):
            plots.wavefront(axes, wave, k)
        top = row[0].get_position().y1
        figure.text(0.01, top + 0.08, says[name], fontsize=11, weight="bold", va="center")
    plots.wavefronts.legend(figure)
    save(figure, "wavefront")
    figure = plt.figure(figsize=(7.5, 3.0))
    plots.animate(figure, waves).save(FOLDER / "wavefront.gif", writer="pillow", dpi=80)
    plt.close(figure)


def draw_frontier() -> None:
    """Draw what training at random, F = 8, gains over the layered-trained baseline."""
    text = FOLDER.with_name("frontier.csv").read_text(encoding="utf-8").splitlines()
    named = ("setting", "training", "execution", "readout")
    rows = [
        {key: value if key in named else json.loads(value or "NaN") for key, value in line.items()}
        for line in csv.DictReader(text)
    ]
    found = [gain for gain in gains(rows, ["layered"]) if gain.training == "random F=8"]
    figure, panels = plt.subplots(3, 1, figsize=(8.6, 11), layout="constrained", sharex=True)
    shown = {
        "accuracy at quiescence": ("quiescence", "accuracy"),
        "spikes": ("quiescence", "spikes"),
        "accuracy at first output": ("first output", "accuracy"),
    }
    for axes, (title, (readout, of)) in zip(panels, shown.items(), strict=True):
        draw_gains(axes, found, readout, of=of).set_title(
            f"{title}: trained at random, F = 8, minus trained with layers"
        )
        names = [label.get_text().replace(" ", "\n") for label in axes.get_xticklabels()]
        axes.set_xticks(axes.get_xticks(), names)
        axes.set_xlabel(axes.get_xlabel() if axes is panels[-1] else "")
        colour_scale(axes, UNITS_OF[of])
    save(figure, "frontier")


def draw_runs(network: Network, spikes: Any) -> None:
    """Draw the raster of one sample under three schedules."""
    schedules = {"layered": Layered(), "random, F = 8": Random(8), "momentum, F = 8": Momentum(8)}
    runs = {name: simulate(network, spikes, schedule=s, record="trace") for name, s in schedules.items()}
    last = max(int(plots.delivery_order(run)[:, 1].max()) for run in runs.values())
    figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained", sharey=True)
    for axes, (name, run) in zip(panels, runs.items(), strict=True):
        plots.raster(axes, run, network, steps=range(5), last=last).set_title(name)
    figure.colorbar(axes.collections[-1], ax=axes, label="delivered after forward step", ticks=range(last + 1))
    save(figure, "raster")


def draw_results(trained: dict[str, Network], test: Any) -> None:
    """Draw the accuracy of the two networks under several executions, and their spikes."""
    executions = {
        "layered": Layered(),
        "random, F = 8": Random(8),
        "momentum, F = 8": Momentum(8),
        "random, F = 2": Random(2),
    }
    found = {(i, j): evaluate(trained[i], test, schedule=s) for i in trained for j, s in executions.items()}
    lowest = min(min(each.accuracy, each.accuracy_at_first_output) for each in found.values())
    figure, panels = plt.subplots(2, 1, figsize=(8, 4.6), layout="constrained", sharex=True)
    for axes, field in zip(panels, ("accuracy", "accuracy_at_first_output"), strict=True):
        matrix = [[getattr(found[i, j], field) for j in executions] for i in trained]
        plots.mismatch_matrix(axes, matrix, list(trained), list(executions), limits=(lowest, 1.0))
        axes.set_title(field.replace("_", " "))
    panels[0].set_xlabel("")
    colour_scale(list(panels), "accuracy", percent=True)
    save(figure, "mismatch")

    steps, curves = range(0, 13, 2), {}
    for name, network in trained.items():
        runs = [simulate_batch(network, test.spikes, schedule=Random(2), until=FirstOutput(k)) for k in steps]
        curves[f"{name} training"] = (steps, [metrics.accuracy(run.output, test.labels) for run in runs])
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    plots.latency_curve(axes, curves).set_title("executed random, F = 2")
    save(figure, "latency")

    counts = {
        f"{name} training": simulate_batch(network, test.spikes, schedule=Random(8)).counts
        for name, network in trained.items()
    }
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    plots.activity_histogram(axes, counts).set_title("executed random, F = 8")
    save(figure, "activity")


def save(figure: Any, name: str) -> None:
    """Write a picture of few colours, which is small."""
    path = FOLDER / f"{name}.png"
    figure.savefig(path, dpi=100)
    with Image.open(path) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    plt.close(figure)


if __name__ == "__main__":
    plt.switch_backend("agg")
    main()
