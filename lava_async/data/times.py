"""Times of recorded events, and the time steps that they fall into."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.records import array_of, real_array

__all__ = ["LONGEST", "NS", "UNITS", "time_steps", "window_ns"]

#: Units of time in files, per second.
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
#: Nanoseconds in a second.
NS = UNITS["ns"]
#: Longest time that is told apart, in nanoseconds: eleven days.
LONGEST = 10**15


def window_ns(where: str, window_ms: object) -> Fraction:
    """Return the width of a time step in nanoseconds, exactly as it was written: 0.1 ms is a tenth of a millisecond.

    Raises
    ------
    InvalidType, InvalidValue
        If it is no positive number.

    Examples
    --------
    >>> from lava_async.data.times import window_ns
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
    unit = NS // per_second
    if times.dtype.kind == "f":
        if not np.isfinite(times).all():
            raise InvalidValue(where, times[~np.isfinite(times)][0].item(), "finite")
        exact = np.clip(times.astype(np.float64) * unit, -LONGEST, LONGEST)
        ns = np.rint(exact).astype(np.int64)
    else:
        ns = np.clip(times, -(LONGEST // unit), LONGEST // unit).astype(np.int64) * unit
    # The number of k > 0 with round(k * window) <= ns; for windows of whole nanoseconds, ns // window.
    step = ((2 * ns + 1) * window.denominator - 1) // (2 * window.numerator)
    if times.dtype.kind == "f" and times.dtype.itemsize <= 4:
        with np.errstate(over="ignore"):  # Later than this type can say: no time is.
            begins = ((step + 1) * float(window) / unit).astype(times.dtype)
        if times.dtype.itemsize == 4:  # Products of floats are a few units of the last place away from it.
            begins = begins * np.float32(1 - 2.0**-22)
        step += (times >= begins) & (step >= 0)
    return np.asarray(step, np.int64)
