"""Frozen records of arrays: equality by content, arrays that cannot be written to."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue


class ArrayRecord:
    """Mix-in for frozen dataclasses whose fields may be arrays: compare them by content."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]


def same(a: Any, b: Any) -> bool:
    """Tell whether two fields hold the same content, arrays and tuples included."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(a == b)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array as a C-contiguous one that cannot be written to (a copy where that is needed)."""
    array = np.ascontiguousarray(array)
    if array.flags.writeable:
        array = array.copy() if not array.flags.owndata else array
        array.flags.writeable = False
    return array


def real_array(where: str, value: Any) -> NDArray[np.float64]:
    """Return finite numbers as float64, or raise an error that names `where`."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(where, value, "numbers") from None
    if not np.isfinite(array).all():
        raise InvalidValue(where, array[~np.isfinite(array)].flat[0], "finite")
    return array


def integer_array(where: str, value: Any) -> NDArray[np.int64]:
    """Return integers as int64; floats are refused, since Lava's fixed-point models hang on them."""
    array = np.asarray(value)
    if array.dtype.kind not in "iu" and array.size:
        raise InvalidType(where, value, f"integers, not {array.dtype}")
    return array.astype(np.int64)


def within(where: str, array: NDArray[Any], low: float, high: float) -> None:
    """Raise an error that names `where` unless low <= array <= high."""
    outside = (array < low) | (array > high)
    if np.any(outside):
        raise InvalidValue(where, array[outside].flat[0].item(), f"in {low} .. {high}")


def count(where: str, value: Any, *, least: int = 0) -> int:
    """Return an integer of at least `least`, or raise an error that names `where`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InvalidType(where, value, f"an integer >= {least}")
    if value < least:
        raise InvalidValue(where, int(value), f">= {least}")
    return int(value)
