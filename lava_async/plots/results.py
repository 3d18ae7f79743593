"""Pictures of results: matrices, curves and histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from lava_async.errors import InvalidValue
from lava_async.plots.style import HATCHES, LINES, MARKERS, colour_scale, colours


def mismatch_matrix(
    axes: Axes,
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    form: str = "{:.1%}",
    limits: tuple[float, float] | None = None,
    label: str = "",
) -> Axes:
    """Draw the metrics of networks trained in one way (rows) and executed in another (columns).

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    values : (rows, columns) float
        For example accuracies; NaN leaves a field empty.
    rows, columns : list of str
        Names of the trainings and of the executions.
    form : str
        Format of the numbers in the fields.
    limits : (low, high), optional
        Values of the darkest and the lightest colour; default: the extremes. Matrices side by side need the same.
    label : str
        Meaning of the numbers, beside a scale of the colours; default: no scale.

    Raises
    ------
    InvalidValue
        If there is not one value for each row and column.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> axes = Figure().add_subplot()
    >>> axes = mismatch_matrix(axes, [[0.97, 0.93], [0.97, 0.96]], ["layered", "unlayered"], ["layered", "random"])
    >>> [text.get_text() for text in axes.texts]
    ['97.0%', '93.0%', '97.0%', '96.0%']
    """
    matrix = np.asarray(values, dtype=float)
    if matrix.shape != (len(rows), len(columns)):
        raise InvalidValue("mismatch_matrix.values.shape", matrix.shape, f"({len(rows)}, {len(columns)})")
    low, high = limits or (np.nanmin(matrix), np.nanmax(matrix))
    axes.imshow(matrix, cmap="cividis", vmin=low, vmax=high, aspect="auto")
    for (i, j), value in np.ndenumerate(matrix):
        if np.isfinite(value):
            dark = value < (low + high) / 2
            axes.text(j, i, form.format(value), ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.set(xlabel="executed", ylabel="trained")
    if label:
        colour_scale(axes, label, percent=form.endswith("%}"))
    return axes


def latency_curve(axes: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Axes:
    """Draw how accuracy grows with the forward steps after the first output spike.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    curves : dict from str to (steps, accuracies)
        Forward steps after output, as in :class:`lava_async.FirstOutput`, and what they give.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async.plots import latency_curve
    >>> axes = latency_curve(Figure().add_subplot(), {"layered": ([0, 1, 2], [0.9, 0.94, 0.95])})
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('forward steps after the first output spike', 'accuracy')
    """
    styles = zip(colours(len(curves)), cycle(MARKERS), cycle(LINES))
    for (name, (steps, accuracy)), (colour, marker, line) in zip(curves.items(), styles, strict=False):
        axes.plot(np.asarray(steps), np.asarray(accuracy), line, color=colour, marker=marker, markersize=4, label=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="forward steps after the first output spike", ylabel="accuracy")
    axes.legend()
    return axes


def activity_histogram(axes: Axes, counts: Mapping[str, ArrayLike], *, bins: int = 30) -> Axes:
    """Draw how many spikes the samples take.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    counts : dict from str to (B, N, T)
        Spike counts of B samples under each name, as ``BatchResult.counts``.
    bins : int
        Number of bars, shared by all names.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from lava_async.plots import activity_histogram
    >>> counts = np.random.default_rng(0).integers(0, 2, size=(50, 10, 5))
    >>> activity_histogram(Figure().add_subplot(), {"layered": counts, "random": 0 * counts}, bins=5).get_xlabel()
    'spikes per sample'
    """
    totals = {name: np.asarray(array).sum(axis=(1, 2)) for name, array in counts.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(totals.values())), bins=bins).tolist()
    styles = zip(colours(len(totals)), cycle(HATCHES), cycle(LINES))
    for (name, total), (colour, hatch, line) in zip(totals.items(), styles, strict=False):
        axes.hist(
            total,
            bins=edges,
            histtype="stepfilled",
            facecolor=(*colour[:3], 0.25),
            edgecolor=colour,
            linestyle=line,
            hatch=hatch,
            linewidth=1.3,
            label=f"{name} (mean {total.mean():.0f})",
        )
    axes.set(xlabel="spikes per sample", ylabel="samples")
    axes.set_ylim(top=axes.get_ylim()[1] * (1 + 0.13 * len(totals)))  # room for the legend above the bars
    axes.legend(loc="upper right")
    return axes
