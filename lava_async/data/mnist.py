"""MNIST, and data sets in its format, seen by a simulated event camera.

References
----------
Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998, with the idx file format.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset, split_names
from lava_async.data.events import saccade
from lava_async.errors import InvalidValue
from lava_async.records import count

__all__ = ["mnist", "read_idx"]

#: Three pixels of margin on each side of a 28 x 28 image, as in N-MNIST.
_SENSOR = (34, 34)
#: File prefix and splits in it.
_FILES = {"train": ("train", "validation"), "t10k": ("test",)}


def mnist(folder: str | Path, split: str, limit: int | None = None) -> SpikeDataset:
    """Return MNIST digits as events of a 34 x 34 sensor over 10 time steps.

    Validation is the last sixth of the training file: 50,000 / 10,000 / 10,000 samples. Choose settings on validation,
    then train on "train+validation"; test is for the final number. Over all samples the sensor makes 0.0396 events per
    channel and time step, 916 per sample (N-MNIST: about 1,000 in its first saccade).

    Parameters
    ----------
    folder : path
        Holds ``train-images-idx3-ubyte.gz``, ``train-labels-idx1-ubyte.gz``, ``t10k-images-idx3-ubyte.gz`` and
        ``t10k-labels-idx1-ubyte.gz``, or the same without ``.gz``; only those of the split are read.
    split : str
        "train", "validation", "test", or several joined by "+".
    limit : int, optional
        Only the first `limit` samples of the split.

    Returns
    -------
    SpikeDataset
        Shape (2, 34, 34), C = 2312, T = 10, at most one spike per channel and time step, in the files' order; 23 kB
        per sample, 1.4 GB for all of the training file.

    Raises
    ------
    InvalidValue
        If `split` is none of these, a file is missing, damaged or of another format, or images and labels do not fit.
    """
    names = split_names("mnist.split", split)
    if limit is not None:
        limit = count("mnist.limit", limit, least=1)
    images, labels = [], []
    for prefix, splits in _FILES.items():
        if set(splits) & set(names):
            pictures, classes = _read_pair(Path(folder), prefix)
            train = len(pictures) - len(pictures) // 6
            place = {"train": slice(0, train), "validation": slice(train, None), "test": slice(None)}
            images += [pictures[place[name]] for name in splits if name in names]
            labels += [classes[place[name]] for name in splits if name in names]
    spikes = saccade(np.concatenate(images)[:limit], size=_SENSOR)
    return SpikeDataset(
        spikes, np.concatenate(labels)[:limit].astype(np.int64), (2, *_SENSOR), f"mnist {'+'.join(names)}"
    )


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
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidValue(f"file {path}", "missing", "put there: an idx file, plain or .gz")
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise InvalidValue(f"file {path}", str(error), "complete gzip data (is it cut off?)") from None
    if content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise InvalidValue(f"file {path}: first bytes", content[:4], "those of an idx file of unsigned bytes, 0 0 8 n")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", content[3], offset=4))
    start = 4 + 4 * len(shape)
    if len(content) - start != math.prod(shape):
        raise InvalidValue(f"file {path}: elements", len(content) - start, f"{math.prod(shape)}, its shape {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_pair(folder: Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the images (B, 28, 28) and labels (B,) of the training ("train") or test ("t10k") files."""
    found = []
    for name, ndim in ((f"{prefix}-images-idx3-ubyte", 3), (f"{prefix}-labels-idx1-ubyte", 1)):
        plain = folder / name
        path = plain if plain.is_file() else folder / f"{name}.gz"
        array = read_idx(path)
        if array.ndim != ndim or (ndim == 3 and array.shape[1:] != (28, 28)):
            raise InvalidValue(f"file {path}: shape", array.shape, "(B, 28, 28)" if ndim == 3 else "(B,)")
        found.append(array)
    images, labels = found
    if len(images) != len(labels):
        raise InvalidValue(f"mnist: labels in {prefix}-labels-idx1-ubyte", len(labels), f"{len(images)}, one per image")
    return images, labels
