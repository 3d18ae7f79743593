"""A data set of recorded events: arrays with the fields t, x, y and p, as tonic gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from lava_async.data import SpikeDataset
from lava_async.data.frames import Frames, Recording
from lava_async.data.polarities import on_events
from lava_async.data.times import UNITS
from lava_async.errors import InvalidType, InvalidValue, not_among
from lava_async.forms import class_labels, plain


class EventOptions(TypedDict, total=False):
    """What :func:`lava_async.data.samples.from_samples` hands on to :func:`from_events`."""

    reduce: int
    max_count: int | None
    late: str


def from_events(
    samples: Iterable[object],
    labels: ArrayLike,
    *,
    size: tuple[int, int],
    window_ms: float,
    steps: int,
    time: str = "us",
    reduce: int = 1,
    polarity: str = "both",
    max_count: int | None = None,
    late: str = "error",
    n_classes: int | None = None,
    name: str = "events",
) -> SpikeDataset:
    """Return a data set of recorded events.

    Parameters
    ----------
    samples : B structured arrays or mappings
        Events, with the fields t, x and, if there are any, y and p, as tonic gives them.
    labels : (B,) classes
        As in :func:`lava_async.forms.class_labels`.
    size : (height, width)
        Of the sensor; (1, channels) of events without y.
    window_ms, steps, reduce, polarity, max_count, late
        As in :class:`~lava_async.data.frames.Frames`.
    time : {"us", "ms", "s", "ns"}
        Unit of t; tonic's is microseconds.
    n_classes : int, optional
        Default: the largest label and 1.
    name : str
        For reports and errors.

    Returns
    -------
    SpikeDataset

    Raises
    ------
    InvalidType, InvalidValue
        If an argument is not as above, or events lie outside the sensor or the time steps.

    Examples
    --------
    >>> events = np.array([(0, 1, 500, 1), (1, 1, 12_000, 0)], [(field, int) for field in ("x", "y", "t", "p")])
    >>> data = from_events([events], [0], size=(2, 2), window_ms=10.0, steps=2)
    >>> data.dense().nonzero()
    (array([0, 0]), array([2, 7]), array([0, 1]))
    """
    frames = Frames(size, window_ms, steps, reduce, polarity, max_count, name, late)
    if time not in UNITS:
        raise not_among(f"{name}: time", time, UNITS)
    recordings = [
        recording(f"{name}: sample {b}", _columns(f"{name}: sample {b}", sample), UNITS[time])
        for b, sample in enumerate(samples)
    ]
    classes = class_labels(f"{name}: labels", labels, n_classes)
    encoded = frames.encode(recordings)
    return SpikeDataset(
        encoded, classes, frames.shape, name, n_classes or int(classes.max(initial=0)) + 1, frames.planes
    )


def has_fields(sample: object) -> bool:
    """Tell whether a sample is events with fields: a structured array or a mapping."""
    return isinstance(sample, Mapping) or (isinstance(sample, np.ndarray) and sample.dtype.names is not None)


def _columns(where: str, sample: object) -> dict[str, Any]:
    columns: Mapping[str, Any] = {}
    if isinstance(sample, np.ndarray) and sample.dtype.names:
        columns = {name: sample[name] for name in sample.dtype.names}
    elif isinstance(sample, Mapping):
        columns = sample
    if not {"t", "x"} <= set(columns):
        raise InvalidType(where, sample, "a structured array or mapping with the fields t, x and, if any, y and p")
    return {field: columns[field] for field in ("t", "x", "y", "p") if field in columns}


def recording(where: str, columns: Mapping[str, Any], per_second: int) -> Recording:
    """Return events from their columns t, x and, if there are any, y and p."""
    t, x = (np.asarray(plain(f"{where}: {name}", columns[name])) for name in ("t", "x"))
    y = np.asarray(columns["y"]) if "y" in columns else np.zeros(len(x), np.int64)
    p = on_events(f"{where}: p", columns["p"]) if "p" in columns else np.ones(len(x), bool)
    if t.ndim != 1 or not t.shape == x.shape == y.shape == p.shape:
        raise InvalidValue(f"{where}: lengths of t, x, y, p", [a.shape for a in (t, x, y, p)], "the same, (E,)")
    return Recording(t, x, y, p, per_second)
