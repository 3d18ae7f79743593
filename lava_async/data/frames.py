"""From recorded events to time steps: windows of time, coarser pixels, polarities.

Channels are those of :class:`~lava_async.data.SpikeDataset`, polarity-major; polarity 0 is ON (brighter), 1 is OFF,
unless the option `polarity` says "off_on".
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.data import polarities
from lava_async.data.polarities import OFF_ON, ON_OFF, POLARITIES
from lava_async.data.times import LONGEST, NS, UNITS, time_steps, window_ns
from lava_async.errors import DataWarning, InvalidType, InvalidValue, nearest
from lava_async.records import check_int
from lava_async.renamed import renamed
from lava_async.spikes import SpikeBatch

__all__ = ["LATE", "Frames", "Outside", "Recording", "check_sensor"]

#: What events outside all time steps are: an error, a warning, or nothing.
LATE = ("error", "warn", "drop")


@dataclass(frozen=True)
class Recording:
    """Events of one sample, in any order.

    Parameters
    ----------
    time : (E,) integers or floats
        In seconds / `per_second`.
    x, y : (E,) int
        Pixel, or channel and 0.
    on : (E,) bool
        ON rather than OFF.
    per_second : int
        Units of time in a second: 1, 10^3, 10^6 (microseconds) or 10^9.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.frames import Recording
    >>> time, x, y, on = np.array([0, 1500]), np.array([0, 1]), np.array([0, 0]), np.array([True, False])
    >>> recording = Recording(time, x, y, on)
    >>> recording.time / recording.per_second  # seconds
    array([0.    , 0.0015])
    """

    time: NDArray[Any]
    x: NDArray[Any]
    y: NDArray[Any]
    on: NDArray[np.bool_]
    per_second: int = UNITS["us"]


def check_sensor(where: str, x: NDArray[Any], y: NDArray[Any], size: tuple[int, int]) -> None:
    """Raise an error unless all pixels are integers and on the sensor (height, width).

    Raises
    ------
    InvalidType, InvalidValue
        Naming the first pixel that is not, how many there are, and what may be wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.frames import check_sensor
    >>> check_sensor("sample.csv", np.array([0, 1]), np.array([1, 1]), size=(2, 2))
    >>> check_sensor("sample.csv", np.array([0, 2]), np.array([1, 1]), size=(2, 2))
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: sample.csv: event x = 2: must be in 0 .. 1: 1 of 2 events lie outside the sensor
    """
    outside = np.zeros(len(x), bool)
    for pixel, side in ((y, size[0]), (x, size[1])):
        outside |= ~((pixel >= 0) & (pixel < side))
    for name, pixel, side in (("y", y, size[0]), ("channel" if size[0] == 1 else "x", x, size[1])):
        if pixel.dtype.kind not in "biuf":
            raise InvalidType(f"{where}: event {name}", pixel.dtype, "integers")
        wrong = ~((pixel >= 0) & (pixel < side))
        if wrong.any():
            swapped = ((x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])).all() and size[0] != size[1]
            hint = "; x and y seem to be swapped" if swapped else ""
            many = f"{int(outside.sum()):,} of {len(x):,} events lie outside the sensor"
            raise InvalidValue(f"{where}: event {name}", pixel[wrong][0].item(), f"in 0 .. {side - 1}: {many}{hint}")
        if pixel.dtype.kind == "f" and (pixel != np.rint(pixel)).any():
            raise InvalidValue(f"{where}: event {name}", pixel[pixel != np.rint(pixel)][0].item(), "integers")


@dataclass(frozen=True)
class Frames:
    """How events become frames: one per time step.

    An event at time t of pixel (x, y) belongs to time step floor(t / window), by integer arithmetic, and to pixel
    (x // reduce, y // reduce). Pixels that do not fill a whole one are dropped.

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
    polarity : {"both", "on_off", "off_on", "merged", "on", "off"}
        "both", which is "on_off": ON and OFF have channels of their own, those of ON come first; "off_on": those of OFF
        come first, as in slayer's tutorials and in tonic; "merged": they share them; "on", "off": only these.
    max_count : int, optional
        Most events per channel and time step that are counted; 1 gives binary frames. Default: all.
    name : str
        Data set, for errors.
    late : {"error", "warn", "drop"}
        What events outside all time steps are: an error, dropped with a warning, dropped.

    Raises
    ------
    InvalidType, InvalidValue
        If a value is not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.frames import Frames, Recording
    >>> frames = Frames(size=(2, 2), window_ms=1.0, steps=3)
    >>> recording = Recording(np.array([0, 1500]), np.array([0, 1]), np.array([0, 0]), np.array([True, False]))
    >>> frames.shape, frames.encode([recording]).to_dense().nonzero()
    ((2, 2, 2), (array([0, 0]), array([0, 5]), array([0, 1])))
    """

    size: tuple[int, int]
    window_ms: float
    steps: int
    reduce: int = 1
    polarity: str = "both"
    max_count: int | None = None
    name: str = "Frames"
    late: str = "error"

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_int(f"{self.name}.steps", self.steps, least=1))
        window = window_ns(f"{self.name}.window_ms", self.window_ms)
        if self.steps * window > LONGEST:
            raise InvalidValue(f"{self.name}.window_ms", self.window_ms, "less: all time steps take over eleven days")
        check_int(f"{self.name}.reduce", self.reduce, least=1, most=max(self.size))
        for option, allowed in (("polarity", POLARITIES), ("late", LATE)):
            value = getattr(self, option)
            if value not in allowed:
                raise InvalidValue(
                    f"{self.name}.{option}", value, "one of " + ", ".join(allowed) + nearest(value, allowed)
                )
        if self.max_count is not None:
            check_int(f"{self.name}.max_count", self.max_count, least=1)

    @property
    def window(self) -> Fraction:
        """Width of a time step in nanoseconds."""
        return window_ns(f"{self.name}.window_ms", self.window_ms)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(polarity, height, width) of a frame."""
        height, width = (max(side // self.reduce, 1) for side in self.size)
        return 2 if self.planes else 1, height, width

    @property
    def planes(self) -> str | None:
        """Order of the polarities, "on_off" or "off_on"; None if there is one plane."""
        return {"both": ON_OFF, ON_OFF: ON_OFF, OFF_ON: OFF_ON}.get(self.polarity)

    def key(self) -> dict[str, Any]:
        """Return all that frames depend on, for the cache."""
        names = ("window_ms", "steps", "reduce", "max_count", "late")
        polarity = self.planes or self.polarity
        return {"size": list(self.size), "polarity": polarity, **{name: getattr(self, name) for name in names}}

    def encode(self, recordings: list[Recording], outside: Outside | None = None) -> SpikeBatch:
        """Return the frames of recordings.

        Parameters
        ----------
        recordings : list of Recording
            One per sample.
        outside : Outside, optional
            Counts the events outside all time steps, for a report about all recordings of a file; without it, these
            recordings alone are reported about.

        Raises
        ------
        InvalidValue
            If an event lies outside the sensor, or outside all time steps where that is an error.
        """
        sizes = [len(r.time) for r in recordings]
        x, y, on = (
            np.concatenate([getattr(r, name) for r in recordings]) if recordings else np.zeros(0, np.int64)
            for name in ("x", "y", "on")
        )
        mine = outside or Outside(self, self.name)
        check_sensor(mine.where, x, y, self.size)
        each = [time_steps(f"{mine.where}: event time", r.time, r.per_second, self.window) for r in recordings]
        step = np.concatenate(each) if each else np.zeros(0, np.int64)
        mine.add(recordings, step)
        if outside is None:
            mine.report()
        planes, height, width = self.shape
        x, y = x.astype(np.int64) // self.reduce, y.astype(np.int64) // self.reduce
        kept = (step >= 0) & (step < self.steps) & (x < width) & (y < height)
        if self.polarity in ("on", "off"):
            kept &= on == (self.polarity == "on")
        plane = np.where(on, 0, 1) if planes == 2 else np.zeros(len(on), np.int64)
        if self.planes == OFF_ON:
            plane = 1 - plane
        channel = (plane * height + y) * width + x
        sample = np.repeat(np.arange(len(sizes)), sizes)
        shape = (len(sizes), math.prod(self.shape), self.steps)
        events = SpikeBatch.from_events(sample[kept], step[kept], channel[kept], shape=shape)
        return events.clipped(self.max_count)


class Outside:
    """Counts the events of a file that lie outside all time steps, and says so at the end.

    Parameters
    ----------
    frames : Frames
        The time steps, and what is to be done.
    where : str
        What errors and warnings call the file.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.frames import Frames, Outside, Recording
    >>> frames = Frames(size=(2, 2), window_ms=1.0, steps=3)
    >>> outside = Outside(frames, "sample.csv")
    >>> recording = Recording(np.array([0, 3000]), np.array([0, 1]), np.array([0, 0]), np.array([True, False]))
    >>> _ = frames.encode([recording], outside)
    >>> outside.report()
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: sample.csv: events outside all time steps = 1: must be 0 of 2: time steps 0 .. 2
    of 1 ms end at 0.003 s, and the latest event is at 0.003 s; give steps=4 to take all of them, or late='drop' to
    leave them out
    """

    def __init__(self, frames: Frames, where: str) -> None:
        self.frames, self.where = frames, where
        self.events = self.early = self.after = self.furthest = 0
        self.latest, self.per_second = 0.0, 1

    def add(self, recordings: list[Recording], step: NDArray[np.int64]) -> None:
        """Count the events of some recordings, whose time steps are given."""
        self.events += len(step)
        self.early += int((step < 0).sum())
        self.after += int((step >= self.frames.steps).sum())
        self.furthest = max(self.furthest, int(step.max(initial=0)))
        for r in recordings:
            if len(r.time):
                self.latest = max(self.latest, float(r.time.max()) / r.per_second)
                self.per_second = r.per_second

    def report(self) -> None:
        """Raise the error or give the warning.

        Raises
        ------
        InvalidValue
            If events lie outside all time steps, and that is an error.
        """
        late, steps = self.frames.late, self.frames.steps
        if not self.early + self.after:
            if self.events >= 10 and steps > 1 and self.furthest == 0 and late != "drop":
                text = f"all {self.events:,} events lie in time step 0 of {steps}{self._unit()}"
                warnings.warn(f"{self.where}: {text}", DataWarning, stacklevel=3)
            return
        seconds = float(steps * self.frames.window) / NS
        needed = self.furthest + 1
        text = f"time steps 0 .. {steps - 1} of {self.frames.window_ms:g} ms end at {seconds:g} s"
        if self.after:
            text += f", and the latest event is at {self.latest:g} s{self._unit()}"
        if self.early:
            text += f"; {self.early:,} events lie before 0"
        where, number = f"{self.where}: events outside all time steps", self.early + self.after
        if late == "error":
            all_fit = self.after and not self.early and not self._unit()
            more = f"; give steps={needed} to take all of them, or" if all_fit else "; give"
            raise InvalidValue(where, number, f"0 of {self.events:,}: {text}{more} late='drop' to leave them out")
        if late == "warn":
            share = f"{number:,} of {self.events:,} are left out"
            text = f"{where}: {share}: {text}; steps={needed} takes all of them, late='drop' says nothing"
            warnings.warn(text, DataWarning, stacklevel=3)

    def _unit(self) -> str:
        """Return a hint at the unit of time, if another one would fit."""
        taken = next((name for name, per in UNITS.items() if per == self.per_second), "?")
        seconds = float(self.frames.steps * self.frames.window) / NS
        number = self.latest * self.per_second  # as it is in the file
        fitting = [name for name, per in UNITS.items() if seconds / 50 <= number / per <= 2 * seconds]
        if taken in fitting or not fitting:
            return ""
        return f" (times are read as {taken}; in {fitting[0]} they would fit)"


__getattr__ = renamed(
    __name__,
    {name: getattr(polarities, name) for name in ("check_planes", "on_events", "planes", "warn_of_planes")},
    globals(),
)
