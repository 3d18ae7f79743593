"""Spike trains: sparse events in, dense arrays at the boundary, time always last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async import _core, draws
from lava_async.errors import InvalidType, InvalidValue
from lava_async.records import ArrayRecord, array_of, count, frozen, integer_array, whole_array, within
from lava_async.threads import available

#: What to do with real values, behind an error.
ENCODE = "encode real values as spikes with rate, latency or delta of lava_async.data.encoders"
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

    def __post_init__(self) -> None:
        _check_entries(self, ndim=1)
        time = np.repeat(np.arange(self.n_steps), np.diff(self.start))
        if self.start[0] != 0 or (np.diff(time * self.n_channels + self.channel) <= 0).any():
            raise InvalidValue(
                "SpikeTrain.channel",
                self.channel,
                "sorted by time, then channel, each pair once; SpikeTrain.from_events takes any order",
            )

    def facts(self) -> dict[str, str]:
        """Return what is shown of the train."""
        return _facts(self)

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
        each = integer_array("SpikeTrain.counts", counts)
        if channels.ndim != 1:
            raise InvalidValue("SpikeTrain.channel.shape", channels.shape, "(E,), one entry per event")
        for name, array, shapes in (("time", times, [channels.shape]), ("counts", each, [(), channels.shape])):
            if array.shape not in shapes:
                raise InvalidValue(f"SpikeTrain.{name}.shape", array.shape, f"{channels.shape}, as SpikeTrain.channel")
        within("SpikeTrain.channel", channels, 0, n_channels - 1)
        within("SpikeTrain.time", times, 0, n_steps - 1)
        each = np.broadcast_to(each, channels.shape)
        within("SpikeTrain.counts", each, 0, MAX_PAYLOAD)
        place, index = np.unique(times * n_channels + channels, return_inverse=True)
        total = np.zeros(len(place), dtype=np.int64)
        np.add.at(total, index, each)
        within("SpikeTrain.counts", total, 0, MAX_PAYLOAD)
        place, total = place[total > 0], total[total > 0]
        start = np.searchsorted(place, np.arange(n_steps + 1) * n_channels)
        return cls((place % max(n_channels, 1)).astype(np.int32), total.astype(np.int32), start, n_channels)

    @classmethod
    def from_dense(cls, spikes: ArrayLike) -> SpikeTrain:
        """Build a train from counts of shape (C, T)."""
        dense = array_of("SpikeTrain.spikes", spikes, "biuf", "spike counts")
        if dense.ndim != 2:
            raise InvalidValue("SpikeTrain.spikes.shape", dense.shape, "(C, T)")
        channel, counts, start = _events_of("SpikeTrain.spikes", dense, "(C, T)")
        return _listed(cls, channel, counts, start[0], len(dense))

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

    def __post_init__(self) -> None:
        _check_entries(self, ndim=2)

    def facts(self) -> dict[str, str]:
        """Return what is shown of the batch."""
        return {"samples": f"{len(self):,}", **_facts(self)}

    @classmethod
    def of_one(cls, train: SpikeTrain) -> SpikeBatch:
        """Return a batch of one sample, which shares the arrays of the train."""
        return _listed(cls, train.channel, train.count, train.start[None], train.n_channels)

    @property
    def n_steps(self) -> int:
        """Number of time steps T."""
        return int(self.start.shape[1]) - 1

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
    def of(cls, spikes: ArrayLike | Sequence[SpikeTrain] | SpikeBatch, threads: int | None = None) -> SpikeBatch:
        """Return any form of a batch as a batch: (B, C, T) counts, a list of trains, or a batch itself."""
        if isinstance(spikes, SpikeBatch):
            return spikes
        if isinstance(spikes, Sequence) and any(isinstance(train, SpikeTrain) for train in spikes):
            return cls.from_trains(spikes)
        return cls.from_dense(spikes, threads)  # type: ignore[arg-type]

    @classmethod
    def from_trains(cls, trains: Sequence[Any]) -> SpikeBatch:
        """Put trains of one shape together."""
        for b, train in enumerate(trains):
            if not isinstance(train, SpikeTrain):
                raise InvalidType(f"SpikeBatch trains[{b}]", train, "a SpikeTrain like the others")
        shapes = {(train.n_channels, train.n_steps) for train in trains}
        if len(shapes) != 1:
            raise InvalidValue("SpikeBatch trains (C, T)", sorted(shapes), "of one shape")
        offset = np.cumsum([0] + [len(train.channel) for train in trains])
        start = np.stack([train.start + o for train, o in zip(trains, offset[:-1], strict=True)])
        channel, counts = (np.concatenate([getattr(t, name) for t in trains]) for name in ("channel", "count"))
        return cls(channel, counts, start, shapes.pop()[0])

    @classmethod
    def from_dense(cls, spikes: ArrayLike, threads: int | None = None) -> SpikeBatch:
        """List the spikes of a (B, C, T) array of counts, in one pass, which threads share if it is large."""
        dense = array_of("SpikeBatch.spikes", spikes, "biuf", "spike counts")
        if dense.ndim != 3:
            raise InvalidValue("SpikeBatch.spikes.shape", dense.shape, "(B, C, T)")
        return _listed(cls, *_events_of("SpikeBatch.spikes", dense, "(B, C, T)", threads), dense.shape[1])


LISTED = tuple(np.dtype(name) for name in ("uint8", "int32", "int64", "float32", "float64"))
"""What spikes are listed from; other types are converted first."""
_MANY = 1 << 20
"""From so many counts on, threads share an array."""


def _events_of(
    where: str, dense: NDArray[Any], shape: str, threads: int | None = 1
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return channel, count and start of a dense (B, C, T) or (C, T) array, or raise an error that names `where`."""
    if dense.dtype == np.bool_:
        dense = dense.view(np.uint8)
    if dense.dtype not in LISTED:
        dense = dense_counts(where, dense, shape)
    batch = dense if dense.ndim == 3 else dense[None]
    start = np.zeros((len(batch), batch.shape[2] + 1), np.int64)
    threads = (threads or available()) if batch.size >= _MANY else 1
    listed: Any = _core.list_spikes(np.ascontiguousarray(batch), start, threads)
    if listed is None:
        dense_counts(where, dense, shape)  # It says what is wrong.
    return *listed, start


R = TypeVar("R", SpikeTrain, SpikeBatch)


def _listed(kind: type[R], channel: Any, counts: Any, start: Any, n_channels: int) -> R:
    """Return a train or a batch of lists that are right by the way they were made, without a look at each entry."""
    entries = object.__new__(kind)
    for array in (channel, counts, start):
        array.flags.writeable = False
    vars(entries).update(channel=channel, count=counts, start=start, n_channels=n_channels)
    return entries


def dense_counts(where: str, spikes: ArrayLike, shape: str) -> NDArray[np.int64]:
    """Return spike counts of a shape, as ``"(C, T)"``, after checking them; whole floats (Lava, torch) are welcome.

    Raises
    ------
    InvalidType, InvalidValue
        If they are none. Networks take counts: the error says how real values become such.
    """
    array = array_of(where, spikes, "biuf", "spike counts")
    if array.ndim != shape.count(",") + 1:
        raise InvalidValue(f"{where}.shape", array.shape, shape)
    try:
        return whole_array(where, array, 0, MAX_PAYLOAD)
    except InvalidValue as error:
        if not isinstance(error.value, float) or not math.isfinite(error.value) or error.value.is_integer():
            raise
        raise InvalidValue(error.where, error.value, f"{error.allowed}: {ENCODE}") from None


def _facts(entries: SpikeTrain | SpikeBatch) -> dict[str, str]:
    """Return the size of a train or batch, and the number of its spikes, as text."""
    spikes = int(entries.count.sum(dtype=np.int64))
    return {"channels": f"{entries.n_channels:,}", "time_steps": f"{entries.n_steps:,}", "spikes": f"{spikes:,}"}


def _check_entries(entries: SpikeTrain | SpikeBatch, *, ndim: int) -> None:
    """Check and freeze the lists of a train or a batch: kernels trust them with their memory."""
    kind = type(entries).__name__
    channels = integer_array(f"{kind}.channel", entries.channel)
    counts, start = integer_array(f"{kind}.count", entries.count), integer_array(f"{kind}.start", entries.start)
    within(f"{kind}.channel", channels, 0, count(f"{kind}.n_channels", entries.n_channels) - 1)
    within(f"{kind}.count", counts, 1, MAX_PAYLOAD)
    if channels.ndim != 1 or counts.shape != channels.shape:
        raise InvalidValue(f"{kind}.count.shape", counts.shape, f"(E,), as {kind}.channel: {channels.shape}")
    if start.ndim != ndim or not start.shape[-1] or (np.diff(start) < 0).any():
        raise InvalidValue(f"{kind}.start", start, "where the time steps begin, ascending, then the end")
    within(f"{kind}.start", start, 0, len(channels))
    if start.size and start.flat[-1] != len(channels):
        raise InvalidValue(f"{kind}.start[-1]", int(start.flat[-1]), f"{len(channels)}, the number of entries")
    for name, array, dtype in (
        ("channel", channels, np.int32),
        ("count", counts, np.int32),
        ("start", start, np.int64),
    ):
        object.__setattr__(entries, name, frozen(array.astype(dtype)))
