"""Limits of this process for the length of a ``with``."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limit(which: int, value: int) -> Iterator[None]:
    """Set a soft limit of the resource module."""
    before = resource.getrlimit(which)
    resource.setrlimit(which, (value, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(which, before)


def file_size(size: int):
    """Let no file grow beyond `size` bytes, as a full disk does."""
    return limit(resource.RLIMIT_FSIZE, size)
