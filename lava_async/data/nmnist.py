"""N-MNIST: MNIST digits on a screen, recorded by an event camera that made three saccades.

An event is 5 bytes: x, y, then a bit of polarity (1 is ON) and 23 bits of time in microseconds, high byte first. An
event with y = 240 is none: all times from it on are 2^13 us later.

References
----------
G. Orchard, A. Jayawant, G. K. Cohen, N. Thakor, "Converting static image datasets to spiking neuromorphic datasets
using saccades", Frontiers in Neuroscience 9:437, 2015.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset, split_names
from lava_async.data.cache import sources
from lava_async.data.files import FileSet, Progress, last_sixth, load_splits
from lava_async.data.frames import Frames, Outside, Recording, check_sensor
from lava_async.data.paths import find_files
from lava_async.data.reading import read_bytes, visible
from lava_async.data.times import window_ns
from lava_async.errors import InvalidValue
from lava_async.spikes import SpikeBatch

__all__ = ["nmnist", "read_nmnist"]

_SENSOR = (34, 34)
#: Milliseconds of one saccade, and of all three.
SACCADE_MS, ALL_MS = 100, 300
_OVERFLOW_ROW, _OVERFLOW_US = 240, 2**13
#: Recordings that are read at once.
_CHUNK = 1000
#: Folder and splits in it.
_FOLDERS = {"Train": ("train", "validation"), "Test": ("test",)}


def nmnist(
    split: str,
    *,
    folder: str | Path | None = None,
    window_ms: float = 10.0,
    first_saccade: bool = True,
    reduce: int = 1,
    polarity: str = "both",
    max_count: int | None = None,
    late: str = "warn",
    cache: str | bool | None = None,
    progress: Progress | None = None,
) -> SpikeDataset:
    """Return N-MNIST from ``Train/0 .. 9/*.bin`` and ``Test/0 .. 9/*.bin`` in a folder ``nmnist`` or ``NMNIST``.

    Samples are in the order of the files' numbers, those of the MNIST images. Validation is the last sixth of the
    training files, as of :func:`~lava_async.data.mnist.mnist`: 50,000 / 10,000 / 10,000 samples.

    Parameters
    ----------
    split, folder, cache, progress
        As in :func:`~lava_async.data.registry.load`, for every data set.
    first_saccade : bool
        Only the first 100 ms; False: 300 ms, three saccades.
    window_ms, reduce, polarity, max_count
        As in :class:`~lava_async.data.frames.Frames`.
    late : {"error", "warn", "drop"}
        What events after three saccades are, if all three are wanted; the authors' recordings have a few.

    Returns
    -------
    SpikeDataset
        Of events; shape (2 or 1, 34 // reduce, 34 // reduce), T = 100 or 300 ms / window_ms, rounded up.

    Raises
    ------
    InvalidValue
        If a file is missing (which, and where to put it), damaged, or an argument is not as above.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.nmnist import nmnist
    >>> Path("Test/7").mkdir(parents=True)
    >>> _ = Path("Test/7/00001.bin").write_bytes(bytes([3, 5, 128, 0, 250]))  # x, y, ON and 23 bits of microseconds
    >>> data = nmnist("test", folder=".", cache=False)
    >>> data.spikes.shape, data.labels, data.dense().nonzero()
    ((1, 2312, 10), array([7]), (array([0]), array([173]), array([0])))
    """
    names = split_names("nmnist.split", split)
    end_ms = SACCADE_MS if first_saccade else ALL_MS
    steps = max(1, -int(-end_ms * 10**6 // window_ns("nmnist.window_ms", window_ms)))  # Rounded up.
    if first_saccade:
        late = "drop"
    frames = Frames(_SENSOR, window_ms, steps, reduce, polarity, max_count, "nmnist", late)
    held = {place: splits for place, splits in _FOLDERS.items() if set(splits) & set(names)}
    parts = []
    for place in find_files("nmnist", list(held), folder):
        files = visible(place.glob("[0-9]/*.bin"))
        for file in files:
            if not file.stem.isdecimal():
                raise InvalidValue(f"file {file}: name", file.name, "NUMBER.bin, as 00002.bin")
        files.sort(key=lambda path: (path.stem.zfill(9), path.parent.name))
        if not files:
            raise InvalidValue(f"data nmnist: files in {place}", 0, "recordings 0/*.bin .. 9/*.bin")
        key = {"frames": frames.key(), "part": place.name, "source": sources(files)}
        parts.append(FileSet(held[place.name], key, partial(_read_all, place, files, frames, progress)))
    return load_splits(
        "nmnist", names, parts, frames.shape, n_classes=10, validation=last_sixth, cache=cache, polarity=frames.planes
    )


def read_nmnist(path: str | Path) -> Recording:
    """Return the events of a recording.

    Raises
    ------
    InvalidValue
        If the file cannot be read, is cut off or has an event outside the sensor.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.nmnist import read_nmnist
    >>> _ = Path("00001.bin").write_bytes(bytes([3, 5, 128, 0, 250]))  # x, y, ON and 23 bits of microseconds
    >>> recording = read_nmnist("00001.bin")
    >>> recording.x, recording.y, recording.on, recording.time
    (array([3]), array([5]), array([ True]), array([250]))
    """
    content = read_bytes(path, "a recording of N-MNIST")
    if len(content) % 5:
        raise InvalidValue(f"file {path}: bytes", len(content), "a multiple of 5 (is it cut off?)")
    x, y, high, middle, low = np.frombuffer(content, np.uint8).reshape(-1, 5).T.astype(np.int64)
    later = y == _OVERFLOW_ROW
    time = ((high & 0x7F) << 16 | middle << 8 | low) + _OVERFLOW_US * np.cumsum(later)
    events = Recording(time[~later], x[~later], y[~later], (high >> 7 == 1)[~later])
    check_sensor(f"file {path}", events.x, events.y, _SENSOR)
    return events


def _read_all(
    place: Path, files: list[Path], frames: Frames, progress: Progress | None
) -> tuple[SpikeBatch, NDArray[np.int64], NDArray[np.int64]]:
    parts, outside = [], Outside(frames, f"nmnist, {place}")
    for first in range(0, len(files), _CHUNK):
        parts.append(frames.encode([read_nmnist(path) for path in files[first : first + _CHUNK]], outside))
        if progress:
            progress(min(first + _CHUNK, len(files)), len(files))
    outside.report()
    return SpikeBatch.concatenate(parts), np.array([int(f.parent.name) for f in files]), np.arange(len(files))
