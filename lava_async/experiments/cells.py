"""The cells of a study: a network each, trained, and evaluated under every execution."""

# ruff: noqa: RUF009 (key() makes a dataclass field)
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lava_async.calibration import Objective, calibrate, objective_of, scale_thresholds
from lava_async.errors import InvalidValue
from lava_async.execution import DEFAULT, Execution
from lava_async.experiments.config import Config
from lava_async.experiments.sections import ALL, NetworkConfig
from lava_async.experiments.tables import Table, key
from lava_async.files import write_json
from lava_async.network import Network
from lava_async.schedules import by_name, schedule
from lava_async.stopping import FirstOutput, Margin

CELLS, CELL, TRAINING = "cells", "cell.json", "training"
#: What the read-outs are called.
QUIESCENCE, FIRST_OUTPUT = "quiescence", "first output"


@dataclass(frozen=True)
class CalibrationConfig(Table):
    """How the thresholds of every trained network are chosen for an execution; the search needs validation samples.

    Examples
    --------
    >>> from lava_async.experiments.cells import CalibrationConfig
    >>> CalibrationConfig(name="for Loihi", objective="first output").execution().schedule.target
    'loihi1'
    """

    name: str = key("What reports add to the name of the training.")
    schedule: str = key("Schedule that they are chosen for.", "timed", options=by_name)
    options: dict[str, Any] = key("Its options.", {})
    objective: Literal["accuracy", "first output", "operations", "nanoseconds"] = key("What is wanted.", "accuracy")
    at_least: float | None = key(
        "Of operations, nanoseconds: the accuracy below which no cost counts.", None, least=0.0
    )
    margin: int | None = key("Samples end, for the search too, when the best output leads by so many.", None, least=1)
    margin_at: Literal["spike", "step"] = key("Where the lead counts.", "spike")
    search: Literal["quick", "layers"] = key("Factors: for hidden layers and outputs, or per layer.", "quick")
    split: str = key("Samples that they are chosen on.", "validation")
    samples: int = key("The first so many of them.", 2000, least=1)

    def check(self) -> None:  # noqa: D102
        if self.split == "test":
            raise self.wrong("split", "samples that no network is judged by")
        if self.margin and self.objective == "first output":
            raise self.wrong("margin", "left out: the first output ends time steps")
        self.execution()
        self.wanted()

    def wanted(self) -> Objective:
        """Return what the thresholds are to reach."""
        until = Margin(self.margin, self.margin_at) if self.margin else None
        return objective_of(self.objective, until=until, at_least=self.at_least)

    def execution(self) -> Execution:
        """Return the execution that thresholds are chosen for."""
        return Execution(schedule(self.schedule, **self.options))


def name_of(execution: Execution) -> str:
    """Return what reports call how a network runs, the read-out aside, as in "random F=8" or "timed sanafe".

    Examples
    --------
    >>> from lava_async import Execution, Random, Timed
    >>> from lava_async.experiments.cells import name_of
    >>> name_of(Execution(Random(group_size=8))), name_of(Execution(Timed()))
    ('random F=8', 'timed sanafe')
    """
    order = execution.schedule
    name = f"{order.name} F={order.group_size or ALL}" if order.queued else order.title
    name += "" if execution.refractory else ", any number of spikes"
    return name + ("" if execution.input_first else ", input queued")


def readout_of(execution: Execution) -> str:
    """Return what reports call the read-out, as in "first output + 4" or "margin 2".

    Examples
    --------
    >>> from lava_async import Execution, FirstOutput, Random
    >>> from lava_async.experiments.cells import readout_of
    >>> readout_of(Execution(Random(group_size=8)))
    'quiescence'
    >>> readout_of(Execution(Random(group_size=8), FirstOutput(extra_steps=4)))
    'first output + 4'
    """
    if isinstance(execution.until, Margin):
        return f"margin {execution.until.margin}" + (" at the step" if execution.until.at == "step" else "")
    if not isinstance(execution.until, FirstOutput):
        return QUIESCENCE
    return FIRST_OUTPUT + (f" + {execution.until.extra_steps}" if execution.until.extra_steps else "")


def noted(execution: Execution) -> dict[str, Any]:
    """Return an execution as cells note it: plain data without defaults and without the seed, which is the cell's.

    Examples
    --------
    >>> from lava_async import Execution, Random
    >>> from lava_async.experiments.cells import noted
    >>> noted(Execution(Random(group_size=8), seed=3))
    {'schedule': {'name': 'random', 'group_size': 8}, 'until': {'name': 'Quiescence'}}
    """
    usual = DEFAULT.config()
    switches = ("refractory", "input_first")
    return {
        name: value
        for name, value in execution.config().items()
        if name != "seed" and (name not in switches or value != usual[name])
    }


#: What reports call the execution that is read out once.
READ_OUT_ONCE = name_of(DEFAULT)


@dataclass(frozen=True)
class Cell:
    """A network of a study.

    Parameters
    ----------
    setting, training : str
        Their names.
    seed : int
        Of the training.
    config : Config
        How it is trained.
    split : str
        What it is evaluated on.
    executions : tuple of Execution
        How it is evaluated.
    calibrations : tuple of CalibrationConfig
        Ways to choose its thresholds after training; it is evaluated as trained, too.
    before : Cell, optional
        Whose network its training goes on with.

    Examples
    --------
    >>> from lava_async.experiments.study import StudyConfig
    >>> study = StudyConfig.from_toml('''
    ... [base.network]
    ... sizes = [200, 16, 10]
    ... [base.data]
    ... name = "digits"
    ... [[trainings]]
    ... name = "random"
    ... [[executions]]
    ... schedule = "layered"
    ... ''')
    >>> cell = study.cells()[1]
    >>> cell.name, cell.seed, cell.config.network.sizes, [each.schedule for each in cell.executions]
    ('base, random, seed 1', 1, (200, 16, 10), [Layered(chip=None)])
    """

    setting: str
    training: str
    seed: int
    config: Config
    split: str
    executions: tuple[Execution, ...]
    calibrations: tuple[CalibrationConfig, ...] = ()
    before: Cell | None = None

    @property
    def generation(self) -> int:
        """How many trainings come before its own."""
        return 0 if self.before is None else self.before.generation + 1

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.setting}, {self.training}, seed {self.seed}"

    @property
    def folder(self) -> str:
        """Name of its folder, which the config of its training determines, and those of the trainings before."""
        text = json.dumps(self.config.plain(), sort_keys=True)
        if self.before is not None:
            text = f"{self.before.folder} {text}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def training_config(self, out: Path) -> Config:
        """Return the config of its training; `out`: the folder of the study, where the network to go on with is.

        Raises
        ------
        InvalidValue
            If that network is not trained yet.
        """
        if self.before is None:
            return self.config
        path = self.before.network(out)
        if not path.exists():
            raise InvalidValue(f"{self.name}: after", self.before.name, "a training that has ended")
        return replace(
            self.config, network=NetworkConfig(from_=str(path), learn_decays=self.config.network.learn_decays)
        )

    def network(self, out: Path) -> Path:
        """Return the file of its trained network."""
        return out / CELLS / self.folder / TRAINING / "network.net"

    def read(self, out: Path) -> dict[str, Any] | None:
        """Return what is known about it in the folder of a study, None if nothing is."""
        path = out / CELLS / self.folder / CELL
        if not path.exists():
            return None
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InvalidValue(f"file {path}", str(error), "JSON; delete it to measure again") from None
        return found

    def missing(self, out: Path) -> list[Execution]:
        """Return the executions that are still to be measured."""
        work = self.work(out)
        return [each for each in self.executions if any(execution == each for _, execution in work)]

    def work(self, out: Path) -> list[tuple[CalibrationConfig | None, Execution]]:
        """Return what is still to be measured: how thresholds are chosen (None: as trained), and each execution."""
        found = self.read(out)
        done = [] if found is None else found["evaluations"]
        known = [(each["split"], each["execution"], each.get("calibration")) for each in done]
        return [
            (calibration, each)
            for calibration in (None, *self.calibrations)
            for each in self.executions
            if (self.split, noted(each), None if calibration is None else calibration.plain()) not in known
        ]


def run_cell(cell: Cell, out: str | Path) -> None:
    """Train a cell's network and evaluate it, as far as that is not done.

    Parameters
    ----------
    cell : Cell
        Which.
    out : path
        Folder of the study.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.experiments.cells import run_cell
    >>> from lava_async.experiments.study import StudyConfig
    >>> study = StudyConfig.from_toml('''
    ... base = { network = { sizes = [200, 8, 10] }, data = { name = "digits", limit = 32 }, training = { epochs = 1 } }
    ... trainings = [{ name = "random" }]
    ... executions = [{ schedule = "layered" }]
    ... ''')
    >>> cell = study.cells()[0]
    >>> run_cell(cell, Path("small"))
    >>> run_cell(cell, Path("small"))  # does nothing: it is done
    >>> cell.network(Path("small")).is_file()
    True
    """
    out = Path(out)
    work = cell.work(out)
    if not work:
        return
    from lava_async import netx  # torch takes seconds: only if there is something to do
    from lava_async.engine.config import machine
    from lava_async.experiments import build
    from lava_async.experiments.measure import measure
    from lava_async.experiments.train import train

    folder = out / CELLS / cell.folder
    found = cell.read(out)
    if found is None:
        results = train(cell.training_config(out), folder / TRAINING).results
        assert results is not None
        kept = {
            name: results[name] for name in ("lava_async", "machine", "history", "seconds", "kept_epoch", "validation")
        }
        found = {
            "setting": cell.setting,
            "training": cell.training,
            "seed": cell.seed,
            "config": cell.config.plain(),
            "trained": kept,
            "evaluations": [],
        }
    path = cell.network(out)
    network, found["versions"] = netx.load(path), netx.metadata(path)["versions"]
    data = build.read_split(cell.config.data, cell.split)
    threads = cell.config.training.threads
    networks: dict[str | None, Network] = {None: network}
    for calibration, execution in work:
        name = None if calibration is None else calibration.name
        notes = {} if calibration is None else {"calibration": calibration.plain()}
        if calibration is not None and name not in networks:
            networks[name] = _calibrated(cell, calibration, network, folder, found)
        measured = measure(networks[name], data, execution=execution, seed=cell.seed, threads=threads)
        where = {"split": cell.split, "execution": noted(execution), **notes, "machine": machine()}
        found["evaluations"].append({**where, **measured})
        write_json(folder / CELL, found)


def _calibrated(cell: Cell, how: CalibrationConfig, network: Network, folder: Path, found: dict[str, Any]) -> Network:
    """Return a network with thresholds chosen on validation samples; they are noted, and not searched again."""
    from lava_async.experiments import build

    for each in found.setdefault("calibrations", []):
        if each["calibration"] == how.plain():
            return scale_thresholds(network, each["notes"]["factors"])
    result = calibrate(
        network,
        build.read_split(cell.config.data, how.split),
        how.execution().but(seed=cell.seed),
        objective=how.wanted(),
        search=how.search,
        samples=how.samples,
        threads=cell.config.training.threads,
    )
    found["calibrations"].append({"calibration": how.plain(), "notes": result.notes()})
    write_json(folder / CELL, found)
    return result.network
