"""Pictures of runs and results: each function draws on matplotlib axes that it is given and returns them.

Colours come from cividis and viridis, which are ordered in greyscale and for the colour-blind; what must be told apart
differs in marker, line style or hatch as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from numpy.typing import ArrayLike, NDArray

from lava_async.engine import Result
from lava_async.errors import InvalidValue
from lava_async.network import Network

MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "xxx")
#: Without its lightest part, which is lost on white paper.
ORDER_COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.92, 256)), name="order")
#: Part of a time step's width that its forward steps take.
WIDTH = 0.8


def delivery_order(result: Result) -> NDArray[np.int64]:
    """Return the neurons of a run in the order in which their spikes were delivered.

    Parameters
    ----------
    result : Result
        Of one sample, with ``record="trace"``.

    Returns
    -------
    (E, 3) int64
        Time step, forward step and neuron of each delivery, in order. A spike that is picked in forward step k, and
        one that the layered schedule makes in layer k, is delivered after forward step k. Input spikes are left out.

    Raises
    ------
    InvalidValue
        If the run was not recorded.
    """
    if result.trace is None or result.groups is None:
        raise InvalidValue("Result.trace", None, 'recorded: simulate(..., record="trace")')
    groups = result.groups or [[c.t, c.k, c.fired.tolist()] for c in result.trace]
    rows = [(t, k, i) for t, k, ids in groups for i in ids if i >= 0]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def raster(
    axes: Axes, result: Result, network: Network, *, steps: range | None = None, last: int | None = None
) -> Axes:
    """Draw the spikes of one sample, coloured by the order of their delivery; each layer has its marker.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw; ``axes.collections[-1]`` is what a colour bar needs.
    result : Result
        Of one sample, with ``record="trace"``.
    network : Network
        What ran.
    steps : range, optional
        Time steps to show; default all.
    last : int, optional
        Forward step of the last colour, to give several rasters the same colours; default: that of the last delivery.
    """
    order = delivery_order(result)
    steps = range(result.counts.shape[1]) if steps is None else steps
    order = order[np.isin(order[:, 0], steps)]
    t, k, neuron = order.T
    last = int(k.max(initial=1)) if last is None else max(last, 1)
    place = t + WIDTH * k / (last + 1)
    for step in steps:
        axes.axvspan(step - 0.04, step + WIDTH, color="0.95", zorder=0)
    for layer, (rows, marker) in enumerate(zip(network.layer_slices, cycle(MARKERS))):
        here = network.layer_of[neuron] == layer
        axes.scatter(place[here], neuron[here], c=k[here], cmap=ORDER_COLOURS, vmin=0, vmax=last, s=16, marker=marker,
                     linewidths=0)  # fmt: skip
        if layer:
            axes.axhline(rows.start - 0.5, color="0.6", linewidth=0.6)
    middle = [(rows.start + rows.stop - 1) / 2 for rows in network.layer_slices]
    names = [layer.name or f"layer {i}" for i, layer in enumerate(network.layers)]
    axes.set_yticks(middle, names)
    axes.set_xticks([step + WIDTH / 2 for step in steps], [str(step) for step in steps])
    axes.tick_params(length=0)
    axes.set(xlabel="time step", xlim=(steps.start - 0.1, steps.stop - 0.1), ylim=(-1.5, network.n_neurons + 0.5))
    return axes


def mismatch_matrix(
    axes: Axes, values: ArrayLike, rows: Sequence[str], columns: Sequence[str], *, form: str = "{:.1%}",
    limits: tuple[float, float] | None = None,
) -> Axes:  # fmt: skip
    """Draw what networks trained in one way (rows) are worth when they are run in another (columns).

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
        Values of the darkest and the lightest colour; default: the extremes.
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
    return axes


def latency_curve(axes: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Axes:
    """Draw how accuracy grows with the forward steps after the first output spike.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    curves : dict from str to (steps, accuracies)
        Forward steps after output, as in :class:`lava_async.FirstOutput`, and what they give.
    """
    styles = zip(_colours(len(curves)), cycle(MARKERS), cycle(LINES))
    for (name, (steps, accuracy)), (colour, marker, line) in zip(curves.items(), styles, strict=False):
        axes.plot(np.asarray(steps), np.asarray(accuracy), line, color=colour, marker=marker, markersize=4, label=name)
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
    """
    totals = {name: np.asarray(array).sum(axis=(1, 2)) for name, array in counts.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(totals.values())), bins=bins).tolist()
    styles = zip(_colours(len(totals)), cycle(HATCHES), cycle(LINES))
    for (name, total), (colour, hatch, line) in zip(totals.items(), styles, strict=False):
        axes.hist(total, bins=edges, histtype="stepfilled", facecolor=(*colour[:3], 0.25), edgecolor=colour,
                  linestyle=line, hatch=hatch, linewidth=1.3, label=f"{name} (mean {total.mean():.0f})")  # fmt: skip
    axes.set(xlabel="spikes per sample", ylabel="samples")
    axes.legend()
    return axes


def _colours(n: int) -> Any:
    """Return n colours from dark to light."""
    return colormaps["cividis"](np.linspace(0.0, 0.8, max(n, 1)))
