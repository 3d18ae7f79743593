"""Lists of spikes: an entry for each channel and time step that spiked, by samples, time steps, channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.records import ArrayRecord, array_of, check_int, check_range, not_zero
from lava_async.spikes.counts import payloads

E = TypeVar("E", bound="Entries")


@dataclass(frozen=True, eq=False)
class Entries(ArrayRecord):
    """What trains and batches of spikes have in common; the fields are those of :class:`SpikeTrain`."""

    channel: NDArray[np.int32]
    count: NDArray[Any]
    start: NDArray[np.int64]
    n_channels: int

    def check(self, axes: int) -> None:
        """Check and freeze the lists, whose memory the engines trust; `start` has so many axes.

        There may be a hundred million entries: arrays of the right type that cannot be written to are not copied.
        """
        kind = type(self).__name__
        names: dict[str, Any] = {"channel": np.int32, "count": np.int32, "start": np.int64}
        channel, start = (array_of(f"{kind}.{x}", getattr(self, x), "iu", "integers") for x in ("channel", "start"))
        counts = payloads(f"{kind}.count", self.count)
        names["count"] = counts.dtype.type
        check_range(f"{kind}.channel", channel, 0, check_int(f"{kind}.n_channels", self.n_channels) - 1)
        not_zero(f"{kind}.count", counts, "a number other than 0: what is silent has no entry")
        n = len(channel) if channel.ndim == 1 else -1
        if channel.ndim != 1 or counts.shape != channel.shape:
            raise InvalidValue(f"{kind}.count.shape", counts.shape, f"(E,), as {kind}.channel: {channel.shape}")
        if start.ndim != axes or not start.shape[-1]:
            raise InvalidValue(f"{kind}.start.shape", start.shape, "(T + 1,)" if axes == 1 else "(B, T + 1)")
        if (start[..., 1:] < start[..., :-1]).any():
            raise InvalidValue(f"{kind}.start", start, "where the time steps begin, ascending, then the end")
        check_range(f"{kind}.start", start, 0, n)
        rows = start.reshape(-1, start.shape[-1])
        ends = np.concatenate([np.zeros(1, rows.dtype), rows[:, -1]])
        if ends[-1] != n:
            raise InvalidValue(f"{kind}.start[-1]", int(ends[-1]), f"{n}, the number of entries")
        if (rows[:, 0] != ends[:-1]).any():
            raise InvalidValue(f"{kind}.start", start, "0 at first, and then where the sample before ends")
        ascending = channel[1:] > channel[:-1]
        first = rows[(rows > 0) & (rows < n)]
        ascending[first - 1] = True
        if not ascending.all():
            allowed = f"sorted by time, then channel, each pair once; {kind}.from_events takes any order"
            raise InvalidValue(f"{kind}.channel", channel, allowed)
        for (name, dtype), array in zip(names.items(), (channel, counts, start), strict=True):
            if array.dtype != dtype or array.flags.writeable or not array.flags.c_contiguous:
                array = array.astype(dtype, order="C")
                array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def trusted(cls: type[E], channel: NDArray[Any], counts: NDArray[Any], start: NDArray[Any], n_channels: int) -> E:
        """Return a train or batch of lists that are right by the way they were made, without a look at each entry."""
        entries = object.__new__(cls)
        for array in (channel, counts, start):
            array.flags.writeable = False
        vars(entries).update(channel=channel, count=counts, start=start, n_channels=n_channels)
        return entries

    @property
    def n_steps(self) -> int:
        """Number of time steps T."""
        return int(self.start.shape[-1]) - 1

    def facts(self) -> dict[str, str]:
        """Return what is shown."""
        spikes = int(np.where(self.count == np.maximum(np.floor(self.count), 1), self.count, 1).sum(dtype=np.float64))
        return {"channels": f"{self.n_channels:,}", "time_steps": f"{self.n_steps:,}", "spikes": f"{spikes:,}"}
