"""Arrays that begin where a cache line does: vectors that reach over two lines cost twice.

numpy begins large arrays 16 bytes into a line, so that of two vectors of a row one would.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LINE = 64


def aligned_empty(shape: int | tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array with any content that begins with a cache line."""
    shape = (shape,) if isinstance(shape, int) else shape
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _LINE - 1, np.uint8)
    begin = -memory.__array_interface__["data"][0] % _LINE
    array: NDArray[Any] = memory[begin : begin + size].view(dtype).reshape(shape)
    return array


def aligned_zeros(shape: int | tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return zeros that begin with a cache line."""
    array = aligned_empty(shape, dtype)
    array[...] = 0
    return array


def aligned(x: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return a copy that begins with a cache line."""
    array = aligned_empty(x.shape, dtype)
    array[...] = x
    return array
