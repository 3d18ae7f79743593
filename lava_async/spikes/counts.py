"""Spike counts: what may be one, and the lists of entries that arrays of them become."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async import _core
from lava_async.errors import InvalidValue
from lava_async.records import array_of, check_range, real_array, whole_array
from lava_async.threads import available

#: What to do with real values, behind an error.
ENCODE = "encode real values as spikes with rate, latency or delta of lava_async.data.encoders"
#: Graded spikes carry 24 bits on Loihi 2; a count is the payload of an input spike.
MAX_PAYLOAD = 2**24 - 1
LISTED = tuple(np.dtype(name) for name in ("uint8", "int32", "int64", "float32", "float64"))
"""What spikes are listed from; other types are converted first."""
_LARGEST = float(np.finfo(np.float32).max)
_MANY = 1 << 20
"""From so many counts on, threads share an array."""


def entries_of(
    where: str, dense: NDArray[Any], shape: str, threads: int | None = 1
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return channel, count and start of a dense (B, C, T) or (C, T) array, or raise an error that names `where`.

    Arrays of spike counts are listed in one pass; others are graded: signed integers, or real numbers.
    """
    if dense.dtype == np.bool_:
        dense = dense.view(np.uint8)
    if dense.ndim != shape.count(",") + 1:
        raise InvalidValue(f"{where}.shape", dense.shape, shape)
    if dense.dtype not in LISTED:
        dense = payloads(where, dense)
    batch = dense if dense.ndim == 3 else dense[None]
    start = np.zeros((len(batch), batch.shape[2] + 1), np.int64)
    threads = (threads or available()) if batch.size >= _MANY else 1
    listed: Any = _core.list_spikes(np.ascontiguousarray(batch), start, threads)
    if listed is not None:
        return *listed, start
    graded = payloads(where, batch).transpose(0, 2, 1)
    sample, t, channel = np.nonzero(graded)
    each = np.bincount(sample * graded.shape[1] + t, minlength=start[:, 1:].size)
    start[:, 1:] = np.cumsum(each).reshape(start[:, 1:].shape)
    start[1:, 0] = start[:-1, -1]
    return channel.astype(np.int32), graded[sample, t, channel], start


def payloads(where: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return payloads of input spikes: as int32 if they are integers of 24 bits and a sign, else as float32.

    Raises
    ------
    InvalidType, InvalidValue
        If they are no numbers, not finite, or too large.
    """
    array = array_of(where, array, "biuf", "spike counts")
    if array.dtype.kind == "f" and ((array := real_array(where, array)) != np.floor(array)).any():
        check_range(where, array, -_LARGEST, _LARGEST)
        return array.astype(np.float32)
    return whole_array(where, array, -MAX_PAYLOAD, MAX_PAYLOAD).astype(np.int32)


def dense_counts(where: str, spikes: ArrayLike, shape: str) -> NDArray[np.int64]:
    """Return spike counts of a shape, as ``"(C, T)"``, after checking them; whole floats (Lava, torch) are welcome.

    Raises
    ------
    InvalidType, InvalidValue
        If they are none. Networks take counts: the error says how real values become such.

    Examples
    --------
    >>> from lava_async.spikes import dense_counts
    >>> dense_counts("input", [[1.0, 0.0, 2.0]], "(C, T)")
    array([[1, 0, 2]])
    >>> dense_counts("input", [[0.5, 0.0]], "(C, T)")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: input [0, 0] = 0.5: must be integers in 0 .. 16777215: encode real values as
    spikes with rate, latency or delta of lava_async.data.encoders
    """
    array = array_of(where, spikes, "biuf", "spike counts")
    if array.ndim != shape.count(",") + 1:
        raise InvalidValue(f"{where}.shape", array.shape, shape)
    try:
        return whole_array(where, array, 0, MAX_PAYLOAD)
    except InvalidValue as error:
        if not isinstance(error.value, float) or not math.isfinite(error.value) or error.value.is_integer():
            raise
        raise InvalidValue(error.where, error.value, f"{error.allowed}: {ENCODE}") from None
