"""Peak memory of a piece of work, as Linux counts it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def peak_bytes(run: Callable[[], Any]) -> int | None:
    """Return by how much the resident memory of this process grew at most while `run` ran; None if Linux does not say.

    Free memory is given back before, so that what earlier work has left is not used unseen.
    """
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        _CLEAR.write_text(_RESET_PEAK)
        before = _resident("VmRSS")
        run()
        return max(_resident("VmHWM") - before, 0)
    except (OSError, StopIteration):
        return None


def _resident(field: str) -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024
