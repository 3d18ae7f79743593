"""Encoders: from numbers to spikes. Pure functions, one equation each.

==========  ==========================  ================================================================
encoder     takes                       a spike means
==========  ==========================  ================================================================
`rate`      values                      by chance: more of them, the larger the value
`latency`   values                      the value, by its time: the earlier, the larger; one per channel
`delta`     signals                     the signal has risen (ON) or fallen (OFF) by a threshold
`saccade`   images                      a pixel got brighter (ON) or darker (OFF) while the sensor moved
==========  ==========================  ================================================================

All return (B, C, T) uint8 as :class:`~lava_async.data.SpikeDataset` takes it; (B, height, width) values give channels
in the order y * width + x.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async import draws
from lava_async.data.events import crossings, saccade, to_integers
from lava_async.errors import InvalidValue
from lava_async.records import array_of, check_int, check_range, integer_array, real_array

__all__ = ["ENCODERS", "delta", "latency", "rate", "saccade"]


def rate(
    values: ArrayLike, *, steps: int, most: float = 1.0, seed: int = 0, samples: ArrayLike | None = None
) -> NDArray[np.uint8]:
    """Encode values as rates: in each time step, a channel spikes with a probability that its value says.

    With U uniform in [0, 1), drawn for every sample b, channel c and time step t::

        s_c(t) = 1 if U(b, t, c) < most * x_c, else 0

    Parameters
    ----------
    values : (B, ...) floats
        x, in 0 .. 1.
    steps : int
        Number of time steps T, at least 1.
    most : float
        Spikes per time step of the value 1, in 0 .. 1.
    seed : int
        Of the draws.
    samples : (B,) int, optional
        Numbers of the samples, which key the draws, so that a part of a batch gets the same spikes; default 0 .. B - 1.

    Returns
    -------
    (B, C, T) uint8
        0 or 1.

    Raises
    ------
    InvalidType, InvalidValue
        If an argument is not as above.

    Examples
    --------
    >>> from lava_async.data.encoders import rate
    >>> spikes = rate([[1.0, 0.5, 0.0]], steps=1000, seed=3)
    >>> spikes.shape, spikes.mean(axis=2).round(1)
    ((1, 3, 1000), array([[1. , 0.5, 0. ]]))
    """
    x = _values("rate.values", values)
    steps = check_int("rate.steps", steps, least=1)
    check_range("rate.most", real_array("rate.most", most), 0, 1)
    numbers = np.arange(len(x)) if samples is None else integer_array("rate.samples", samples)
    if numbers.shape != (len(x),):
        raise InvalidValue("rate.samples.shape", numbers.shape, f"({len(x)},), one number per sample")
    b, t, c = numbers[:, None, None], np.arange(steps), np.arange(x.shape[1])[:, None]
    drawn = draws.unit(draws.key(check_int("rate.seed", seed, most=2**63 - 1), draws.RATE, b, t, 0, c))
    return (drawn < most * x[:, :, None]).astype(np.uint8)


def latency(values: ArrayLike, *, steps: int, threshold: float = 0.01) -> NDArray[np.uint8]:
    """Encode values as latencies: every channel spikes once, the earlier the larger its value.

    The time step of the spike is ::

        t_c = round((1 - x_c) * (T - 1)) if x_c >= threshold, else never

    Half a step is rounded to the even one.

    Parameters
    ----------
    values : (B, ...) floats
        x, in 0 .. 1. 1 spikes in time step 0.
    steps : int
        Number of time steps T, at least 1.
    threshold : float
        Smallest value that spikes, in 0 .. 1.

    Returns
    -------
    (B, C, T) uint8
        At most one spike per channel.

    Raises
    ------
    InvalidType, InvalidValue
        If an argument is not as above.

    Examples
    --------
    >>> from lava_async.data.encoders import latency
    >>> latency([[1.0, 0.5, 0.0]], steps=5)
    array([[[1, 0, 0, 0, 0],
            [0, 0, 1, 0, 0],
            [0, 0, 0, 0, 0]]], dtype=uint8)
    """
    given = array_of("latency.values", values, "biuf", "numbers")
    x, digits = _values("latency.values", given), given.dtype if given.dtype.kind == "f" else np.float64
    steps = check_int("latency.steps", steps, least=1)
    check_range("latency.threshold", real_array("latency.threshold", threshold), 0, 1)
    halves = to_integers(2.0 * (1 - x) * (steps - 1), 2.0 * (steps - 1), digits)  # Half a step is half a step.
    when = np.rint(halves / 2).astype(np.int64)
    return ((when[:, :, None] == np.arange(steps)) & (x >= threshold)[:, :, None]).astype(np.uint8)


def delta(signals: ArrayLike, *, threshold: float, max_count: int = 1) -> NDArray[np.uint8]:
    """Encode signals by their changes: send on delta, as an event camera does with the light of a pixel.

    A channel remembers the level r of its last event and emits one event for every threshold that the signal x has
    moved since::

        n(t) = trunc((x(t) - r(t - 1)) / threshold)      events: ON if positive, OFF if negative
        r(t) = r(t - 1) + threshold * n(t),  r(-1) = x(0)

    A change of exactly k thresholds makes k events, whatever floating point makes of it: 0.1 from 0.2 to 0.3 is one
    threshold of 0.1.

    Parameters
    ----------
    signals : (B, C, T) floats
        x, time last.
    threshold : float
        Change that makes an event, > 0.
    max_count : int
        Most events of one channel, polarity and time step that are counted, 1 .. 255. The rest is lost, but not for r.

    Returns
    -------
    (B, 2 C, T) uint8
        ON events of all channels, then OFF events.

    Raises
    ------
    InvalidType, InvalidValue
        If an argument is not as above.

    Examples
    --------
    >>> from lava_async.data.encoders import delta
    >>> delta([[[0.0, 0.3, 0.3, 0.1]]], threshold=0.2)
    array([[[0, 1, 0, 0],
            [0, 0, 0, 0]]], dtype=uint8)
    """
    given = array_of("delta.signals", signals, "biuf", "numbers")
    x, digits = real_array("delta.signals", given), given.dtype if given.dtype.kind == "f" else np.float64
    if x.ndim != 3 or not x.shape[2]:
        raise InvalidValue("delta.signals.shape", x.shape, "(B, C, T), T at least 1")
    if not real_array("delta.threshold", threshold) > 0:
        raise InvalidValue("delta.threshold", threshold, "> 0")
    check_range("delta.max_count", np.array(check_int("delta.max_count", max_count)), 1, 255)
    n_samples, n_channels, n_steps = x.shape
    events = np.empty((n_samples, 2, n_channels, n_steps), np.uint8)
    level, first = np.zeros((n_samples, n_channels)), x[:, :, 0]
    for t in range(n_steps):
        terms = (np.abs(x[:, :, t]) + np.abs(first)) / threshold
        change = to_integers((x[:, :, t] - first) / threshold, terms, digits)
        events[:, 0, :, t], events[:, 1, :, t] = crossings(change, level, max_count)
    return events.reshape(n_samples, 2 * n_channels, n_steps)


#: The encoders by name.
ENCODERS: dict[str, Callable[..., NDArray[np.uint8]]] = {
    "rate": rate,
    "latency": latency,
    "delta": delta,
    "saccade": saccade,
}


def _values(where: str, values: ArrayLike) -> NDArray[Any]:
    """Return values in 0 .. 1 as (B, C)."""
    x = real_array(where, values)
    if x.ndim < 2:
        raise InvalidValue(f"{where}.shape", x.shape, "(B, ...), samples first")
    check_range(where, x, 0, 1)
    return x.reshape(len(x), int(np.prod(x.shape[1:])))
