"""Terminals: text of strangers cannot control them, unwritten output ends nothing, Ctrl-C works at any moment."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

INTERRUPTED = 130
#: Control characters besides tab and line feed, marks that turn the direction of text, and halves of characters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return text without what commands a terminal: such characters are escaped, as in ``\x1b[2J``.

    Parameters
    ----------
    text : str
        Names, notes and messages that may be from a stranger's file.

    Examples
    --------
    >>> printable("layer\x1b]0;title\x07")
    'layer\\x1b]0;title\\x07'
    """
    return _UNPRINTABLE.sub(lambda c: f"\\x{ord(c[0]):02x}" if c[0] < "\u0100" else f"\\u{ord(c[0]):04x}", text)


class Messages(io.TextIOBase):
    """A stream for messages: what it writes is printable, and a reader that is gone is no error.

    What is written behind a progress bar begins a line of its own.

    Parameters
    ----------
    stream : file of text or None
        Where messages go; None: nowhere, as if stderr was closed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream
        self._behind_a_bar = False

    def write(self, text: str) -> int:  # noqa: D102
        begin = "\r" if text.startswith("\r") else ""  # Progress bars begin their line again.
        if self._behind_a_bar and text and text[0] not in "\r\n":
            self._try("write", "\n")
        self._try("write", begin + printable(text.removeprefix(begin)))
        if text:
            self._behind_a_bar = bool(begin and text.strip()) and not text.endswith("\n")
        return len(text)

    def flush(self) -> None:  # noqa: D102
        self._try("flush")

    def isatty(self) -> bool:  # noqa: D102
        try:
            return self._stream is not None and bool(self._stream.isatty())
        except ValueError:  # It was closed.
            return False

    def fileno(self) -> int:  # noqa: D102
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return int(self._stream.fileno())

    def __getattribute__(self, name: str) -> Any:
        if name in ("encoding", "errors", "buffer"):  # TextIOBase has them without content.
            return getattr(self._stream, name, None)
        return super().__getattribute__(name)

    def _try(self, what: str, *given: str) -> None:
        if self._stream is None:
            return
        try:
            getattr(self._stream, what)(*given)
        except ValueError:  # It was closed.
            self._stream = None
        except OSError:  # A full disk, a reader that went away.
            with suppress(OSError):
                discard(self._stream)
            self._stream = None


def discard(stream: TextIO) -> None:
    """Let a stream that cannot be written lead nowhere: Python tries once more at its end, and fails loudly."""
    if isinstance(stream, Closed):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class Closed(io.TextIOBase):
    """A stdout that was closed before the command began: that results cannot be shown is an error."""

    def write(self, text: str) -> int:  # noqa: D102
        raise OSError(errno.EBADF, "is closed")


def open_standard_streams() -> None:
    """Open those of the descriptors 0, 1, 2 that are closed: else the next file that is opened gets what is printed."""
    if sys.stdout is None:
        sys.stdout = Closed()
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest that is free.


def quiet_while_starting() -> None:
    """If this process is the command, end it quietly at Ctrl-C while it imports, which else looks like a bug."""
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if "-m" in sys.orig_argv else []
    if module == ["lava_async"] or os.path.basename((sys.orig_argv[1:2] and sys.orig_argv[1]) or "") == "lava-async":
        _handle(lambda number, frame: os._exit(INTERRUPTED))


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Let Ctrl-C raise KeyboardInterrupt, and note it: an import may make another error of it."""
    seen = threading.Event()

    def interrupt(number: int, frame: Any) -> None:
        seen.set()
        raise KeyboardInterrupt

    before = _handle(interrupt)
    try:
        yield seen
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _handle(handler: Any) -> Any:
    """Set what Ctrl-C does, unless somebody else has, and return what it did."""
    own = getattr(signal.getsignal(signal.SIGINT), "__module__", None) == __name__
    if threading.current_thread() is not threading.main_thread():
        return None
    if own or signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        return signal.signal(signal.SIGINT, handler)
    return None
