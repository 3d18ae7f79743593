"""Which instruction set the core uses: the best of this machine, unless ``LAVA_ASYNC_ISA`` names another."""

from __future__ import annotations

import os

from lava_async import _core
from lava_async.errors import InvalidValue

VARIABLE = "LAVA_ASYNC_ISA"


def instruction_set() -> str:
    """Return the name of the instruction set: "avx512", "avx2" or "baseline" (on arm64: NEON).

    Results are the same to the last bit on all of them.

    Raises
    ------
    InvalidValue
        If ``LAVA_ASYNC_ISA`` names one that this machine does not run.
    """
    here = _core.instruction_sets()
    wanted = os.environ.get(VARIABLE, "") or here[0]
    if wanted not in here:
        raise InvalidValue(f"environment variable {VARIABLE}", wanted, "one that this machine runs: " + ", ".join(here))
    return wanted
