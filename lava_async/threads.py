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
    """Call a function once per set of arguments, the first time in this thread, the others in threads of their own."""
    first, *others = zip(*arguments, strict=True)
    if not others:
        return [function(*first)]
    with ThreadPoolExecutor(len(others)) as pool:
        rest = [pool.submit(function, *each) for each in others]
        return [function(*first), *(each.result() for each in rest)]
