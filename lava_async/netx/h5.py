"""Checked access to .net files: what is read is validated, what is written appears whole or not at all."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.files import replacing

COMPACT = 2**10
"""Datasets of up to so many bytes live in the object header, which HDF5 protects with a checksum."""


class NetxError(ValueError):
    """A .net file that cannot be read, or a network that cannot be written; names the file, the group and the field."""


class NetxWarning(UserWarning):
    """Stock netx or slayer would run a .net file differently from what stands in it."""


def warn(node: Node, name: str, text: str) -> None:
    """Warn of a field of a group."""
    warnings.warn(f"{node.file}: {node.where}/{name}: {text}", NetxWarning, stacklevel=2)


@dataclass(frozen=True)
class Unreadable:
    """A member of a group that could not be read."""

    problem: str


@dataclass
class Node:
    """A group of a .net file in memory; every access is checked.

    Parameters
    ----------
    file : str
        Path of the file, for messages.
    where : str
        Path of the group in the file, "" for the root.
    members : dict
        Groups (Node), datasets (arrays) and what could not be read.
    used : set of str
        Members that were read.
    """

    file: str
    where: str = ""
    members: dict[str, Node | NDArray[Any] | Unreadable] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def fail(self, name: str, problem: str) -> NetxError:
        """Return the error that names a member of this group."""
        return NetxError(f"{self.file}: {self.where}/{name}{problem if problem[:1] in ' .[' else ': ' + problem}")

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def unused(self) -> list[str]:
        """Return the members that nobody has read."""
        return sorted(self.members.keys() - self.used)

    def _get(self, name: str) -> Node | NDArray[Any]:
        self.used.add(name)
        if name not in self.members:
            raise self.fail(name, "missing")
        member = self.members[name]
        if isinstance(member, Unreadable):
            raise self.fail(name, member.problem)
        return member

    def group(self, name: str) -> Node:
        """Return a member that is a group."""
        member = self._get(name)
        if not isinstance(member, Node):
            raise self.fail(name, "must be a group, is a dataset")
        return member

    def dataset(self, name: str) -> NDArray[Any]:
        """Return a member that is a dataset, as it is."""
        member = self._get(name)
        if isinstance(member, Node):
            raise self.fail(name, "must be a dataset, is a group")
        return member

    def text(self, name: str) -> str:
        """Return a string, given as a scalar or as an array of one."""
        array = self.dataset(name)
        if array.dtype.kind != "S" or array.size != 1:
            raise self.fail(name, f"must be one string, is {array.dtype} of shape {array.shape}")
        try:
            return str(bytes(array.reshape(-1)[0]).decode("utf-8"))
        except UnicodeDecodeError:
            raise self.fail(name, "must be a string in UTF-8") from None

    def json(self, name: str) -> Any:
        """Return what a string in JSON says."""
        try:
            return json.loads(self.text(name))
        except (json.JSONDecodeError, RecursionError) as error:
            raise self.fail(name, f"must be JSON ({error})") from None

    def numbers(self, name: str) -> NDArray[Any]:
        """Return finite numbers of any shape and type."""
        array = self.dataset(name)
        if array.dtype.kind not in "biuf":
            raise self.fail(name, f"must be numbers, is {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self.fail(name, f" = {array[~np.isfinite(array)].flat[0]}: must be finite")
        return array

    def integers(self, name: str, low: int, high: int) -> NDArray[np.int64]:
        """Return whole numbers of low .. high in any shape; floats are welcome if they are whole."""
        array = self.numbers(name)
        bad = (array != np.trunc(array)) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
        if bad.any():
            raise self.fail(name, f" = {array[bad].flat[0]}: must be whole numbers")
        if array.dtype.kind != "b":
            bad = (array < low) | (array > high)
            if bad.any():
                raise self.fail(name, f" = {array[bad].flat[0]}: must be in {low} .. {high}")
        return array.astype(np.int64)

    def plain(self, name: str) -> int | tuple[int, ...]:
        """Return a whole number or a tuple of a few."""
        array = self.integers(name, 0, 2**31)
        if array.ndim > 1 or array.size > 8:
            raise self.fail(name, f".shape = {array.shape}: must be a number or a few")
        return tuple(array.tolist()) if array.ndim else int(array)

    def integer(self, name: str, low: int, high: int) -> int:
        """Return one whole number, given as a scalar or as an array of one."""
        array = self.integers(name, low, high)
        if array.size != 1:
            raise self.fail(name, f".shape = {array.shape}: must be one number")
        return int(array.reshape(-1)[0])

    def shape(self, name: str, most: int, dimensions: Sequence[int] = (1, 2, 3), least: int = 1) -> tuple[int, ...]:
        """Return a shape whose product is at most `most`."""
        array = self.integers(name, least, most)
        if array.ndim > 1 or max(array.size, 1) not in dimensions:
            raise self.fail(name, f".shape = {array.shape}: must have {' or '.join(map(str, dimensions))} numbers")
        if float(np.prod(array, dtype=np.float64)) > most:
            raise self.fail(name, f" = {array.tolist()}: must describe at most {most} neurons")
        return tuple(array.reshape(-1).tolist())

    def checked(self, name: str, make: Callable[[], Any]) -> Any:
        """Return ``make()``; what it finds wrong with its arguments is said of this member."""
        try:
            return make()
        except (InvalidValue, InvalidType) as error:
            raise self.fail(name, str(error)) from error


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open an HDF5 file for writing that takes the place of `path` when all is written.

    The file is written under another name in the same folder and renamed at the end; if anything goes wrong, `path`
    stays as it was. It is of HDF5 1.10, whose structures carry checksums.

    Raises
    ------
    NetxError
        If it cannot be written: no such folder, no space, no right.
    """
    try:
        with replacing(Path(path)) as temporary, h5py.File(temporary, "x", libver=("v110", "v110")) as handle:
            yield handle
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise NetxError(f"{path}: cannot be written: {reason}") from error


def put(group: h5py.Group, name: str, value: ArrayLike | str) -> h5py.Dataset:
    """Write a dataset; strings of fixed length, everything under a checksum, large arrays compressed."""
    array = np.asarray(value.encode() if isinstance(value, str) else value)
    if array.nbytes > COMPACT:
        return group.create_dataset(name, data=np.atleast_1d(array), chunks=True, compression="gzip", shuffle=True,
                                    fletcher32=True)  # fmt: skip
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(array.shape) if array.ndim else h5py.h5s.create(h5py.h5s.SCALAR)
    # h5py's own create_dataset does not do this for scalars.
    kind = h5py.h5t.py_create(array.dtype, logical=True)
    dataset = h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, dcpl=layout))
    dataset[...] = array
    return dataset
