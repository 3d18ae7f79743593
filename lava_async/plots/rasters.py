"""Rasters: which neurons fired when, and in which order the spikes were delivered."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from lava_async.engine import Result
from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.plots.style import MARKERS, ORDER_COLOURS

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

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import delivery_order
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> delivery_order(run)
    array([[0, 0, 0],
           [0, 1, 2],
           [0, 2, 1]])
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

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import raster
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1, 0, 1]], schedule=Random(group_size=1), record="trace")
    >>> axes = raster(Figure().add_subplot(), run, network)
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('time step', '')
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
        axes.scatter(
            place[here],
            neuron[here],
            c=k[here],
            cmap=ORDER_COLOURS,
            vmin=0,
            vmax=last,
            s=16,
            marker=marker,
            linewidths=0,
        )
        if layer:
            axes.axhline(rows.start - 0.5, color="0.6", linewidth=0.6)
    middle = [(rows.start + rows.stop - 1) / 2 for rows in network.layer_slices]
    names = [layer.name or f"layer {i}" for i, layer in enumerate(network.layers)]
    axes.set_yticks(middle, names)
    axes.set_xticks([step + WIDTH / 2 for step in steps], [str(step) for step in steps])
    axes.tick_params(length=0)
    axes.set(xlabel="time step", xlim=(steps.start - 0.1, steps.stop - 0.1), ylim=(-1.5, network.n_neurons + 0.5))
    return axes
