"""A user's own data: a folder of events, a function of a module, a Dataset or DataLoader of torch.

:data:`HELP` shows the format of a folder, and :func:`write_example` writes a small one. In Python::

    data = from_samples(dataset)                                        # of (spikes (C, T), label)
    data = from_samples(tonic_dataset, window_ms=10.0, steps=30)        # of (events, label), as tonic's are
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset
from lava_async.data.cache import sources
from lava_async.data.entry_points import entry_point
from lava_async.data.files import FileSet, Progress, load_splits
from lava_async.data.folders import Folder, read_events
from lava_async.data.frames import Frames, Outside, check_sensor
from lava_async.data.recorded import from_events, recording
from lava_async.data.samples import from_samples, labelled, pairs_of
from lava_async.data.times import UNITS
from lava_async.spikes import SpikeBatch

__all__ = ["entry_point", "events", "from_events", "from_samples", "labelled", "pairs_of"]

#: Recordings that are read at once.
_CHUNK = 200


def events(
    split: str,
    *,
    folder: str | Path | None = None,
    size: list[int] | None = None,
    window_ms: float | None = None,
    steps: int | None = None,
    time: str | None = None,
    classes: list[str] | None = None,
    reduce: int = 1,
    polarity: str = "both",
    max_count: int | None = None,
    late: str = "error",
    cache: str | bool | None = None,
    progress: Progress | None = None,
) -> SpikeDataset:
    r"""Return a user's own events, from a folder with a folder per split and class: ``train/left/07.csv``.

    ``lava-async data example FOLDER`` writes a small one. What the options do not say, the file ``data.toml`` in the
    folder says, by the same names. Without a folder ``validation``, every sixth file of each class of ``train``, in the
    order of names, is for validation.

    Parameters
    ----------
    split, cache, progress
        As in :func:`~lava_async.data.registry.load`, for every data set.
    folder : path
        Where the folders ``train``, ``validation`` and ``test`` are.
    size : [height, width], or [channels]
        Of the sensor.
    window_ms, reduce, polarity, max_count, late
        As in :class:`~lava_async.data.frames.Frames`. With events that have no polarity, "both" is "merged".
    steps : int
        Number of time steps T.
    time : {"us", "ms", "s", "ns"}
        Unit of the times in the files; default: microseconds.
    classes : list of str
        Names of the folders of the classes, in the order of their numbers; default: those in ``train``, sorted.

    Returns
    -------
    SpikeDataset
        Of events; shape (polarity, height, width) // reduce.

    Raises
    ------
    InvalidType, InvalidValue
        If a file is damaged, lacks a column or has events outside the sensor or the time steps, naming it; if something
        that must be said is not, with what would hold all events.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.own import events
    >>> for name, row in [("left", "0,1"), ("right", "12000,0")]:
    ...     Path("my_data/train", name).mkdir(parents=True)
    ...     _ = Path("my_data/train", name, "0.csv").write_text(f"t,x\n{row}\n")
    ...
    >>> data = events("train", folder="my_data", size=[2], window_ms=10.0, steps=2, cache=False)
    >>> data.spikes.shape, data.labels, data.dense().nonzero()
    ((2, 2, 2), array([0, 1]), (array([0, 1]), array([1, 0]), array([0, 1])))
    """
    own = Folder.open(split, folder, size=size, window_ms=window_ms, steps=steps, time=time, classes=classes)
    merged = "merged" if polarity == "both" and not own.has_polarity else polarity
    frames = Frames(own.size, own.window_ms, own.steps, reduce, merged, max_count, f"events, {own.path}", late)
    parts = []
    for name in own.splits:
        files = own.files(name)
        key = {
            "frames": frames.key(),
            "time": own.time,
            "split": name,
            "source": sources([f for f, _ in files]),
            "folder": str(own.path.resolve()),
            "labels": [label for _, label in files],
        }
        parts.append(FileSet((name,), key, partial(_read_all, files, own.time, frames, progress)))
    return load_splits(
        "events", own.splits, parts, frames.shape, n_classes=len(own.classes), cache=cache, polarity=frames.planes
    )


def _read_all(
    files: list[tuple[Path, int]], time: str, frames: Frames, progress: Progress | None
) -> tuple[SpikeBatch, NDArray[np.int64], NDArray[np.int64]]:
    parts, outside = [], Outside(frames, frames.name)
    for first in range(0, len(files), _CHUNK):
        recordings = []
        for path, _ in files[first : first + _CHUNK]:
            found = recording(f"file {path}", read_events(path), UNITS[time])
            check_sensor(f"file {path}", found.x, found.y, frames.size)
            recordings.append(found)
        parts.append(frames.encode(recordings, outside))
        if progress:
            progress(min(first + _CHUNK, len(files)), len(files))
    outside.report()
    return SpikeBatch.concatenate(parts), np.array([label for _, label in files]), np.arange(len(files))
