"""Memory that a piece of work takes at most, and that what it makes keeps, as Linux counts it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def peak_bytes(run: Callable[[], object]) -> int | None:
    """Return by how much resident memory grew at most while `run` ran; None if Linux does not say."""
    try:
        before = _resident("VmRSS", after_freeing=True)
        _CLEAR.write_text(_RESET_PEAK)
        run()
        return max(_resident("VmHWM") - before, 0)
    except (OSError, StopIteration):
        return None


def growth(make: Callable[[], object]) -> int | None:
    """Return by how much the resident memory of this process grew for what `make` returns; None if Linux does not say.

    All that is kept with it is counted, and what it only needed on the way is not.
    """
    try:
        before = _resident("VmRSS", after_freeing=True)
        made = make()
        grown = _resident("VmRSS", after_freeing=True) - before
        del made
        return max(grown, 0)
    except (OSError, StopIteration):
        return None


def _resident(field: str, *, after_freeing: bool = False) -> int:
    """Return a field of the status of this process.

    Free memory is given back before, if wanted, so that what earlier work has left is not used unseen.
    """
    if after_freeing:
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024
