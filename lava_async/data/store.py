"""Lists of events that stay lists: what holds the spikes of a data set that would be too large as an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.records import array_of, count, within
from lava_async.spikes import MAX_PAYLOAD, SpikeBatch, SpikeTrain

__all__ = ["EventBatch", "as_events"]


@dataclass(frozen=True, eq=False)
class EventBatch(SpikeBatch):
    """A SpikeBatch that can be indexed as an array of shape (B, C, T) along its first axis.

    ``events[3]`` is a SpikeTrain; ``events[[5, 2]]``, ``events[:100]`` and ``events[mask]`` are EventBatches, which
    :func:`lava_async.simulate_batch` and training take. 8 bytes per entry; arrays of the right type are not copied.

    Parameters
    ----------
    channel, count : (E,) int32
        Channel and spikes of each entry, sorted by sample, time, channel, each triple once.
    start : (B, T + 1) int64
        Entries ``start[b, t] .. start[b, t + 1]`` belong to sample b and time step t, and ``start[b, T]`` is
        ``start[b + 1, 0]``.
    n_channels : int
        Number of input channels C.

    Raises
    ------
    InvalidType, InvalidValue
        If a field is not as above.
    """

    def __post_init__(self) -> None:
        """Check what :class:`SpikeBatch` checks, without its copies: there may be a hundred million entries."""
        for name, dtype in (("channel", np.int32), ("count", np.int32), ("start", np.int64)):
            array = array_of(f"EventBatch.{name}", getattr(self, name), "iu", "integers")
            array = np.ascontiguousarray(array, dtype).view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        n = len(self.channel)
        if self.channel.ndim != 1 or self.count.shape != self.channel.shape:
            raise InvalidValue("EventBatch.count.shape", self.count.shape, f"(E,), as channel: {self.channel.shape}")
        if self.start.ndim != 2 or not self.start.shape[1]:
            raise InvalidValue("EventBatch.start.shape", self.start.shape, "(B, T + 1)")
        bounds = np.concatenate([[0], self.start.ravel(), [n]])
        joined = len(self) == 0 or (bounds[1] == 0 and (self.start[1:, 0] == self.start[:-1, -1]).all())
        if (np.diff(bounds) < 0).any() or bounds[-2] != n or not joined:
            raise InvalidValue("EventBatch.start", self.start, f"ascending from 0 to {n}, the number of entries")
        if n:
            within("EventBatch.channel", self.channel, 0, count("n_channels", self.n_channels) - 1)
            within("EventBatch.count", self.count, 1, MAX_PAYLOAD)
            ascending = np.diff(self.channel) > 0
            first = bounds[(bounds > 0) & (bounds < n)]
            ascending[first - 1] = True
            if not ascending.all():
                raise InvalidValue("EventBatch.channel", self.channel, "ascending within each time step")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, C, T)."""
        return len(self), self.n_channels, self.n_steps

    @overload
    def __getitem__(self, chosen: int) -> SpikeTrain: ...  # type: ignore[overload-overlap,unused-ignore]

    @overload
    def __getitem__(self, chosen: ArrayLike | slice | range) -> EventBatch: ...

    def __getitem__(self, chosen: Any) -> SpikeTrain | EventBatch:
        if isinstance(chosen, (int, np.integer)):
            return super().__getitem__(int(chosen))
        chosen = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        if isinstance(chosen, np.ndarray) and not chosen.size:
            chosen = chosen.astype(np.int64)
        indices = np.arange(len(self))[chosen]
        if indices.ndim != 1:
            raise InvalidValue("EventBatch: axes of the index", indices.ndim, "1, samples")
        if len(indices) and (np.diff(indices) == 1).all():
            return self._part(indices[0], indices[-1] + 1)
        first, sizes = self.start[indices, 0], self.start[indices, -1] - self.start[indices, 0]
        offset = np.cumsum(sizes) - sizes
        entries = np.repeat(first - offset, sizes) + np.arange(sizes.sum())
        return self._like(self.channel[entries], self.count[entries], self.start[indices] + (offset - first)[:, None])

    def _part(self, first: int, last: int) -> EventBatch:
        """Return samples first .. last - 1, which share the memory of their entries with all."""
        start = self.start[first:last]
        entries = slice(start[0, 0], start[-1, -1])
        return self._like(self.channel[entries], self.count[entries], start - start[0, 0])

    def _like(self, channel: NDArray[np.int32], counts: NDArray[np.int32], start: NDArray[np.int64]) -> EventBatch:
        """Return a batch of the same channels; entries that were checked once are not checked again."""
        batch = object.__new__(EventBatch)
        for name, value in (("channel", channel), ("count", counts), ("start", start), ("n_channels", self.n_channels)):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(batch, name, value)
        return batch

    def to_dense(self, dtype: Any = np.uint8) -> NDArray[Any]:
        """Return the counts as an array of shape (B, C, T).

        Raises
        ------
        InvalidValue
            If a count does not fit into `dtype`.
        """
        within("EventBatch.count", self.count, 0, np.iinfo(dtype).max)
        dense = np.zeros(self.shape, dtype)
        place = np.repeat(np.arange(len(self) * self.n_steps), np.diff(self.start, axis=1).ravel())
        dense[place // max(self.n_steps, 1), self.channel, place % max(self.n_steps, 1)] = self.count
        return dense

    def clipped(self, most: int | None) -> EventBatch:
        """Return the events with at most so many per channel and time step; None: all of them."""
        if most is None:
            return self
        most = count("max_count", most, least=1, most=MAX_PAYLOAD)
        return EventBatch(self.channel, np.minimum(self.count, most), self.start, self.n_channels)

    @classmethod
    def from_events(
        cls, sample: ArrayLike, step: ArrayLike, channel: ArrayLike, *, shape: tuple[int, int, int]
    ) -> EventBatch:
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
            array = array_of(f"EventBatch.{name}", value, "iu", "integers")
            if array.shape != place.shape or array.ndim != 1:
                raise InvalidValue(f"EventBatch.{name}.shape", array.shape, "(E,), one entry per event")
            within(f"EventBatch.{name}", array, 0, size - 1)
            place = place * size + array.astype(np.int64)
        place.sort()
        first = np.flatnonzero(np.diff(place, prepend=-1))
        counts = np.diff(first, append=len(place))
        place = place[first]
        bounds = np.searchsorted(place, np.arange(n_samples * n_steps + 1) * n_channels)
        start = bounds[np.arange(n_samples)[:, None] * n_steps + np.arange(n_steps + 1)]
        return cls(place % max(n_channels, 1), counts, start, n_channels)

    @classmethod
    def concatenate(cls, batches: Sequence[SpikeBatch]) -> EventBatch:
        """Put batches of the same channels and time steps one after another.

        Raises
        ------
        InvalidValue
            If their shapes differ, or there is none.
        """
        shapes = {(batch.n_channels, batch.n_steps) for batch in batches}
        if len(shapes) != 1:
            raise InvalidValue("EventBatch.concatenate: (C, T)", sorted(shapes), "the same of all batches")
        offset = np.cumsum([0] + [len(batch.channel) for batch in batches])
        start = np.concatenate([batch.start + first for batch, first in zip(batches, offset, strict=False)])
        channel, counts = (np.concatenate([getattr(b, name) for b in batches]) for name in ("channel", "count"))
        return cls(channel, counts, start, shapes.pop()[0])


def as_events(spikes: NDArray[np.uint8] | SpikeBatch) -> EventBatch:
    """Return spikes as a list of events; (B, C, T) counts are read through."""
    if isinstance(spikes, EventBatch):
        return spikes
    if not isinstance(spikes, (SpikeBatch, np.ndarray)):
        raise InvalidType("spikes", spikes, "a (B, C, T) array or a SpikeBatch")
    return EventBatch.concatenate([SpikeBatch.of(spikes)])
