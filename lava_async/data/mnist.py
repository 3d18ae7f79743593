"""MNIST, and data sets in its format, seen by a simulated event camera.

References
----------
Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998, with the idx file format.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset, split_names
from lava_async.data.cache import sources
from lava_async.data.events import saccade
from lava_async.data.files import FileSet, Progress, chosen, last_sixth, load_splits
from lava_async.data.paths import SOURCES, find_files
from lava_async.data.polarities import ON_OFF, check_planes, planes
from lava_async.data.reading import inflated, read_bytes
from lava_async.errors import InvalidValue
from lava_async.hdf5 import most_bytes
from lava_async.records import check_int, check_range
from lava_async.spikes import SpikeBatch

__all__ = ["mnist", "read_idx"]

#: Three pixels of margin on each side of a 28 x 28 image, as in N-MNIST.
_SENSOR = (34, 34)
#: Images that are encoded at once.
_CHUNK = 1000
N_CLASSES = 10
#: Axes of an array in an idx file: images in colour have four.
MOST_AXES = 8
#: File prefix and splits in it.
_FILES = {"train": ("train", "validation"), "t10k": ("test",)}


def mnist(
    split: str,
    *,
    folder: str | Path | None = None,
    limit: int | None = None,
    polarity: str = ON_OFF,
    cache: str | bool | None = None,
    progress: Progress | None = None,
) -> SpikeDataset:
    """Return MNIST digits as events of a 34 x 34 sensor over 10 time steps.

    Validation is the last sixth of the training file: 50,000 / 10,000 / 10,000 samples. Choose settings on validation,
    then train on "train+validation"; test is for the final number. Over all samples the sensor makes 0.0396 events per
    channel and time step, 916 per sample (N-MNIST: about 1,000 in its first saccade).

    Parameters
    ----------
    split, cache, progress
        As in :func:`~lava_async.data.registry.load`, for every data set.
    folder : path, optional
        Holds ``train-images-idx3-ubyte.gz``, ``train-labels-idx1-ubyte.gz``, ``t10k-images-idx3-ubyte.gz`` and
        ``t10k-labels-idx1-ubyte.gz``, or the same without ``.gz``, or has a folder ``mnist`` that does; only those of
        the split are read. Default: :data:`lava_async.data.paths.DATA_VARIABLE`.
    limit : int, optional
        Only the first `limit` samples of the split. They alone are encoded, and not kept in the cache.
    polarity : {"on_off", "off_on"}
        Which events come first: ON, or OFF as in slayer's tutorials and in tonic.

    Returns
    -------
    SpikeDataset
        Of events, shape (2, 34, 34), C = 2312, T = 10, at most one spike per channel and time step, in the files'
        order; 7 kB per sample, 0.4 GB for all of the training file.

    Raises
    ------
    InvalidValue
        If `split` is none of these, a file is missing, damaged or of another format, or images and labels do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from lava_async.data.mnist import mnist
    >>> def idx(array):  # 0, 0, 8: unsigned bytes; axes; lengths; elements
    ...     return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
    ...
    >>> _ = Path("t10k-images-idx3-ubyte").write_bytes(idx(np.full((1, 28, 28), 255, np.uint8)))
    >>> _ = Path("t10k-labels-idx1-ubyte").write_bytes(idx(np.array([7], np.uint8)))
    >>> data = mnist("test", folder=".", cache=False)
    >>> data.spikes.shape, data.labels
    ((1, 2312, 10), array([7]))
    """
    names = split_names("mnist.split", split)
    check_planes("mnist.polarity", polarity)
    if limit is not None:
        limit = check_int("mnist.limit", limit, least=1)
    held = {prefix: splits for prefix, splits in _FILES.items() if set(splits) & set(names)}
    paths = {
        prefix: find_files("mnist", [f for f in SOURCES["mnist"].files if f.startswith(prefix)], folder)
        for prefix in held
    }
    if limit is not None:
        return _first(limit, names, [(held[prefix], paths[prefix]) for prefix in held], polarity, progress)
    parts = [
        FileSet(
            splits,
            {"file": prefix, "size": _SENSOR, "source": sources(paths[prefix]), "polarity": polarity},
            partial(_encode_files, paths[prefix], polarity, progress),
        )
        for prefix, splits in held.items()
    ]
    return load_splits(
        "mnist", names, parts, (2, *_SENSOR), n_classes=N_CLASSES, validation=last_sixth, cache=cache, polarity=polarity
    )


def _first(
    limit: int,
    names: tuple[str, ...],
    parts: list[tuple[tuple[str, ...], list[Path]]],
    polarity: str,
    progress: Progress | None,
) -> SpikeDataset:
    """Return the first samples of splits; no other image is encoded."""
    images: list[NDArray[np.uint8]] = []
    labels: list[NDArray[np.int64]] = []
    for splits, paths in parts:
        if sum(len(each) for each in labels) < limit:
            pictures, classes = _read_pair(paths)
            mine = chosen(splits, names, np.arange(len(classes)), last_sixth)
            images.append(pictures[mine][:limit])
            labels.append(classes[mine][:limit].astype(np.int64))
    events = _encode(np.concatenate(images)[:limit], polarity, progress)
    return SpikeDataset(
        events, np.concatenate(labels)[:limit], (2, *_SENSOR), f"mnist {'+'.join(names)}", polarity=polarity
    )


def _encode(images: NDArray[np.uint8], polarity: str, progress: Progress | None) -> SpikeBatch:
    """Return the events of images, encoded in parts so that only a part is ever an array of spikes."""
    parts: list[SpikeBatch] = []
    for first in range(0, len(images), _CHUNK):
        parts.append(SpikeBatch.from_dense(planes(saccade(images[first : first + _CHUNK], size=_SENSOR), polarity)))
        if progress:
            progress(min(first + _CHUNK, len(images)), len(images))
    return SpikeBatch.concatenate(parts)


def _encode_files(
    paths: list[Path], polarity: str, progress: Progress | None
) -> tuple[SpikeBatch, NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = _read_pair(paths)
    return _encode(images, polarity, progress), labels, np.arange(len(labels))


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """Return the array of unsigned bytes in an idx file, plain or gzip-compressed (known by its content).

    The file holds 0, 0, 8 (unsigned bytes), the number of axes, each axis' length (big-endian, 32 bits), the elements.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    uint8
        Array of the shape that the header states, read-only.

    Raises
    ------
    InvalidValue
        If the file is missing, cut off or damaged, or no idx file of unsigned bytes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.mnist import read_idx
    >>> _ = Path("labels").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    >>> read_idx("labels")
    array([5, 0, 4], dtype=uint8)
    """
    content = read_bytes(path, "an idx file, plain or .gz")
    if content[:2] == b"\x1f\x8b":
        content = inflated(path, content, most_bytes(len(content)))
    axes = content[3] if len(content) > 3 else MOST_AXES + 1
    if content[:3] != b"\0\0\x08" or axes > MOST_AXES or len(content) < 4 + 4 * axes:
        raise InvalidValue(f"file {path}: first bytes", content[:4], "those of an idx file of unsigned bytes, 0 0 8 n")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, offset=4))
    start = 4 + 4 * len(shape)
    if len(content) - start != math.prod(shape):
        raise InvalidValue(f"file {path}: elements", len(content) - start, f"{math.prod(shape)}, its shape {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_pair(paths: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the images (B, 28, 28), B at least 1, and labels (B,) of two files."""
    found = []
    for path, ndim in zip(paths, (3, 1), strict=True):
        array = read_idx(path)
        if array.ndim != ndim or not len(array) or (ndim == 3 and array.shape[1:] != (28, 28)):
            raise InvalidValue(f"file {path}: shape", array.shape, "(B, 28, 28)" if ndim == 3 else "(B,)")
        found.append(array)
    images, labels = found
    check_range(f"file {paths[1]}: labels", labels, 0, N_CLASSES - 1)
    if len(images) != len(labels):
        raise InvalidValue(f"mnist: labels in {paths[1].name}", len(labels), f"{len(images)}, one per image")
    return images, labels
