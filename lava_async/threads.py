"""Threads that share a batch: Python threads, since kernels run without the GIL, which end with the call.

A pool that stays would not survive the fork with which Lava starts its processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def share(n: int, threads: int | None) -> list[slice]:
    """Return the slices of n samples that threads run (default: as many as cores that this process may use)."""
    threads = max(1, min(threads or len(os.sched_getaffinity(0)), n))
    return [slice(n * thread // threads, n * (thread + 1) // threads) for thread in range(threads)]


def in_threads(function: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
    """Call a function once per set of arguments, each call in a thread of its own."""
    if len(arguments[0]) == 1:
        return [function(*(a[0] for a in arguments))]
    with ThreadPoolExecutor(len(arguments[0])) as pool:
        return list(pool.map(function, *arguments))
