"""What trainings gain over a baseline, and the results of a study as tables in Markdown.

Both are made of the rows of :func:`lava_async.experiments.study.summary`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lava_async.experiments.cells import FIRST_OUTPUT, QUIESCENCE, READ_OUT_ONCE
from lava_async.plots.results import mismatch_matrix
from lava_async.plots.style import colour_scale

Row = dict[str, Any]
#: Columns of the tables: head, key, factor, digits after the point.
_TABLE: tuple[tuple[str, str, float, int], ...] = (
    ("accuracy %", "accuracy", 100, 1),
    ("spikes", "spikes", 1, 0),
    ("forward steps to decision", "forward_steps_to_decision", 1, 1),
    ("operations to decision", "synaptic_operations_to_decision", 1, 0),
)
#: The column of tables with timed executions.
_TIMED: tuple[str, str, float, int] = ("ns to decision", "nanoseconds_to_decision", 1, 0)


#: What the colours of :func:`draw_gains` mean.
UNITS_OF = {
    "accuracy": "points of accuracy",
    "spikes": "percent of spikes",
    "operations": "percent of operations",
}
#: Behind the label of the executions, where a number of the picture is in parentheses.
UNSURE = " (in parentheses: less than twice the standard error)"


@dataclass(frozen=True)
class Gain:
    """Metrics of a training under one execution and read-out, compared with the baseline of its setting.

    Parameters
    ----------
    setting, training, execution, readout : str
        As in reports.
    accuracy, error : float
        Accuracy minus that of the baseline, and the standard error of that difference of means over seeds (NaN if
        either has one seed).
    spikes, operations : float
        Spikes per sample, and synaptic operations to the decision, in parts of the baseline's.
    """

    setting: str
    training: str
    execution: str
    readout: str
    accuracy: float
    error: float
    spikes: float
    operations: float


def gains(rows: Sequence[Row], baselines: Sequence[str]) -> list[Gain]:
    """Return what each training gains over the first of `baselines` that its setting has; none without one."""
    at = {_place(row): row for row in rows}
    found = []
    for row in rows:
        setting, training, execution, readout = place = _place(row)
        base = next((b for b in baselines if any(r["setting"] == setting and r["training"] == b for r in rows)), None)
        other = at.get((setting, base or "", execution, readout))
        if other is None or training == base:
            continue
        errors = [r["accuracy_sd"] ** 2 / len(r["seeds"]) for r in (row, other)]
        spikes, operations = (
            row[name] / other[name] if other[name] else math.nan
            for name in ("spikes", "synaptic_operations_to_decision")
        )
        more = row["accuracy"] - other["accuracy"]
        found.append(Gain(*place, more, math.sqrt(sum(errors)), spikes, operations))
    return found


def draw_gains(axes: Axes, found: Sequence[Gain], readout: str, *, of: str = "accuracy") -> Axes:
    """Draw what one training gains: settings in rows, executions in columns.

    Accuracies that differ by less than twice their standard error are in parentheses.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    found : list of Gain
        Of one training.
    readout : str
        Read-out; the layered schedule, which has one only, is shown with any.
    of : {"accuracy", "spikes", "operations"}
        Points of accuracy; or spikes, or operations to the decision, in percent more (less) than the baseline.
    """
    shown = [gain for gain in found if gain.readout == readout or gain.execution == READ_OUT_ONCE]
    settings, executions = (distinct(getattr(g, field) for g in shown) for field in ("setting", "execution"))
    values = np.full((len(settings), len(executions)), np.nan)
    unsure = np.zeros(values.shape, bool)
    for gain in shown:
        place = settings.index(gain.setting), executions.index(gain.execution)
        values[place] = 100 * (gain.accuracy if of == "accuracy" else getattr(gain, of) - 1)
        unsure[place] = of == "accuracy" and abs(gain.accuracy) < 2 * gain.error
    largest = max(np.nanmax(np.abs(values)), 1.0) if np.isfinite(values).any() else 1.0
    mismatch_matrix(
        axes,
        values,
        settings,
        executions,
        form="{:+.1f}" if of == "accuracy" else "{:+.0f}",
        limits=(-largest, largest),
    )
    for text, doubt in zip(axes.texts, unsure[np.isfinite(values)], strict=True):
        if doubt:
            text.set_text(f"({text.get_text()})")
    axes.set(xlabel="executed" + UNSURE * bool(unsure.any()), ylabel="")
    return axes


def gain_map(found: Sequence[Gain], readout: str, name: str, *, of: str = "accuracy") -> Figure:
    """Return a picture of :func:`draw_gains` with a title, as large as it needs."""
    settings, executions = (len({getattr(g, field) for g in found}) for field in ("setting", "execution"))
    figure = Figure(figsize=(0.95 * executions + 3.4, 0.34 * settings + 1.1), layout="constrained")
    axes = draw_gains(figure.add_subplot(), found, readout, of=of)
    axes.set_title(name)
    colour_scale(axes, UNITS_OF[of])
    return figure


def markdown(rows: Sequence[Row]) -> str:
    """Return a table per setting, a line per training and execution: means over seeds ± standard deviation."""
    columns = (*_TABLE, _TIMED) if any(_TIMED[1] in row for row in rows) else _TABLE
    heads = ["trained", "executed", "seeds", _TABLE[0][0], "at first output %", *(head for head, *_ in columns[1:])]
    parts = []
    for setting in distinct(row["setting"] for row in rows):
        lines = [f"### {setting[:1].upper()}{setting[1:]}", "", _line(heads), _line(["---"] * len(heads))]
        mine = [row for row in rows if row["setting"] == setting]
        at_first = {(row["training"], row["execution"]): row for row in mine if row["readout"] == FIRST_OUTPUT}
        for row in mine:
            if row["readout"] == QUIESCENCE:
                first = at_first.get((row["training"], row["execution"]))
                accuracy, *others = (_number(row, *each[1:]) for each in columns)
                early = _number(first, *_TABLE[0][1:]) if first else "-"
                seeds = str(len(row["seeds"]))
                lines.append(_line([row["training"], row["execution"], seeds, accuracy, early, *others]))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _place(row: Row) -> tuple[str, str, str, str]:
    return row["setting"], row["training"], row["execution"], row["readout"]


def _number(row: Row, name: str, factor: float, digits: int) -> str:
    mean, spread = (row.get(key, math.nan) * factor for key in (name, f"{name}_sd"))
    if not math.isfinite(mean):
        return "-"
    return f"{mean:,.{digits}f}" + (f" ± {spread:,.{digits}f}" if math.isfinite(spread) else "")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def distinct(values: Iterable[str]) -> list[str]:
    """Return each value once, in the order in which they come."""
    return list(dict.fromkeys(values))
