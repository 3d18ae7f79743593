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
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import DataWarning, InvalidType, InvalidValue, nearest
from lava_async.records import array_of, check_int, real_array
from lava_async.spikes import SpikeBatch

__all__ = [
    "LATE",
    "OFF_ON",
    "ON_OFF",
    "POLARITIES",
    "Frames",
    "Outside",
    "Recording",
    "check_planes",
    "check_sensor",
    "on_events",
    "planes",
    "time_steps",
    "warn_of_planes",
    "window_ns",
]

#: Order of the planes of two polarities: ours, and that of slayer's tutorials and of tonic.
ON_OFF, OFF_ON = "on_off", "off_on"
#: What becomes of the polarities: both are kept, in one of two orders ("both" is "on_off"), they are added up, or one
#: is dropped.
POLARITIES = ("both", ON_OFF, OFF_ON, "merged", "on", "off")
#: What events outside all time steps are: an error, a warning, or nothing.
LATE = ("error", "warn", "drop")
#: Units of time in files, per second.
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NS = 10**9
#: Longest time that is told apart, in nanoseconds: eleven days.
_LONGEST = 10**15


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


def window_ns(where: str, window_ms: object) -> Fraction:
    """Return the width of a time step in nanoseconds, exactly as it was written: 0.1 ms is a tenth of a millisecond.

    Raises
    ------
    InvalidType, InvalidValue
        If it is no positive number.

    Examples
    --------
    >>> from lava_async.data.frames import window_ns
    >>> window_ns("window_ms", 0.1)
    Fraction(100000, 1)
    >>> window_ns("window_ms", 0)
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: window_ms = 0: must be > 0 milliseconds
    """
    number = real_array(where, window_ms)
    if number.ndim or not number > 0:
        raise InvalidValue(where, window_ms, "> 0 milliseconds")
    text = str(window_ms) if isinstance(window_ms, (float, np.floating)) else repr(float(number))
    window = (Fraction(text) * 10**6).limit_denominator(1000)  # A third of a millisecond is a third.
    if window < 1:
        raise InvalidValue(where, window_ms, "at least a nanosecond, 1e-6 ms")
    return window


def time_steps(where: str, time: ArrayLike, per_second: int, window: Fraction) -> NDArray[np.int64]:
    """Return the time step of each event: k for times from k windows on, to before k + 1 windows.

    All is done in integers, of nanoseconds, so that an event at k windows is in time step k. Times that are floats are
    compared as what they are: float16 cannot tell 0.03 s from 0.02999 s, which is the number nearest to it; an event
    that is stored so is one at 0.03 s.

    Parameters
    ----------
    where : str
        What errors call the times.
    time : (E,) integers or floats
        In seconds / `per_second`.
    per_second : int
        Units of time in a second.
    window : Fraction
        Of a time step, in nanoseconds.

    Returns
    -------
    (E,) int64
        Negative for times before 0.

    Raises
    ------
    InvalidType, InvalidValue
        If these are no finite numbers.

    Examples
    --------
    >>> time_steps("time", [0, 19_999, 20_000], 10**6, window_ns("window", 20.0)).tolist()
    [0, 0, 1]
    """
    times = array_of(where, time, "iuf", "times")
    unit = _NS // per_second
    if times.dtype.kind == "f":
        if not np.isfinite(times).all():
            raise InvalidValue(where, times[~np.isfinite(times)][0].item(), "finite")
        exact = np.clip(times.astype(np.float64) * unit, -_LONGEST, _LONGEST)
        ns = np.rint(exact).astype(np.int64)
    else:
        ns = np.clip(times, -(_LONGEST // unit), _LONGEST // unit).astype(np.int64) * unit
    # The number of k > 0 with round(k * window) <= ns; for windows of whole nanoseconds, ns // window.
    step = ((2 * ns + 1) * window.denominator - 1) // (2 * window.numerator)
    if times.dtype.kind == "f" and times.dtype.itemsize <= 4:
        with np.errstate(over="ignore"):  # Later than this type can say: no time is.
            begins = ((step + 1) * float(window) / unit).astype(times.dtype)
        if times.dtype.itemsize == 4:  # Products of floats are a few units of the last place away from it.
            begins = begins * np.float32(1 - 2.0**-22)
        step += (times >= begins) & (step >= 0)
    return np.asarray(step, np.int64)


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


def on_events(where: str, polarity: ArrayLike) -> NDArray[np.bool_]:
    """Return which events are ON: 1 or True; 0, -1 or False are OFF.

    Raises
    ------
    InvalidType, InvalidValue
        If there is any other number, or both 0 and -1.

    Examples
    --------
    >>> from lava_async.data.frames import on_events
    >>> on_events("sample.csv", [1, -1, 1])
    array([ True, False,  True])
    """
    p = array_of(where, polarity, "biuf", "polarities")
    if p.dtype.kind == "b":
        return np.asarray(p, np.bool_)
    signed = (p == -1).any()
    good = (p == 1) | (p == (-1 if signed else 0))
    if not good.all():
        raise InvalidValue(where, p[~good][0].item(), "1 (ON) or -1 (OFF)" if signed else "1 (ON) or 0 (OFF)")
    return np.asarray(p == 1, np.bool_)


def check_planes(where: str, polarity: str) -> None:
    """Raise an error unless this is an order of two polarities.

    Raises
    ------
    InvalidValue
        Naming it, and the orders that there are.

    Examples
    --------
    >>> from lava_async.data.frames import check_planes
    >>> check_planes("polarity", "on_off")
    >>> check_planes("polarity", "ON")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: polarity = 'ON': must be on_off or off_on
    """
    if polarity not in (ON_OFF, OFF_ON):
        raise InvalidValue(where, polarity, f"{ON_OFF} or {OFF_ON}{nearest(polarity, (ON_OFF, OFF_ON))}")


def warn_of_planes(known: object, given: str | None, name: str) -> None:
    """Warn if a network was trained on planes of polarities in another order than that of data.

    Parameters
    ----------
    known : str or None
        What is noted about the network.
    given, name : str or None, str
        Order of the data, and what they are called.

    Examples
    --------
    >>> from lava_async.data.frames import warn_of_planes
    >>> warn_of_planes("on_off", "on_off", "digits, test")
    """
    if known in (ON_OFF, OFF_ON) and given in (ON_OFF, OFF_ON) and known != given:
        text = f"the network was trained on polarities in the order {known}, those of {name} are {given}"
        text += f": the option polarity = {known} reads them as the network does"
        warnings.warn(text, DataWarning, stacklevel=2)


def planes(spikes: NDArray[np.uint8], polarity: str) -> NDArray[np.uint8]:
    """Return spikes (B, C, T), whose first half of channels is ON, in an order of polarities.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.frames import planes
    >>> spikes = np.array([[[1], [2], [3], [4]]], np.uint8)
    >>> planes(spikes, "off_on").ravel()
    array([3, 4, 1, 2], dtype=uint8)
    """
    return spikes if polarity == ON_OFF else np.roll(spikes, spikes.shape[1] // 2, axis=1)


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
        if self.steps * window > _LONGEST:
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
        seconds = float(steps * self.frames.window) / _NS
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
        seconds = float(self.frames.steps * self.frames.window) / _NS
        number = self.latest * self.per_second  # as it is in the file
        fitting = [name for name, per in UNITS.items() if seconds / 50 <= number / per <= 2 * seconds]
        if taken in fitting or not fitting:
            return ""
        return f" (times are read as {taken}; in {fitting[0]} they would fit)"
