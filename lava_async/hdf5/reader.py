"""The program that reads HDF5 files for :mod:`lava_async.hdf5`: it runs in a process of its own, and knows only h5py.

It is started by its path, once per calling process, and waits for requests on its standard input, a socket. Each
request is answered by a new child under limits of memory and processor time, so that a corrupted file can end or
occupy that child only. Nothing of the caller - descriptors, locks, threads - is in these processes.

An answer is a sequence of messages in a pipe: four bytes with the length of a JSON object, the object, and, if it has
"dtype", the content of an array.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

if __name__ == "__main__":
    # The caller's own way to numpy and h5py; this program runs isolated from its environment otherwise.
    sys.path[:] = json.loads(sys.argv[1])

import h5py
import numpy

MEBI = 2**20
MOST_MEMBERS = 2**14
"""Groups, datasets and links that a file may have."""
DEEPEST = 64
"""Groups within groups that a file may have."""
BYTES_PER_SECOND = 64 * MEBI
"""At least so many bytes of content are read per second of processor time."""
SECONDS = 0.5
"""Seconds of processor time for everything else: a corrupted file may make libhdf5 loop for ever. A sound one takes
some milliseconds."""
ALWAYS = 64 * MEBI
"""Bytes that a file of any size may hold, as `lava_async.hdf5.most_bytes` says."""
LISTED_PER_SECOND = 4 * MEBI
"""Bytes of a file whose groups and datasets are listed per second of processor time."""
STALL = 30
"""Seconds without progress after which reading ends, as on a disk that does not answer."""


def serve(requests: socket.socket) -> None:
    """Answer requests until the caller has ended or closed the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody waits for the children.
    while True:
        head, descriptors, _, _ = socket.recv_fds(requests, 4, 2)
        if len(head) < 4:
            return
        length, text = int.from_bytes(head, "little"), b""
        while len(text) < length:
            part = requests.recv(length - len(text))
            if not part:
                return
            text += part
        if os.fork() == 0:
            requests.close()
            _supervise(json.loads(text), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _supervise(request: dict[str, Any], content: int, status: int) -> NoReturn:
    """Let a child answer, and say which signal ended it, if one did."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        _answer(request, content)
    os.close(content)
    _, ended = os.waitpid(pid, 0)
    if os.WIFSIGNALED(ended):
        os.write(status, signal.Signals(os.WTERMSIG(ended)).name.encode())
    os._exit(0)


def _answer(request: dict[str, Any], content: int) -> NoReturn:
    try:
        gc.disable()
        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # The caller may ignore it.
        _Answer(content, request).send_file(request)
    except BaseException:
        os._exit(1)
    os._exit(0)


def allow(more_bytes: int, seconds: float) -> None:
    """Let this process allocate so many bytes more, and compute for so many seconds since it was forked."""
    signal.setitimer(signal.ITIMER_PROF, max(seconds - time.process_time(), 0.001))
    _soft(resource.RLIMIT_CPU, int(seconds) + 2)  # In whole seconds, should it come to that.
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return
    _soft(resource.RLIMIT_AS, pages * resource.getpagesize() + more_bytes)


def _soft(which: int, limit: int) -> None:
    _, hard = resource.getrlimit(which)
    resource.setrlimit(which, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


class _Refused(Exception):  # noqa: N818
    """Something that files of networks and data do not contain."""


class _Answer:
    """The messages about one file."""

    def __init__(self, descriptor: int, request: dict[str, Any]) -> None:
        self.pipe = os.fdopen(descriptor, "wb", buffering=2**16)
        self.most = request["most"]
        self.unpacked = self.most - ALWAYS  # What a file of this size may hold by its size.
        self.seconds = SECONDS + os.path.getsize(request["file"]) / LISTED_PER_SECOND
        allow(128 * MEBI, self.seconds)
        self.members = self.total = 0
        self.seen: dict[int, str] = {}  # The path under which an object of the file was met first, by its address.
        self.found: list[tuple[str, Any]] = []  # Datasets to be read, with their paths.

    def send(self, data: Any = b"", **head: Any) -> None:
        signal.alarm(0)  # The caller may take its time.
        text = json.dumps(head).encode()
        self.pipe.write(len(text).to_bytes(4, "little") + text)
        self.pipe.write(data)
        signal.alarm(STALL)

    def at(self, where: str) -> None:
        """Say what will be read next: if that ends this process, the caller knows."""
        self.send(at=where)
        signal.alarm(0)
        self.pipe.flush()
        signal.alarm(STALL)

    def array(self, where: str, array: Any, **more: Any) -> None:
        self.send(
            memoryview(array.reshape(-1).view("u1")) if array.nbytes else b"",
            path=where,
            dtype=array.dtype.str,
            shape=array.shape,
            **more,
        )

    def send_file(self, request: dict[str, Any]) -> None:
        try:
            signal.alarm(STALL)
            file = h5py.File(request["file"], "r")
            if "rows" in request:
                self.send_rows(file, request["names"], request["optional"], request["rows"])
            else:
                for name in request["roots"] or list(file):
                    if file.get(name, getlink=True) is not None:
                        self.walk(file, name, f"/{name}", request["largest"])
                if self.total > self.most:
                    raise _Refused(
                        f"its datasets have {self.total} bytes together, must be at most {self.most} in a "
                        "file of this size"
                    )
                self.allow_content(2 * self.total)
                for where, dataset in self.found:
                    self.send_dataset(where, dataset)
        except Exception as error:
            self.send(fatal=_words(error))
        self.send(end=True)
        signal.alarm(0)
        self.pipe.flush()

    def allow_content(self, more_bytes: int, unknown: int = 0) -> None:
        """Allow what the content needs, known and unknown: whoever reads it piece by piece gets no more."""
        allow(128 * MEBI + more_bytes, self.seconds + (self.total + unknown) / BYTES_PER_SECOND)

    # A whole tree ----------------------------------------------------------------------------------------------------

    def walk(self, group: Any, name: str, where: str, largest: int | None) -> None:
        """Send the groups, and note the datasets and their sizes."""
        self.at(where)
        self.members += 1
        try:
            if where.count("/") > DEEPEST or self.members > MOST_MEMBERS:
                raise _Refused("the file has too many groups")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise _Refused("is a link to another place, must be a group or a dataset")
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if isinstance(member, h5py.Group):
                if address in self.seen:
                    raise _Refused(f"is the group {self.seen[address]} once more")
                self.seen[address] = where
                names = list(_names(member))
                self.send(path=where, group=True)
                for each in names:
                    self.walk(member, each, f"{where}/{each}", largest)
            elif not isinstance(member, h5py.Dataset):
                raise _Refused("must be a group or a dataset")
            elif address in self.seen:
                self.found.append((where, self.seen[address]))
            else:
                size = self.size(member)
                if largest is None or size <= largest:
                    self.seen[address] = where
                    self.total += size
                    self.found.append((where, member))
        except Exception as error:
            self.send(path=where, problem=_words(error))

    def size(self, dataset: Any) -> int:
        """Return the bytes that a dataset will take, as far as they can be known before it is read."""
        _check_storage(dataset)
        if dataset.dtype.kind not in "biufS" and h5py.check_string_dtype(dataset.dtype) is None:
            raise _Refused(f"is of type {dataset.dtype}, must be numbers or strings")
        if dataset.nbytes > self.most:
            raise _Refused(f"has {dataset.size} elements of shape {dataset.shape}, more than this file can hold")
        return int(dataset.nbytes)

    def send_dataset(self, where: str, dataset: Any) -> None:
        if isinstance(dataset, str):
            self.send(path=where, same=dataset)
            return
        self.at(where)
        try:
            array = self.strings(dataset) if dataset.dtype.kind == "O" else _plain(dataset[()])
        except Exception as error:
            self.send(path=where, problem=_words(error))
        else:
            self.array(where, array)

    def strings(self, dataset: Any) -> Any:
        """Return strings of any length as strings of the length of the longest."""
        self.allow_content(3 * self.most, self.unpacked)
        texts = numpy.asarray(dataset.asstr()[()], object)
        encoded = [text.encode() for text in texts.reshape(-1)]
        longest = max(map(len, encoded), default=0)
        self.total += longest * len(encoded)
        if self.total > self.most:
            raise _Refused("has strings that are longer than this file can hold")
        return numpy.array(encoded, f"S{max(longest, 1)}").reshape(dataset.shape)

    # Some rows at a time ---------------------------------------------------------------------------------------------

    def send_rows(self, file: Any, names: list[str], optional: list[str], rows: int) -> None:
        """Send datasets of one dimension, so many rows at a time."""
        datasets = {}
        for name in [*names, *optional]:
            self.at(f"/{name}")
            if name in names or name in file:
                datasets[name] = self.column(file, name)
        lengths = {name: len(dataset) for name, dataset in datasets.items()}
        for name, length in lengths.items():
            if length != lengths[names[0]]:
                raise _Refused(f"/{name} has {length} rows, must have {lengths[names[0]]}, as /{names[0]}")
        for first in range(0, lengths[names[0]], rows):
            self.allow_content(3 * self.most, self.unpacked)
            for name, dataset in datasets.items():
                self.at(f"/{name}")
                self.send_part(f"/{name}", dataset[first : first + rows])
            self.send(rows=min(first + rows, lengths[names[0]]), of=lengths[names[0]])

    def column(self, file: Any, name: str) -> Any:
        group, where = file, ""
        for part in name.split("/"):
            where += f"/{part}"
            link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
            if link is None:
                raise _Refused(f"{where} is missing")
            if not isinstance(link, h5py.HardLink):
                raise _Refused(f"{where} is a link to another place, must be a group or a dataset")
            group = group[part]
        if not isinstance(group, h5py.Dataset) or len(group.shape or ()) != 1:
            raise _Refused(f"{where} must be a dataset of one dimension")
        _check_storage(group)
        inner = h5py.check_vlen_dtype(group.dtype) or group.dtype
        if numpy.dtype(inner).kind not in "biuf":
            raise _Refused(f"{where} is of type {group.dtype}, must be numbers or lists of numbers")
        if group.nbytes > self.most:
            raise _Refused(f"{where} has {group.size} rows, more than this file can hold")
        return group

    def send_part(self, where: str, part: Any) -> None:
        if part.dtype.kind != "O":
            flat = _plain(part)
            self.total += flat.nbytes
            lengths = None
        else:
            lengths = [len(each) for each in part]
            self.total += sum(each.nbytes for each in part)
            inner = part[0].dtype
        if self.total > self.most:
            raise _Refused(f"{where} has more numbers than this file can hold")
        if lengths is not None:
            flat = _plain(numpy.concatenate(list(part)).astype(inner, copy=False))
        self.array(where, flat, lengths=lengths)


def _names(group: Any) -> Iterator[str]:
    for count, name in enumerate(group):
        if count >= MOST_MEMBERS:
            raise _Refused("has too many members")
        if "/" in name or name in ("", ".", ".."):
            raise _Refused(f"has a member of the name {name!r}")
        yield name


def _check_storage(dataset: Any) -> None:
    if dataset.shape is None:
        raise _Refused("is empty")
    if dataset.is_virtual or dataset.external:
        raise _Refused("is stored in another file")


def _plain(array: Any) -> Any:
    """Return an array in C order, of a type that every numpy knows."""
    array = numpy.asarray(array, order="C")
    return array.astype(numpy.float64) if array.dtype.kind == "f" and array.dtype.itemsize > 8 else array


def _words(error: Exception) -> str:
    text = str(error)
    if isinstance(error, _Refused):
        return text
    if "signature not found" in text:
        return "is not an HDF5 file"
    if "truncated file" in text:
        return "is truncated: copy or download it again"
    return f"cannot be read ({type(error).__name__}: {text[:200]})"


if __name__ == "__main__":
    serve(socket.socket(fileno=0))
