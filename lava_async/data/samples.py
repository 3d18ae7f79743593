"""What others hold as a data set: a Dataset or DataLoader of torch, of tonic, or (spikes, labels)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset
from lava_async.data.recorded import EventOptions, from_events, has_fields
from lava_async.errors import InvalidType, InvalidValue
from lava_async.forms import class_labels, plain
from lava_async.spikes import SpikeBatch, Spikes, SpikeTrain

if TYPE_CHECKING:
    from typing_extensions import Unpack


class IndexedSpikes(Protocol):
    """(B, C, T) spike counts, or what gives them for an array of indices: an array, a SpikeBatch, a reader.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.spikes import SpikeBatch
    >>> for spikes in (np.zeros((3, 2, 4), int), SpikeBatch.of(np.zeros((3, 2, 4), int))):
    ...     len(spikes), spikes[np.array([2, 0])].shape
    ...
    (3, (2, 2, 4))
    (3, (2, 2, 4))
    """

    def __len__(self) -> int:
        """Return the number of samples B."""

    def __getitem__(self, samples: NDArray[np.int64], /) -> Spikes:
        """Return the spikes of some samples."""


class LabelledSpikes(Protocol):
    """What is learned from; :class:`lava_async.data.SpikeDataset` is such.

    Examples
    --------
    >>> from lava_async.data.digits import digits
    >>> data = digits("test")
    >>> data.spikes.shape, data.labels.shape
    ((355, 200, 10), (355,))
    """

    @property
    def spikes(self) -> IndexedSpikes:
        """(B, C, T) spike counts, or what gives them, or a SpikeBatch, for an array of indices."""

    @property
    def labels(self) -> NDArray[Any] | Sequence[Any]:
        """(B,) classes, numbers of output neurons; or what else the loss compares the output with, (B, ...) numbers."""


def from_samples(
    data: object,
    *,
    axes: str | None = None,
    size: tuple[int, int] | None = None,
    window_ms: float | None = None,
    steps: int | None = None,
    time: str = "us",
    polarity: str | None = None,
    n_classes: int | None = None,
    name: str = "samples",
    **how: Unpack[EventOptions],
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
    if has_fields(first):
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


def labelled(data: object) -> LabelledSpikes:
    """Return what training and evaluation read: `data` itself if it has spikes and labels, else a data set of it.

    Parameters
    ----------
    data : LabelledSpikes, or as in :func:`from_samples`
        Samples.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.samples import labelled
    >>> labelled((np.zeros((2, 4, 5), int), [0, 1])).labels
    array([0, 1])
    """
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


def pairs_of(name: str, data: object) -> Iterator[tuple[object, object]]:
    """Yield (sample, label) or (batch, labels).

    Raises
    ------
    InvalidType
        If it is not a sequence or an iterable of pairs, naming the item.

    Examples
    --------
    >>> from lava_async.data.samples import pairs_of
    >>> [label for sample, label in pairs_of("toy", [([[1]], 0), ([[0]], 1)])]
    [0, 1]
    """
    if isinstance(data, tuple) and len(data) == 2 and all(map(_is_long, data)) and not has_fields(data[0]):
        if len(data[0]) != len(data[1]):
            raise InvalidValue(f"{name}: number of labels", len(data[1]), f"{len(data[0])}, one per sample")
        yield from zip(data[0], data[1], strict=True)
        return
    if hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        items: Iterable[Any] = (data[i] for i in range(len(data)))
    elif isinstance(data, Iterable):
        items = data
    else:
        raise InvalidType(name, data, "pairs of spikes and labels: a Dataset or DataLoader of torch, or a data set")
    for number, item in enumerate(_joinable(name, items)):
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise InvalidType(f"{name}: item {number}", type(item).__name__, "a pair: spikes, label")
        if isinstance(item[0], (tuple, list)) and item[0] and has_fields(item[0][0]):  # a batch of lists of events
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
