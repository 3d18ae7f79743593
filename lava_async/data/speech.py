"""Spoken words as spikes of an artificial cochlea: Spiking Heidelberg Digits, Spiking Speech Commands, their format.

A file of this format is HDF5 with ``spikes/times`` (a list of seconds per sample), ``spikes/units`` (the channel of
each, 0 .. 699), ``labels``, ``extra/keys`` (the words) and ``extra/speaker``.

References
----------
B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, "The Heidelberg spiking data sets for the systematic evaluation of
spiking neural networks", IEEE Transactions on Neural Networks and Learning Systems 33(7), 2022.
"""

from __future__ import annotations

import os
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import hdf5
from lava_async.data import SpikeDataset, split_names
from lava_async.data.cache import sources
from lava_async.data.files import FileSet, Progress, load_splits
from lava_async.data.frames import Frames, Outside, Recording
from lava_async.data.paths import SOURCES, find_files
from lava_async.data.times import window_ns
from lava_async.errors import InvalidValue
from lava_async.forms import class_labels
from lava_async.spikes import SpikeBatch

__all__ = ["read_speech", "shd", "spoken_digits", "ssc"]

CHANNELS = 700
#: Datasets in a file.
TIMES, UNITS, LABELS, SPEAKERS = "spikes/times", "spikes/units", "labels", "extra/speaker"
#: How long samples are, by default.
_SECONDS = {"spoken_digits": Fraction("1.06"), "shd": Fraction("1.4"), "ssc": Fraction(1)}
#: Samples that are binned at once.
_CHUNK = 1000


def spoken_digits(
    split: str,
    *,
    folder: str | Path | None = None,
    window_ms: float = 20.0,
    steps: int | None = None,
    reduce: int = 1,
    max_count: int | None = None,
    late: str = "error",
    cache: str | bool | None = None,
    progress: Progress | None = None,
) -> SpikeDataset:
    """Return spoken digits in the format of SHD: ``shd_train.h5`` and ``shd_test.h5`` in a folder ``spoken_digits``.

    Made for this project's 4,000 + 1,000 synthetic spoken digits of 50 speakers, English and German: 20 classes, 200
    and 50 samples each. The 10 speakers of the test file speak in it only; validation are 8 of the 40 speakers of the
    training file (:func:`lava_async.data.held_out`): 3,200 / 800 / 1,000 samples.

    Parameters
    ----------
    split, folder, cache, progress
        As in :func:`~lava_async.data.registry.load`, for every data set.
    window_ms, reduce, max_count, late
        As in :class:`~lava_async.data.frames.Frames`.
    steps : int, optional
        Number of time steps T; default: as many as the longest sample fills, 1.06 s: 53 of 20 ms.

    Returns
    -------
    SpikeDataset
        Of events; shape (1, 1, 700 // reduce), T = steps.

    Raises
    ------
    InvalidValue
        If a file is missing (which, and where to put it), is not of this format, has events outside all time steps, or
        an argument is not as above.

    Examples
    --------
    >>> from lava_async.data.speech import spoken_digits
    >>> spoken_digits("test", folder="nowhere", window_ms=10.0)
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: data spoken_digits: shd_test.h5 = 'missing': must be put in nowhere/spoken_digits
    or nowhere
    """
    frames = _frames("spoken_digits", window_ms, steps, reduce, max_count, late)
    return _load("spoken_digits", split, folder, frames, cache, progress, 20)


def shd(
    split: str,
    *,
    folder: str | Path | None = None,
    window_ms: float = 20.0,
    steps: int | None = None,
    reduce: int = 1,
    max_count: int | None = None,
    late: str = "error",
    cache: str | bool | None = None,
    progress: Progress | None = None,
) -> SpikeDataset:
    """Return the Spiking Heidelberg Digits: ``shd_train.h5`` and ``shd_test.h5`` in a folder ``shd`` or ``SHD``.

    8,156 + 2,264 spoken digits, English and German, 20 classes. Two of the 12 speakers are in the test file only;
    validation are whole speakers of the training file (:func:`lava_async.data.held_out`).

    Parameters
    ----------
    split, folder, window_ms, reduce, max_count, late, cache, progress
        As in :func:`spoken_digits`, as are result and errors.
    steps : int, optional
        Number of time steps T; default: as many as 1.4 s have: 70 of 20 ms.

    Examples
    --------
    >>> from lava_async.data.speech import shd
    >>> shd("test", folder="nowhere")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: data shd: shd_test.h5 = 'missing': must be put in nowhere/shd or nowhere; get it
    from https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/, or by lava-async data build shd --download
    FOLDER
    """
    frames = _frames("shd", window_ms, steps, reduce, max_count, late)
    return _load("shd", split, folder, frames, cache, progress, 20)


def ssc(
    split: str,
    *,
    folder: str | Path | None = None,
    window_ms: float = 20.0,
    steps: int | None = None,
    reduce: int = 1,
    max_count: int | None = None,
    late: str = "warn",
    cache: str | bool | None = None,
    progress: Progress | None = None,
) -> SpikeDataset:
    """Return the Spiking Speech Commands: ``ssc_{train,valid,test}.h5`` in a folder ``ssc`` or ``SSC``.

    105,829 spoken words, 35 classes; validation is the authors' own. The words are cut to 1 s; later events are left
    out with a warning.

    Parameters
    ----------
    split, folder, window_ms, reduce, max_count, late, cache, progress
        As in :func:`spoken_digits`, as are result and errors.
    steps : int, optional
        Number of time steps T; default: as many as 1 s has: 50 of 20 ms.

    Examples
    --------
    >>> from lava_async.data.speech import ssc
    >>> ssc("validation", folder="nowhere")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: data ssc: ssc_valid.h5 = 'missing': must be put in nowhere/ssc or nowhere; get it
    from https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/, or by lava-async data build ssc --download
    FOLDER
    """
    frames = _frames("ssc", window_ms, steps, reduce, max_count, late)
    return _load("ssc", split, folder, frames, cache, progress, 35)


def read_speech(
    path: str | Path, frames: Frames, progress: Progress | None = None, n_classes: int | None = None
) -> tuple[SpikeBatch, NDArray[np.int64], NDArray[np.int64]]:
    """Return the frames, labels and speakers (0 if the file has none) in a file of this format.

    The file is read by another process, with limits: see :mod:`lava_async.hdf5`.

    Raises
    ------
    InvalidValue
        If the file is damaged or of another format, or has events outside the sensor or all time steps.

    Examples
    --------
    >>> import h5py
    >>> import numpy as np
    >>> from lava_async.data.frames import Frames
    >>> from lava_async.data.speech import read_speech
    >>> with h5py.File("words.h5", "w") as file:
    ...     file["labels"] = [3]
    ...     for name, kind, values in [("times", np.float32, [0.0, 0.03]), ("units", np.int64, [5, 699])]:
    ...         rows = file.create_dataset(f"spikes/{name}", (1,), h5py.vlen_dtype(kind))
    ...         rows[0] = np.array(values, kind)
    ...
    >>> spikes, labels, speakers = read_speech("words.h5", Frames((1, 700), 20.0, 2, polarity="merged"))
    >>> spikes.shape, spikes.to_dense().nonzero(), labels, speakers
    ((1, 700, 2), (array([0, 0]), array([  5, 699]), array([0, 1])), array([3]), array([0]))
    """
    where, parts = f"file {path}", []
    labels: list[NDArray[np.int64]] = []
    speakers: list[NDArray[np.int64]] = []
    outside = Outside(frames, where)
    try:
        for rows in hdf5.rows(path, (TIMES, UNITS, LABELS), optional=(SPEAKERS,), size=_CHUNK):
            first, n = sum(map(len, labels)), len(rows[LABELS])
            pairs = zip(rows[TIMES], rows[UNITS], strict=True)
            recordings = [_recording(where, first + b, *pair) for b, pair in enumerate(pairs)]
            parts.append(frames.encode(recordings, outside))
            labels.append(class_labels(f"{where}: labels", rows[LABELS], n_classes))
            speakers.append(np.asarray(rows.get(SPEAKERS, np.zeros(n)), np.int64))
            if progress:
                progress(rows["rows"], rows["of"])
    except hdf5.Hdf5Error as error:
        problem = str(error).removeprefix(f"{os.fspath(path)}: ")
        allowed = f"HDF5 with {TIMES}, {UNITS} and {LABELS}, one list of times and of units per sample"
        raise InvalidValue(where, problem, allowed) from None
    outside.report()
    if not parts:
        raise InvalidValue(f"{where}: samples", 0, "at least 1")
    return SpikeBatch.concatenate(parts), np.concatenate(labels), np.concatenate(speakers)


def _recording(where: str, b: int, seconds: NDArray[Any], units: NDArray[Any]) -> Recording:
    if np.shape(seconds) != np.shape(units) or np.ndim(units) != 1:
        raise InvalidValue(f"{where}: units of sample {b}", np.size(units), f"{np.size(seconds)}, one per time")
    return Recording(seconds, units, np.zeros(len(units), np.int64), np.ones(len(units), bool), per_second=1)


def _frames(name: str, window_ms: float, steps: int | None, reduce: int, max_count: int | None, late: str) -> Frames:
    if steps is None:  # Rounded up.
        steps = max(1, -int(-_SECONDS[name] * 10**9 // window_ns(f"{name}.window_ms", window_ms)))
    return Frames((1, CHANNELS), window_ms, steps, reduce, "merged", max_count, name, late)


def _load(
    name: str,
    split: str,
    folder: str | Path | None,
    frames: Frames,
    cache: str | bool | None,
    progress: Progress | None,
    n_classes: int,
) -> SpikeDataset:
    """Return splits of a data set; of two files, the first holds train and validation."""
    names, files = split_names(f"{name}.split", split), SOURCES[name].files
    held = [("train",), ("validation",), ("test",)] if len(files) == 3 else [("train", "validation"), ("test",)]
    wanted = {file: splits for file, splits in zip(files, held, strict=True) if set(splits) & set(names)}
    parts = []
    for path, splits in zip(find_files(name, list(wanted), folder), wanted.values(), strict=True):
        key = {"frames": frames.key(), "file": path.name, "source": sources([path])}
        parts.append(FileSet(splits, key, partial(read_speech, path, frames, progress, n_classes)))
    return load_splits(name, names, parts, frames.shape, n_classes=n_classes, cache=cache)
