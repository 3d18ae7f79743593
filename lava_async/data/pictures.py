"""Pictures of spikes and of encoders: each function draws on matplotlib axes that it is given and returns them.

What must be told apart differs in marker as well as in colour, which is ordered in greyscale (cividis).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.data.encoders import delta, latency, rate, saccade
from lava_async.errors import InvalidValue
from lava_async.extras import needs
from lava_async.spikes import SpikeTrain

with needs("plots", "lava_async.data.pictures"):
    from matplotlib import colormaps
    from matplotlib.axes import Axes

__all__ = ["draw_encoders", "frames", "raster"]

#: Colour and marker of ON and OFF events.
ON, OFF = (colormaps["cividis"](0.0), "^"), (colormaps["cividis"](0.75), "v")


def raster(axes: Axes, train: SpikeTrain, shape: tuple[int, int, int] | None = None, *, size: float = 6.0) -> Axes:
    """Draw every channel and time step that spiked; a larger mark means more spikes.

    Parameters
    ----------
    axes : matplotlib Axes
        Where to draw.
    train : SpikeTrain
        What is drawn.
    shape : (polarity, height, width), optional
        Of the sensor; with two polarities, ON and OFF events of a pixel share its row.
    size : float
        Area of the mark of one spike, in square points.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async.data.digits import digits
    >>> from lava_async.data.pictures import raster
    >>> data = digits("test")
    >>> axes = raster(Figure().add_subplot(), data.events[0], data.shape)
    >>> axes.get_xlabel(), axes.get_ylabel()
    ('time step', 'pixel')
    """
    step = np.repeat(np.arange(train.n_steps), np.diff(train.start))
    planes = 1 if shape is None else shape[0]
    n_rows = train.n_channels // planes
    for plane, (colour, marker) in zip(range(planes), (ON, OFF), strict=False):
        here = train.channel // n_rows == plane
        label = ("ON", "OFF")[plane] if planes > 1 else None
        axes.scatter(
            step[here],
            train.channel[here] % n_rows,
            s=size * train.count[here],
            color=colour,
            linewidths=0,
            marker=marker if planes > 1 else "o",
            label=label,
        )
    axes.set(
        xlabel="time step",
        ylabel="pixel" if planes > 1 else "channel",
        xlim=(-0.5, train.n_steps - 0.5),
        ylim=(-0.5, n_rows - 0.5),
    )
    return axes


def frames(panels: Sequence[Axes], train: SpikeTrain, shape: tuple[int, int, int], steps: Sequence[int]) -> None:
    """Draw time steps of a camera as images: light grey nothing, white ON, black OFF.

    Parameters
    ----------
    panels : list of matplotlib Axes
        One per time step.
    train : SpikeTrain
        What is drawn.
    shape : (polarity, height, width)
        Of the sensor.
    steps : list of int
        Time steps.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from lava_async.data.digits import digits
    >>> from lava_async.data.pictures import frames
    >>> data = digits("test")
    >>> panels = Figure().subplots(1, 2)
    >>> frames(panels, data.events[0], data.shape, steps=[0, 1])
    >>> [panel.get_title() for panel in panels]
    ['time step 0', 'time step 1']
    """
    images = train.to_dense().reshape(*shape, train.n_steps)
    images = images[0] - images[1] if shape[0] == 2 else images[0]
    for axes, t in zip(panels, steps, strict=True):
        axes.imshow(images[:, :, t], cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[], title=f"time step {t}")


def draw_encoders(panels: Sequence[Axes], image: ArrayLike, *, steps: int = 20, seed: int = 0) -> Sequence[Axes]:
    """Draw what the encoders make of an image, and `delta` of a signal.

    Parameters
    ----------
    panels : 5 matplotlib Axes
        For the image, then `rate`, `latency`, `delta` and `saccade`.
    image : (height, width) floats
        Values in 0 .. 1.
    steps : int
        Number of time steps T.
    seed : int
        Of the rates.

    Raises
    ------
    InvalidValue
        If there are not five panels.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from lava_async.data.pictures import draw_encoders
    >>> panels = Figure().subplots(1, 5)
    >>> panels = draw_encoders(panels, np.linspace(0, 1, 64).reshape(8, 8), steps=5)
    >>> [panel.get_title() for panel in panels][:2]
    ['image $x$', 'rate: $s(t) = 1$ if $U < x$']
    """
    picture: NDArray[np.float64] = np.asarray(image, np.float64)
    if len(panels) != 5:
        raise InvalidValue("draw_encoders: panels", len(panels), "5: the image, rate, latency, delta, saccade")
    height, width = picture.shape
    panels[0].imshow(picture, cmap="gray", vmin=0, vmax=1)
    panels[0].set(title="image $x$", xticks=[], yticks=[])
    seen = {
        "rate: $s(t) = 1$ if $U < x$": (rate(picture[None], steps=steps, seed=seed), (1, height, width)),
        "latency: $t = (1 - x)(T - 1)$": (latency(picture[None], steps=steps), (1, height, width)),
        "saccade: $\\Delta \\log I$ at every pixel": (
            saccade(picture[None], size=(height + 2, width + 2), steps=steps),
            (2, height + 2, width + 2),
        ),
    }
    for axes, (title, (spikes, shape)) in zip((panels[1], panels[2], panels[4]), seen.items(), strict=True):
        raster(axes, SpikeTrain.from_dense(spikes[0]), shape, size=9.0).set_title(title)
    panels[1].set_ylabel("pixel")
    panels[2].set_ylabel("pixel")
    panels[4].set_ylim(top=1.2 * (height + 2) * (width + 2))  # Room for the legend.
    panels[4].legend(loc="upper right", fontsize="small", ncols=2)
    _draw_delta(panels[3], 3 * steps)
    return panels


def _draw_delta(axes: Axes, steps: int) -> None:
    """Draw a signal, the levels that `delta` remembers, and its events."""
    t, threshold = np.arange(steps), 0.25
    signal = np.sin(2 * np.pi * t / steps) * np.cos(5 * np.pi * t / steps)
    on, off = delta(signal[None, None], threshold=threshold, max_count=9)[0].astype(int)
    axes.plot(t, signal, color="0.6", label="$x(t)$")
    axes.step(t, signal[0] + threshold * np.cumsum(on - off), where="post", color="0.2", linewidth=1, label="$r(t)$")
    for events, (colour, marker), label in ((on, ON, "ON"), (off, OFF, "OFF")):
        at = np.flatnonzero(events)
        axes.scatter(
            at, np.full(len(at), -1.3), s=24 * events[at], color=colour, marker=marker, linewidths=0, label=label
        )
    axes.set(title="delta: an event per threshold", xlabel="time step", ylabel="signal", ylim=(-1.5, 1.3))
    axes.legend(loc="upper right", fontsize="small", ncols=2, framealpha=0.9)
