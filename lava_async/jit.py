"""How the project compiles: one decorator, so that caching and threading are decided once.

Kernels release the GIL and are serial inside: threads are Python threads, one slice of the batch each. numba's own
parallel back-ends are not used, because Lava forks and they do not survive it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core import caching
from numba.extending import overload

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger(__name__)


def _cache_is_possible() -> bool:
    """Tell whether numba finds a folder that it may write its compiled code to."""
    try:
        caching.FunctionCache(_cache_is_possible)
    except RuntimeError:
        log.warning("numba finds no writable folder for compiled code: kernels compile anew in each run (30 s). "
                    "Set NUMBA_CACHE_DIR to a folder of yours to avoid it.")  # fmt: skip
        return False
    return True


_CACHE = _cache_is_possible()


def jit(function: F) -> F:
    """Compile a kernel: cached on disk, without the GIL, IEEE arithmetic in source order (fastmath stays off).

    Kernels own no memory: their callers keep the arrays alive, so numba's reference counting, two atomic operations for
    each look at an array in a tuple, is off.
    """
    return _njit(function, cache=_CACHE, _nrt=False)


def inner(function: F) -> F:
    """Compile what only kernels call: no wrapper for Python and no cache entry of its own, which halves the wait.

    Always inlined, because tuples of arrays travel as hundreds of numbers, and a call costs more than what it does.
    """
    return _njit(function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)


def reassociating(function: F) -> F:
    """Compile as :func:`inner`, with sums in several lanes: in another order, but the same one in every run."""
    options: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": True}
    return _njit(function, _nrt=False, fastmath={"reassoc", "nsz"}, **options)


def _njit(function: F, **options: Any) -> F:
    decorate: Any = numba.njit
    compiled: F = decorate(nogil=True, error_model="numpy", **options)(function)
    return compiled


def where(condition: Any, a: Any, b: Any) -> Any:
    """Return a where the condition holds, else b: on numpy arrays, and on scalars in kernels (where numba's own
    `np.where` would make arrays).
    """  # noqa: D205
    return np.where(condition, a, b)


@overload(where, jit_options={"_nrt": False})
def _compile_where(condition: Any, a: Any, b: Any) -> Any:
    def choose(condition: Any, a: Any, b: Any) -> Any:
        return a if condition else b

    return choose
