"""How the project compiles: one decorator, so that caching and threading are decided once.

Kernels release the GIL and are serial inside: threads are Python threads, one slice of the batch each. numba's own
parallel back-ends are not used, because Lava forks and they do not survive it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core import caching
from numba.core.cpu import CPUTargetOptions
from numba.core.options import TargetOptions
from numba.core.registry import CPUTarget, cpu_target
from numba.extending import overload

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger(__name__)
_IMPORT = re.compile(r"^from (lava_async[\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)


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
    compiled: Any = _njit(function, cache=_CACHE, _nrt=False)
    if _CACHE and not numba.config.DISABLE_JIT:
        # numba asks for the age of the kernel's own file only, and would go on with what it calls as it was before.
        compiled._cache._cache_file._source_stamp = sources_of(Path(function.__code__.co_filename))
    kernel: F = compiled
    return kernel


def sources_of(kernel: Path, package: Path = Path(__file__).parent) -> str:
    """Return a digest of a kernel's file and of those of this package that it imports, and compiled ones of these."""
    found, new = {kernel: kernel.read_text()}, [kernel]
    while new:
        text = found[new.pop()]
        for module, names in _IMPORT.findall(text) if "numba" in text or "lava_async.jit" in text else ():
            place = package.joinpath(*module.split(".")[1:])
            for path in (place, *(place / name for name in re.findall(r"\w+", names))):
                source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
                if path != package and source not in found and source.is_file():
                    found[source] = source.read_text()
                    new.append(source)
    return hashlib.sha256("".join(found[path] for path in sorted(found)).encode()).hexdigest()


def inner(function: F, **options: Any) -> F:
    """Compile what only kernels call: no wrapper for Python and no cache entry of its own, which halves the wait.

    Always inlined, because tuples of arrays travel as hundreds of numbers, and a call costs more than what it does.
    """
    return _njit(function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, **options)


def apart(function: F, **options: Any) -> F:
    """Compile as :func:`inner`, for arrays of which none that is written shares memory with another.

    The compiler then takes several neurons at once without asking first, in each call, where the arrays lie; which
    costs more than the loop if layers are small. It is not checked: who calls it must know.
    """
    compiled = inner(function, **options)
    if not numba.config.DISABLE_JIT:
        dispatcher: Any = compiled
        dispatcher.targetoptions["noalias"] = True
        dispatcher._compiler.targetdescr = _APART
    return compiled


class _ApartOptions(CPUTargetOptions):
    """numba has the option, but keeps it for its own parallel loops."""

    noalias = TargetOptions.Mapping("noalias")


class _Apart(CPUTarget):
    options = _ApartOptions
    typing_context = property(lambda self: cpu_target.typing_context)
    target_context = property(lambda self: cpu_target.target_context)


_APART = _Apart("cpu")


def reassociating(function: F) -> F:
    """Compile as :func:`apart`, with sums in several lanes: in another order, but the same one in every run."""
    return apart(function, fastmath={"reassoc", "nsz", "contract"})


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


def same(x: Any, y: Any) -> Any:
    """Return `y`, in a kernel as a number of the type of `x`: numba makes sums of 32-bit integers 64 bits wide."""
    return y


@overload(same, jit_options={"_nrt": False})
def _compile_same(x: Any, y: Any) -> Any:
    kind = x

    def cast(x: Any, y: Any) -> Any:
        return kind(y)

    return cast
