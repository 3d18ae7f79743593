"""Channels between operating-system processes that wait on a semaphore themselves.

Lava gives each end of a channel a thread that waits for the other end and wakes the one who uses it, so that several
channels can be watched at once. Nearly every wait is for one channel, and there the thread costs more than the message.
Here an end gets its thread when it is first watched together with others; until then it waits directly. Order, capacity
and copies of messages are Lava's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from threading import Thread
from typing import Any, TypeVar

import numpy as np
from lava.magma.compiler.channels.pypychannel import (
    CspRecvPort,
    CspRecvQueue,
    CspSelector,
    CspSendPort,
    Proto,
    PyPyChannel,
)
from lava.magma.runtime.message_infrastructure.message_infrastructure_interface import MessageInfrastructureInterface
from lava.utils.sparse import find
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import csr_matrix

from lava_async.proc.start_method import FORK

T = TypeVar("T")


class SendEnd(CspSendPort):
    """Where messages go in: `_ack` counts the free places."""

    _array: list[NDArray[Any]]
    _idx: int

    def start(self) -> None:
        """Get ready to send."""
        self._array = _places(self)

    def probe(self) -> bool:
        """Tell whether there is room for a message."""
        return bool(self._ack.acquire(block=False)) and self._ack.release() is None

    def send(self, data: NDArray[Any] | csr_matrix) -> None:
        """Send a message; wait while there is no room."""
        with self._io_watchdog:
            if data.shape != self._shape:
                raise AssertionError(f"{data.shape=} {self._shape=} Mismatch")
            if isinstance(data, csr_matrix):
                data = find(data, explicit_zeros=True)[2]
            self._ack.acquire()
            self._array[self._idx][:] = data
            self._idx = (self._idx + 1) % self._size
            self._req.release()


class ReceivingEnd(CspRecvPort):
    """Where messages come out: `_req` counts those that are there."""

    thread: Any
    _array: list[NDArray[Any]]
    _idx: int
    _queue: Any
    _observer: Callable[[], object] | None = None
    _taken = False  # One message was counted off `_req` and waits to be received.

    def start(self) -> None:
        """Get ready to receive."""
        self._array = _places(self)

    @property
    def observer(self) -> Callable[[], object] | None:
        """What to call when a message comes and none was there; whoever sets it watches several ends."""
        return self._observer

    @observer.setter
    def observer(self, call: Callable[[], object] | None) -> None:
        self._observer = call
        if call is not None and self.thread is None:
            self._queue = CspRecvQueue(self._size)
            if self._taken:
                self._queue.put_nowait(0)
            self.thread = Thread(target=self._req_callback, name=f"{self.name}.send", args=(self._req,), daemon=True)
            self.thread.start()

    def probe(self) -> bool:
        """Tell whether a message is there."""
        if self.thread is not None:
            return super().probe()
        self._taken = self._taken or self._req.acquire(block=False)
        return self._taken

    def wait(self, seconds: float | None = None) -> None:
        """Wait until a message is there, or for some seconds."""
        if self.thread is None:
            self._taken = self._taken or self._req.acquire(timeout=seconds)
        else:
            with suppress(Empty):
                self._queue.get(timeout=seconds, peek=True)

    def peek(self) -> NDArray[Any]:
        """Return the next message and leave it there."""
        self.wait()
        return self._array[self._idx].copy()

    def recv(self) -> NDArray[Any]:
        """Return the next message; wait until there is one."""
        with self._io_watchdog:
            if self.thread is None:
                self.wait()
                self._taken = False
            else:
                self._queue.get()
            message = self._array[self._idx].copy()
            self._idx = (self._idx + 1) % self._size
            self._ack.release()
            return message


class DirectChannel(PyPyChannel):
    """A channel of these two ends; arguments are those of Lava's."""

    def __init__(
        self,
        message_infrastructure: MessageInfrastructureInterface,
        src_name: str,
        dst_name: str,
        shape: tuple[int, ...],
        dtype: DTypeLike,
        size: int,
        *watchdogs: object,
    ) -> None:
        n_bytes = self.nbytes(shape, dtype)
        memory = message_infrastructure.smm.create_shared_memory(int(n_bytes * size))
        common = memory, Proto(shape, dtype, n_bytes), size, FORK.Semaphore(0), FORK.Semaphore(size)
        self._src_port = SendEnd(src_name, *common, *watchdogs[:2])
        self._dst_port = ReceivingEnd(dst_name, *common, *watchdogs[2:])


class Selector(CspSelector):
    """Waits for the first of several channels, directly if there is only one."""

    def select(self, *channel_actions: tuple[ReceivingEnd, Callable[[], T]]) -> T:
        """Return what the action of the first channel with a message returns."""
        if len(channel_actions) > 1:
            return super().select(*channel_actions)
        ((channel, action),) = channel_actions
        channel.wait()
        return action()


def _places(end: Any) -> list[np.ndarray]:
    """Return the places of the messages in shared memory."""
    size = end._nbytes
    return [np.ndarray(end._shape, end._dtype, end._shm.buf[size * i : size * (i + 1)]) for i in range(end._size)]
