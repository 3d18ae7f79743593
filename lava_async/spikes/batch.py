"""The input spikes of B samples: a list of entries that need not become an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async import draws
from lava_async.errors import InvalidType, InvalidValue
from lava_async.records import array_of, check_int, check_range
from lava_async.spikes.counts import MAX_PAYLOAD, entries_of
from lava_async.spikes.entries import Entries
from lava_async.spikes.train import SpikeTrain


@dataclass(frozen=True, eq=False)
class SpikeBatch(Entries):
    """Input spikes of B samples of one shape, which can be indexed as an array (B, C, T) along its first axis.

    ``batch[3]`` is a SpikeTrain; ``batch[[5, 2]]``, ``batch[:100]`` and ``batch[mask]`` are SpikeBatches, which
    :func:`lava_async.simulate_batch` and training take. 8 bytes per entry.

    Parameters
    ----------
    channel, count : (E,) int32
        Channel and spikes of each entry, sorted by sample, time, channel, each triple once. Counts of graded input are
        as in :class:`SpikeTrain`.
    start : (B, T + 1) int64
        Entries ``start[b, t] .. start[b, t + 1]`` belong to sample b and time step t, and ``start[b, T]`` is
        ``start[b + 1, 0]``.
    n_channels : int
        Number of input channels C.

    Raises
    ------
    InvalidType, InvalidValue
        If a field is not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.spikes import SpikeBatch
    >>> batch = SpikeBatch.from_dense(np.eye(3, dtype=int)[None].repeat(2, axis=0))
    >>> batch.shape, batch.channel, batch[:1].shape
    ((2, 3, 3), array([0, 1, 2, 0, 1, 2], dtype=int32), (1, 3, 3))
    """

    def __post_init__(self) -> None:
        self.check(axes=2)

    def __len__(self) -> int:
        return len(self.start)

    def facts(self) -> dict[str, str]:
        """Return what is shown."""
        return {"samples": f"{len(self):,}", **super().facts()}

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, C, T)."""
        return len(self), self.n_channels, self.n_steps

    @overload
    def __getitem__(self, chosen: int) -> SpikeTrain: ...  # type: ignore[overload-overlap,unused-ignore]

    @overload
    def __getitem__(self, chosen: ArrayLike | slice | range) -> SpikeBatch: ...

    def __getitem__(self, chosen: Any) -> SpikeTrain | SpikeBatch:
        if isinstance(chosen, (int, np.integer)):
            first, last = self.start[chosen, 0], self.start[chosen, -1]
            part = slice(first, last)
            return SpikeTrain.trusted(self.channel[part], self.count[part], self.start[chosen] - first, self.n_channels)
        chosen = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        if isinstance(chosen, np.ndarray) and not chosen.size:
            chosen = chosen.astype(np.int64)
        indices = np.arange(len(self))[chosen]
        if indices.ndim != 1:
            raise InvalidValue("SpikeBatch: axes of the index", indices.ndim, "1, samples")
        if len(indices) and (np.diff(indices) == 1).all():
            return self._part(indices[0], indices[-1] + 1)
        first, sizes = self.start[indices, 0], self.start[indices, -1] - self.start[indices, 0]
        offset = np.cumsum(sizes) - sizes
        entries = np.repeat(first - offset, sizes) + np.arange(sizes.sum())
        start = self.start[indices] + (offset - first)[:, None]
        return self.trusted(self.channel[entries], self.count[entries], start, self.n_channels)

    def _part(self, first: int, last: int) -> SpikeBatch:
        """Return samples first .. last - 1, which share the memory of their entries with all."""
        start = self.start[first:last]
        entries = slice(start[0, 0], start[-1, -1])
        return self.trusted(self.channel[entries], self.count[entries], start - start[0, 0], self.n_channels)

    def to_dense(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Return the counts as an array of shape (B, C, T).

        Parameters
        ----------
        dtype : dtype, optional
            Of the array. Default: uint8 for counts, the type of `count` for graded input (signed or real).

        Raises
        ------
        InvalidValue
            If a count does not fit into `dtype`.
        """
        graded = self.count.dtype.kind == "f" or (self.count.size > 0 and self.count.min() < 0)
        dtype = np.dtype((self.count.dtype if graded else np.uint8) if dtype is None else dtype)
        if dtype.kind != "f":
            if self.count.dtype.kind == "f":
                raise InvalidValue(
                    "SpikeBatch.to_dense: dtype", dtype.name, "a floating type: the input is real numbers"
                )
            check_range("SpikeBatch.count", self.count, np.iinfo(dtype).min, np.iinfo(dtype).max)
        dense = np.zeros(self.shape, dtype)
        place = np.repeat(np.arange(len(self) * self.n_steps), np.diff(self.start, axis=1).ravel())
        dense[place // max(self.n_steps, 1), self.channel, place % max(self.n_steps, 1)] = self.count
        return dense

    def clipped(self, most: int | None) -> SpikeBatch:
        """Return the events with at most so many per channel and time step; None: all of them."""
        if most is None:
            return self
        most = check_int("max_count", most, least=1, most=MAX_PAYLOAD)
        return self.trusted(self.channel, np.minimum(self.count, most), self.start, self.n_channels)

    @classmethod
    def from_events(
        cls, sample: ArrayLike, step: ArrayLike, channel: ArrayLike, *, shape: tuple[int, int, int]
    ) -> SpikeBatch:
        """List single events, in any order; those of one sample, time step and channel add up.

        Parameters
        ----------
        sample, step, channel : (E,) integers
            Of each event.
        shape : (B, C, T)
            Samples, channels, time steps.

        Raises
        ------
        InvalidValue
            If a number is out of range.
        """
        n_samples, n_channels, n_steps = shape
        place: NDArray[Any] = np.zeros(np.shape(sample), np.int64)
        for name, value, size in (
            ("sample", sample, n_samples),
            ("step", step, n_steps),
            ("channel", channel, n_channels),
        ):
            array = array_of(f"SpikeBatch.{name}", value, "iu", "integers")
            if array.shape != place.shape or array.ndim != 1:
                raise InvalidValue(f"SpikeBatch.{name}.shape", array.shape, "(E,), one entry per event")
            check_range(f"SpikeBatch.{name}", array, 0, size - 1)
            place = place * size + array.astype(np.int64)
        place.sort()
        first = np.flatnonzero(np.diff(place, prepend=-1))
        counts = np.diff(first, append=len(place))
        check_range("SpikeBatch.count", counts, 0, MAX_PAYLOAD)
        place = place[first]
        bounds = np.searchsorted(place, np.arange(n_samples * n_steps + 1) * n_channels)
        start = bounds[np.arange(n_samples)[:, None] * n_steps + np.arange(n_steps + 1)]
        return cls.trusted((place % max(n_channels, 1)).astype(np.int32), counts.astype(np.int32), start, n_channels)

    @classmethod
    def concatenate(cls, batches: Sequence[SpikeBatch]) -> SpikeBatch:
        """Put batches of the same channels and time steps one after another.

        Raises
        ------
        InvalidValue
            If their shapes differ, or there is none.
        """
        shapes = {(batch.n_channels, batch.n_steps) for batch in batches}
        if len(shapes) != 1:
            raise InvalidValue("SpikeBatch.concatenate: (C, T)", sorted(shapes), "the same of all batches")
        offset = np.cumsum([0] + [len(batch.channel) for batch in batches])
        start = np.concatenate([batch.start + first for batch, first in zip(batches, offset, strict=False)])
        channel, counts = (np.concatenate([getattr(b, name) for b in batches]) for name in ("channel", "count"))
        counts = counts.astype(np.float32) if counts.dtype.kind == "f" else counts  # of both kinds they are float64
        return cls.trusted(channel, counts, start, shapes.pop()[0])

    @classmethod
    def of_one(cls, train: SpikeTrain) -> SpikeBatch:
        """Return a batch of one sample, which shares the arrays of the train."""
        one = object.__new__(cls)  # What a train has checked and frozen is so.
        vars(one).update(channel=train.channel, count=train.count, start=train.start[None], n_channels=train.n_channels)
        return one

    def thinned(self, probability: float, seed: int, samples: NDArray[np.int64], first_step: int = 0) -> SpikeBatch:
        """Return the batch after input dropout: in each time step a channel loses all its spikes or none."""
        n, n_steps = len(self), self.n_steps
        sizes = np.diff(self.start, axis=1).ravel()
        sample, t = np.repeat(samples, n_steps), np.tile(np.arange(first_step, first_step + n_steps), n)
        words = (np.repeat(sample, sizes), np.repeat(t, sizes), 0, self.channel)
        keep = ~draws.dropped(probability, seed, draws.INPUT_DROPOUT, *words)
        place = np.concatenate([[0], np.cumsum(keep)])
        return self.trusted(self.channel[keep], self.count[keep], place[self.start], self.n_channels)

    @classmethod
    def of(cls, spikes: Spikes, threads: int | None = None) -> SpikeBatch:
        """Return any form of a batch as a batch: (B, C, T) counts, a list of trains, or a batch itself."""
        if isinstance(spikes, SpikeBatch):
            return spikes
        if isinstance(spikes, Sequence) and any(isinstance(train, SpikeTrain) for train in spikes):
            return cls.from_trains(spikes)
        return cls.from_dense(spikes, threads)  # type: ignore[arg-type]

    @classmethod
    def from_trains(cls, trains: Sequence[object]) -> SpikeBatch:
        """Put trains of one shape together."""
        batches = []
        for b, train in enumerate(trains):
            if not isinstance(train, SpikeTrain):
                raise InvalidType(f"SpikeBatch trains[{b}]", train, "a SpikeTrain like the others")
            batches.append(cls.of_one(train))
        return cls.concatenate(batches)

    @classmethod
    def from_dense(cls, spikes: ArrayLike, threads: int | None = None) -> SpikeBatch:
        """List the spikes of a (B, C, T) array of counts, in one pass, which threads share if it is large."""
        dense = array_of("SpikeBatch.spikes", spikes, "biuf", "spike counts")
        if dense.ndim != 3:
            raise InvalidValue("SpikeBatch.spikes.shape", dense.shape, "(B, C, T)")
        return cls.trusted(*entries_of("SpikeBatch.spikes", dense, "(B, C, T)", threads), dense.shape[1])


Spikes = ArrayLike | Sequence[SpikeTrain] | SpikeBatch
"""Samples: (B, C, T) counts, B SpikeTrains, or a SpikeBatch."""
