"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever it happens to be. Where compiled code called Python, as numba's compiler does
for each piece of machine code, the exception is printed and forgotten. So the wish is kept, to be looked at later.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_wished = threading.Event()


@contextmanager
def remembered() -> Iterator[None]:
    """Remember Ctrl-C for :func:`check`, if Ctrl-C raises KeyboardInterrupt at all here."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _wished.clear()


def check() -> None:
    """Raise KeyboardInterrupt if somebody wished to interrupt."""
    if _wished.is_set():
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    _wished.set()
    raise KeyboardInterrupt
