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

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import Execution
from lava_async.experiments.cells import CalibrationConfig, Cell, name_of, noted, readout_of
from lava_async.experiments.config import Config
from lava_async.experiments.sections import ALL
from lava_async.experiments.tables import Table, key
from lava_async.schedules import SCHEDULES, ExecutionKind, by_name, schedule
from lava_async.stopping import FirstOutput, Margin, Quiescence


@dataclass(frozen=True)
class VariantConfig(Table):
    """A name, and what it changes in the base.

    Examples
    --------
    >>> from lava_async.experiments.study import VariantConfig
    >>> VariantConfig(name="layered", values={"schedule.name": "layered"})
    VariantConfig(name='layered', values={'schedule.name': 'layered'}, only=(), after=None)
    """

    name: str = key("What reports call it.")
    values: dict[str, Any] = key("Keys of the training, dotted, and their values.", {})
    only: tuple[str, ...] = key("Of a training: the settings under which it is done; none: all.", ())
    after: str | None = key(
        "Of a training: another one, listed before it, whose networks of the same setting and seed it goes on with.",
        None,
    )


@dataclass(frozen=True)
class ExecutionConfig(Table):
    """How trained networks are run: a schedule, with each group size, read out in several ways.

    Examples
    --------
    >>> from lava_async.experiments.study import ExecutionConfig
    >>> ExecutionConfig(schedule="random", group_size=(8, 64)).schedules()
    [Random(group_size=8), Random(group_size=64)]
    """

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
class StudyConfig(Table):
    """A study.

    Raises
    ------
    InvalidType, InvalidValue
        If a value cannot be used, naming table, key, value and what is allowed.

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
    ... schedule = "random"
    ... group_size = [8, 64]
    ... ''')
    >>> study.seeds, len(study.cells()), [each.schedule for each in study.cells()[0].executions]
    ((0, 1, 2), 3, [Random(group_size=8), Random(group_size=64)])
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


def evaluations(study: StudyConfig, out: str | Path) -> Iterator[tuple[Cell, Execution, dict[str, Any]]]:
    """Yield what is measured so far: cell, execution, and what `measure` gave.

    Besides that there are ``trained``, ``versions`` and ``label``, what reports call the training and its calibration.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.experiments.study import StudyConfig, evaluations
    >>> study = StudyConfig.from_toml('''
    ... base = { network = { sizes = [200, 16, 10] }, data = { name = "digits" } }
    ... trainings = [{ name = "random" }]
    ... executions = [{ schedule = "layered" }]
    ... ''')
    >>> list(evaluations(study, Path("not begun")))
    []
    """
    out = Path(out)
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
    """Return what reports call a training whose thresholds are chosen afterwards, or as it is.

    Examples
    --------
    >>> from lava_async.experiments.study import label_of
    >>> from lava_async.experiments.cells import CalibrationConfig
    >>> label_of("layered", None), label_of("layered", CalibrationConfig(name="for Loihi"))
    ('layered', 'layered, for Loihi')
    """
    return training if calibration is None else f"{training}, {calibration.name}"


def summary(study: StudyConfig, out: str | Path) -> list[dict[str, Any]]:
    """Return a row per setting, training, execution and read-out, with mean and spread over seeds.

    Parameters
    ----------
    study : StudyConfig
        What was run.
    out : path
        Its folder.

    Returns
    -------
    list of dict
        ``setting``, ``training``, ``execution``, ``readout``, ``seeds`` (those that are measured), and for each number
        its mean over seeds, and with ``_sd`` its standard deviation (of a sample; NaN for one seed).

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.experiments.cells import run_cell
    >>> from lava_async.experiments.study import StudyConfig, summary
    >>> study = StudyConfig.from_toml('''
    ... base = { network = { sizes = [200, 8, 10] }, data = { name = "digits", limit = 32 }, training = { epochs = 1 } }
    ... trainings = [{ name = "random" }]
    ... executions = [{ schedule = "layered" }]
    ... ''')
    >>> run_cell(study.cells()[0], Path("small"))
    >>> [(row["training"], row["execution"], row["readout"], row["seeds"]) for row in summary(study, Path("small"))]
    [('random', 'layered', 'quiescence', [0])]
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
    """Return the studies that come with the package, by name.

    Examples
    --------
    >>> from lava_async.experiments.study import StudyConfig, shipped
    >>> StudyConfig.load(shipped()["digits_neurons"]).base.data.name
    'digits'
    """
    folder = Path(__file__).with_name("configs") / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
