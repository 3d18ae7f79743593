"""On which versions of Python, NumPy and torch a change is needed; asked when a module of Lava is imported."""

from __future__ import annotations

import importlib.util
import sys


def always() -> bool:
    """On all versions, Python 3.10 with NumPy 1 included: for changes that only save imports or silence warnings."""
    return True


def python_3_11() -> bool:
    """Dataclasses refuse a default without a hash."""
    return sys.version_info >= (3, 11)


def python_3_12() -> bool:
    """unittest.mock asks every attribute for a mark of coroutines, and os.fork warns where there are threads."""
    return sys.version_info >= (3, 12)


def numpy_2() -> bool:
    """NEP 50 is in force: a NumPy scalar keeps its type beside a Python number, and wraps without a word."""
    return _numpy() >= (2, 0)


def numpy_2_1() -> bool:
    """np.reshape takes its shape by the name `shape`."""
    return _numpy() >= (2, 1)


def no_torch() -> bool:
    """Torch is not installed; netx needs it for one isinstance and for the parameters of resonators."""
    return importlib.util.find_spec("torch") is None


def _numpy() -> tuple[int, ...]:
    import numpy as np  # only when Lava is imported, which imports it in any case

    return tuple(int(part) for part in np.__version__.split(".")[:2])
