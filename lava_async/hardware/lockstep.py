"""How long layered execution takes as SANA-FE times it: all layers at once, one tick of the chip per layer.

SANA-FE (2.2) lets the whole chip advance in ticks. In a tick every core updates its neurons with what reached them in
the tick before, and at the same time receives what is sent in this one: a core takes the longer of the two, and the
barrier of all tiles in use ends the tick. So a spike needs a tick per layer, and time steps overlap. A neuron that
something reached takes the time of its update alone, where semantics.md, section 7, adds that of its leak. How messages
wait for each other on the network of the chip is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.hardware.machine import machine_of
from lava_async.network import Network
from lava_async.schedules import Timed
from lava_async.spikes import SpikeBatch


def lockstep_ticks(network: Network, spikes: SpikeBatch, counts: NDArray[Any], chip: Timed) -> NDArray[np.int64]:
    """Return how long each tick of a chip takes that runs a chain of layers as SANA-FE does.

    Parameters
    ----------
    network : Network
        A chain of L layers without delays: each takes what the one before it sends.
    spikes : SpikeBatch
        Input of B samples of T time steps.
    counts : (B, N, T) int
        What the neurons emitted under ``Layered()``.
    chip : Timed
        Times of operations and mapping.

    Returns
    -------
    (B, T + L) int64
        Picoseconds of each tick, its barrier included: the last spike of the last time step arrives in the last one.

    Raises
    ------
    InvalidValue
        If the network is no such chain.

    Examples
    --------
    >>> from lava_async import LoihiParams, simulate_batch
    >>> net = Network.feedforward([[[80], [90]], [[60, 60]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> batch = SpikeBatch.of(np.array([[[1, 0]]]))
    >>> lockstep_ticks(net, batch, simulate_batch(net, batch).counts, Timed()).shape
    (1, 4)
    """
    for s in network.synapses:
        if s.target != s.source + 1 or s.max_delay:
            raise InvalidValue("lockstep_ticks.network: synapses", (s.source, s.target), "from each layer to the next")
    on, n_inputs, n_layers = machine_of(chip, network), network.n_inputs, len(network.layers)
    times, core_of, n_cores = on.times, on.core_of, len(on.cores)
    reached = np.zeros((n_inputs + network.n_neurons, network.n_neurons), np.float32)
    for j in range(n_inputs + network.n_neurons):
        reached[j, network.fan_out(j - n_inputs).target] = 1
    held = (core_of[:, None] == np.arange(n_cores)).astype(np.float32)  # (N, cores)
    walked = reached @ held  # (C + N, cores) synapses that a message of each source walks
    receiving = (walked > 0) * times.arrival + walked.astype(np.int64) * times.synaptic_operation
    sending = times.emission + times.message * (walked[n_inputs:] > 0).sum(1)
    layer_of = np.concatenate([np.zeros(n_inputs, np.int64), network.layer_of + 1])
    n, _, n_steps = counts.shape
    found = np.empty((n, n_steps + n_layers), np.int64)
    for b in range(n):
        given = np.concatenate([spikes[b].to_dense() > 0, np.asarray(counts[b]) > 0])
        fired = np.zeros((len(given), n_steps + n_layers), np.float32)
        for layer in range(n_layers + 1):
            fired[layer_of == layer, layer : layer + n_steps] = given[layer_of == layer, : fired.shape[1] - layer]
        touched = np.zeros((network.n_neurons, fired.shape[1]), bool)
        touched[:, 1:] = reached.T @ fired[:, :-1] > 0
        updating = np.where(touched, times.active_update, times.inactive_update)
        updating = updating + fired[n_inputs:].astype(np.int64) * sending[:, None]
        updated = held.T.astype(np.int64) @ updating
        received = receiving.T @ fired.astype(np.int64)
        found[b] = np.maximum(updated, received).max(0) + times.barrier
    return found
