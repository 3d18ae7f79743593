"""How many threads share a batch. They end with the call: a pool would not survive the fork with which Lava starts."""

from __future__ import annotations

import os


def available() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
