"""The input spikes of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.forms import plain
from lava_async.records import array_of, check_int, check_range, integer_array
from lava_async.spikes.counts import entries_of, payloads
from lava_async.spikes.entries import Entries


@dataclass(frozen=True, eq=False)
class SpikeTrain(Entries):
    """Input spikes of one sample, one entry per channel and time step that spiked, sorted by time, then channel.

    Parameters
    ----------
    channel : (E,) int32
        Input channel of each entry.
    count : (E,) int32 or float32
        Spikes of this channel in this time step (the payload), 1 .. 2^24 - 1. Graded input: any number other than 0,
        integers of up to 2^24 - 1 or, for networks that compute in floating point, real numbers. It is multiplied with
        weights; tallies count such a spike as one.
    start : (T + 1,) int64
        Entries ``start[t] .. start[t + 1]`` belong to time step t.
    n_channels : int
        Number of input channels C.

    Examples
    --------
    >>> train = SpikeTrain.from_dense([[0, 2, 0], [1, 0, 0]])
    >>> train.n_channels, train.n_steps, train.to_dense().tolist()
    (2, 3, [[0, 2, 0], [1, 0, 0]])
    """

    def __post_init__(self) -> None:
        self.check(axes=1)

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
        counts : number or (E,) numbers
            Spikes per event; payloads of graded ones.

        Raises
        ------
        InvalidValue
            If a channel, time step or count is out of range.
        """
        n_channels, n_steps = check_int("SpikeTrain.n_channels", n_channels), check_int("SpikeTrain.n_steps", n_steps)
        channels, times = integer_array("SpikeTrain.channel", channel), integer_array("SpikeTrain.time", time)
        each = payloads("SpikeTrain.counts", np.asarray(plain("SpikeTrain.counts", counts)))
        if channels.ndim != 1:
            raise InvalidValue("SpikeTrain.channel.shape", channels.shape, "(E,), one entry per event")
        for name, array, shapes in (("time", times, [channels.shape]), ("counts", each, [(), channels.shape])):
            if array.shape not in shapes:
                raise InvalidValue(f"SpikeTrain.{name}.shape", array.shape, f"{channels.shape}, as SpikeTrain.channel")
        check_range("SpikeTrain.channel", channels, 0, n_channels - 1)
        check_range("SpikeTrain.time", times, 0, n_steps - 1)
        each = np.broadcast_to(each, channels.shape)
        place, index = np.unique(times * n_channels + channels, return_inverse=True)
        total = np.zeros(len(place), np.int64 if each.dtype.kind == "i" else np.float64)
        np.add.at(total, index, each)
        total = payloads("SpikeTrain.counts", total)
        place, total = place[total != 0], total[total != 0]
        start = np.searchsorted(place, np.arange(n_steps + 1) * n_channels)
        return cls((place % max(n_channels, 1)).astype(np.int32), total, start, n_channels)

    @classmethod
    def from_dense(cls, spikes: ArrayLike) -> SpikeTrain:
        """Build a train from counts, or graded payloads, of shape (C, T)."""
        dense = array_of("SpikeTrain.spikes", spikes, "biuf", "spike counts")
        if dense.ndim != 2:
            raise InvalidValue("SpikeTrain.spikes.shape", dense.shape, "(C, T)")
        channel, counts, start = entries_of("SpikeTrain.spikes", dense, "(C, T)")
        return cls.trusted(channel, counts, start[0], len(dense))

    def to_dense(self) -> NDArray[Any]:
        """Return the counts as an array of shape (C, T): int32, or float32 where payloads are real numbers."""
        dense: NDArray[Any] = np.zeros((self.n_channels, self.n_steps), self.count.dtype)
        dense[self.channel, np.repeat(np.arange(self.n_steps), np.diff(self.start))] = self.count
        return dense
