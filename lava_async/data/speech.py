"""Spoken words as spikes of an artificial cochlea: Spiking Heidelberg Digits, Spiking Speech Commands, their format.

A file of this format is HDF5 with ``spikes/times`` (a list of seconds per sample), ``spikes/units`` (the channel of
each, 0 .. 699), ``labels``, ``extra/keys`` (the words) and ``extra/speaker``.

References
----------
B. Cramer, Y. Stradmann, J. Schemmel, F. Zenke, "The Heidelberg spiking data sets for the systematic evaluation of
spiking neural networks", IEEE Transactions on Neural Networks and Learning Systems 33(7), 2022.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset, split_names
from lava_async.data.cache import sources
from lava_async.data.frames import Frames, Recording
from lava_async.data.parts import Part, Progress, load_parts
from lava_async.data.places import SOURCES, find
from lava_async.data.store import EventBatch
from lava_async.errors import InvalidValue
from lava_async.records import within

__all__ = ["read_speech", "shd", "spoken_digits", "ssc"]

CHANNELS = 700
#: Samples that are binned at once.
_CHUNK = 1000


def spoken_digits(
    split: str, *, folder: str | Path | None = None, window_ms: float = 20.0, steps: int = 53, reduce: int = 1,
    max_count: int | None = None, cache: str | bool | None = None, progress: Progress | None = None,
) -> SpikeDataset:  # fmt: skip
    """Return spoken digits in the format of SHD: ``shd_train.h5`` and ``shd_test.h5`` in a folder ``spoken_digits``.

    Made for this project's 4,000 + 1,000 synthetic spoken digits of 50 speakers, English and German: 20 classes, 200
    and 50 samples each. The 10 speakers of the test file speak in it only; validation are 8 of the 40 speakers of the
    training file (:func:`lava_async.data.held_out`): 3,200 / 800 / 1,000 samples. The longest takes 1.05 s: 53 steps.

    Parameters
    ----------
    split, folder, cache, progress
        As in :func:`~lava_async.data.registry.load`, for every data set.
    window_ms, steps, reduce, max_count
        As in :class:`~lava_async.data.frames.Frames`.

    Returns
    -------
    SpikeDataset
        Of events; shape (1, 1, 700 // reduce), T = steps.

    Raises
    ------
    InvalidValue
        If a file is missing (which, and where to put it), is not of this format, or an argument is not as above.
    """
    frames = _frames("spoken_digits", window_ms, steps, reduce, max_count)
    return _load("spoken_digits", split, folder, frames, cache, progress, 20)


def shd(
    split: str, *, folder: str | Path | None = None, window_ms: float = 20.0, steps: int = 70, reduce: int = 1,
    max_count: int | None = None, cache: str | bool | None = None, progress: Progress | None = None,
) -> SpikeDataset:  # fmt: skip
    """Return the Spiking Heidelberg Digits: ``shd_train.h5`` and ``shd_test.h5`` in a folder ``shd`` or ``SHD``.

    8,156 + 2,264 spoken digits, English and German, 20 classes. Two of the 12 speakers are in the test file only;
    validation are whole speakers of the training file (:func:`lava_async.data.held_out`).

    Parameters
    ----------
    split, folder, window_ms, steps, reduce, max_count, cache, progress
        As in :func:`spoken_digits`, as are result and errors.
    """
    frames = _frames("shd", window_ms, steps, reduce, max_count)
    return _load("shd", split, folder, frames, cache, progress, 20)


def ssc(
    split: str, *, folder: str | Path | None = None, window_ms: float = 20.0, steps: int = 50, reduce: int = 1,
    max_count: int | None = None, cache: str | bool | None = None, progress: Progress | None = None,
) -> SpikeDataset:  # fmt: skip
    """Return the Spiking Speech Commands: ``ssc_{train,valid,test}.h5`` in a folder ``ssc`` or ``SSC``.

    105,829 spoken words, 35 classes; validation is the authors' own.

    Parameters
    ----------
    split, folder, window_ms, steps, reduce, max_count, cache, progress
        As in :func:`spoken_digits`, as are result and errors.
    """
    frames = _frames("ssc", window_ms, steps, reduce, max_count)
    return _load("ssc", split, folder, frames, cache, progress, 35)


def read_speech(
    path: str | Path, frames: Frames, progress: Progress | None = None
) -> tuple[EventBatch, NDArray[np.int64], NDArray[np.int64]]:
    """Return the frames, labels and speakers (0 if the file has none) in a file of this format.

    Raises
    ------
    InvalidValue
        If the file is damaged or of another format.
    """
    import h5py

    where, parts = f"file {path}", []
    try:
        with h5py.File(path, "r") as file:
            times, units = file["spikes/times"], file["spikes/units"]
            labels = np.asarray(file["labels"][:], np.int64)
            n = len(labels)
            speakers = (
                np.asarray(file["extra/speaker"][:], np.int64) if "extra/speaker" in file else np.zeros(n, np.int64)
            )
            for name, found in (("spikes/times", times), ("spikes/units", units), ("extra/speaker", speakers)):
                if found.shape != (n,):
                    raise InvalidValue(f"{where}: {name}.shape", found.shape, f"({n},), as labels")
            for first in range(0, n, _CHUNK):
                part = slice(first, first + _CHUNK)
                pairs = zip(times[part], units[part], strict=True)
                recordings = [_recording(where, first + b, *pair) for b, pair in enumerate(pairs)]
                parts.append(frames.encode(recordings))
                if progress:
                    progress(min(first + _CHUNK, n), n)
    except (OSError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InvalidValue):
            raise
        allowed = "HDF5 with spikes/times, spikes/units and labels, one list of times and of units per sample"
        raise InvalidValue(where, " ".join(str(error).split()), allowed) from None
    return EventBatch.concatenate(parts or [frames.encode([])]), labels, speakers


def _recording(where: str, b: int, seconds: NDArray[Any], units: NDArray[Any]) -> Recording:
    if len(seconds) != len(units):
        raise InvalidValue(f"{where}: units of sample {b}", len(units), f"{len(seconds)}, one per time")
    within(f"{where}: units", units, 0, CHANNELS - 1)
    # float16 seconds times 1e6 would overflow.
    return Recording(seconds.astype(np.float64) * 1e6, units, np.zeros(len(units), np.int64), np.ones(len(units), bool))


def _frames(name: str, window_ms: float, steps: int, reduce: int, max_count: int | None) -> Frames:
    return Frames((1, CHANNELS), window_ms, steps, reduce, "merged", max_count, name)


def _load(
    name: str, split: str, folder: str | Path | None, frames: Frames, cache: str | bool | None,
    progress: Progress | None, n_classes: int,
) -> SpikeDataset:  # fmt: skip
    """Return splits of a data set; of two files, the first holds train and validation."""
    names, files = split_names(f"{name}.split", split), SOURCES[name].files
    held = [("train",), ("validation",), ("test",)] if len(files) == 3 else [("train", "validation"), ("test",)]
    wanted = {file: splits for file, splits in zip(files, held, strict=True) if set(splits) & set(names)}
    parts = []
    for path, splits in zip(find(name, list(wanted), folder), wanted.values(), strict=True):
        key = {"frames": frames.key(), "file": path.name, "source": sources([path])}
        parts.append(Part(splits, key, partial(read_speech, path, frames, progress)))
    return load_parts(name, names, parts, frames.shape, n_classes=n_classes, cache=cache)
