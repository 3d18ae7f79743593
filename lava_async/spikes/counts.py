"""Spike counts: what may be one, and the lists of entries that arrays of them become."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async import _core
from lava_async.errors import InvalidValue
from lava_async.records import array_of, whole_array
from lava_async.threads import available

#: What to do with real values, behind an error.
ENCODE = "encode real values as spikes with rate, latency or delta of lava_async.data.encoders"
#: Graded spikes carry 24 bits on Loihi 2; a count is the payload of an input spike.
MAX_PAYLOAD = 2**24 - 1
LISTED = tuple(np.dtype(name) for name in ("uint8", "int32", "int64", "float32", "float64"))
"""What spikes are listed from; other types are converted first."""
_MANY = 1 << 20
"""From so many counts on, threads share an array."""


def entries_of(
    where: str, dense: NDArray[Any], shape: str, threads: int | None = 1
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return channel, count and start of a dense (B, C, T) or (C, T) array, or raise an error that names `where`."""
    if dense.dtype == np.bool_:
        dense = dense.view(np.uint8)
    if dense.dtype not in LISTED:
        dense = dense_counts(where, dense, shape)
    batch = dense if dense.ndim == 3 else dense[None]
    start = np.zeros((len(batch), batch.shape[2] + 1), np.int64)
    threads = (threads or available()) if batch.size >= _MANY else 1
    listed: Any = _core.list_spikes(np.ascontiguousarray(batch), start, threads)
    if listed is None:
        dense_counts(where, dense, shape)  # It says what is wrong.
    return *listed, start


def dense_counts(where: str, spikes: ArrayLike, shape: str) -> NDArray[np.int64]:
    """Return spike counts of a shape, as ``"(C, T)"``, after checking them; whole floats (Lava, torch) are welcome.

    Raises
    ------
    InvalidType, InvalidValue
        If they are none. Networks take counts: the error says how real values become such.
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
