"""A process that does the work of cells for :mod:`lava_async.experiments.sweep`, through two pipes and nothing else.

Requests are pickles from the process that started it, each after eight bytes with its length; so are the answers. It
ends with that process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import IO

try:  # Comes with Dask, and sends functions of scripts and notebooks as well.
    from cloudpickle import dumps
except ImportError:
    from pickle import dumps

_START = "import sys; sys.path[:] = sys.argv[1:]; from lava_async.experiments.worker import serve; serve()"
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}


class WorkerLostError(RuntimeError):
    """A process ended while it was at work."""


class Worker:
    """A process of this machine that does one piece of work after another.

    Nobody else can reach it: it listens nowhere, and has two pipes to this process.
    """

    def __init__(self) -> None:
        # Not multiprocessing, which runs the script of the user once more in each process.
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, *map(os.path.abspath, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**_ONE_THREAD, **os.environ},
        )

    def do(self, work: object, cell: object) -> None:
        """Do ``work(cell)`` there, and raise what it raises.

        Raises
        ------
        WorkerLostError
            If the process ended meanwhile; this worker is then of no use any more.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            _write(self._process.stdin, dumps((work, cell)))
            error = pickle.loads(_read(self._process.stdout))  # From our own child.
        except (EOFError, BrokenPipeError):
            code = self._process.wait()
            raise WorkerLostError(f"its process ended with {code}") from None
        if error is not None:
            raise error

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        with suppress(BrokenPipeError), self._process:
            pass


def serve() -> None:
    """Do what comes from stdin until it ends, and then end, whatever is being done."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What work prints is no answer.
    received: SimpleQueue[bytes] = SimpleQueue()

    def listen() -> None:
        try:
            while True:
                received.put(_read(requests))
        except EOFError:
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        error: Exception | None = None
        try:
            work, cell = pickle.loads(received.get())
            work(cell)
        except Exception as raised:
            error = raised
        try:
            answer = dumps(error)
            pickle.loads(answer)
        except Exception:  # Some exceptions cannot be passed on.
            answer = dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        _write(answers, answer)


def _write(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(len(message).to_bytes(8, "little") + message)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    """Return a message; EOFError if there is none, or half of one."""
    length = int.from_bytes(_exactly(pipe, 8), "little")
    return _exactly(pipe, length)


def _exactly(pipe: IO[bytes], n: int) -> bytes:
    data = pipe.read(n)
    if len(data) < n:
        raise EOFError
    return data
