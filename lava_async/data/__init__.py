"""Labelled spikes: one noun for all data sets, and the names of their splits.

Every reader in this folder returns a :class:`SpikeDataset`. How to add a data set: a module with one function
``name(split, *, ...) -> SpikeDataset`` whose splits are those of :data:`SPLITS`, and a line in
:mod:`lava_async.data.registry`; still images become spikes with :mod:`lava_async.data.encoders`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidValue, nearest
from lava_async.forms import class_labels
from lava_async.records import ArrayRecord, check_int, check_range, integer_array
from lava_async.renamed import renamed
from lava_async.spikes import SpikeBatch, SpikeTrain, dense_counts

__all__ = ["SPLITS", "SpikeDataset", "held_out", "split_names"]

#: Parts of a data set. Settings are chosen on `validation`; `test` is for final numbers only.
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class SpikeDataset(ArrayRecord):
    """Spike counts of B labelled samples over T time steps.

    Parameters
    ----------
    spikes : (B, C, T) uint8 or SpikeBatch
        Spikes of each channel in each time step, time last, as an array or as a list of events. Channels are
        polarity-major, as slayer flattens (C, H, W): channel = polarity * height * width + y * width + x. Either form
        may be indexed by sample, and what comes out goes into :func:`lava_async.simulate_batch` and training. Any other
        form of spike counts becomes one of these two.
    labels : (B,) int64
        Class of each sample, 0 .. n_classes - 1; any form that :func:`lava_async.forms.class_labels` takes.
    shape : (polarity, height, width)
        Shape of the sensor; its product is C.
    name : str
        Data set and split, for reports.
    n_classes : int
        Classes of the whole data set; a subset need not contain all of them.
    polarity : {"on_off", "off_on"}, optional
        Of two polarities: whether 0 is ON (brighter) and 1 is OFF (darker), as in all data sets of this package by
        default, or the other way round. None: not known, or one polarity.

    Raises
    ------
    InvalidType
        If `spikes` are no spike counts, or `labels` no classes.
    InvalidValue
        If the shapes do not fit together, or a count or label is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data import SpikeDataset
    >>> spikes = np.zeros((3, 8, 5), np.uint8)
    >>> data = SpikeDataset(spikes, labels=[0, 1, 1], shape=(2, 2, 2), name="toy, train", n_classes=2)
    >>> data.n_channels, data.n_steps, data.subset([2, 0]).labels
    (8, 5, array([1, 0]))
    """

    spikes: NDArray[np.uint8] | SpikeBatch
    labels: NDArray[np.int64]
    shape: tuple[int, int, int]
    name: str
    n_classes: int = 10
    polarity: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "spikes", _counts(self.spikes))
        n_classes = check_int("SpikeDataset.n_classes", self.n_classes, least=1)
        object.__setattr__(self, "labels", class_labels("SpikeDataset.labels", self.labels, n_classes))
        if len(self.labels) != len(self.spikes):
            raise InvalidValue("SpikeDataset: number of labels", len(self.labels), f"{len(self.spikes)} as of spikes")
        if len(self.shape) != 3 or min(self.shape) < 1 or np.prod(self.shape) != self.n_channels:
            product = f"(polarity, height, width) with product {self.n_channels}, the number of channels"
            raise InvalidValue("SpikeDataset.shape", self.shape, product)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_channels(self) -> int:
        """Number of input channels C."""
        return self.spikes.shape[1]

    @property
    def n_steps(self) -> int:
        """Number of time steps T."""
        return self.spikes.shape[2]

    @property
    def events(self) -> SpikeBatch:
        """The spikes as a list of events."""
        return SpikeBatch.of(self.spikes)

    def dense(self) -> NDArray[np.uint8]:
        """Return the spikes as an array of shape (B, C, T); one byte per sample, channel and time step."""
        return self.spikes if isinstance(self.spikes, np.ndarray) else self.spikes.to_dense()

    def subset(self, indices: ArrayLike) -> SpikeDataset:
        """Return the samples `indices` (integers in 0 .. B - 1, in the given order) as a data set of the same name.

        Raises
        ------
        InvalidType
            If `indices` are no integers.
        InvalidValue
            If `indices` have more than one axis or are out of range.
        """
        chosen = integer_array("SpikeDataset.subset: indices", indices)
        if chosen.ndim != 1:
            raise InvalidValue("SpikeDataset.subset: indices.shape", chosen.shape, "(number of samples,)")
        check_range("SpikeDataset.subset: indices", chosen, 0, len(self) - 1)
        return replace(self, spikes=self.spikes[chosen], labels=self.labels[chosen])


def _counts(spikes: Any) -> NDArray[np.uint8] | SpikeBatch:
    """Return spikes in one of the two forms that data sets hold."""
    if isinstance(spikes, np.ndarray) and spikes.dtype == np.uint8 and spikes.ndim == 3:
        return spikes
    if isinstance(spikes, SpikeBatch) or (
        isinstance(spikes, (list, tuple)) and any(isinstance(train, SpikeTrain) for train in spikes)
    ):
        return SpikeBatch.of(spikes)
    dense = dense_counts("SpikeDataset.spikes", spikes, "(B, C, T)")
    if dense.max(initial=0) <= np.iinfo(np.uint8).max:
        return dense.astype(np.uint8)
    return SpikeBatch.from_dense(dense)


def split_names(where: str, split: str) -> tuple[str, ...]:
    """Return the names of :data:`SPLITS` in `split`, one or several joined by "+", in the order of SPLITS.

    Raises
    ------
    InvalidValue
        If a name is unknown or stands twice; the message begins with `where`.

    Examples
    --------
    >>> from lava_async.data import split_names
    >>> split_names("example", "validation+train")
    ('train', 'validation')
    """
    names = split.split("+") if isinstance(split, str) else []
    if not names or len(set(names)) < len(names) or not set(names) <= set(SPLITS):
        meant = "".join(nearest(name, SPLITS) for name in names if name not in SPLITS)
        raise InvalidValue(where, split, " or ".join(map(repr, SPLITS)) + f", or several of them joined by '+'{meant}")
    return tuple(name for name in SPLITS if name in names)


def held_out(groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which samples of a training file are kept back for validation: all of a fifth of the groups.

    Groups (speakers, users) are not torn apart, since those of the test file are others as well. Which fifth, at least
    one group of several, is drawn once and for all: the first of ``default_rng(0).permutation(sorted groups)``.

    Parameters
    ----------
    groups : (B,) int64
        The group of each sample.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data import held_out
    >>> speakers = np.array([0, 0, 1, 2, 3, 4, 4])
    >>> held_out(speakers)
    array([False, False, False,  True, False, False, False])
    """
    names = np.unique(groups)
    n = 0 if len(names) < 2 else max(1, round(len(names) / 5))
    return np.isin(groups, np.random.default_rng(0).permutation(names)[:n])


__getattr__ = renamed(__name__, {"EventBatch": SpikeBatch}, globals())
