"""A study: networks trained in several ways, each executed in several ways, over seeds.

::

    seeds = [0, 1, 2]

    [base.network]                    # a training, as for `lava-async train`
    sizes = [200, 64, 64, 10]

    [base.data]
    name = "digits"

    [[settings]]                      # what all trainings share
    name = "no memory"
    values = { "network.voltage_decay" = 1.0 }

    [[trainings]]                     # in what they differ
    name = "layered"
    values = { "schedule.name" = "layered" }

    [[executions]]                    # how every trained network is run
    schedule = "random"
    group_size = [8, 2]
    extra_steps = [0, 4]

    [[executions]]                    # cores and times of a chip: each execution may have a preset
    schedule = "timed"
    options = { preset = "davies2018" }

    [[calibrations]]                  # every network also with thresholds chosen for an execution
    name = "calibrated"
    schedule = "timed"

A *cell* is one network: a setting, a training and a seed. Its folder holds the training and ``cell.json`` with the
metrics of the network under every execution. A study that was stopped goes on; what is finished is not done again, also
if executions, seeds, settings or trainings are added later.
"""

# ruff: noqa: RUF009 (key() makes a dataclass field)
from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from lava_async.calibration import calibrate, objective_of, scale_thresholds
from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import DEFAULT, Execution
from lava_async.experiments.config import Config
from lava_async.experiments.sections import ALL, NetworkConfig
from lava_async.experiments.tables import Table, key
from lava_async.files import write_json
from lava_async.network import Network
from lava_async.schedules import SCHEDULES, ExecutionKind, by_name, schedule
from lava_async.stopping import FirstOutput, Margin, Quiescence

CELLS, CELL, TRAINING = "cells", "cell.json", "training"
#: What the read-outs are called.
QUIESCENCE, FIRST_OUTPUT = "quiescence", "first output"


@dataclass(frozen=True)
class VariantConfig(Table):
    """A name, and what it changes in the base."""

    name: str = key("What reports call it.")
    values: dict[str, Any] = key("Keys of the training, dotted, and their values.", {})
    only: tuple[str, ...] = key("Of a training: the settings under which it is done; none: all.", ())
    after: str | None = key(
        "Of a training: another one, listed before it, whose networks of the same setting and seed it goes on with.",
        None,
    )


@dataclass(frozen=True)
class ExecutionConfig(Table):
    """How trained networks are run: a schedule, with each group size, read out in several ways."""

    schedule: str = key("Schedule.", options=by_name)
    group_size: tuple[int | Literal["all"], ...] = key(
        'Group sizes F; "all": everything pending; none: that of the schedule.', (), least=1
    )
    extra_steps: tuple[int, ...] = key(
        "Read-outs at the first output spike plus so many forward steps, besides that at quiescence.", (), least=0
    )
    margins: tuple[int, ...] = key(
        "Read-outs where the best output leads by so many spikes, which ends the sample.", (), least=1
    )
    margin_at: Literal["spike", "step"] = key("Where a margin counts: an output spike, or the end of a step.", "spike")
    options: dict[str, Any] = key("Other options of the schedule.", {})
    refractory: bool = key("At most one spike per neuron and time step.", True)
    input_first: bool = key("Deliver the input of a time step at once; false: it queues like any spike.", True)

    def check(self) -> None:  # noqa: D102
        if self.group_size and "group_size" not in SCHEDULES[self.schedule].options():
            raise self.wrong("group_size", f"left out: {self.schedule} has none")
        if any(order.layered for order in self.schedules()) and self.extra_steps:
            raise self.wrong("extra_steps", f"left out: {self.schedule} is read out once")

    def schedules(self) -> list[ExecutionKind]:
        """Return the schedule with each group size."""
        sizes: list[dict[str, Any]] = [{"group_size": None if size == ALL else size} for size in self.group_size]
        return [schedule(self.schedule, **size, **self.options) for size in sizes or [{}]]


@dataclass(frozen=True)
class CalibrationConfig(Table):
    """How the thresholds of every trained network are chosen for an execution; the search needs validation samples."""

    name: str = key("What reports add to the name of the training.")
    schedule: str = key("Schedule that they are chosen for.", "timed", options=by_name)
    options: dict[str, Any] = key("Its options.", {})
    objective: Literal["accuracy", "first output", "operations", "nanoseconds"] = key("What is wanted.", "accuracy")
    at_least: float | None = key(
        "Of operations, nanoseconds: the accuracy below which no cost counts.", None, least=0.0
    )
    search: Literal["quick", "layers"] = key("Factors: for hidden layers and outputs, or per layer.", "quick")
    split: str = key("Samples that they are chosen on.", "validation")
    samples: int = key("The first so many of them.", 2000, least=1)

    def check(self) -> None:  # noqa: D102
        if self.split == "test":
            raise self.wrong("split", "samples that no network is judged by")
        self.execution()
        objective_of(self.objective, at_least=self.at_least)

    def execution(self) -> Execution:
        """Return the execution that thresholds are chosen for."""
        return Execution(schedule(self.schedule, **self.options))


def name_of(execution: Execution) -> str:
    """Return what reports call how a network runs, the read-out aside, as in "random F=8" or "timed sanafe"."""
    order = execution.schedule
    name = f"{order.name} F={order.group_size or ALL}" if order.queued else order.title
    name += "" if execution.refractory else ", any number of spikes"
    return name + ("" if execution.input_first else ", input queued")


def readout_of(execution: Execution) -> str:
    """Return what reports call the read-out, as in "first output + 4" or "margin 2"."""
    if isinstance(execution.until, Margin):
        return f"margin {execution.until.margin}" + (" at the step" if execution.until.at == "step" else "")
    if not isinstance(execution.until, FirstOutput):
        return QUIESCENCE
    return FIRST_OUTPUT + (f" + {execution.until.extra_steps}" if execution.until.extra_steps else "")


def noted(execution: Execution) -> dict[str, Any]:
    """Return an execution as cells note it: plain data without defaults and without the seed, which is the cell's."""
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
class StudyConfig(Table):
    """A study.

    Raises
    ------
    InvalidType, InvalidValue
        If a value cannot be used, naming table, key, value and what is allowed.
    """

    title: ClassVar[str] = "study"

    base: Config = key("The training that all share.")
    trainings: tuple[VariantConfig, ...] = key("The ways of training that are compared.")
    executions: tuple[ExecutionConfig, ...] = key("The ways of execution that are compared.")
    settings: tuple[VariantConfig, ...] = key("Settings under which they are compared.", (VariantConfig("base"),))
    baselines: tuple[str, ...] = key(
        "Trainings that the others are compared with: in each setting the first of them that it has.", ()
    )
    calibrations: tuple[CalibrationConfig, ...] = key("Ways to choose thresholds after training, besides none.", ())
    seeds: tuple[int, ...] = key("Seeds of the trainings.", (0, 1, 2), least=0)
    split: Literal["test", "validation"] = key(
        "Samples that the networks are evaluated on; to choose settings: validation.", "test"
    )

    def check(self) -> None:  # noqa: D102
        for name in ("trainings", "executions", "settings", "seeds", "calibrations"):
            found = [getattr(each, "name", each) for each in getattr(self, name)]
            if not found and name != "calibrations":
                raise self.wrong(name, "at least one")
            if name != "executions" and len(set(found)) < len(found):
                raise InvalidValue(f"StudyConfig.{name}", found, "different from each other")
        known = [setting.name for setting in self.settings]
        names = [training.name for training in self.trainings]
        for training in self.trainings:
            if not set(training.only) <= set(known):
                raise InvalidValue(f"StudyConfig.trainings, only of {training.name}", training.only, f"from {known}")
            if training.after is not None and training.after not in names[: names.index(training.name)]:
                allowed = "the name of a training that is listed before it"
                raise InvalidValue(f"StudyConfig.trainings, after of {training.name}", training.after, allowed)
        if not set(self.baselines) <= set(names):
            raise self.wrong("baselines", f"from {names}")
        try:
            self.cells()
        except (InvalidValue, InvalidType) as error:
            where = "StudyConfig." + error.where.removeprefix("config: ")
            raise type(error)(where, error.value, error.allowed) from None

    def runs(self) -> list[Execution]:
        """Return all ways of running and reading out; the seed is that of the cell."""
        return [
            Execution(order, rule, each.refractory, each.input_first)
            for each in self.executions
            for order in each.schedules()
            for rule in (
                Quiescence(),
                *(FirstOutput(extra) for extra in each.extra_steps),
                *(Margin(margin, each.margin_at) for margin in each.margins),
            )
        ]

    def cells(self) -> list[Cell]:
        """Return all cells, seed by seed: a study that is stopped early has whole seeds."""
        made: dict[tuple[int, str, str], Cell] = {}
        for seed in self.seeds:
            for setting in self.settings:
                for training in self.trainings:
                    if training.only and setting.name not in training.only:
                        continue
                    before = None if training.after is None else made.get((seed, setting.name, training.after))
                    if training.after is not None and before is None:
                        allowed = f"a training that is done under {setting.name!r} too, as {training.name!r} is"
                        raise InvalidValue("trainings, after", training.after, allowed)
                    made[seed, setting.name, training.name] = Cell(
                        setting.name,
                        training.name,
                        seed,
                        self._training(setting, training, seed),
                        self.split,
                        tuple(self.runs()),
                        self.calibrations,
                        before,
                    )
        return list(made.values())

    def _training(self, setting: VariantConfig, training: VariantConfig, seed: int) -> Config:
        own = {"training.seed": seed, "data.test": ""}  # Tested by the cell, under every execution.
        return self.base.with_values({**setting.values, **training.values, **own})


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


def run_cell(cell: Cell, out: Path) -> None:
    """Train a cell's network and evaluate it, as far as that is not done.

    Parameters
    ----------
    cell : Cell
        Which.
    out : Path
        Folder of the study.
    """
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
        objective=objective_of(how.objective, at_least=how.at_least),
        search=how.search,
        samples=how.samples,
        threads=cell.config.training.threads,
    )
    found["calibrations"].append({"calibration": how.plain(), "notes": result.notes()})
    write_json(folder / CELL, found)
    return result.network


def evaluations(study: StudyConfig, out: Path) -> Iterator[tuple[Cell, Execution, dict[str, Any]]]:
    """Yield what is measured so far: cell, execution, and what `measure` gave.

    Besides that there are ``trained``, ``versions`` and ``label``, what reports call the training and its calibration.
    """
    for cell in study.cells():
        found = cell.read(out)
        if found is None:
            continue
        for each in found["evaluations"]:
            for execution in cell.executions:
                if (each["split"], each["execution"]) != (cell.split, noted(execution)):
                    continue
                for calibration in (None, *cell.calibrations):
                    if each.get("calibration") == (None if calibration is None else calibration.plain()):
                        label = label_of(cell.training, calibration)
                        kept = {name: found[name] for name in ("trained", "versions")}
                        yield cell, execution, {**each, **kept, "label": label}


def label_of(training: str, calibration: CalibrationConfig | None) -> str:
    """Return what reports call a training whose thresholds are chosen afterwards, or as it is."""
    return training if calibration is None else f"{training}, {calibration.name}"


def summary(study: StudyConfig, out: Path) -> list[dict[str, Any]]:
    """Return a row per setting, training, execution and read-out, with mean and spread over seeds.

    Parameters
    ----------
    study : StudyConfig
        What was run.
    out : Path
        Its folder.

    Returns
    -------
    list of dict
        ``setting``, ``training``, ``execution``, ``readout``, ``seeds`` (those that are measured), and for each number
        its mean over seeds, and with ``_sd`` its standard deviation (of a sample; NaN for one seed).
    """
    rows: dict[tuple[str, str, str, str], list[tuple[int, dict[str, float]]]] = {}
    for cell, execution, found in evaluations(study, out):
        numbers = {**found["numbers"], "training_seconds": found["trained"]["seconds"]}
        numbers |= {f"density_{layer['name'].replace(' ', '_')}": layer["density"] for layer in found["layers"]}
        place = cell.setting, found["label"], name_of(execution), readout_of(execution)
        rows.setdefault(place, []).append((cell.seed, numbers))
    order = {name: i for i, name in enumerate(dict.fromkeys((name_of(e), readout_of(e)) for e in study.runs()))}
    named = []
    labels = [label_of(each.name, how) for each in study.trainings for how in (None, *study.calibrations)]
    for place in sorted(rows, key=lambda p: (_rank(study.settings, p[0]), labels.index(p[1]), order[p[2:]])):
        row: dict[str, Any] = dict(zip(("setting", "training", "execution", "readout"), place, strict=True))
        row["seeds"] = [seed for seed, _ in rows[place]]
        for name in rows[place][0][1]:
            values = [math.nan if n[name] is None else n[name] for _, n in rows[place]]
            row[name] = float(np.mean(values))
            row[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        named.append(row)
    return named


def _rank(variants: tuple[VariantConfig, ...], name: str) -> int:
    return [each.name for each in variants].index(name)


def shipped() -> dict[str, Path]:
    """Return the studies that come with the package, by name."""
    folder = Path(__file__).with_name("configs") / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
