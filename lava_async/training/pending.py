"""Pending spikes of a batch, and the random draws of training: the discrete half of the dense engine, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import draws
from lava_async.engine import Setup
from lava_async.schedules import Pending, Term

NEVER = -1


class Queue:
    """What waits to be delivered in B samples: spikes of neurons and, unless input comes first, of input channels.

    Parameters
    ----------
    setup : Setup
        Names the schedule, which picks.
    samples : (B,) int64
        Sample numbers, which key random orders.
    queued : (C + N,) bool
        Which sources wait here at all.
    voltage_scale : float
        What turns voltages into those that the schedule ranks by.
    """

    def __init__(
        self, setup: Setup, samples: NDArray[np.int64], queued: NDArray[np.bool_], voltage_scale: float
    ) -> None:
        net = setup.network
        self.setup, self.samples, self.voltage_scale = setup, samples, voltage_scale
        # Sources in columns: neurons, and before them the inputs, should these wait.
        self.n_inputs = 0 if setup.execution.input_first else net.n_inputs
        self.queued = queued[net.n_inputs - self.n_inputs :]
        self.layer = np.concatenate([np.full(self.n_inputs, -1), net.layer_of])
        self.payload = np.zeros((len(samples), len(self.layer)), np.int32)
        self.momentum = np.full(self.payload.shape, np.inf)
        self.emitted = np.full(self.payload.shape, NEVER)

    def push_inputs(self, counts: NDArray[Any]) -> None:
        """Let the input of a time step wait, (B, C)."""
        self.payload[:, : self.n_inputs] = counts * self.queued[: self.n_inputs]

    def push(self, fired: NDArray[np.bool_], voltage: NDArray[Any], k: int) -> None:
        """Let spikes of forward step k wait, (B, N); the first pending one of a neuron decides its rank."""
        b, i = np.nonzero(fired & ~self.pending)
        self.momentum[b, self.n_inputs + i] = voltage[b, i].astype(np.float64) * self.voltage_scale
        self.emitted[b, self.n_inputs + i] = k
        self.payload[:, self.n_inputs :] += fired & self.queued[self.n_inputs :]

    @property
    def pending(self) -> NDArray[np.bool_]:
        """Which neurons wait, (B, N)."""
        return self.payload[:, self.n_inputs :] > 0

    def drop(self, samples: NDArray[np.bool_]) -> None:
        """Forget what is pending in some samples."""
        self.payload[samples] = 0

    @property
    def waiting(self) -> NDArray[np.bool_]:
        """Which samples have something pending, (B,)."""
        return np.asarray(np.any(self.payload, axis=1))

    def pop(self, t: int, k: int) -> NDArray[np.int32]:
        """Return the payloads of the group picked in forward step k; the rest goes on waiting."""
        b, j = np.nonzero(self.payload)
        chosen = self._choose(b, j, t, k)
        group = np.zeros_like(self.payload)
        group[b[chosen], j[chosen]] = self.payload[b[chosen], j[chosen]]
        self.payload[b[chosen], j[chosen]] = 0
        return group

    def _choose(self, b: NDArray[Any], j: NDArray[Any], t: int, k: int) -> NDArray[Any]:
        """Return which of the pending (b, j), ascending, are picked: the schedule's order, one sample after another."""
        schedule: Any = self.setup.execution.schedule
        order = schedule.ranking()
        starts = np.searchsorted(b, np.arange(len(self.samples) + 1))
        if order is None:
            parts = [(s, self._pending(b[s], j[s], t, k)) for s in map(slice, starts[:-1], starts[1:])]
            return np.concatenate([s.start + schedule.pick(pending) for s, pending in parts if s.stop > s.start])
        pending = self._pending(b, j, t, k)
        keys = [pending.key(term, order.noise) for term in (order.second, order.first) if term != Term.NONE]
        position = np.lexsort((pending.source, *keys, b))
        rank = np.arange(len(b)) - starts[b]
        return position if schedule.group_size is None else position[rank < schedule.group_size]

    def _pending(self, b: NDArray[Any], j: NDArray[Any], t: int, k: int) -> Pending:
        i = j - self.n_inputs

        def draw(stream: int) -> NDArray[np.uint64]:
            # The hash goes on from one word to the next, so what a sample shares is hashed once.
            shared = draws.key(self.setup.execution.seed, stream, self.samples, t, k)
            return np.asarray(draws.fold(shared[b], i.astype(np.uint64)))

        return Pending(i, self.momentum[b, j], self.emitted[b, j], self.layer[j], t, k, draw)


def dropped(
    probability: float, seed: int, stream: int, samples: NDArray[Any], t: object, k: int, i: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return which of `i` a dropout takes; `samples`, `t` and `i` broadcast."""
    return np.asarray(draws.unit(draws.key(seed, stream, samples, t, k, i)) < probability)
