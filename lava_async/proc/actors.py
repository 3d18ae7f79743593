"""The operating-system processes of a run: each builds one ProcessModel, runs it and says what became of it.

They replace the actors of Lava's runtime, which lose exceptions and outlive a killed parent. Beside its model each
actor has a thread that answers questions of the caller (where are you? what are your Vars?) and ends it if the caller
dies.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import managers
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from lava.magma.compiler.builders.interfaces import AbstractBuilder
from lava.magma.compiler.channels.interfaces import Channel, ChannelType
from lava.magma.core.model.py.model import AbstractPyProcessModel
from lava.magma.runtime.message_infrastructure.multiprocessing import MultiProcessing
from lava.magma.runtime.message_infrastructure.shared_memory_manager import SharedMemoryManager
from lava.magma.runtime.runtime_services.runtime_service import LoihiPyRuntimeService
from scipy.sparse import csr_matrix

from lava_async.proc import channels
from lava_async.proc.start_method import FORK

#: Seconds between two looks at whether the caller still lives.
PULSE_SECONDS = 1.0
#: What is left out when an actor says where it is.
MACHINERY = ("/lava/magma/", "/multiprocessing/", "/threading.py", __file__, channels.__file__)
#: Types of a Var that can be read.
READABLE = (np.ndarray, np.generic, int, float, str, csr_matrix)


class ProcessModelError(RuntimeError):
    """A ProcessModel raised (its traceback is in the message) or its operating-system process ended."""


class Actor(ForkProcess):
    """One operating-system process.

    Parameters
    ----------
    builder : AbstractBuilder
        Builds what the actor runs.
    label : str
        How errors call it.
    """

    def __init__(self, builder: AbstractBuilder, label: str) -> None:
        super().__init__(name=label, daemon=True)
        self.builder = builder
        self._caller = os.getpid()
        self._here, self._there = FORK.Pipe()
        self._answers: dict[str, Any] = {}

    # In the caller ---------------------------------------------------------------------------------------------------

    def start(self) -> None:  # noqa: D102
        super().start()
        self._there.close()
        self._pipe = os.fstat(self._here.fileno()).st_ino

    def close(self) -> None:  # noqa: D102
        if not self._open():  # The descriptors may belong to something else by now.
            self._here._handle = None  # type: ignore[attr-defined]
            self._popen.finalizer.cancel()  # type: ignore[attr-defined]
        self._here.close()
        super().close()

    def _open(self) -> bool:
        """Tell whether the pipe is still there: somebody may have closed all descriptors, or use its number again."""
        try:
            return os.fstat(self._here.fileno()).st_ino == self._pipe
        except OSError:
            return False

    def has(self, answer: str) -> bool:
        """Tell whether the actor has said "ready", "ended" or "failed", or answered "values" or "stack"."""
        try:
            while self._open() and self._here.poll():
                kind, content = self._here.recv()
                self._answers[kind] = content
        except (EOFError, OSError):
            pass  # It is dead; failure() finds out.
        return answer in self._answers

    def values(self, ids: Iterable[int] | None, *, deadline: float) -> dict[int, Any] | None:
        """Return the values of Vars by id (None: all); None if the actor does not say them by the deadline."""
        found: dict[int, Any] | None = self._ask("values", ids, deadline=deadline)
        return found

    def stack(self, *, deadline: float) -> str | None:
        """Return where the model is; None if the actor does not say so by the deadline."""
        found: str | None = self._ask("stack", deadline=deadline)
        return found

    def _ask(self, question: str, detail: Iterable[int] | None = None, *, deadline: float) -> Any:
        self._answers.pop(question, None)
        if not self._open():
            return None
        try:
            self._here.send((question, detail))
            while not self.has(question) and self.is_alive() and time.monotonic() < deadline:
                self._here.poll(0.05)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self._answers.get(question)

    def failure(self) -> BaseException | None:
        """Return the error to raise in the caller if the actor failed."""
        alive = self.is_alive()  # Before has(): what it said before it died must be heard.
        if self.has("failed"):
            pickled, text = self._answers["failed"]
            told = ProcessModelError(f"in {self.name}:\n\n{text}")
            if pickled is None:
                return told
            error: BaseException = pickle.loads(pickled)
            error.__cause__ = told
            return error
        if not alive and not self.has("ended"):
            return ProcessModelError(f"{self.name} was ended from outside ({_exit_text(self.exitcode)})")
        if not self._open():
            return ProcessModelError(f"{self.name} cannot be reached: the descriptor of its pipe was closed")
        return None

    # In the actor ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Build and run the model; report how that ends."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, who ends the actors.
        self._speaking = threading.Lock()
        self._built: Any = None
        threading.Thread(target=self._attend, args=(threading.get_ident(),), daemon=True).start()
        try:
            self._built = _improved(self.builder.build())
            self._say("ready")
            self._built.start()
        except BaseException as error:  # SystemExit too: a model that ends itself is an error.
            self._say("failed", (_pickled(error), traceback.format_exc()))
        else:
            self._say("ended")

    def _say(self, kind: str, content: Any = None) -> None:
        with self._speaking:
            self._there.send((kind, content))

    def _attend(self, main: int) -> None:
        """Answer the caller, and end with it."""
        while os.getppid() == self._caller:
            if self._there.poll(PULSE_SECONDS):
                question, detail = self._there.recv()
                if question == "stack":
                    self._say("stack", _place(sys._current_frames()[main]))
                else:
                    self._say("values", self._values(detail))
        os._exit(1)

    def _values(self, ids: Iterable[int] | None) -> dict[int, Any]:
        names = getattr(self._built, "var_id_to_var_map", {})
        chosen = names if ids is None else [i for i in ids if i in names]
        values = {i: getattr(self._built, names[i]) for i in chosen}
        return {i: value for i, value in values.items() if isinstance(value, READABLE)}


class Actors(MultiProcessing):
    """The actors of one run and the shared memory between them.

    Parameters
    ----------
    labels : dict
        From ``id(builder)`` to the label of its actor.
    """

    def __init__(self, labels: dict[int, str]) -> None:
        super().__init__()
        self._labels = labels

    def start(self) -> None:  # noqa: D102
        self._smm = SharedMemoryManager()
        self._smm._manager = managers.SharedMemoryManager(ctx=FORK)
        self._smm._manager.start(_end_with_caller, (os.getpid(),))

    def channel_class(self, channel_type: ChannelType) -> type[Channel]:
        """Return the class of channels of a type."""
        return channels.DirectChannel if channel_type == ChannelType.PyPy else super().channel_class(channel_type)

    def build_actor(self, target_fn: object, builder: AbstractBuilder, exception_q: object = None) -> Actor:
        """Start an actor; it reports by itself, Lava's `target_fn` and `exception_q` are not needed."""
        actor = Actor(builder, self._labels.get(id(builder), type(builder).__name__))
        actor.start()
        self._actors.append(actor)
        return actor

    def stop(self, grace: float = 5.0) -> None:
        """Give the actors some seconds to end, kill those that do not, and free the shared memory."""
        deadline = time.monotonic() + grace
        for actor in self._actors:
            with suppress(OSError):  # Its descriptor was closed.
                actor.join(max(0.0, deadline - time.monotonic()))
        for actor in self._actors:
            actor.kill()
        for actor in self._actors:
            actor.join()
            actor.close()
        self._actors.clear()
        smm, self._smm = self._smm, None
        if smm is not None:
            segments, owner = list(smm._shared_memory_handles), smm._manager._process
            try:
                smm.shutdown()
            except OSError:  # Its descriptors were closed.
                owner.kill()
                owner.join()
            for segment in segments:  # Its owner may have been killed too.
                if Path("/dev/shm", segment.name).exists():
                    with suppress(OSError):
                        segment.unlink()


def _place(frame: FrameType) -> str:
    """Return the call stack of an actor without Lava's machinery; empty if it waits for a command."""
    stack = traceback.extract_stack(frame)
    start = max(i for i, f in enumerate(stack) if f.filename == __file__)
    return "".join(traceback.format_list([f for f in stack[start:] if not any(m in f.filename for m in MACHINERY)]))


def _end_with_caller(caller: int) -> None:
    """Let the process that owns the shared memory end when the caller dies; resources are freed with it."""

    def watch() -> None:
        while os.getppid() == caller:
            time.sleep(PULSE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _improved(built: Any) -> Any:
    """Let a model wait directly; repair Lava's service, which after a pause never again reports that a run is done."""
    if isinstance(built, AbstractPyProcessModel):
        built._selector = channels.Selector()
    if isinstance(built, LoihiPyRuntimeService):
        pause = built._handle_pause

        def handle_pause() -> None:
            pause()
            built.pausing = False

        built._handle_pause = handle_pause
    return built


def _pickled(error: BaseException) -> bytes | None:
    """Return the error in a form that arrives as what it is, or None if it has none."""
    try:
        pickled = pickle.dumps(error)
        arrived = pickle.loads(pickled)
    except Exception:
        return None
    return pickled if isinstance(error, Exception) and type(arrived) is type(error) else None


def _exit_text(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
