"""From recorded events to time steps: windows of time, coarser pixels, polarities.

Channels are those of :class:`~lava_async.data.SpikeDataset`, polarity-major; polarity 0 is ON (brighter), 1 is OFF.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.data.store import EventBatch
from lava_async.errors import InvalidValue
from lava_async.records import count, real_array, within

__all__ = ["POLARITIES", "Frames", "Recording"]

#: What becomes of the polarities: both are kept, they are added up, or one is dropped.
POLARITIES = ("both", "merged", "on", "off")


@dataclass(frozen=True)
class Recording:
    """Events of one sample, in any order.

    Parameters
    ----------
    time : (E,) float64
        In microseconds.
    x, y : (E,) int
        Pixel, or channel and 0.
    on : (E,) bool
        ON rather than OFF.
    """

    time: NDArray[np.float64]
    x: NDArray[Any]
    y: NDArray[Any]
    on: NDArray[np.bool_]


@dataclass(frozen=True)
class Frames:
    """How events become frames: one per time step.

    An event at time t of pixel (x, y) belongs to time step floor(t / window) and pixel (x // reduce, y // reduce).
    Events before 0 and those after the last time step are dropped, as are pixels that do not fill a whole one.

    Parameters
    ----------
    size : (height, width)
        Of the sensor.
    window_ms : float
        Width of a time step, > 0.
    steps : int
        Number of time steps T, at least 1.
    reduce : int
        Side of the squares of pixels (1-D sensors: runs of channels) that become one, at least 1.
    polarity : {"both", "merged", "on", "off"}
        "both": ON and OFF have channels of their own; "merged": they share them; "on", "off": only these.
    max_count : int, optional
        Most events per channel and time step that are counted; 1 gives binary frames. Default: all.
    name : str
        Data set, for errors.

    Raises
    ------
    InvalidType, InvalidValue
        If a value is not as above.
    """

    size: tuple[int, int]
    window_ms: float
    steps: int
    reduce: int = 1
    polarity: str = "both"
    max_count: int | None = None
    name: str = "Frames"

    def __post_init__(self) -> None:
        count(f"{self.name}.steps", self.steps, least=1)
        if not real_array(f"{self.name}.window_ms", self.window_ms) > 0:
            raise InvalidValue(f"{self.name}.window_ms", self.window_ms, "> 0")
        count(f"{self.name}.reduce", self.reduce, least=1, most=max(self.size))
        if self.polarity not in POLARITIES:
            raise InvalidValue(f"{self.name}.polarity", self.polarity, "one of " + ", ".join(POLARITIES))
        if self.max_count is not None:
            count(f"{self.name}.max_count", self.max_count, least=1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(polarity, height, width) of a frame."""
        height, width = (max(side // self.reduce, 1) for side in self.size)
        return 2 if self.polarity == "both" else 1, height, width

    def key(self) -> dict[str, Any]:
        """Return all that frames depend on, for the cache."""
        names = ("window_ms", "steps", "reduce", "polarity", "max_count")
        return {"size": list(self.size), **{name: getattr(self, name) for name in names}}

    def encode(self, recordings: list[Recording]) -> EventBatch:
        """Return the frames of recordings.

        Raises
        ------
        InvalidValue
            If an event lies outside the sensor.
        """
        sizes = [len(r.time) for r in recordings]
        time, x, y, on = (
            np.concatenate([getattr(r, name) for r in recordings]) if recordings else np.zeros(0, np.int64)
            for name in ("time", "x", "y", "on")
        )
        for name, place, side in (("y", y, self.size[0]), ("x", x, self.size[1])):
            within(f"{self.name}: event {name}", place, 0, side - 1)
        planes, height, width = self.shape
        step = np.floor(time / (self.window_ms * 1000.0))
        x, y = x.astype(np.int64) // self.reduce, y.astype(np.int64) // self.reduce
        kept = (step >= 0) & (step < self.steps) & (x < width) & (y < height)
        if self.polarity in ("on", "off"):
            kept &= on == (self.polarity == "on")
        plane = np.where(on, 0, 1) if planes == 2 else np.zeros(len(on), np.int64)
        channel = (plane * height + y) * width + x
        sample = np.repeat(np.arange(len(sizes)), sizes)
        shape = (len(sizes), math.prod(self.shape), self.steps)
        events = EventBatch.from_events(sample[kept], step[kept].astype(np.int64), channel[kept], shape=shape)
        return events.clipped(self.max_count)
