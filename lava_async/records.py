"""Frozen records of arrays: equality by content, arrays that cannot be written to."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import fields
from inspect import signature
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_async.display import Brief
from lava_async.errors import InvalidType, InvalidValue, nearest, not_among
from lava_async.forms import plain
from lava_async.renamed import renamed

T = TypeVar("T")


class ArrayRecord(Brief):
    """Mix-in for frozen dataclasses whose fields may be arrays: compared by content, shown in a few lines."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        compared = [f.name for f in fields(self) if f.compare]
        return all(equal_content(getattr(self, name), getattr(other, name)) for name in compared)

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone: what engines keep beside them is made again."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def equal_content(a: object, b: object) -> bool:
    """Tell whether two fields hold the same content, arrays and tuples included."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(np.asarray(a), np.asarray(b)))
    return bool(a == b)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a C-contiguous copy that cannot be written to; the array of the caller stays as it is."""
    array = np.array(array, order="C", ndmin=1)
    array.flags.writeable = False
    return array


def array_of(where: str, value: object, kinds: str, what: str) -> NDArray[Any]:
    """Return `value` as an array of one of these kinds of dtype, or raise an error that names `where`."""
    value = plain(where, value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths; what cannot become an array
        raise InvalidType(where, value, f"an array of {what}") from None
    if array.dtype.kind not in kinds and array.size:
        raise InvalidType(where, value, f"{what}, not {array.dtype}")
    return array


def real_array(where: str, value: object) -> NDArray[np.float64]:
    """Return finite numbers as float64, or raise an error that names `where`."""
    array = array_of(where, value, "biuf", "numbers").astype(np.float64)
    if (bad := ~np.isfinite(array)).any():
        raise InvalidValue(*_first(where, array, bad), "finite")
    return array


def integer_array(where: str, value: object) -> NDArray[np.int64]:
    """Return integers as int64; floats are refused, since Lava's fixed-point models hang on them."""
    array = array_of(where, value, "iu", "integers")
    if array.dtype.kind == "u":
        check_range(where, array, 0, np.iinfo(np.int64).max)
    return array.astype(np.int64)


def short_array(where: str, value: object) -> NDArray[np.int32]:
    """Return integers as int32, without a copy of those that are; others are refused as by `integer_array`."""
    if isinstance(value, np.ndarray) and value.dtype == np.int32:
        return value
    array = integer_array(where, value)
    check_range(where, array, -(2**31), 2**31 - 1)
    return array.astype(np.int32)


def whole_array(where: str, value: object, low: int, high: int) -> NDArray[np.int64]:
    """Return integers in low .. high as int64, also of floats and bools: Lava, slayer and HDF5 carry such."""
    array = array_of(where, value, "biuf", "integers")
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array) | (array != np.rint(array))
        if bad.any():
            raise InvalidValue(*_first(where, array, bad), f"integers in {low} .. {high}")
    check_range(where, array, low, high)
    return array.astype(np.int64)


def check_range(where: str, array: NDArray[Any], low: float, high: float) -> None:
    """Raise an error that names `where`, and the position in the array, unless low <= array <= high."""
    with np.errstate(over="ignore"):  # NumPy 2 casts the limits to the type of the array: to infinity, which is right.
        # Least and greatest are found without an array in between, of which there may be hundreds of millions of items.
        if not array.size or (array.min() >= low and array.max() <= high):  # False for NaN
            return
        outside = ~((array >= low) & (array <= high))
    raise InvalidValue(*_first(where, array, outside), f"in {low} .. {high}")


def not_zero(where: str, array: NDArray[Any], allowed: str) -> None:
    """Raise an error that names `where`, and the position in the array, if an item is 0."""
    if not array.all():
        raise InvalidValue(*_first(where, array, array == 0), allowed)


def _first(where: str, array: NDArray[Any], wrong: NDArray[np.bool_]) -> tuple[str, Any]:
    """Return where the first wrong item of an array is, as in "weights [3, 17]", and the item."""
    position = np.unravel_index(int(np.argmax(wrong)), array.shape)
    named = where if array.size == 1 else f"{where} [{', '.join(map(str, map(int, position)))}]"
    return named, array[position].item()


def check_int(where: str, value: object, *, least: int = 0, most: int = 2**31 - 1) -> int:
    """Return an integer in least .. most, or raise an error that names `where`."""
    try:  # Integers of numpy and torch are welcome, truth values and fractions are not.
        if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise InvalidType(where, value, f"an integer >= {least}") from None
    if not least <= number <= most:
        raise InvalidValue(where, number, f">= {least}" if number < least else f"<= {most}")
    return number


def from_registry(
    where: str, members: Mapping[str, Callable[..., T]], name: object, options: Mapping[str, object]
) -> T:
    """Return ``members[name](**options)``, or raise an error that says which names and options there are."""
    if not isinstance(name, str) or name not in members:
        raise not_among(f"{where}.name", name, members)
    known = signature(members[name])
    try:
        known.bind(**options)
    except TypeError:
        taken = ", ".join(known.parameters) or "nothing"
        meant = "".join(nearest(each, known.parameters) for each in options if each not in known.parameters)
        raise InvalidType(f"{where}({name!r}) options", dict(options), f"options of its own: {taken}{meant}") from None
    return members[name](**options)


__getattr__ = renamed(
    __name__,
    {
        "same": equal_content,
        "count": check_int,
        "within": check_range,
        "frozen": read_only,
        "member": from_registry,
    },
    globals(),
)
