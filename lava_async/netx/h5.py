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

from lava_async.files import write_bytes
from lava_async.hdf5 import H5Group as H5Group
from lava_async.renamed import renamed

COMPACT = 2**10
"""Datasets of up to so many bytes live in the object header, which HDF5 protects with a checksum."""
LARGE, DENSEST = 2**20, 32
"""A dataset of more than `LARGE` bytes is not compressed to less than one byte of `DENSEST`: no reader would believe
that the file holds it (:func:`lava_async.hdf5.most_bytes`)."""


class NetxError(ValueError):
    """A .net file that cannot be read, or a network that cannot be written; names the file, the group and the field."""


class NetxWarning(UserWarning):
    """Stock netx or slayer would run a .net file differently from what it contains."""


def warn(node: H5Group, name: str, text: str) -> None:
    """Warn of a field of a group."""
    warnings.warn(f"{node.file}: {node.where}/{name}: {text}", NetxWarning, stacklevel=2)


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Give an HDF5 file in memory that takes the place of `path` when all is written.

    HDF5 ends the process if it cannot write what it holds back, as on a full disk. So it writes into memory, and the
    bytes are written under another name in the same folder, which is renamed at the end; if anything goes wrong, `path`
    stays as it was. The file is of HDF5 1.10, whose structures carry checksums.

    Raises
    ------
    NetxError
        If it cannot be written: no such folder, no space, no right.
    """
    with h5py.File(os.fspath(path), "w", driver="core", backing_store=False, libver=("v110", "v110")) as handle:
        yield handle
        handle.flush()
        content = handle.id.get_file_image()
    try:
        write_bytes(Path(path), content)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise NetxError(f"{path}: cannot be written: {reason}") from error


def write_dataset(group: h5py.Group, name: str, value: ArrayLike | str) -> h5py.Dataset:
    """Write a dataset; strings of fixed length, everything under a checksum, large arrays compressed."""
    array = np.asarray(value.encode() if isinstance(value, str) else value)
    if array.nbytes > COMPACT:
        large = {"data": np.atleast_1d(array), "chunks": True, "fletcher32": True}
        dataset = group.create_dataset(name, compression="gzip", shuffle=True, **large)
        if array.nbytes <= LARGE:
            return dataset
        dataset.flush()
        if dataset.id.get_storage_size() * DENSEST >= array.nbytes:
            return dataset
        del group[name]
        return group.create_dataset(name, **large)
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(array.shape) if array.ndim else h5py.h5s.create(h5py.h5s.SCALAR)
    # h5py's own create_dataset does not do this for scalars.
    kind = h5py.h5t.py_create(array.dtype, logical=True)
    dataset = h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, dcpl=layout))
    dataset[...] = array
    return dataset


__getattr__ = renamed(__name__, {"put": write_dataset, "Node": H5Group}, globals())
