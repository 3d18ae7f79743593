"""Checked access to .net files: what is read is validated, what is written appears whole or not at all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike

from lava_async.files import replacing
from lava_async.hdf5 import Node

__all__ = ["NetxError", "NetxWarning", "Node", "atomic_file", "put", "warn"]

COMPACT = 2**10
"""Datasets of up to so many bytes live in the object header, which HDF5 protects with a checksum."""


class NetxError(ValueError):
    """A .net file that cannot be read, or a network that cannot be written; names the file, the group and the field."""


class NetxWarning(UserWarning):
    """Stock netx or slayer would run a .net file differently from what stands in it."""


def warn(node: Node, name: str, text: str) -> None:
    """Warn of a field of a group."""
    warnings.warn(f"{node.file}: {node.where}/{name}: {text}", NetxWarning, stacklevel=2)


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
