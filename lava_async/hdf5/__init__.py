"""Reading HDF5 files of anybody: the content, or one error; never a crash, a hang or a full memory.

Flipped bits in an HDF5 file do not only raise errors: libhdf5 2.0 crashes, loops for ever or asks for gigabytes on
about one in a thousand such files. Every file is therefore read by another process (`reader.py`), under limits of
memory and processor time, which sends plain arrays through a pipe. The file is never open in the calling process, and
nothing of the calling process - open files, their locks, its threads - is in the other one. ::

    root = hdf5.read("network.nir", error=NirError)
    root.group("node").text("type")

    for part in hdf5.rows("shd_test.h5", ("labels", "spikes/times"), size=1000):
        part["labels"]          # (1000,)
        part["spikes/times"]    # 1000 arrays
"""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.files import why_unreadable
from lava_async.hdf5.client import Answer, AnswerError, ask
from lava_async.hdf5.node import H5Group, Unreadable

__all__ = ["H5Group", "Hdf5Error", "Unreadable", "most_bytes", "read", "rows"]


class Hdf5Error(ValueError):
    """An HDF5 file that cannot be read; names the file and the place in it."""


def most_bytes(size: int) -> int:
    """Return the bytes that the datasets of a file of `size` bytes may have together: they may be compressed.

    Examples
    --------
    >>> from lava_async.hdf5 import most_bytes
    >>> most_bytes(1_000_000) > 1_000_000
    True
    """
    return 2**26 + 32 * size


def read(
    path: str | os.PathLike[str],
    roots: tuple[str, ...] = (),
    *,
    largest: int | None = None,
    error: type[ValueError] = Hdf5Error,
) -> H5Group:
    """Return the groups and datasets of an HDF5 file.

    The sizes of all datasets are added up before one of them is read. A dataset to which several links lead is read
    once. Links to other places and to other files, external storage and virtual datasets are refused.

    Parameters
    ----------
    path : path-like
        The file.
    roots : tuple of str
        Top-level members to read; those that do not exist are left out. Default: all.
    largest : int, optional
        Leave out datasets of more bytes.
    error : type of ValueError
        What is raised, and what the node that is returned raises.

    Returns
    -------
    H5Group
        The root. Its datasets are read-only arrays of booleans, integers, floats or strings (as bytes of fixed length).

    Raises
    ------
    ValueError
        Of type `error`, if there is no such file, it is not HDF5, its datasets have more than :func:`most_bytes`
        together, or its groups cannot be listed. A dataset that cannot be read raises when it is asked for.

    Examples
    --------
    >>> read("digits.net", ("layer",)).group("layer").group("1").numbers("weight").shape  # doctest: +SKIP
    (64, 200)
    """
    file = os.fspath(path)
    root = H5Group(file, error=error)
    with closing(_answer(file, error, roots=list(roots), largest=largest)) as messages:
        for head, array in messages:
            *parents, name = head["path"].strip("/").split("/")
            node = root
            for parent in parents:
                node = node.members[parent]  # type: ignore[assignment]
            if "group" in head:
                node.members[name] = H5Group(file, head["path"], error=error)
            elif "problem" in head:
                node.members[name] = Unreadable(head["problem"])
            elif "same" in head:
                node.members[name] = _member(root, head["same"])
            else:
                assert array is not None
                node.members[name] = array
    return root


def rows(
    path: str | os.PathLike[str],
    names: tuple[str, ...],
    *,
    optional: tuple[str, ...] = (),
    size: int = 1000,
    error: type[ValueError] = Hdf5Error,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of datasets of one dimension, so many at a time.

    Parameters
    ----------
    path : path-like
        The file.
    names : tuple of str
        Datasets of numbers, or of lists of numbers, of equal length, as ``spikes/times``.
    optional : tuple of str
        Others, which the file may lack.
    size : int
        Rows at a time.
    error : type of ValueError
        What is raised.

    Yields
    ------
    dict
        For each name (of those that there are) an array of numbers of up to `size` rows, or a list of so many arrays;
        for "rows" and "of" the number of rows so far and of all.

    Raises
    ------
    ValueError
        Of type `error`, if there is no such file, it is not HDF5, a dataset is missing, is of another form or length,
        or holds more than the file can.

    Examples
    --------
    >>> import h5py
    >>> import numpy as np
    >>> from lava_async.hdf5 import rows
    >>> with h5py.File("numbers.h5", "w") as file:
    ...     file["labels"] = np.arange(5)
    ...
    >>> for part in rows("numbers.h5", ("labels",), size=2):
    ...     print(part["labels"], part["rows"], part["of"])
    ...
    [0 1] 2 5
    [2 3] 4 5
    [4] 5 5
    """
    file = os.fspath(path)
    part: dict[str, Any] = {}
    with closing(_answer(file, error, names=list(names), optional=list(optional), rows=size)) as messages:
        for head, array in messages:
            if array is None:
                yield {**part, "rows": head["rows"], "of": head["of"]}
                part = {}
            elif head["lengths"] is None:
                part[head["path"][1:]] = array
            else:
                part[head["path"][1:]] = np.split(array, np.cumsum(head["lengths"])[:-1])


def _answer(
    file: str, error: type[ValueError], **request: Any
) -> Generator[tuple[dict[str, Any], NDArray[Any] | None], None, None]:
    """Ask the reader for a file and yield its messages with their arrays."""
    problem = why_unreadable(file)
    if problem:
        raise error(f"{file}: {problem}")
    most = most_bytes(os.stat(file).st_size)
    where = ""
    try:
        with ask({"file": os.path.abspath(file), "most": most, **request}) as answer:
            for head in answer.messages():
                if "fatal" in head:
                    raise error(f"{file}: {head['fatal']}")
                where = head.get("at", where)
                if "at" not in head:
                    yield head, _array(answer, head, most) if "dtype" in head else None
    except AnswerError as failed:
        raise error(f"{file}: {where or 'the file'}: {failed}: the file is corrupted") from None


def _array(answer: Answer, head: dict[str, Any], most: int) -> NDArray[Any]:
    dtype, shape = np.dtype(head["dtype"]), tuple(head["shape"])
    if math.prod(shape) * dtype.itemsize > most:
        raise AnswerError("the process that reads it returned more than was requested")
    array = np.empty(shape, dtype)
    if array.nbytes:
        answer.fill(array.reshape(-1).view(np.uint8).data)
    array.flags.writeable = False
    return array


def _member(root: H5Group, path: str) -> H5Group | NDArray[Any] | Unreadable:
    member: Any = root
    for name in path.strip("/").split("/"):
        member = member.members[name]
    return member
