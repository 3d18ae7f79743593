"""The report of a study: a page for browsers, CSV and JSON, all made again from its cells.

::

    report.html       tables and pictures; one file that loads nothing
    results.csv       a line per setting, training, execution and read-out, with mean and spread over seeds
    results.json      the same, with the study and the versions it was made with
    results.md        the main numbers as tables in Markdown
    pictures/         on request: the pictures of the report as files
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lava_async import netx
from lava_async.execution import Execution
from lava_async.experiments.cells import FIRST_OUTPUT, QUIESCENCE, READ_OUT_ONCE, Cell, name_of, readout_of
from lava_async.experiments.comparison import distinct, gain_map, gains, markdown
from lava_async.experiments.inspection_page import one_time_step
from lava_async.experiments.measure import PRESET
from lava_async.experiments.study import StudyConfig, evaluations, summary
from lava_async.files import replacing, write_json
from lava_async.hardware import preset_of
from lava_async.plots.report_page import Section, report_html
from lava_async.plots.results import latency_curve, mismatch_matrix
from lava_async.plots.style import LINES, colours, save_figure

REPORT, CSV, JSON, MARKDOWN, PICTURES = "report.html", "results.csv", "results.json", "results.md", "pictures"
#: Heads of columns, and how their numbers are written: percent, or digits after the point.
_COLUMNS: dict[str, tuple[str, int | None]] = {
    "accuracy": ("accuracy", None),
    "spikes": ("spikes", 1),
    "forward_steps": ("forward steps", 1),
    "synaptic_operations": ("synaptic operations", 0),
    "steps_to_first_output": ("steps to first output", 2),
}
_DECISION: dict[str, tuple[str, int | None]] = {
    "time_steps_to_decision": ("time steps", 2),
    "forward_steps_to_decision": ("forward steps", 1),
    "spikes_to_decision": ("spikes", 1),
    "synaptic_operations_to_decision": ("synaptic operations", 0),
    "energy_to_decision_nj": ("nJ", 1),
    "nanoseconds_to_decision": ("ns to decision", 0),
    "nanoseconds_to_first_output": ("ns to first output", 0),
}
_COST: dict[str, tuple[str, int | None]] = {
    "reactivity": ("reactivity", 1),
    "neuron_updates": ("neuron updates", 0),
    "energy_events_nj": ("events / nJ", 1),
    "energy_time_steps_nj": ("time steps / nJ", 1),
    "training_seconds": ("training / s", 0),
}
Found = tuple[Cell, Execution, dict[str, Any]]


def write_report(study: StudyConfig, out: str | Path, name: str, formats: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Write the files of a report into the folder of a study, and return its rows as :func:`summary` does.

    Parameters
    ----------
    study : StudyConfig
        What was run, maybe not all of it yet.
    out : path
        Its folder.
    name : str
        Title.
    formats : list of str
        Formats in which the pictures are written as files, too: "png", "svg", "pdf".

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.experiments.cells import run_cell
    >>> from lava_async.experiments.report import write_report
    >>> from lava_async.experiments.study import StudyConfig
    >>> study = StudyConfig.from_toml('''
    ... base = { network = { sizes = [200, 8, 10] }, data = { name = "digits", limit = 32 }, training = { epochs = 1 } }
    ... trainings = [{ name = "random" }]
    ... executions = [{ schedule = "layered" }]
    ... seeds = [0]
    ... ''')
    >>> run_cell(study.cells()[0], Path("small"))
    >>> rows = write_report(study, Path("small"), "Small")
    >>> sorted(path.name for path in Path("small").iterdir() if path.is_file())
    ['report.html', 'results.csv', 'results.json', 'results.md']
    """
    out = Path(out)
    rows, found = summary(study, out), list(evaluations(study, out))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    versions = {cell.name: data["versions"] for cell, _, data in found}
    sections = _sections(study, out, rows, found)
    page = report_html(name, sections, text=_opening(study, found))
    for path, content in ((out / CSV, text.getvalue()), (out / REPORT, page), (out / MARKDOWN, markdown(rows))):
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    machines = {cell.name: data["trained"].get("machine") for cell, _, data in found}  # Of 0.1: not known.
    write_json(out / JSON, {"study": study.plain(), "versions": versions, "machines": machines, "rows": rows})
    _write_pictures(sections, out / PICTURES, formats)
    return rows


def _write_pictures(sections: Sequence[Section], folder: Path, formats: Sequence[str]) -> None:
    """Write the pictures of a report as files, numbered in its order and named by what they show."""
    figures = [(s.title, says, figure) for s in sections for says, figure in s.pictures.items()]
    for n, (title, says, figure) in enumerate(figures if formats else (), start=1):
        folder.mkdir(exist_ok=True)
        name = re.sub("[^a-z0-9]+", "-", f"{title} {says}".lower()).strip("-")[:80]
        for ending in formats:
            save_figure(figure, folder / f"{n:02d}-{name}.{ending}", dpi=150)


def _opening(study: StudyConfig, found: list[Found]) -> str:
    cells = {cell.folder for cell, _, _ in found}
    data, epochs = study.base.data.name, study.base.training.epochs
    samples = sorted({data["samples"] for _, _, data in found})
    return (
        f"{data}: {len(cells)} of {len(study.cells())} networks, trained for {epochs} epochs and evaluated on "
        f"{' or '.join(map(str, samples)) or 'no'} {study.split} samples. Numbers are means over seeds, sd their "
        "standard deviation; spikes, operations and energies are per sample."
    )


def _sections(study: StudyConfig, out: Path, rows: list[dict[str, Any]], found: list[Found]) -> list[Section]:
    if not rows:
        return [Section("Nothing yet", "No network of this study is evaluated.")]
    parts = []
    accuracies = [row["accuracy"] for row in rows if row["readout"] in (QUIESCENCE, FIRST_OUTPUT)]
    # One scale of colours for all matrices, no narrower than ten points: small differences stay small.
    limits = min(*accuracies, max(accuracies) - 0.1), max(accuracies)
    for setting in study.settings:
        mine = [row for row in rows if row["setting"] == setting.name]
        here = [each for each in found if each[0].setting == setting.name]
        if mine:
            parts += _of_setting(setting.name, mine, here, limits)
    parts += _gained(rows, study.baselines)
    parts += [
        Section("Accuracy and work", table=_table(rows, _COLUMNS)),
        Section(
            "Until the correct decision",
            "Of samples that end up correct: what they took until the end of the "
            "time step from which on their class was the label. Nanoseconds: of timed executions, at the "
            "times of their preset; the first output is that of each time step.",
            table=_table(rows, _DECISION),
        ),
        Section(
            "Reactivity and cost",
            "Reactivity: synaptic operations per spike. Energy at the prices of "
            f"{preset_of(PRESET).source}: what happened because spikes were delivered, and what a chip pays for "
            "each time step.",
            table=_table(rows, _COST),
        ),
        Section("Spike density", "Spikes per neuron and time step.", table=_table(rows, _densities(rows))),
    ]
    first = found[0][0]
    execution = next((e for e in first.executions if not e.schedule.layered), None)
    if execution is not None:
        network = netx.load(first.network(out))
        parts.append(one_time_step(network, execution))
    return [*parts, Section("The study", study.to_toml())]


def _gained(rows: list[dict[str, Any]], baselines: tuple[str, ...]) -> list[Section]:
    """Return a section per training that is compared with a baseline."""
    parts, found = [], gains(rows, baselines)
    for training in distinct(gain.training for gain in found):
        mine = [gain for gain in found if gain.training == training]
        pictures = {
            f"Points of accuracy at {readout}, {training} minus baseline": gain_map(mine, readout, readout)
            for readout in (QUIESCENCE, FIRST_OUTPUT)
            if any(g.readout == readout for g in mine)
        }
        pictures[f"Spikes, {training} against baseline, percent"] = gain_map(mine, QUIESCENCE, "spikes", of="spikes")
        says = f"Baseline: {' or '.join(baselines)}. Points of accuracy more than it, and percent of spikes more."
        parts.append(Section(f"{training}: what it gains", says, pictures=pictures))
    return parts


def _of_setting(
    name: str, rows: list[dict[str, Any]], found: list[Found], limits: tuple[float, float]
) -> list[Section]:
    parts = []
    for readout in (QUIESCENCE, FIRST_OUTPUT):
        if any(row["readout"] == readout for row in rows):
            says = f"Matrix of accuracies: trained against executed, at {readout}"
            parts.append(Section(f"{name}: accuracy at {readout}", pictures={says: _mismatch(rows, readout, limits)}))
    executions = distinct(row["execution"] for row in rows if row["readout"] == FIRST_OUTPUT)
    shown = ("forward steps after the first output", "activity per neuron", "forward steps to the first output")
    for title, draw in zip(shown, (_after_output, _activity, _latency), strict=True):
        if executions:
            panel = partial(draw, rows=rows, found=found)
            pictures = {f"{title}, executed {execution}": _of_execution(execution, panel) for execution in executions}
            parts.append(Section(f"{name}: {title}", pictures=pictures))
    return parts


def _mismatch(rows: list[dict[str, Any]], readout: str, limits: tuple[float, float]) -> Figure:
    trainings = distinct(row["training"] for row in rows)
    executions = distinct(row["execution"] for row in rows if row["readout"] in (readout, QUIESCENCE))
    values = np.full((len(trainings), len(executions)), np.nan)
    for row in rows:
        # The layered schedule is read out once: its first output is its only one.
        if row["readout"] == readout or row["execution"] == READ_OUT_ONCE:
            values[trainings.index(row["training"]), executions.index(row["execution"])] = row["accuracy"]
    figure = Figure(figsize=(1.2 * len(executions) + 2.3, max(0.5 * len(trainings) + 1.2, 2.2)), layout="constrained")
    mismatch_matrix(figure.add_subplot(), values, trainings, executions, limits=limits, label="accuracy")
    return figure


def _of_execution(name: str, draw: Callable[[Any, str], None]) -> Figure:
    figure = Figure(figsize=(3.8, 2.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(f"executed {name}")
    draw(axes, name)
    legend = axes.get_legend()
    assert legend is not None  # of the lines that were drawn
    legend.set_title("trained")
    return figure


def _after_output(axes: Any, execution: str, rows: list[dict[str, Any]], found: list[Found]) -> None:
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for row in rows:
        if row["execution"] == execution and row["readout"].startswith(FIRST_OUTPUT):
            steps, values = curves.setdefault(row["training"], ([], []))
            steps.append(int(row["readout"].partition("+")[2] or 0))
            values.append(row["accuracy"])
    latency_curve(axes, curves)


def _activity(axes: Any, execution: str, rows: list[dict[str, Any]], found: list[Found]) -> None:
    means = {
        name: np.sort(np.concatenate(values))[::-1] for name, values in _arrays(found, execution, "neurons").items()
    }
    _lines(axes, {name: (np.linspace(0, 1, len(v)), v) for name, v in means.items()})
    axes.set(xlabel="neurons, the most active first", ylabel="spikes per sample")


def _latency(axes: Any, execution: str, rows: list[dict[str, Any]], found: list[Found]) -> None:
    curves = {}
    for name, values in _arrays(found, execution, "first_output_steps").items():
        length = max(map(len, values))
        total = np.sum([np.pad(v, (0, length - len(v))) for v in values], axis=0)
        curves[name] = np.arange(1, length + 1), np.cumsum(total) / max(total.sum(), 1)
    _lines(axes, curves)
    axes.set(xlabel="forward step", ylabel="time steps with an output")


def _lines(axes: Any, curves: dict[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
    for i, (name, colour) in enumerate(zip(curves, colours(len(curves)), strict=True)):
        axes.plot(*curves[name], LINES[i % len(LINES)], color=colour, label=name)
    axes.legend()


def _arrays(found: list[Found], execution: str, name: str) -> dict[str, list[NDArray[Any]]]:
    """Return what was measured at quiescence under an execution, a list over seeds for each training."""
    values: dict[str, list[NDArray[Any]]] = {}
    for _, each, data in found:
        if name_of(each) == execution and readout_of(each) == QUIESCENCE:
            values.setdefault(data["label"], []).append(np.asarray(data[name]))
    return values


def _table(rows: list[dict[str, Any]], columns: dict[str, tuple[str, int | None]]) -> list[list[str]]:
    columns = {key: column for key, column in columns.items() if any(key in row for row in rows)}
    spread = [cell for head, _ in columns.values() for cell in (head, "sd")]
    lines = [["setting", "trained", "executed", "read out at", "seeds", *spread]]
    for row in rows:
        cells = [
            _number(row.get(key + end, np.nan), digits) for key, (_, digits) in columns.items() for end in ("", "_sd")
        ]
        named = [row["setting"], row["training"], row["execution"], row["readout"], str(len(row["seeds"]))]
        lines.append([*named, *cells])
    return lines


def _number(value: float, digits: int | None) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{value:.1%}" if digits is None else f"{value:,.{digits}f}"


def _densities(rows: list[dict[str, Any]]) -> dict[str, tuple[str, int | None]]:
    layers = [key for key in rows[0] if key.startswith("density_") and not key.endswith("_sd")]
    return {"spike_density": ("all", 4), **{key: (key.removeprefix("density_").replace("_", " "), 4) for key in layers}}
