"""Spike trains: sparse events in, dense arrays at the boundary, time always last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async import draws
from lava_async.errors import InvalidType, InvalidValue
from lava_async.jit import jit
from lava_async.records import ArrayRecord, count, frozen, integer_array, within

#: Graded spikes carry 24 bits on Loihi 2; a count is the payload of an input spike.
MAX_PAYLOAD = 2**24 - 1


@dataclass(frozen=True, eq=False)
class SpikeTrain(ArrayRecord):
    """Input spikes of one sample, one entry per channel and time step that spiked, sorted by time, then channel.

    Parameters
    ----------
    channel : (E,) int32
        Input channel of each entry.
    count : (E,) int32
        Spikes of this channel in this time step (the payload), 1 .. 2^24 - 1.
    start : (T + 1,) int64
        Entries ``start[t] .. start[t + 1]`` belong to time step t.
    n_channels : int
        Number of input channels C.
    """

    channel: NDArray[np.int32]
    count: NDArray[np.int32]
    start: NDArray[np.int64]
    n_channels: int

    @property
    def n_steps(self) -> int:
        """Number of time steps T."""
        return len(self.start) - 1

    @classmethod
    def from_events(
        cls, channel: ArrayLike, time: ArrayLike, *, n_channels: int, n_steps: int, counts: ArrayLike = 1
    ) -> SpikeTrain:
        """Build a train from events in any order; events of one channel and time step add up.

        Parameters
        ----------
        channel, time : (E,) integers
            Channel (0 .. n_channels - 1) and time step (0 .. n_steps - 1) of each event.
        n_channels, n_steps : int
            Shape of the train.
        counts : integer or (E,) integers
            Spikes per event.

        Raises
        ------
        InvalidValue
            If a channel, time step or count is out of range.
        """
        n_channels, n_steps = count("SpikeTrain.n_channels", n_channels), count("SpikeTrain.n_steps", n_steps)
        channels, times = integer_array("SpikeTrain.channel", channel), integer_array("SpikeTrain.time", time)
        within("SpikeTrain.channel", channels, 0, n_channels - 1)
        within("SpikeTrain.time", times, 0, n_steps - 1)
        each = np.broadcast_to(integer_array("SpikeTrain.counts", counts), channels.shape)
        within("SpikeTrain.counts", each, 0, MAX_PAYLOAD)
        place, index = np.unique(times * n_channels + channels, return_inverse=True)
        total = np.zeros(len(place), dtype=np.int64)
        np.add.at(total, index, each)
        within("SpikeTrain.counts", total, 0, MAX_PAYLOAD)
        place, total = place[total > 0], total[total > 0]
        start = np.searchsorted(place, np.arange(n_steps + 1) * n_channels)
        return cls(frozen((place % max(n_channels, 1)).astype(np.int32)), frozen(total.astype(np.int32)),
                   frozen(start.astype(np.int64)), n_channels)  # fmt: skip

    @classmethod
    def from_dense(cls, spikes: ArrayLike) -> SpikeTrain:
        """Build a train from counts of shape (C, T)."""
        dense = dense_counts("SpikeTrain.spikes", spikes, ndim=2)
        time, channel = np.nonzero(dense.T)
        return cls.from_events(
            channel, time, n_channels=dense.shape[0], n_steps=dense.shape[1], counts=dense[channel, time]
        )

    def to_dense(self) -> NDArray[np.int32]:
        """Return the counts as an array of shape (C, T)."""
        dense = np.zeros((self.n_channels, self.n_steps), dtype=np.int32)
        dense[self.channel, np.repeat(np.arange(self.n_steps), np.diff(self.start))] = self.count
        return dense


@dataclass(frozen=True, eq=False)
class SpikeBatch(ArrayRecord):
    """Input spikes of B samples of one shape, as one list of entries; fields as in :class:`SpikeTrain`.

    Parameters
    ----------
    channel, count : (E,) int32
        Channel and spikes of each entry, sorted by sample, time, channel.
    start : (B, T + 1) int64
        Entries ``start[b, t] .. start[b, t + 1]`` belong to sample b and time step t.
    n_channels : int
        Number of input channels C.
    """

    channel: NDArray[np.int32]
    count: NDArray[np.int32]
    start: NDArray[np.int64]
    n_channels: int

    @property
    def n_steps(self) -> int:
        """Number of time steps T."""
        return self.start.shape[1] - 1

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, b: int) -> SpikeTrain:
        first, last = self.start[b, 0], self.start[b, -1]
        return SpikeTrain(self.channel[first:last], self.count[first:last], self.start[b] - first, self.n_channels)

    def thinned(self, probability: float, seed: int, samples: NDArray[np.int64], first_step: int = 0) -> SpikeBatch:
        """Return the batch after input dropout: in each time step a channel loses all its spikes or none."""
        n, n_steps = len(self), self.n_steps
        sizes = np.diff(self.start, axis=1).ravel()
        sample, t = np.repeat(samples, n_steps), np.tile(np.arange(first_step, first_step + n_steps), n)
        words = (np.repeat(sample, sizes), np.repeat(t, sizes), 0, self.channel)
        keep = draws.unit(draws.key(seed, draws.INPUT_DROPOUT, *words)) >= probability
        place = np.concatenate([[0], np.cumsum(keep)])
        return SpikeBatch(self.channel[keep], self.count[keep], place[self.start], self.n_channels)

    @classmethod
    def of(cls, spikes: ArrayLike | Sequence[SpikeTrain] | SpikeBatch) -> SpikeBatch:
        """Return any form of a batch as a batch: (B, C, T) counts, a list of trains, or a batch itself."""
        if isinstance(spikes, SpikeBatch):
            return spikes
        if isinstance(spikes, Sequence) and spikes and isinstance(spikes[0], SpikeTrain):
            return cls.from_trains(spikes)
        return cls.from_dense(spikes)  # type: ignore[arg-type]

    @classmethod
    def from_trains(cls, trains: Sequence[Any]) -> SpikeBatch:
        """Put trains of one shape together."""
        shapes = {(train.n_channels, train.n_steps) for train in trains}
        if len(shapes) != 1:
            raise InvalidValue("SpikeBatch trains (C, T)", sorted(shapes), "of one shape")
        offset = np.cumsum([0] + [len(train.channel) for train in trains])
        start = np.stack([train.start + o for train, o in zip(trains, offset[:-1], strict=True)])
        channel, counts = (np.concatenate([getattr(t, name) for t in trains]) for name in ("channel", "count"))
        return cls(channel, counts, start, shapes.pop()[0])

    @classmethod
    def from_dense(cls, spikes: ArrayLike) -> SpikeBatch:
        """List the spikes of a (B, C, T) array of counts, in one pass."""
        dense = np.asarray(spikes)
        if dense.ndim != 3:
            raise InvalidValue("SpikeBatch.spikes.shape", dense.shape, "(B, C, T)")
        if dense.dtype.kind not in "biuf":
            raise InvalidType("SpikeBatch.spikes", dense.dtype, "an array of spike counts")
        dense = np.ascontiguousarray(dense.view(np.uint8) if dense.dtype.kind == "b" else dense)
        start = np.zeros((len(dense), dense.shape[2] + 1), np.int64)
        place, none = np.zeros(dense.shape[2], np.int64), np.zeros(0, np.int32)
        n = _list_spikes(dense, start, place, none, none)
        if n < 0:
            dense_counts("SpikeBatch.spikes", dense, ndim=3)
        channel, counts = np.zeros(n, np.int32), np.zeros(n, np.int32)
        _list_spikes(dense, start, place, channel, counts)
        return cls(channel, counts, start, dense.shape[1])


@jit
def _list_spikes(dense: Any, start: Any, place: Any, channel: Any, counts: Any) -> int:
    """Fill the lists of a batch (nothing but `start` if they are empty); return their length, -1 if a count is bad."""
    n_samples, n_channels, n_steps = dense.shape
    n = 0
    for b in range(n_samples):
        for t in range(n_steps):
            place[t] = start[b, t] if len(channel) else 0
        for c in range(n_channels):
            for t in range(n_steps):
                x = dense[b, c, t]
                if x != 0:
                    whole = np.int64(x)
                    if whole != x or whole < 0 or whole > MAX_PAYLOAD:
                        return -1
                    if len(channel):
                        channel[place[t]] = c
                        counts[place[t]] = whole
                    place[t] += 1
        if not len(channel):
            for t in range(n_steps):
                start[b, t] = n
                n += place[t]
            start[b, n_steps] = n
    return n if not len(channel) else len(channel)


def dense_counts(where: str, spikes: ArrayLike, *, ndim: int) -> NDArray[Any]:
    """Return spike counts as an integer array after checking them; integral floats (Lava, torch) are welcome."""
    array = np.asarray(spikes)
    if array.ndim != ndim:
        raise InvalidValue(f"{where}.shape", array.shape, "(C, T)" if ndim == 2 else "(B, C, T)")
    if array.dtype.kind not in "biuf":
        raise InvalidType(where, array.dtype, "an array of spike counts")
    if array.dtype.kind == "f":
        whole = array.astype(np.int32) if np.isfinite(array).all() else None
        if whole is None or not np.array_equal(whole, array):
            raise InvalidValue(where, "NaN or fractions", "whole, finite spike counts")
        array = whole
    elif array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.size:
        within(where, np.array([array.min(), array.max()]), 0, MAX_PAYLOAD)
    return array
