"""What the compiled engine runs on here."""

from __future__ import annotations

import os
import platform

import numpy as np

from lava_async import _core
from lava_async.errors import InvalidValue
from lava_async.threads import available

VARIABLE = "LAVA_ASYNC_ISA"


def instruction_set() -> str:
    """Return the name of the instruction set that the core uses: "avx512", "avx2" or "baseline" (on arm64: NEON).

    It is the best of this machine, unless the environment variable ``LAVA_ASYNC_ISA`` names another. Results are the
    same to the last bit on all of them.

    Raises
    ------
    InvalidValue
        If the variable names an instruction set that this machine does not run.
    """
    here = _core.instruction_sets()
    wanted = os.environ.get(VARIABLE, "") or here[0]
    if wanted not in here:
        raise InvalidValue(f"environment variable {VARIABLE}", wanted, "one that this machine runs: " + ", ".join(here))
    return wanted


def show_config() -> dict[str, str]:
    """Return what the compiled engine runs on: versions, processor, instruction sets, threads, arithmetic.

    Returns
    -------
    dict of str
        Printed, it belongs into a report of a bug, and beside a measurement.

    Examples
    --------
    >>> import lava_async
    >>> lava_async.show_config()["arithmetic"]
    'float32; integers of 32 bits, of 64 where a sum could leave 32'
    """
    return {
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "machine": platform.machine(),
        "instruction set": instruction_set(),
        "instruction sets here": ", ".join(_core.instruction_sets()),
        "threads": str(available()),
        "arithmetic": "float32; integers of 32 bits, of 64 where a sum could leave 32",
    }
