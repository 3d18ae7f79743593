"""A user's own data: a folder of events, a function of a module, a Dataset or DataLoader of torch.

:data:`HELP` shows the format of a folder, and :func:`write_example` writes a small one. In Python::

    data = from_samples(dataset)                                        # of (spikes (C, T), label)
    data = from_samples(tonic_dataset, window_ms=10.0, steps=30)        # of (events, label), as tonic's are
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.data import SpikeDataset
from lava_async.data.cache import sources
from lava_async.data.files import FileSet, Progress, load_splits
from lava_async.data.folders import Folder, read_events
from lava_async.data.frames import UNITS, Frames, Outside, Recording, check_sensor, on_events
from lava_async.errors import InvalidType, InvalidValue, nearest, not_among
from lava_async.forms import class_labels, plain
from lava_async.records import check_int
from lava_async.spikes import SpikeBatch, SpikeTrain

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
            recording = _recording(f"file {path}", read_events(path), UNITS[time])
            check_sensor(f"file {path}", recording.x, recording.y, frames.size)
            recordings.append(recording)
        parts.append(frames.encode(recordings, outside))
        if progress:
            progress(min(first + _CHUNK, len(files)), len(files))
    outside.report()
    return SpikeBatch.concatenate(parts), np.array([label for _, label in files]), np.arange(len(files))


def _recording(where: str, columns: Mapping[str, Any], per_second: int) -> Recording:
    """Return events from their columns t, x and, if there are any, y and p."""
    t, x = (np.asarray(plain(f"{where}: {name}", columns[name])) for name in ("t", "x"))
    y = np.asarray(columns["y"]) if "y" in columns else np.zeros(len(x), np.int64)
    p = on_events(f"{where}: p", columns["p"]) if "p" in columns else np.ones(len(x), bool)
    if t.ndim != 1 or not t.shape == x.shape == y.shape == p.shape:
        raise InvalidValue(f"{where}: lengths of t, x, y, p", [a.shape for a in (t, x, y, p)], "the same, (E,)")
    return Recording(t, x, y, p, per_second)


def from_events(
    samples: Iterable[Any],
    labels: ArrayLike,
    *,
    size: tuple[int, int],
    window_ms: float,
    steps: int,
    time: str = "us",
    reduce: int = 1,
    polarity: str = "both",
    max_count: int | None = None,
    late: str = "error",
    n_classes: int | None = None,
    name: str = "events",
) -> SpikeDataset:
    """Return a data set of recorded events.

    Parameters
    ----------
    samples : B structured arrays or mappings
        Events, with the fields t, x and, if there are any, y and p, as tonic gives them.
    labels : (B,) classes
        As in :func:`lava_async.forms.class_labels`.
    size : (height, width)
        Of the sensor; (1, channels) of events without y.
    window_ms, steps, reduce, polarity, max_count, late
        As in :class:`~lava_async.data.frames.Frames`.
    time : {"us", "ms", "s", "ns"}
        Unit of t; tonic's is microseconds.
    n_classes : int, optional
        Default: the largest label and 1.
    name : str
        For reports and errors.

    Returns
    -------
    SpikeDataset

    Raises
    ------
    InvalidType, InvalidValue
        If an argument is not as above, or events lie outside the sensor or the time steps.

    Examples
    --------
    >>> events = np.array([(0, 1, 500, 1), (1, 1, 12_000, 0)], [(field, int) for field in ("x", "y", "t", "p")])
    >>> data = from_events([events], [0], size=(2, 2), window_ms=10.0, steps=2)
    >>> data.dense().nonzero()
    (array([0, 0]), array([2, 7]), array([0, 1]))
    """
    frames = Frames(size, window_ms, steps, reduce, polarity, max_count, name, late)
    if time not in UNITS:
        raise not_among(f"{name}: time", time, UNITS)
    recordings = [
        _recording(f"{name}: sample {b}", _columns(f"{name}: sample {b}", sample), UNITS[time])
        for b, sample in enumerate(samples)
    ]
    classes = class_labels(f"{name}: labels", labels, n_classes)
    encoded = frames.encode(recordings)
    return SpikeDataset(
        encoded, classes, frames.shape, name, n_classes or int(classes.max(initial=0)) + 1, frames.planes
    )


def _columns(where: str, sample: Any) -> dict[str, Any]:
    names = sample.dtype.names if isinstance(sample, np.ndarray) else sample if isinstance(sample, Mapping) else None
    if names is None or not {"t", "x"} <= set(names):
        raise InvalidType(where, sample, "a structured array or mapping with the fields t, x and, if any, y and p")
    return {field: sample[field] for field in ("t", "x", "y", "p") if field in names}


def from_samples(
    data: Any,
    *,
    axes: str | None = None,
    size: tuple[int, int] | None = None,
    window_ms: float | None = None,
    steps: int | None = None,
    time: str = "us",
    polarity: str | None = None,
    n_classes: int | None = None,
    name: str = "samples",
    **how: Any,
) -> SpikeDataset:
    """Return a data set of what others hold: a Dataset or DataLoader of torch, of tonic, or (spikes, labels).

    All samples are read once, in the order in which they come, and kept as lists of events: what a transform draws, or
    a DataLoader that shuffles, is drawn once.

    Parameters
    ----------
    data : Dataset, DataLoader, or (spikes, labels)
        Of pairs (sample, label), or of batches of them. A sample is (C, T) spike counts in any form, a SpikeTrain,
        an array of more axes (see `axes`), or events with fields, as tonic gives them.
    axes : {"CHWT", "TPHW"}, optional
        Of samples of three or four axes: time last, as in slayer, or first, as tonic's ToFrame makes them.
    size, window_ms, steps, time
        Of events with fields, as in :func:`from_events`; `size` is known of data sets of tonic.
    polarity : str, optional
        Of events with fields: as in :func:`from_events`. Of frames: the order in which they are, for
        :attr:`SpikeDataset.polarity <lava_async.data.SpikeDataset>`; "TPHW" means "off_on".
    n_classes, name
        As in :func:`from_events`.
    **how
        The other arguments of :func:`from_events`, for events with fields.

    Returns
    -------
    SpikeDataset

    Raises
    ------
    InvalidType, InvalidValue
        If these are no such samples, or something must be said that is not.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.own import from_samples
    >>> samples = [(np.eye(4, dtype=int), 0), (np.zeros((4, 4), int), 2)]
    >>> data = from_samples(samples)
    >>> data.spikes.shape, data.labels, data.n_classes
    ((2, 4, 4), array([0, 2]), 3)
    """
    if isinstance(data, SpikeDataset):
        return data
    if axes not in (None, "CHWT", "TPHW"):
        raise InvalidValue("from_samples.axes", axes, "CHWT, time last, or TPHW, time first")
    if hasattr(data, "spikes") and hasattr(data, "labels"):
        data = data.spikes, data.labels
    pairs = pairs_of(name, data)
    try:
        first, label = next(pairs)
    except StopIteration:
        raise InvalidValue(f"{name}: number of samples", 0, "at least 1") from None
    everything = _chain((first, label), pairs)
    if _has_fields(first):
        known = getattr(data, "sensor_size", None)
        if size is None and known is not None:
            size = (int(known[1]), int(known[0]))
        for field, value in (("size", size), ("window_ms", window_ms), ("steps", steps)):
            if value is None:
                raise InvalidValue(
                    f"{name}: {field}", None, "given to lava_async.data.own.from_samples: these are events with times"
                )
        assert size is not None
        assert window_ms is not None
        assert steps is not None
        samples, labels = zip(*everything, strict=True)
        planes = polarity or ("merged" if known is not None and known[2] == 1 else "both")
        return from_events(
            samples,
            np.array(labels),
            size=size,
            window_ms=window_ms,
            steps=steps,
            time=time,
            polarity=planes,
            n_classes=n_classes,
            name=name,
            **how,
        )
    if how:
        raise InvalidType(f"{name}: {', '.join(how)}", list(how.values()), "left out: these samples are no events")
    batches: list[SpikeBatch] = []
    classes: list[NDArray[Any]] = []
    shape = None
    for sample, label in everything:
        where, given = f"{name}: sample {len(classes)}", np.asarray(plain(f"{name}: labels", label))
        batch, shape = _batch(where, sample, given.shape, axes)
        if batches and (batch.n_channels, batch.n_steps) != (batches[0].n_channels, batches[0].n_steps):
            allowed = f"{(batches[0].n_channels, batches[0].n_steps)}, as of the samples before: pad it, or cut it"
            raise InvalidValue(f"{where}: (C, T)", (batch.n_channels, batch.n_steps), allowed)
        batches.append(batch)
        classes.append(np.atleast_1d(given))
    counts = SpikeBatch.concatenate(batches)
    found = class_labels(f"{name}: labels", _joined(classes, len(counts)), n_classes)
    whole = shape if shape is not None and int(np.prod(shape)) == counts.n_channels else (1, 1, counts.n_channels)
    if polarity is None and axes == "TPHW" and whole[0] == 2:
        polarity = "off_on"
    return SpikeDataset(counts, found, whole, name, n_classes or int(found.max(initial=0)) + 1, polarity)


def labelled(data: object) -> Any:
    """Return what training and evaluation read: `data` itself if it has spikes and labels, else a data set of it.

    Parameters
    ----------
    data : LabelledSpikes, or as in :func:`from_samples`
        Samples.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.own import labelled
    >>> labelled((np.zeros((2, 4, 5), int), [0, 1])).labels
    array([0, 1])
    """
    if data is None:
        return data
    if not (hasattr(data, "spikes") and hasattr(data, "labels")):
        return from_samples(data)
    # What takes an array of indices stays, as it may read samples when they are asked for.
    spikes = data.spikes
    if not isinstance(spikes, (list, tuple)) and not _is_sparse(spikes):
        return data
    counts = SpikeBatch.of(spikes)
    classes = class_labels("labels", data.labels)
    return SpikeDataset(
        counts,
        classes,
        (1, 1, counts.n_channels),
        "samples",
        int(classes.max(initial=0)) + 1,
        getattr(data, "polarity", None),
    )


def _is_sparse(spikes: Any) -> bool:
    """Tell whether these are a sparse tensor of torch, which cannot be indexed by an array."""
    return str(getattr(spikes, "layout", "torch.strided")) != "torch.strided"


def pairs_of(name: str, data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (sample, label) or (batch, labels).

    Raises
    ------
    InvalidType
        If it is not a sequence or an iterable of pairs, naming the item.

    Examples
    --------
    >>> from lava_async.data.own import pairs_of
    >>> [label for sample, label in pairs_of("toy", [([[1]], 0), ([[0]], 1)])]
    [0, 1]
    """
    if isinstance(data, tuple) and len(data) == 2 and all(map(_is_long, data)) and not _has_fields(data[0]):
        if len(data[0]) != len(data[1]):
            raise InvalidValue(f"{name}: number of labels", len(data[1]), f"{len(data[0])}, one per sample")
        yield from zip(data[0], data[1], strict=True)
        return
    if not isinstance(data, Iterable) and not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        raise InvalidType(name, data, "pairs of spikes and labels: a Dataset or DataLoader of torch, or a data set")
    by_number = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    items: Iterable[Any] = (data[i] for i in range(len(data))) if by_number else data
    for number, item in enumerate(_joinable(name, items)):
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise InvalidType(f"{name}: item {number}", type(item).__name__, "a pair: spikes, label")
        if isinstance(item[0], (tuple, list)) and item[0] and _has_fields(item[0][0]):  # a batch of lists of events
            yield from pairs_of(f"{name}: item {number}", (item[0], item[1]))
        else:
            yield item[0], item[1]


def _joinable(name: str, items: Iterable[Any]) -> Iterator[Any]:
    """Yield items; a DataLoader that cannot put lists of events together says so in terms of its memory."""
    try:
        yield from items
    except TypeError as error:
        if "numpy.void" not in str(error):
            raise
        allowed = "the Dataset itself: torch's DataLoader cannot put lists of events together"
        raise InvalidType(name, "a DataLoader of events with fields", allowed) from None


def _chain(first: tuple[Any, Any], rest: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    yield first
    yield from rest


def _is_long(value: object) -> bool:
    """Tell whether something has a length; numbers as arrays without axes only claim so."""
    return hasattr(value, "__len__") and getattr(value, "shape", None) != ()


def _has_fields(sample: Any) -> bool:
    return isinstance(sample, Mapping) or (isinstance(sample, np.ndarray) and sample.dtype.names is not None)


def _joined(classes: list[NDArray[Any]], n: int) -> NDArray[Any]:
    """Return the labels of all batches; one-hot rows of single samples lie in rows."""
    if len(classes) == n and all(each.ndim == 1 for each in classes):
        return np.stack(classes)
    return np.concatenate(classes)


def _batch(
    where: str, sample: Any, of_labels: tuple[int, ...], axes: str | None
) -> tuple[SpikeBatch, tuple[int, int, int] | None]:
    """Return a sample, or a batch of them, as a batch, and the shape of the sensor if it is known."""
    if isinstance(sample, SpikeTrain):
        return SpikeBatch.of([sample]), None
    if isinstance(sample, SpikeBatch):
        return sample, None
    array = np.asarray(plain(where, sample))
    batched = len(of_labels) > 0 and array.ndim in (3, 5)
    if batched and len(array) != of_labels[0]:
        allowed = f"{of_labels[0]}, one per label; tonic's PadTensors gives samples first with batch_first=True"
        raise InvalidValue(f"{where}: samples of the batch", len(array), allowed)
    if not batched:
        array = array[None]
    if array.ndim == 3:
        return SpikeBatch.from_dense(array), None
    if array.ndim not in (4, 5) or axes is None:
        allowed = "(C, T), time last; of more axes say axes='CHWT', time last, or axes='TPHW', time first (tonic)"
        raise InvalidValue(f"{where}: shape", array.shape[0 if batched else 1 :], f"{allowed}, to from_samples")
    if axes == "TPHW":
        array = np.moveaxis(array, 1, -1)
    planes = (1,) * (5 - array.ndim) + array.shape[1:-1]
    return SpikeBatch.from_dense(array.reshape(len(array), -1, array.shape[-1])), (planes[0], planes[1], planes[2])


def entry_point(name: str) -> Any:
    """Return the function that ``package.module:function`` names; modules in the folder of the command count, too.

    Parameters
    ----------
    name : str
        As above. The function takes `split`, and its other arguments as options, and returns anything that
        :func:`from_samples` takes.

    Raises
    ------
    InvalidValue
        If there is no such module or function, or it takes no `split`.

    Examples
    --------
    >>> from lava_async.data.own import entry_point
    >>> entry_point("lava_async.data.digits:digits").__name__
    'digits'
    """
    module, _, attribute = name.partition(":")
    there: list[str] = []
    sys.path.insert(0, "")
    try:
        there = list(vars(imported := import_module(module)))
        found = getattr(imported, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        allowed = "package.module:function, in a package that is installed or in this folder"
        raise InvalidValue("data.name", name, f"{allowed} ({error}){nearest(attribute, there)}") from None
    finally:
        sys.path.remove("")
    if not callable(found) or "split" not in signature(found).parameters:
        raise InvalidValue("data.name", name, "a function with the argument split, which is 'train', 'test' ...")
    return found


def of_entry_point(name: str, split: str, **options: object) -> SpikeDataset:
    """Return what the function of an entry point gives for a split, whose names are joined by "+".

    Examples
    --------
    >>> from lava_async.data.own import of_entry_point
    >>> of_entry_point("lava_async.data.digits:digits", "validation", polarity="off_on").polarity
    'off_on'
    """
    function = entry_point(name)
    parts = [from_samples(function(split=each, **options), name=f"{name} {each}") for each in split.split("+")]
    if len(parts) == 1:
        return parts[0]
    shapes = {part.shape for part in parts}
    if len(shapes) != 1:
        raise InvalidValue(f"{name}: shape", sorted(shapes), "the same of all splits")
    batch = SpikeBatch.concatenate([part.events for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    classes = check_int("n_classes", max(part.n_classes for part in parts))
    return SpikeDataset(batch, labels, parts[0].shape, f"{name} {split}", classes, parts[0].polarity)
