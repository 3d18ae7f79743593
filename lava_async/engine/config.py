"""What the compiled engine runs on here."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache

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


@cache
def processor() -> str:
    """Return the name of the processor, as the system tells it."""
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            return subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def machine() -> dict[str, str]:
    """Return what results are noted with: the processor, and the instruction sets of the core and of torch.

    What the core computes does not depend on them; what torch adds up in training does.

    Returns
    -------
    dict of str
        ``processor``, ``instruction_set`` and, if torch is in use, ``torch_kernels``.
    """
    found = {"processor": processor(), "instruction_set": instruction_set()}
    if "torch" in sys.modules:
        found["torch_kernels"] = str(sys.modules["torch"].backends.cpu.get_cpu_capability())
    return found


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
