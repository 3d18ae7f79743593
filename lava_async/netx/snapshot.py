"""Reading an HDF5 file that may be corrupted, in a process of its own.

Flipped bits in an HDF5 file do not only raise errors: libhdf5 2.0 crashes, loops for ever or asks for gigabytes on
about one in a thousand such files. A child process therefore reads the file, under limits of memory and time, and sends
plain arrays through a pipe; whatever happens to it, the caller gets the content or a :class:`NetxError`. The file is
never open in the calling process.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import mmap
import os
import select
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.netx.h5 import NetxError, Node, Unreadable

STALL = 30.0
"""Seconds without progress after which reading is given up."""
MEBI = 2**20
MOST_MEMBERS = 2**14
DEEPEST = 8


def read(path: str | os.PathLike[str], roots: tuple[str, ...], most_bytes: int | None = None) -> Node:
    """Return groups of an HDF5 file, with all that is in them.

    Parameters
    ----------
    path : path-like
        The file.
    roots : tuple of str
        Top-level groups to read; those that do not exist are left out.
    most_bytes : int, optional
        Leave out larger datasets.

    Raises
    ------
    NetxError
        If there is no such file, it is not HDF5, or it is corrupted so that its groups cannot be listed. A dataset that
        cannot be read raises when it is asked for.
    """
    file = os.fspath(path)
    try:
        size = Path(file).stat().st_size
        with open(file, "rb"):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise NetxError(f"{file}: cannot be read: {reason}") from error
    receiver, sender = os.pipe()
    place = mmap.mmap(-1, 1024)
    with warnings.catch_warnings():
        # Python 3.12 warns where there are threads. The child runs none of their code: it reads with h5py, and ends.
        warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        _child(file, roots, _Sender(sender, place, _most(size), most_bytes))
    os.close(sender)
    pipe = _Pipe(receiver)
    try:
        return _receive(pipe, file, size)
    except EOFError:
        status, pid = _end_of(pid), 0
        how = f"with {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else "early"
        raise NetxError(f"{file}: {_at(place)}: reading ended {how}: the file is corrupted") from None
    except TimeoutError:
        raise NetxError(f"{file}: {_at(place)}: reading makes no progress: the file is corrupted") from None
    finally:
        os.close(receiver)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _end_of(pid)


def _end_of(pid: int) -> int:
    """Wait for the child to end and return its status."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:  # the caller ignores SIGCHLD: nobody will know
        return 0


def _receive(pipe: _Pipe, file: str, size: int) -> Node:
    root = Node(file)
    while True:
        head = pipe.message()
        if "end" in head:
            return root
        if "fatal" in head:
            raise NetxError(f"{file}: {head['fatal']}")
        *parents, name = head["path"].strip("/").split("/")
        node = root
        for parent in parents:
            node = node.members[parent]  # type: ignore[assignment]
        if "group" in head:
            node.members[name] = Node(file, head["path"])
        elif "problem" in head:
            node.members[name] = Unreadable(head["problem"])
        else:
            dtype, shape = np.dtype(head["dtype"]), tuple(head["shape"])
            data = pipe.take(dtype.itemsize * int(np.prod(shape, dtype=object)), _most(size))
            node.members[name] = np.frombuffer(data, dtype).reshape(shape)


def _most(size: int) -> int:
    """Return the largest dataset that is believed of a file of `size` bytes: it may be compressed."""
    return min(64 * MEBI + 32 * size, 1024 * MEBI)


class _Pipe:
    """The reading end: bytes as they come, EOFError if the child has ended, TimeoutError if it stalls or babbles."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def take(self, n: int, most: int) -> bytes:
        if n > most:
            raise TimeoutError
        data = bytearray(n)
        view, got = memoryview(data), 0
        while got < n:
            if not select.select([self.descriptor], [], [], STALL)[0]:
                raise TimeoutError
            count = os.readv(self.descriptor, [view[got:]])
            if count == 0:
                raise EOFError
            got += count
        return bytes(data)

    def message(self) -> dict[str, Any]:
        try:
            head: dict[str, Any] = json.loads(self.take(int.from_bytes(self.take(4, 4), "little"), MEBI))
        except ValueError:
            raise TimeoutError from None
        return head


def _at(place: mmap.mmap) -> str:
    """Return what the child was reading."""
    return place[:].split(b"\0", 1)[0].decode("utf-8", "replace") or "the file"


def _child(file: str, roots: tuple[str, ...], sender: _Sender) -> NoReturn:
    """Read and send; leave without cleaning up what belongs to the parent."""
    try:
        gc.disable()
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        _limit_memory(256 * MEBI + 3 * sender.most)
        sender.file(file, roots)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _limit_memory(extra: int) -> None:
    """Let this process allocate `extra` bytes more, and dump no core."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + extra
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))


class _Sender:
    """The writing end, in the child: walks through the groups."""

    def __init__(self, descriptor: int, place: mmap.mmap, most: int, skip: int | None) -> None:
        self.descriptor, self.place, self.most, self.skip = descriptor, place, most, skip
        self.members = 0

    def file(self, file: str, roots: tuple[str, ...]) -> None:
        self.pipe = os.fdopen(self.descriptor, "wb", buffering=2**16)
        try:
            handle = h5py.File(file, "r")
            for name in roots:
                if handle.get(name, getlink=True) is not None:
                    self.member(handle, name, f"/{name}")
        except Exception as error:
            self.send(fatal=_words(error))
        self.send(end=True)
        self.pipe.flush()

    def send(self, data: bytes = b"", **head: Any) -> None:
        text = json.dumps(head).encode()
        self.pipe.write(len(text).to_bytes(4, "little") + text)
        self.pipe.write(data)

    def member(self, group: h5py.Group, name: str, where: str) -> None:
        said = where.encode()[:1000] + b"\0"
        self.place[: len(said)] = said
        self.members += 1
        try:
            if where.count("/") > DEEPEST or self.members > MOST_MEMBERS:
                raise _RefusedError("the file has too many groups")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _RefusedError("is a link to another place, must be a group or a dataset")
            member = group[name]
            if isinstance(member, h5py.Group):
                names = list(_names(member))
                self.send(path=where, group=True)
                for each in names:
                    self.member(member, each, f"{where}/{each}")
            elif isinstance(member, h5py.Dataset):
                self.dataset(member, where)
            else:
                raise _RefusedError("must be a group or a dataset")
        except Exception as error:
            self.send(path=where, problem=_words(error))

    def dataset(self, dataset: h5py.Dataset, where: str) -> None:
        if dataset.shape is None:
            raise _RefusedError("is empty")
        if dataset.is_virtual or dataset.external:
            raise _RefusedError("is stored in another file")
        if dataset.nbytes > self.most:
            raise _RefusedError(f"has {dataset.size} elements of shape {dataset.shape}, more than this file can hold")
        if self.skip is None or dataset.nbytes <= self.skip:
            array = _plain(dataset)
            self.send(array.tobytes(), path=where, dtype=array.dtype.str, shape=array.shape)


class _RefusedError(Exception):
    """Something that a .net file does not contain."""


def _names(group: h5py.Group) -> Iterator[str]:
    for count, name in enumerate(group):
        if count >= MOST_MEMBERS:
            raise _RefusedError("has too many members")
        if "/" in name or name in ("", ".", ".."):
            raise _RefusedError(f"has a member of the name {name!r}")
        yield name


def _plain(dataset: h5py.Dataset) -> NDArray[Any]:
    """Return a dataset as an array of numbers or of strings of fixed length."""
    kind = dataset.dtype.kind
    if kind == "O" and h5py.check_string_dtype(dataset.dtype) is not None and dataset.size == 1:
        text = np.asarray(dataset.asstr()[()]).reshape(-1)[0]
        return np.array(text.encode()).reshape(dataset.shape)
    if kind not in "biufS":
        raise _RefusedError(f"is of type {dataset.dtype}, must be numbers or one string")
    array = np.asarray(dataset[()], order="C")
    return array.astype(np.float64) if kind == "f" and array.dtype.itemsize > 8 else array


def _words(error: Exception) -> str:
    if isinstance(error, _RefusedError):
        return str(error)
    if "signature not found" in str(error):
        return "is not an HDF5 file"
    return f"cannot be read ({type(error).__name__}: {str(error)[:200]})"
