"""Groups of an HDF5 file in memory, whose content is checked when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue

T = TypeVar("T")


@dataclass(frozen=True)
class Unreadable:
    """A member of a group that could not be read.

    Examples
    --------
    >>> from lava_async.hdf5.node import H5Group, Unreadable
    >>> H5Group("a.h5", members={"x": Unreadable("is a link to another file")}).dataset("x")
    Traceback (most recent call last):
        ...
    ValueError: a.h5: /x: is a link to another file
    """

    problem: str


@dataclass
class H5Group:
    """A group of an HDF5 file in memory; every access is checked.

    Parameters
    ----------
    file : str
        Path of the file, for messages.
    where : str
        Path of the group in the file, "" for the root.
    members : dict
        Groups (H5Group), datasets (arrays) and what could not be read.
    used : set of str
        Members that were read.
    error : type of ValueError
        What is raised.

    Examples
    --------
    >>> import h5py
    >>> from lava_async import hdf5
    >>> with h5py.File("numbers.h5", "w") as file:
    ...     file["layer/n"] = 5
    ...
    >>> root = hdf5.read("numbers.h5")
    >>> root.group("layer").integer("n", 0, 10)
    5
    """

    file: str
    where: str = ""
    members: dict[str, H5Group | NDArray[Any] | Unreadable] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    error: type[ValueError] = ValueError

    def fail(self, name: str, problem: str) -> ValueError:
        """Return the error that names a member of this group."""
        return self.error(f"{self.file}: {self.where}/{name}{problem if problem[:1] in ' .[' else ': ' + problem}")

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def unused(self) -> list[str]:
        """Return the members that nobody has read."""
        return sorted(self.members.keys() - self.used)

    def _get(self, name: str) -> H5Group | NDArray[Any]:
        self.used.add(name)
        if name not in self.members:
            raise self.fail(name, "missing")
        member = self.members[name]
        if isinstance(member, Unreadable):
            raise self.fail(name, member.problem)
        return member

    def group(self, name: str) -> H5Group:
        """Return a member that is a group."""
        member = self._get(name)
        if not isinstance(member, H5Group):
            raise self.fail(name, "must be a group, is a dataset")
        return member

    def dataset(self, name: str) -> NDArray[Any]:
        """Return a member that is a dataset, as it is."""
        member = self._get(name)
        if isinstance(member, H5Group):
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

    def json(self, name: str) -> object:
        """Return what a string in JSON says."""
        try:
            found = json.loads(self.text(name))
            json.dumps(found, ensure_ascii=False).encode()  # Halves of characters cannot be written anywhere.
        except (ValueError, RecursionError) as error:
            raise self.fail(name, f"must be JSON ({error})") from None
        return found

    def numbers(self, name: str) -> NDArray[Any]:
        """Return finite numbers of any shape and type."""
        array = self.dataset(name)
        if array.dtype.kind not in "biuf":
            raise self.fail(name, f"must be numbers, is {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise self.fail(name, f" = {array[~np.isfinite(array)].flat[0]}: must be finite")
        return array

    def integers(self, name: str, low: int, high: int) -> NDArray[np.int64]:
        """Return integers of low .. high in any shape; floats are welcome if they are whole."""
        array = self.numbers(name)
        bad = (array != np.trunc(array)) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
        if bad.any():
            raise self.fail(name, f" = {array[bad].flat[0]}: must be integers")
        if array.dtype.kind != "b":
            bad = (array < low) | (array > high)
            if bad.any():
                raise self.fail(name, f" = {array[bad].flat[0]}: must be in {low} .. {high}")
        return array.astype(np.int64)

    def plain(self, name: str) -> int | tuple[int, ...]:
        """Return an integer or a tuple of a few."""
        array = self.integers(name, 0, 2**31)
        if array.ndim > 1 or array.size > 8:
            raise self.fail(name, f".shape = {array.shape}: must be a number or a few")
        return tuple(array.tolist()) if array.ndim else int(array)

    def integer(self, name: str, low: int, high: int) -> int:
        """Return one integer, given as a scalar or as an array of one."""
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

    def checked(self, name: str, make: Callable[[], T]) -> T:
        """Return ``make()``; what it finds wrong with its arguments is said of this member."""
        try:
            return make()
        except (InvalidValue, InvalidType) as error:
            raise self.fail(name, str(error)) from error
