"""Waiting for what other processes do, with a limit and an eye on them: nothing waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lava_async.proc.actors import Actor, ProcessModelError

#: Default time limit: this many seconds, and one more per time step.
PATIENCE = 60.0
#: Seconds between two looks at the actors while waiting.
GLANCE = 0.01
#: Seconds that actors get for ending by themselves, or for a last answer.
GRACE = 5.0


class RunTimeout(RuntimeError):  # noqa: N818
    """A run took longer than its time limit; the message says where every ProcessModel was."""


class Patience:
    """Waits for actors until they answer, one of them fails, or the time is over.

    Parameters
    ----------
    timeout : float or None
        Seconds of one wait; None: `PATIENCE`, and one second per time step.
    abort : function
        Called with what happened, before an error is raised.

    Attributes
    ----------
    actors : list of Actor
        Whom to look at.
    """

    def __init__(self, timeout: float | None, abort: Callable[[str], None]) -> None:
        self.actors: list[Actor] = []
        self._timeout, self._abort = timeout, abort
        self._limit = 0.0
        self.deadline = 0.0

    def allow(self, steps: int = 0) -> None:
        """Set the deadline of what follows."""
        self._limit = self._timeout if self._timeout is not None else PATIENCE + steps
        self.deadline = time.monotonic() + self._limit

    def allow_endless(self) -> None:
        """Let what follows take as long as it wants."""
        self.deadline = np.inf

    def hurry(self) -> None:
        """Leave no more than a last grace for what follows."""
        self.deadline = min(self.deadline, time.monotonic() + GRACE)

    def check(self) -> None:
        """Raise if an actor failed or the time is over."""
        failures = [failure for actor in self.actors if (failure := actor.failure())]
        if failures:
            self._abort("failed")
            # An exception tells more than the death of another actor.
            raise min(failures, key=lambda error: isinstance(error, ProcessModelError))
        if time.monotonic() > self.deadline:
            last = time.monotonic() + GRACE
            stacks = {actor.name: actor.ask("stack", deadline=last) for actor in self.actors}
            self._abort("ran into its time limit")
            busy = [f"{name}:\n{stack or '  (no answer)'}" for name, stack in stacks.items() if stack != ""]
            raise RunTimeout("\n".join([f"not done after {self._limit:.6g} s. Busy or waiting were:", *busy]))

    def until_all(self, ready: str) -> None:
        """Wait until every actor has said so."""
        while not all(actor.has(ready) for actor in self.actors):
            self.check()
            time.sleep(GLANCE / 10)

    def first(self, ports: list[Any]) -> Any:
        """Return the first port that can be used without waiting; raise if something goes wrong meanwhile."""
        awake = threading.Event()
        for port in ports:
            port.observer = awake.set
        while True:
            for port in ports:
                if port.probe():
                    return port
            self.check()
            awake.wait(GLANCE)
            awake.clear()


class GuardedPort:
    """An end of a channel of which the caller waits: it waits no longer than patience allows."""

    def __init__(self, port: Any, patience: Patience) -> None:
        self._port, self._patience = port, patience

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            setattr(self._port, name, value)

    def recv(self) -> Any:
        """Receive as the port does."""
        self._patience.first([self._port])
        return self._port.recv()

    def send(self, data: Any) -> None:
        """Send as the port does."""
        self._patience.first([self._port])
        self._port.send(data)
