"""exp(-y) in single precision, without a call, so that the compiler computes several at once.

The C library's function would be the dearest part of the backward pass: a call for each slope.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

_LARGEST, _ZERO = np.float32(70.0), np.int32(127)
"""Beyond, the result is 0: products of smaller numbers are denormal, which costs a hundred times as much."""
_PER_BIT = np.float32(1.4426950408889634)
"""1 / ln 2; and ln 2 as a short number, whose multiples are exact, and the rest (Cody, Waite, 1980)."""
_BIT, _REST = np.float32(0.693145751953125), np.float32(1.42860682030941723e-6)
_TAYLOR = tuple(np.float32(1 / n) for n in (720, 120, 24, 6, 2, 1, 1))
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _TAYLOR
_HALF = np.float32(0.5)


def exp_minus(y: Any) -> Any:
    """Return exp(-y) for y >= 0; in single precision with a relative error below 2e-7, and 0 for y > 70."""
    return np.exp(-y)


@overload(exp_minus, jit_options={"_nrt": False})
def _compile_exp_minus(y: Any) -> Any:
    def double(y: Any) -> Any:
        return np.exp(-y)

    def single(y: Any) -> Any:
        inside = y <= _LARGEST
        y = min(y, _LARGEST)
        n = np.int32(y * _PER_BIT + _HALF)
        r = np.float32(n) * _BIT - y + np.float32(n) * _REST
        p = ((((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r) + _C5) * r + _C6
        return p * np.int32((127 - (n if inside else _ZERO)) << 23).view(np.float32)

    return single if y is types.float32 else double
