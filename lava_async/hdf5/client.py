"""The process that reads HDF5 files: started when it is first needed, it ends with the process that started it."""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("reader.py")
PATIENCE_SECONDS = 60.0
"""Seconds without a message after which the reader is given up; it gives up a file itself before."""
MEANING = {
    "SIGPROF": "reading takes too long",
    "SIGXCPU": "reading takes too long",
    "SIGALRM": "reading makes no progress",
}
"""What the signals say by which the reader ends itself."""


class AnswerError(Exception):
    """The reader did not answer to the end."""


class Answer:
    """What the reader says about a file, message by message; to be used with ``with``.

    Parameters
    ----------
    content, status : int
        Descriptors of the pipes of messages, and of the signal that ended the reader.
    """

    def __init__(self, content: int, status: int) -> None:
        self._content, self._status = content, status

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._content)  # A reader that still writes ends by that.
        os.close(self._status)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield the messages up to the last one; after one with "dtype", :meth:`fill` must be called."""
        while True:
            length = int.from_bytes(self._take(4), "little")
            try:
                head: dict[str, Any] = json.loads(self._take(min(length, 2**24)))
            except ValueError:
                raise AnswerError("the process that reads it returned invalid data") from None
            if "end" in head:
                return
            yield head

    def fill(self, view: memoryview) -> None:
        """Take so many bytes of content.

        Raises
        ------
        AnswerError
            If the reader ended, or nothing came for too long.
        """
        got = 0
        while got < len(view):
            if not select.select([self._content], [], [], PATIENCE_SECONDS)[0]:
                raise AnswerError("reading makes no progress")
            count = os.readv(self._content, [view[got:]])
            if count == 0:
                name = os.read(self._status, 32).decode()
                raise AnswerError(MEANING.get(name, f"reading ended {'with ' + name if name else 'early'}"))
            got += count

    def _take(self, n: int) -> bytearray:
        data = bytearray(n)
        self.fill(memoryview(data))
        return data


class _Reader:
    """The reading process of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any]) -> Answer:
        text = json.dumps(request).encode()
        message = len(text).to_bytes(4, "little") + text
        pipes = os.pipe(), os.pipe()
        (content, to_content), (status, to_status) = pipes
        try:
            with self._lock:
                for attempt in (True, False):  # A reader that was ended by somebody is started again.
                    if self._socket is None:
                        self._start()
                    assert self._socket is not None
                    try:
                        socket.send_fds(self._socket, [message], [to_content, to_status])
                        break
                    except OSError:
                        self.end()
                        if not attempt:
                            raise
        except BaseException:
            os.close(content)
            os.close(status)
            raise
        finally:
            os.close(to_content)
            os.close(to_status)
        return Answer(content, status)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-W",
                    "ignore",
                    str(PROGRAM),
                    json.dumps([os.path.abspath(p) for p in sys.path]),
                ],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                # HDF5 locks what it reads, and so would keep others from writing it.
                env={**os.environ, "HDF5_USE_FILE_LOCKING": "FALSE"},
            )
        self._socket = ours

    def end(self) -> None:
        """End the reading process, if there is one."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        if self._process is not None:
            self._process.wait()
        self._socket = self._process = None

    def forget(self) -> None:
        """Let go of the reading process, which is that of another process."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        if self._process is not None:
            self._process.returncode = 0  # Not ours to wait for.


_reader = _Reader()


@atexit.register
def _end() -> None:
    _reader.end()


def _forget() -> None:
    """Begin a new life in a fork of this process: the lock may be taken, by a thread that is not here."""
    global _reader
    _reader.forget()
    _reader = _Reader()


os.register_at_fork(after_in_child=_forget)


def ask(request: dict[str, Any]) -> Answer:
    """Let the reading process read a file.

    Parameters
    ----------
    request : dict
        ``file``, ``most``, and either ``roots`` and ``largest`` or ``names``, ``optional`` and ``rows``; see `reader`.

    Returns
    -------
    Answer
        Its messages.

    Raises
    ------
    AnswerError
        If the reading process cannot be started.
    """
    try:
        return _reader.ask(request)
    except OSError as error:
        raise AnswerError(f"no process can be started to read it ({error.strerror})") from None
