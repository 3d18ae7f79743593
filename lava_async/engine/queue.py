"""The queue of the readable engines: spikes that wait to be delivered, and the group of them that a schedule picks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import draws
from lava_async.execution import Execution
from lava_async.schedules import Pending

NEVER = -1
"""Forward step in which input spikes were emitted: before every other."""


class PendingQueue:
    """Spikes of S sources that wait in B samples; the first of several pending spikes of a source decides its rank.

    Parameters
    ----------
    execution : Execution
        Names the schedule, which picks, and the seed.
    samples : (B,) int64
        Sample numbers, which key random orders.
    index : (S,) int64
        What schedules call the sources, ascending: input channel c is c - C.
    layer : (S,) int64
        Layer of each source; of input channels -1.
    queued : (S,) bool
        Which sources wait here at all.
    dtype : type
        Of payloads.

    Attributes
    ----------
    waiting : (B, S) int64
        How many spikes wait; messages of a source that sends graded payloads are one.
    payload : (B, S)
        The sum of what they bring.
    momentum, emitted : (B, S) float64, int64
        Voltage and forward step of the first that waits.
    """

    def __init__(
        self,
        execution: Execution,
        samples: NDArray[np.int64],
        index: NDArray[np.int64],
        layer: NDArray[np.int64],
        queued: NDArray[np.bool_],
        dtype: type = np.int64,
    ) -> None:
        self.execution, self.samples, self.index, self.layer, self.queued = execution, samples, index, layer, queued
        shape = len(samples), len(index)
        self.waiting = np.zeros(shape, np.int64)
        self.payload: NDArray[Any] = np.zeros(shape, dtype)
        self.momentum, self.emitted = np.full(shape, np.inf), np.full(shape, NEVER, np.int64)

    def clear(self, samples: slice | NDArray[np.bool_] = slice(None)) -> None:
        """Forget what waits in some samples."""
        self.waiting[samples] = self.payload[samples] = 0

    def push(
        self,
        b: NDArray[np.int64] | int,
        j: NDArray[np.int64],
        k: NDArray[np.int64] | int,
        momentum: NDArray[np.float64] | float,
        spikes: NDArray[np.int64] | int,
        payload: NDArray[Any] | int,
        graded: NDArray[np.bool_] | bool = False,
    ) -> None:
        """Enqueue spikes.

        Parameters
        ----------
        b, j : (n,) int
            Sample and source of each; those of sources that do not queue are left out.
        k : (n,) int
            Forward step that they were emitted in; `NEVER` for input.
        momentum : (n,) float
            The voltage that they are ranked by.
        spikes, payload : (n,)
            How many spikes, and what they bring in sum.
        graded : (n,) bool
            Which of them wait as one message.
        """
        b, j, k, momentum, spikes, payload, graded = (
            each[self.queued[j]] for each in np.broadcast_arrays(b, j, k, momentum, spikes, payload, graded)
        )
        first = self.waiting[b, j] == 0
        self.momentum[b[first], j[first]], self.emitted[b[first], j[first]] = momentum[first], k[first]
        self.waiting[b, j] = np.where(graded, 1, self.waiting[b, j] + spikes)
        self.payload[b, j] += payload

    def pop(self, t: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
        """Take out the group that the schedule picks in forward step k: samples, sources (ascending) and payloads."""
        b, j = np.nonzero(self.waiting)
        picked = np.sort(self._picked(b, j, t, k))
        b, j = b[picked], j[picked]
        payload = self.payload[b, j]
        self.waiting[b, j] = self.payload[b, j] = 0
        return b, j, payload

    def _picked(self, b: NDArray[np.int64], j: NDArray[np.int64], t: int, k: int) -> NDArray[np.int64]:
        """Return which of the waiting (b, j), ascending, are picked, sample by sample."""
        schedule: Any = self.execution.schedule
        if schedule.layered:  # All that waits goes at once.
            return np.arange(len(b))
        order = schedule.ranking()
        starts = np.searchsorted(b, np.arange(len(self.samples) + 1))
        if order is None or len(self.samples) == 1:
            parts = [slice(*ends) for ends in pairwise(starts) if ends[0] < ends[1]]
            each = [part.start + schedule.pick(self._pending(b[part], j[part], t, k)) for part in parts]
            return np.concatenate([np.zeros(0, np.int64), *each])
        # The same in one go.
        position = self._pending(b, j, t, k).ranked(order, b)
        rank = np.arange(len(b)) - starts[b]
        return position if schedule.group_size is None else position[rank < schedule.group_size]

    def _pending(self, b: NDArray[np.int64], j: NDArray[np.int64], t: int, k: int) -> Pending:
        """Return what a schedule may know."""
        i = self.index[j]

        def draw(stream: int) -> NDArray[np.uint64]:
            # The hash goes on from one word to the next, so what a sample shares is hashed once.
            shared = draws.key(self.execution.seed, stream, self.samples, t, k)
            return np.asarray(draws.fold(shared[b], i.astype(np.uint64)))

        return Pending(i, self.momentum[b, j], self.emitted[b, j], self.layer[j], t, k, draw)
