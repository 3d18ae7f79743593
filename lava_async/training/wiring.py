"""Synapses of any graph as dense matrices, for the dense engine.

Sources are numbered 0 .. C - 1 (input channels), C .. C + N - 1 (neurons), S = C + N in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.network import Network
from lava_async.training.gradient import WEIGHT_SCALE


class Reachability:
    """Which targets a group of sources touches, given (N, S) booleans "is a synapse"; equal rows are done once."""

    def __init__(self, synapse: NDArray[np.bool_]) -> None:
        rows, self._row_of = np.unique(synapse, axis=0, return_inverse=True)
        self._rows = torch.from_numpy(rows)

    def __call__(self, spikes: Tensor) -> Tensor:
        """Return (..., N) booleans for spikes of shape (..., S)."""
        sent = (spikes != 0).to(torch.float32)
        return (sent @ self._rows.to(sent).T > 0)[..., torch.from_numpy(self._row_of).to(sent.device)]


class Wiring:
    """Position of each weight of a network in the matrices.

    Parameters
    ----------
    network : Network
        Topology; its weights are not used.
    layered : bool
        Delay what goes to the same or an earlier layer by at least one time step, as the layered schedule does.
    """

    def __init__(self, network: Network, *, layered: bool) -> None:
        C, N = network.n_inputs, network.n_neurons
        self.size = (N, C + N)
        layer = np.concatenate([np.full(C, -1), network.layer_of])
        self._places: list[list[tuple[int, Tensor, Tensor]]] = []
        synapse: dict[int, NDArray[np.float32]] = {0: np.zeros(self.size, np.float32)}
        for index, s in zip(_indices(network), network.synapses, strict=True):
            fans = [index.fan_out(j) for j in range(s.n_source)]
            pre = np.repeat(np.arange(s.n_source), [len(f.target) for f in fans]) + network.start_of(s.source) + C
            post = np.concatenate([f.target for f in fans]) + network.start_of(s.target)
            weight, delay = (np.concatenate([getattr(f, name) for f in fans]) for name in ("weight", "delay"))
            if layered:
                delay = np.maximum(delay, layer[pre] >= layer[C + post])
            parts = []
            for d in np.unique(delay).tolist():
                here = delay == d
                np.add.at(synapse.setdefault(d, np.zeros(self.size, np.float32)), (post[here], pre[here]), 1)
                place = post[here] * (C + N) + pre[here]
                parts.append((d, torch.from_numpy(place), torch.from_numpy(weight[here])))
            self._places.append(parts)
        #: How many synapses lead from each source to each target, (N, S) per delay.
        self.synapses = {d: torch.from_numpy(there) for d, there in synapse.items()}
        self.touch = {d: Reachability(there > 0) for d, there in synapse.items()}
        self.touch_by_neurons = Reachability(synapse[0][:, C:] > 0)
        #: Whose spikes wait in the queue: sources with a synapse without delay, or with no synapse at all.
        self.queued = synapse[0].any(0) | ~np.any([there.any(0) for there in synapse.values()], axis=0)
        #: Layers that spikes of neurons can reach within a time step.
        self.fed = [bool(synapse[0][rows, C:].any()) for rows in network.layer_slices]
        self._gain = _gain(network)

    def matrices(self, weights: Sequence[Tensor], like: Tensor) -> dict[int, Tensor]:
        """Return one (N, S) matrix per delay in time steps, 0 included; differentiable by the weights."""
        gain = torch.from_numpy(self._gain).to(like)
        flat = {d: like.new_zeros(self.size[0] * self.size[1]) for d in self.touch}
        for w, parts in zip(weights, self._places, strict=True):
            for d, place, index in parts:
                flat[d] = flat[d].index_add(0, place.to(w.device), w.flatten()[index.to(w.device)])
        return {d: matrix.view(self.size) * gain for d, matrix in flat.items()}


def _indices(network: Network) -> list[Any]:
    """Return the synapses of a network with the position of each weight (flattened) instead of the weight."""
    return [s.map_weights(lambda _, w: np.arange(w.size).reshape(w.shape)) for s in network.synapses]


def _gain(network: Network) -> NDArray[np.float64]:
    """Return what a weight of 1 adds for a payload of 1, in units of the gradient: (N, S), or (N, 1)."""
    n = network.n_neurons
    if network.params.tag != "fixed_pt":
        return np.ones((n, 1))
    state, payload = np.ones(n), np.ones(n)
    for rows, model in network.models:
        assert model.training is not None
        state[rows], payload[rows] = model.training.state_scale, model.training.payload_scale
    unit = network.params.arriving(np.full(n, WEIGHT_SCALE), np.arange(n)) / state
    return np.asarray(unit[:, None] * np.concatenate([np.ones(network.n_inputs), payload]))
