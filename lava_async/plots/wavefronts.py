"""Wavefronts: spikes that move through the layers within one time step, forward step by forward step."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.plots.waves import Wave

#: Space between layers, where the height of a layer is 1.
GAP = 0.7
LINE = "#3b6fb6"


class Look(NamedTuple):
    """How a neuron in some state is drawn; the shape tells the states apart without colour."""

    marker: str
    fill: str
    edge: str
    size: float
    """Relative to the space that a neuron has."""


#: What a neuron can be doing in a forward step; later ones hide earlier ones.
STATES = {
    "silent": Look("o", "white", "0.75", 0.35),
    "delivered": Look("o", "0.5", "0.5", 0.45),
    "waiting": Look("s", "#fdb863", "black", 0.62),
    "delivering": Look("o", LINE, "black", 0.72),
    "fires": Look("*", "#2d004b", "black", 1.0),
}


def states(wave: Wave, k: int) -> dict[int, str]:
    """Return what each neuron (input channel c: c - C) is doing in forward step k, as named in `STATES`.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import wave
    >>> from lava_async.plots.wavefronts import states
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> states(wave(network, run, 0), 1)
    {-1: 'silent', 0: 'delivering', 1: 'waiting', 2: 'fires'}
    """
    doing = dict.fromkeys(range(-wave.network.n_inputs, wave.network.n_neurons), "silent")
    doing |= {s.neuron: "delivered" for s in wave.spikes if s.emitted < k and not (s.delivered or 0) > k}
    doing |= {s.neuron: "waiting" for s in wave.waiting(k)}
    doing |= {s.neuron: "delivering" for s in wave.delivered(k)}
    return doing | {s.neuron: "fires" for s in wave.fired(k)}


def layout(network: Network) -> NDArray[np.float64]:
    """Return where the input channels and the neurons are drawn.

    Parameters
    ----------
    network : Network
        Layers of shape (n,) become columns, layers of images (channels, height, width) become tiles of images.

    Returns
    -------
    (C + N, 2) float64
        x from 0 to the right, y from 1 down to 0.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.plots.wavefronts import layout
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> layout(network).round(2).tolist()
    [[0.0, 0.5], [0.7, 0.67], [0.7, 0.33], [1.4, 0.5]]
    """
    left, parts = 0.0, []
    for shape in _shapes(network):
        row, column = _grid(shape)
        step = _step(shape)
        parts.append(np.stack([left + column * step, 0.5 + (row.max(initial=0) / 2 - row) * step], axis=1))
        left += column.max(initial=0) * step + GAP
    return np.concatenate(parts)


def _shapes(network: Network) -> list[tuple[int, ...]]:
    return [network.input_shape, *(layer.shape for layer in network.layers)]


def _step(shape: tuple[int, ...]) -> float:
    """Return the distance of neighbours in a layer."""
    return float(min(0.34, 1 / (_grid(shape)[0].max(initial=0) + 1)))


def _grid(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of each neuron of a layer."""
    if len(shape) == 3:
        c, y, x = np.indices(shape).reshape(3, -1)
        tall = ceil(sqrt(shape[0]))
        return c % tall * (shape[1] + 1) + y, c // tall * (shape[2] + 1) + x
    n = int(np.prod(shape))
    column, row = divmod(np.arange(n), max(1, min(n, max(16, ceil(sqrt(2 * n))))))
    return row, column


def wavefront(axes: Axes, wave: Wave, k: int, *, title: str = "") -> Axes:
    """Draw one forward step: what is delivered, which neurons fire, what waits.

    Where there is room, the number in a mark is the place of its spike in the order of delivery, and the number to the
    left of a neuron its index in the layer.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw; what was drawn on it before is removed.
    wave : Wave
        What :func:`lava_async.plots.wave` returns.
    k : int
        Forward step; after the last one the picture stays as it was then, with nothing under way.
    title : str
        Stands before the number of the forward step.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import wave, wavefront
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> wavefront(Figure().add_subplot(), wave(network, run, 0), 1, title="random").get_title()
    'random: forward step 1'
    """
    network = wave.network
    place = layout(network)
    at = np.roll(place, -network.n_inputs, axis=0)  # neuron i in row i, input channel c in row c - C
    floor, ceiling = float(place[:, 1].min()), float(place[:, 1].max())
    left, right, bottom, top = -0.25, float(place[:, 0].max()) + 0.25, floor - 0.4, ceiling + 0.15
    unit = _points_per_unit(axes, right - left, top - bottom)
    space = unit * min(_step(shape) for shape in _shapes(network))
    axes.clear()
    doing = states(wave, k)
    for spike in wave.delivered(k):
        for target in wave.reached(spike):
            axes.plot(
                *zip(at[spike.neuron], at[target], strict=True),
                color=LINE,
                linewidth=min(1.5, space / 8),
                alpha=0.7,
                zorder=1,
            )
    for order, (state, look) in enumerate(STATES.items(), start=2):
        here = at[[i for i, what in doing.items() if what == state]].reshape(-1, 2)
        axes.scatter(
            here[:, 0],
            here[:, 1],
            s=float(np.clip(space * look.size, 2, 20)) ** 2,
            marker=look.marker,
            facecolor=look.fill,
            edgecolor=look.edge,
            linewidths=0.7,
            zorder=order,
            label=state,
        )
    if space > 20:
        _indices(axes, network, place, space)
        for spike in wave.spikes:
            if spike.neuron >= 0 and spike.order and doing[spike.neuron] in ("waiting", "delivering"):
                white = doing[spike.neuron] == "delivering"
                x, y = at[spike.neuron]
                axes.text(
                    x,
                    y,
                    str(spike.order),
                    ha="center",
                    va="center",
                    fontsize=float(np.clip(space / 4, 7, 11)),
                    zorder=9,
                    color="white" if white else "black",
                )
    names = ["input", *(layer.name or f"layer {i}" for i, layer in enumerate(network.layers))]
    sizes = [network.n_inputs, *(layer.size for layer in network.layers)]
    for name, part in zip(names, np.split(place[:, 0], np.cumsum(sizes)[:-1]), strict=True):
        if len(part):
            axes.text(
                (part.min() + part.max()) / 2, floor - 0.2, name, ha="center", va="top", fontsize=min(9, unit / 9)
            )
    step = f"forward step {k}" if k < wave.n_steps else "done"
    axes.set_title(f"{title}: {step}" if title else step, fontsize=float(np.clip(unit / 9, 7, 11)))
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.set_axis_off()
    return axes


def _indices(axes: Axes, network: Network, place: NDArray[np.float64], space: float) -> None:
    """Write the index of each neuron in its layer to the left of the neuron, where layers are one column."""
    ends = np.cumsum([network.n_inputs, *(layer.size for layer in network.layers)])
    for part in np.split(place, ends[:-1]):
        if len(np.unique(part[:, 0])) == 1:
            for i, (x, y) in enumerate(part):
                axes.text(
                    x - 0.5 * _step((len(part),)),
                    y,
                    str(i),
                    ha="right",
                    va="center",
                    fontsize=float(np.clip(space / 3.5, 6, 9)),
                    color="0.25",
                    zorder=8,
                    path_effects=[withStroke(linewidth=2, foreground="white")],  # lines pass below it
                )


def _points_per_unit(axes: Axes, x: float, y: float) -> float:
    """Return how many points a unit of the layout takes, if axes of equal units show x times y of them."""
    box, figure = axes.get_position(original=True), axes.figure
    width, height = figure.bbox.width * 72 / figure.dpi, figure.bbox.height * 72 / figure.dpi  # points
    return float(min(width * box.width / x, height * box.height / y))


def animate(figure: Figure, waves: Mapping[str, Wave], *, interval: int = 900) -> FuncAnimation:
    """Return an animation of one time step, one panel for each schedule, forward step by forward step.

    ``animate(...).save("wave.gif", writer="pillow")`` writes a GIF, ``.to_jshtml()`` is a player for notebooks.

    Parameters
    ----------
    figure : matplotlib Figure
        Where to draw; it gets its axes here.
    waves : dict from str to Wave
        What is shown under each title.
    interval : int
        Milliseconds of a forward step.

    Raises
    ------
    InvalidValue
        If there is nothing to show.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import animate, wave
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> animation = animate(Figure(), {"random, F = 1": wave(network, run, 0)})
    >>> animation.save("wave.gif", writer="pillow")
    """
    if not waves:
        raise InvalidValue("animate.waves", waves, "at least one wave")
    panels = figure.subplots(1, len(waves), squeeze=False)[0]
    legend(figure)

    def draw(k: int) -> list[Any]:
        for axes, (title, wave) in zip(panels, waves.items(), strict=True):
            wavefront(axes, wave, k, title=title)
        return []

    frames = max(wave.n_steps for wave in waves.values()) + 1
    return FuncAnimation(figure, draw, frames=frames, interval=interval, repeat_delay=3 * interval)


def legend(figure: Figure) -> Figure:
    """Explain the markers of :func:`wavefront` below the panels of a figure.

    Parameters
    ----------
    figure : matplotlib Figure
        What gets the legend.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async.plots.wavefronts import legend
    >>> [text.get_text() for text in legend(Figure()).legends[0].get_texts()]
    ['silent', 'delivered', 'waiting', 'delivering', 'fires', 'order of delivery (inside), index (beside)']
    """
    handles = []
    for state, look in STATES.items():
        size = 11 if look.marker == "*" else 7
        handles.append(
            Line2D(
                [],
                [],
                linestyle="",
                marker=look.marker,
                markersize=size,
                markerfacecolor=look.fill,
                markeredgecolor=look.edge,
                label=state,
            )
        )
    note = "order of delivery (inside), index (beside)"
    handles.append(Line2D([], [], linestyle="", marker="$1$", color="0.25", label=note))
    columns = len(handles) if figure.get_figwidth() > 9 else 3
    figure.legend(handles=handles, loc="lower center", ncols=columns, frameon=False, fontsize=9)
    return figure
