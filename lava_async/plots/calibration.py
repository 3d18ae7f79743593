"""Pictures of calibrations: accuracy against the factor of thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import ArrayLike

from lava_async.plots.style import MARKERS, colours


def calibration_curve(axes: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]]) -> Axes:
    """Draw accuracy against the factor of the thresholds of some layers, all others as they were chosen.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    curves : dict from str to (factors, accuracies, accuracies at first output)
        As :meth:`lava_async.calibration.Calibration.curves` returns them.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async.plots import calibration_curve
    >>> axes = Figure().add_subplot()
    >>> curves = {"hidden": ([0.8, 1.0, 1.25], [0.91, 0.95, 0.96], [0.88, 0.93, 0.95])}
    >>> calibration_curve(axes, curves).get_xlabel()
    'factor of the thresholds'
    """
    styles = zip(colours(len(curves)), cycle(MARKERS))
    ticks: set[float] = set()
    for (name, (factors, end, first)), (colour, marker) in zip(curves.items(), styles, strict=False):
        x = np.asarray(factors, float)
        ticks |= set(x.tolist())
        axes.plot(x, np.asarray(end), "-", color=colour, marker=marker, markersize=4, label=f"{name}, at the end")
        axes.plot(x, np.asarray(first), "--", color=colour, marker=marker, markersize=4, label=f"{name}, first output")
    axes.set_xscale("log")
    axes.set_xticks(sorted(ticks) if len(ticks) <= 12 else [1, 2, 5, 10])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="factor of the thresholds", ylabel="accuracy")
    axes.legend()
    return axes
