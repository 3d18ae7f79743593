"""Data sets in parts: files that hold one split each, or training and validation samples together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.data import SpikeDataset, held_out
from lava_async.data.cache import cached_events
from lava_async.errors import InvalidValue
from lava_async.records import check_range
from lava_async.spikes import SpikeBatch

__all__ = ["EmptySplit", "FileSet", "chosen", "last_sixth", "load_splits"]

#: Events, labels (B,) and groups (B,), as of :func:`lava_async.data.cache.cached_events`.
Samples = tuple[SpikeBatch, NDArray[Any], NDArray[Any]]
Progress = Callable[[int, int], None]


class EmptySplit(InvalidValue):
    """A split of a data set that is there has no samples; parameters as in :class:`~lava_async.errors.InvalidValue`."""


class FileSet(NamedTuple):
    """Files of a data set that are read together.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.files import FileSet
    >>> from lava_async.spikes import SpikeBatch
    >>> def read():
    ...     return SpikeBatch.of(np.ones((2, 4, 5), np.uint8)), np.array([0, 1]), np.array([0, 1])
    ...
    >>> FileSet(("test",), {"steps": 5}, read).read()[0].shape
    (2, 4, 5)
    """

    splits: tuple[str, ...]
    """The splits in them."""
    key: dict[str, Any]
    """All that what is read depends on."""
    read: Callable[[], Samples]
    """Reads or encodes them; called if the cache has no such part."""


def last_sixth(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which samples of a training file are for validation: the last sixth, as 10,000 of MNIST's 60,000.

    Parameters
    ----------
    numbers : (B,) int64
        Numbers of the samples.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.files import last_sixth
    >>> last_sixth(np.arange(12))
    array([False, False, False, False, False, False, False, False, False,
           False,  True,  True])
    """
    return np.arange(len(numbers)) >= len(numbers) - len(numbers) // 6


def chosen(
    held: tuple[str, ...],
    names: tuple[str, ...],
    groups: NDArray[np.int64],
    validation: Callable[[NDArray[np.int64]], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Return which samples of a part that holds some splits are of those that are wanted.

    Parameters
    ----------
    held, names : tuple of str
        Splits in the part, one or train and validation, and those that are wanted.
    groups : (B,) int64
        Groups of its samples.
    validation : function
        As in :func:`load_splits`.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.files import chosen, last_sixth
    >>> numbers = np.arange(6)
    >>> chosen(("train", "validation"), ("train",), numbers, last_sixth)
    array([ True,  True,  True,  True,  True, False])
    """
    if set(held) <= set(names):
        return np.full(len(groups), True)
    return validation(groups) == ("validation" in names)


def load_splits(
    name: str,
    names: tuple[str, ...],
    parts: Iterable[FileSet],
    shape: tuple[int, int, int],
    *,
    n_classes: int,
    validation: Callable[[NDArray[np.int64]], NDArray[np.bool_]] = held_out,
    cache: str | Path | bool | None = None,
    polarity: str | None = None,
) -> SpikeDataset:
    """Return splits of a data set, part after part.

    Parameters
    ----------
    name : str
        Of the data set.
    names : tuple of str
        Splits that are wanted.
    parts : list of FileSet
        Those that have samples of these splits.
    shape, n_classes
        As in :class:`~lava_async.data.SpikeDataset`.
    validation : function
        Says by their groups which samples of a part with two splits are for validation.
    cache : path or bool, optional
        As in :func:`~lava_async.data.cache.cached_events`.
    polarity : str, optional
        As in :class:`~lava_async.data.SpikeDataset`.

    Raises
    ------
    InvalidValue
        If a label is out of range, or these splits have no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.spikes import SpikeBatch
    >>> from lava_async.data.files import FileSet, load_splits
    >>> def read():
    ...     return SpikeBatch.of(np.ones((2, 4, 5), np.uint8)), np.array([0, 1]), np.array([0, 1])
    ...
    >>> data = load_splits("toy", ("test",), [FileSet(("test",), {}, read)], (1, 2, 2), n_classes=2, cache=False)
    >>> data.name, data.spikes.shape
    ('toy test', (2, 4, 5))
    """
    events, labels, n_groups = [], [], 0
    for part in parts:
        batch, classes, groups = cached_events(name, part.key, part.read, cache)
        check_range(f"{name}, {'+'.join(part.splits)}: labels", classes, 0, n_classes - 1)
        mine = chosen(part.splits, names, groups, validation)
        if not mine.all():
            batch, classes = batch[mine], classes[mine]
        events.append(batch)
        labels.append(classes)
        n_groups += len(np.unique(groups))
    split = "+".join(names)
    if not sum(map(len, labels)):
        allowed = f"at least 1: the files hold {n_groups} groups (as speakers or users), which are not torn apart; "
        remedy = "in a config, validation = 0.2 in the table data takes a part of the training samples instead"
        raise EmptySplit(f"data {name}: samples of {split}", 0, allowed + remedy)
    everything = events[0] if len(events) == 1 else SpikeBatch.concatenate(events)
    return SpikeDataset(everything, np.concatenate(labels), shape, f"{name} {split}", n_classes, polarity)
