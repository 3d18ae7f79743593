"""The main job: from handwritten digits to the same spikes in Lava.

Two networks of one shape are trained, one with layer synchronization as usual, one without (unlayered
backpropagation), then run with and without it, exported, and run in Lava.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lava_async import __version__, plots
from lava_async.data import SpikeDataset
from lava_async.data.digits import digits
from lava_async.experiments.build import one_torch_thread
from lava_async.experiments.exactness import Exactness, compare
from lava_async.files import write_json
from lava_async.network import Network
from lava_async.plots.style import colour_scale, save_figure
from lava_async.schedules import ExecutionKind, Layered, Momentum, Random
from lava_async.simulation import simulate
from lava_async.training import ATan, UnlayeredNetwork, dense_blocks
from lava_async.training.loop import Evaluation, evaluate, fit

RESULTS, PICTURE = "results.json", "demo"
#: Called with what is being done, and the share of the whole that was done since the last call.
Progress = Callable[[str, float], Any]


@dataclass(frozen=True)
class DemoConfig:
    """Settings of the demo. They were chosen on the validation split; training uses train and validation.

    Parameters
    ----------
    seed : int
        Of the weights, the order of the samples and the random schedule.
    hidden : tuple of int
        Neurons of the hidden layers.
    group_size : int
        F.
    threshold, voltage_decay, gain : float
        Of :func:`lava_async.training.dense_blocks`.
    surrogate : float
        alpha of the arctangent surrogate.
    epochs, batch_size, learning_rate, scale, penalty
        As in :func:`lava_async.training.loop.fit`.
    train_samples, test_samples, lava_samples : int or None
        The first so many are used for training, evaluation and the comparison with Lava; None: all.
    """

    seed: int = 0
    hidden: tuple[int, ...] = (128, 128)
    group_size: int = 8
    threshold: float = 1.0
    voltage_decay: float = 1.0
    gain: float = 2.0
    surrogate: float = 2.4
    epochs: int = 25
    batch_size: int = 32
    learning_rate: float = 1e-2
    scale: float = 0.5
    penalty: float = 0.0
    train_samples: int | None = None
    test_samples: int | None = None
    lava_samples: int | None = None

    def fast(self) -> DemoConfig:
        """Return a smaller and shorter demo, which shows that all works and not how well."""
        return replace(self, hidden=(64,), epochs=4, train_samples=480, test_samples=100, lava_samples=20)

    def schedules(self) -> dict[str, ExecutionKind]:
        """Return how networks are executed."""
        return {"layered": Layered(), "random": Random(self.group_size), "momentum": Momentum(self.group_size)}

    def trainings(self) -> dict[str, ExecutionKind]:
        """Return how networks are trained; each is a model of that name."""
        return {"layered": Layered(), "unlayered": Random(self.group_size)}


@dataclass(frozen=True)
class Row:
    """A network, trained in one way, and executed in one way."""

    trained: str
    executed: str
    evaluation: Evaluation


@dataclass(frozen=True)
class Demo:
    """What came out."""

    config: DemoConfig
    rows: list[Row]
    exactness: dict[str, Exactness]
    files: dict[str, Path]
    seconds: dict[str, float]

    @property
    def exact(self) -> bool:
        """Whether all samples of all networks came out the same at all stations."""
        return all(e.equal == e.samples for e in self.exactness.values())

    def data(self) -> dict[str, Any]:
        """Return everything as plain data."""
        rows = [{"trained": r.trained, "executed": r.executed, **asdict(r.evaluation)} for r in self.rows]
        return {
            "lava-async": __version__,
            "config": asdict(self.config),
            "rows": rows,
            "exactness": {name: asdict(e) for name, e in self.exactness.items()},
            "exact": self.exact,
            "files": {name: str(path) for name, path in self.files.items()},
            "seconds": self.seconds,
        }


def run_demo(
    config: DemoConfig,
    folder: str | Path,
    progress: Progress = lambda what, share: None,
    *,
    formats: Sequence[str] = ("png",),
) -> Demo:
    """Do the main job and write its files into a folder, which is made.

    Parameters
    ----------
    config : DemoConfig
        Settings.
    folder : path
        Gets ``layered.net``, ``unlayered.net``, ``results.json`` and ``demo.png``; files of these names are replaced.
    progress : function of (what, share)
        Called with what is being done, and the share of the whole that was done since the last call.
    formats : list of str
        Formats of the picture: "png", "svg", "pdf".
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    clock = _Clock()
    train, test = _first(digits("train+validation"), config.train_samples), _first(digits("test"), config.test_samples)
    files = {name: folder / f"{name}.net" for name in config.trainings()}
    pictures = [folder / f"{PICTURE}.{name}" for name in formats]
    files |= {"picture" if path is pictures[0] else path.suffix[1:]: path for path in pictures}
    files |= {"results": folder / RESULTS}
    networks, exactness = {}, {}
    with one_torch_thread():
        progress("compile (once)", 0)
        train_network(replace(config, epochs=1), train.subset([0]), config.trainings()["unlayered"])
        clock.tick("compile")
        for name, schedule in config.trainings().items():
            epoch = partial(progress, f"train {name}", _TRAIN / config.epochs)
            progress(f"train {name}", 0)
            networks[name] = train_network(config, train, schedule, epoch)
            networks[name].export_hdf5(files[name], training=config, data=train.name)
            clock.tick(f"train {name}")
        progress("evaluate", 0)
        rows = [
            Row(name, executed, evaluate(network, test, schedule=schedule, seed=config.seed))
            for name, network in networks.items()
            for executed, schedule in config.schedules().items()
        ]
        clock.tick("evaluate")
        for name, network in networks.items():
            chosen = _first(test, config.lava_samples).dense()
            exactness[name] = compare(network, files[name], chosen, lambda s: progress(f"compare: {s}", _COMPARE / 4))
        clock.tick("compare with Lava")
    progress("draw", 0)
    draw(pictures, config, networks["unlayered"].to_network(), test, rows)
    demo = Demo(config, rows, exactness, files, clock.seconds)
    write_json(files["results"], demo.data())
    return demo


#: Shares of the whole work: training one network, comparing one network.
_TRAIN, _COMPARE = 0.4, 0.1


def train_network(
    config: DemoConfig, data: SpikeDataset, schedule: ExecutionKind, after_epoch: Callable[[], object] = lambda: None
) -> UnlayeredNetwork:
    """Return a trained network; all else being equal, the schedule makes the difference."""
    blocks = dense_blocks(
        [data.n_channels, *config.hidden, data.n_classes],
        threshold=config.threshold,
        voltage_decay=config.voltage_decay,
        gain=config.gain,
        seed=config.seed,
    )
    network = UnlayeredNetwork(blocks, schedule=schedule, surrogate=ATan(config.surrogate), seed=config.seed)
    fit(
        network,
        data,
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        scale=config.scale,
        penalty=config.penalty,
        seed=config.seed,
        callback=lambda _: after_epoch(),
    )
    return network.eval()


def draw(paths: list[Path], config: DemoConfig, network: Network, test: SpikeDataset, rows: list[Row]) -> None:
    """Draw one sample under the layered and the random schedule, and the accuracies of all rows."""
    figure = Figure(figsize=(12.6, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    places = [["layered", "random", name] for name in ("accuracy", "accuracy_at_first_output")]
    panels: dict[str, Any] = figure.subplot_mosaic(places, width_ratios=(1, 1, 0.7))
    schedules = config.schedules()
    runs = {
        name: simulate(network, test.spikes[0], schedule=schedules[name], seed=config.seed, record="trace")
        for name in ("layered", "random")
    }
    last = max(int(plots.delivery_order(run)[:, 1].max(initial=1)) for run in runs.values())
    for name, run in runs.items():
        axes = plots.raster(panels[name], run, network, last=last)
        axes.set_title(f"executed {name}" + (f", F = {config.group_size}" if name == "random" else ""))
    figure.colorbar(axes.collections[-1], ax=axes, label="delivered after forward step", ticks=range(last + 1))
    trained, executed = list(config.trainings()), list(schedules)
    for name in ("accuracy", "accuracy_at_first_output"):
        values = {(row.trained, row.executed): getattr(row.evaluation, name) for row in rows}
        matrix = [[values[i, j] for j in executed] for i in trained]
        plots.mismatch_matrix(panels[name], matrix, trained, executed, limits=_limits(rows))
        panels[name].set_title(name.replace("_", " "))
    panels["accuracy"].set_xlabel("")
    colour_scale([panels["accuracy"], panels["accuracy_at_first_output"]], "accuracy", percent=True)
    figure.suptitle(f"A handwritten {test.labels[0]}, seen by the network trained without layer synchronization")
    for path in paths:
        save_figure(figure, path)


def _limits(rows: list[Row]) -> tuple[float, float]:
    """Return one range of colours for all accuracies, no narrower than ten points: small differences stay small."""
    values = [x for row in rows for x in (row.evaluation.accuracy, row.evaluation.accuracy_at_first_output)]
    return min(*values, max(values) - 0.1), max(values)


def _first(data: SpikeDataset, n: int | None) -> SpikeDataset:
    return data if n is None else data.subset(np.arange(min(n, len(data))))


class _Clock:
    """Seconds between ticks."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def tick(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now
