"""How long layered execution takes on a chip that keeps layers in step by barriers: the baseline of asynchrony.

The same cores, operations and ways as in :class:`~lava_async.Timed`. A time step has one phase per layer. In the phase
of a layer each of its cores takes the leak of its neurons, what it received, the synapses that were walked and the
neurons that were touched, one after another; then its neurons that fire emit, and their messages leave, one after
another. A phase ends when the last core is done and the last message has arrived, and a barrier of all tiles in use
follows it (semantics.md, section 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import Machine
from lava_async.network import Network
from lava_async.spikes import SpikeBatch
from lava_async.synapses import INPUT, Synapses

Integers = NDArray[np.int64]
_TOGETHER = 2**24
"""Numbers that are held at once."""


class LayeredTimes(NamedTuple):
    """Times of B samples of T time steps, in picoseconds; as in :class:`lava_async.BatchResult`.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.hardware.barriers import LayeredTimes
    >>> times = LayeredTimes(step_ps=np.array([[900, 850]]), first_output_ps=np.array([[400, -1]]))
    >>> times.step_ps.sum(axis=1)
    array([1750])
    """

    step_ps: Integers
    """(B, T)."""
    first_output_ps: Integers
    """(B, T); -1 where no output neuron emitted."""


def layered_times(network: Network, machine: Machine, spikes: SpikeBatch, counts: NDArray[Any]) -> LayeredTimes:
    """Return how long the time steps of a layered run from rest take with a barrier per layer.

    Parameters
    ----------
    network : Network
        What ran.
    machine : Machine
        The chip with the network on it, :func:`lava_async.hardware.machine.machine_of`.
    spikes : SpikeBatch
        Input of B samples of T time steps.
    counts : (B, N, T) int
        What the neurons emitted.

    Returns
    -------
    LayeredTimes

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, Timed, simulate_batch
    >>> from lava_async.hardware import machine
    >>> from lava_async.hardware.barriers import layered_times
    >>> from lava_async.spikes import SpikeBatch
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> spikes = SpikeBatch.of([[[1, 0]]])
    >>> chip = machine.machine_of(Timed(), network)
    >>> times = layered_times(network, chip, spikes, simulate_batch(network, spikes).counts)
    >>> times.step_ps.shape, (times.first_output_ps > 0).tolist()
    ((1, 2), [[True, False]])
    """
    paths, senders = [*_paths_of(network, machine)], _Senders.of(network, machine)
    n, n_neurons, n_steps = counts.shape
    found = LayeredTimes(np.zeros((n, n_steps), np.int64), np.full((n, n_steps), -1, np.int64))
    size = max(1, _TOGETHER // max(1, n_steps * (n_neurons + network.n_inputs) * 4))
    for begin in range(0, n, size):
        part = slice(begin, min(begin + size, n))
        given = np.stack([spikes[b].to_dense() for b in range(part.start, part.stop)]) > 0
        fired = np.concatenate([given, np.asarray(counts[part]) > 0], axis=1)
        found.step_ps[part], found.first_output_ps[part] = _times_of(network, machine, paths, senders, fired)
    return found


class _Path(NamedTuple):
    """The synapses of one delay from a layer (or the input) into a layer."""

    target: int
    rows: slice
    """Of its sources, the input first."""
    lag: int
    """Time steps until they deliver: the delay, at least 1 from the same or a later layer."""
    walked: NDArray[np.float64]
    """(sources, cores) synapses of each source in each core."""
    touched: NDArray[np.float32] | None
    """(sources, targets) 1 where there is a synapse; None: everywhere."""


def _paths_of(network: Network, machine: Machine) -> Iterator[_Path]:
    """Yield the paths of a network; several sets of synapses between the same layers are one message."""
    found: dict[tuple[int, int, int], tuple[NDArray[np.float64], NDArray[np.bool_]]] = {}
    for s in network.synapses:
        held = machine.core_of[network.layer_slices[s.target]][:, None] == np.arange(len(machine.cores))
        for delay, mask in _masks_of(s):
            walked = mask.astype(np.float64) @ held
            before = found.get((s.source, s.target, delay))
            found[s.source, s.target, delay] = (
                (walked, mask) if before is None else (before[0] + walked, before[1] | mask)
            )
    for (source, target, delay), (walked, mask) in found.items():
        first = 0 if source == INPUT else network.n_inputs + network.start_of(source)
        touched = None if mask.all() else mask.astype(np.float32)
        yield _Path(target, slice(first, first + len(mask)), max(delay, int(source >= target)), walked, touched)


def _masks_of(s: Synapses) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield each delay with the synapses that have it, (sources, targets)."""
    masks: dict[int, NDArray[np.bool_]] = {}
    for j in range(s.n_source):
        fan = s.fan_out(j)
        for delay in np.unique(fan.delay).tolist():
            mask = masks.setdefault(delay, np.zeros((s.n_source, s.n_target), bool))
            mask[j, fan.target[np.asarray(fan.delay) == delay]] = True
    yield from sorted(masks.items())


class _Senders(NamedTuple):
    """What an emission of each neuron takes, in picoseconds."""

    whole: Integers
    """(N,) until its core is free again."""
    last: Integers
    """(N,) from the end of the emission until its last message has arrived."""

    @classmethod
    def of(cls, network: Network, machine: Machine) -> _Senders:
        times = machine.times
        whole = np.full(network.n_neurons, times.emission, np.int64)
        last = np.zeros(network.n_neurons, np.int64)
        for i in range(network.n_neurons):
            reached = np.unique(machine.core_of[network.fan_out(i).target])
            leaves = times.message * np.arange(1, len(reached) + 1)
            whole[i] += times.message * len(reached)
            last[i] = (leaves + machine.way[machine.core_of[i], reached]).max(initial=0)
        return cls(whole, last)


def _times_of(
    network: Network, machine: Machine, paths: list[_Path], senders: _Senders, fired: NDArray[np.bool_]
) -> tuple[Integers, Integers]:
    """Return the times of samples, of which `fired` (B, C + N, T) tells what all sources emit."""
    times, n_cores = machine.times, len(machine.cores)
    n, _, n_steps = fired.shape
    now, first = np.zeros((n, n_steps), np.int64), np.full((n, n_steps), -1, np.int64)
    outputs = np.isin(np.arange(network.n_neurons), network.outputs)
    for layer, here in enumerate(network.layer_slices):
        received, walked = np.zeros((2, n, n_steps, n_cores))
        touched = np.zeros((n, n_steps, here.stop - here.start), bool)
        for path in paths:
            if path.target != layer or path.lag >= n_steps:
                continue
            sent = np.zeros((n, n_steps, path.rows.stop - path.rows.start), np.float32)
            sent[:, path.lag :] = fired[:, path.rows, : n_steps - path.lag].transpose(0, 2, 1)
            received += sent @ (path.walked > 0).astype(np.float32)
            walked += sent @ path.walked
            touched |= sent.any(axis=2, keepdims=True) if path.touched is None else sent @ path.touched > 0
        core_of = machine.core_of[here]
        held = (core_of[:, None] == np.arange(n_cores)).astype(np.float64)
        busy = (
            times.inactive_update * held.sum(axis=0)
            + times.arrival * received
            + times.synaptic_operation * walked
            + times.active_update * (touched @ held)
        ).astype(np.int64)
        emits = fired[:, network.n_inputs :][:, here].transpose(0, 2, 1)
        end = busy.max(axis=2, initial=0)
        for c in np.unique(core_of):
            mine = np.flatnonzero(core_of == c)
            took = emits[:, :, mine] * senders.whole[here][mine]
            emitted = busy[:, :, c, None] + took.cumsum(axis=2) - took + times.emission
            done = np.where(emits[:, :, mine], emitted + senders.last[here][mine], 0).max(axis=2, initial=0)
            end = np.maximum(end, np.maximum(done, busy[:, :, c] + took.sum(axis=2)))
            answers = emits[:, :, mine] & outputs[here][mine]
            never = np.iinfo(np.int64).max
            when = np.where(answers, now[:, :, None] + emitted, never).min(axis=2, initial=never)
            earlier = (when < never) & ((first < 0) | (when < first))
            first = np.where(earlier, when, first)
        now = now + end + times.barrier
    return now, first
