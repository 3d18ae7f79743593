"""Whether stock netx can run a network, and as which layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.network import Layer, Network
from lava_async.netx.builder import LayerRef
from lava_async.neurons import LoihiParams, NeuronModel
from lava_async.synapses import INPUT, Dense, Sparse, Synapses

MOST_WEIGHTS = 2**25
"""Elements of a dense matrix that a network with few synapses may be turned into."""


class NotExportable(Exception):  # noqa: N818 (reads as what it says)
    """The reason why stock netx could not run a network."""


@dataclass(frozen=True)
class LayerView:
    """A layer of a network and what reaches it, on the way into a file.

    Parameters
    ----------
    index : int
        Index of the layer.
    layer : Layer
        The layer itself.
    params : NeuronModel
        Its parameters, one value per neuron.
    before : LayerRef
        The layer before, or the input.
    incoming : Synapses
        The synapses from there.
    feedback : Synapses or None
        Synapses of the layer to itself.
    """

    index: int
    layer: Layer
    params: NeuronModel
    before: LayerRef
    incoming: Synapses
    feedback: Synapses | None

    def cannot(self, reason: str) -> NotExportable:
        """Return the reason as one that names the layer."""
        return NotExportable(f"layer {self.index}: {reason}")

    @property
    def exponents(self) -> NDArray[np.int64]:
        """Exponent of the weights into each neuron."""
        return np.asarray(getattr(self.params, "weight_exp"), np.int64)  # noqa: B009 (integer models have it)

    def scaled(self, synapses: Sparse) -> NDArray[Any]:
        """Return the weights of a list of synapses, including ``weight_exp``."""
        return _shifted(synapses.weights, self.exponents[synapses.post])

    def matrix(self, synapses: Synapses) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return weights (including ``weight_exp``) and delays as (post, pre) matrices; no synapse is a weight of 0."""
        shape = (synapses.n_target, synapses.n_source)
        delays = np.zeros(shape, np.int64)
        if isinstance(synapses, Dense):
            weights = _shifted(synapses.weights, self.exponents[:, None])
            if synapses.delay is not None:
                delays[:] = synapses.delay
        elif isinstance(synapses, Sparse) and shape[0] * shape[1] <= MOST_WEIGHTS:
            listed = self.scaled(synapses)
            weights = np.zeros(shape, listed.dtype)
            weights[synapses.post, synapses.pre] = listed
            delays[synapses.post, synapses.pre] = synapses.delay
        else:
            raise self.cannot(f"{type(synapses).__name__} synapses {shape} are none of a dense layer")
        return weights, delays


def layer_views(network: Network) -> list[LayerView]:
    """Return the layers of a network that is a chain.

    Raises
    ------
    NotExportable
        If the network is none, with the reason.
    """
    if network.params.tag != LoihiParams.tag:
        raise NotExportable(
            "the network computes in float, stock netx in integers; train with slayer's quantized blocks, or describe "
            "the network with LoihiParams and integer weights"
        )
    if network.n_inputs == 0:
        raise NotExportable("the network has no input")
    if not np.array_equal(network.outputs, np.arange(network.n_neurons)[network.layer_slices[-1]]):
        raise NotExportable("its outputs are not the last layer")
    found = []
    before = LayerRef(INPUT, network.input_shape)
    for k, (layer, where) in enumerate(zip(network.layers, network.layer_slices, strict=True)):
        into = [s for s in network.synapses if s.target == k]
        feedback = [s for s in into if s.source == k]
        incoming = [s for s in into if s.source == k - 1]
        if len(incoming) != 1 or len(feedback) > 1 or len(into) != len(incoming) + len(feedback):
            sources = " and ".join("the input" if s.source == INPUT else f"layer {s.source}" for s in into) or "nothing"
            raise NotExportable(f"layer {k} receives from {sources}, not from the layer before alone")
        model = network.model_of(k)
        params = model if len(network.models) > 1 else model.part(where)
        found.append(LayerView(k, layer, params, before, incoming[0], feedback[0] if feedback else None))
        before = LayerRef(k, layer.shape)
    return found


def _shifted(weights: NDArray[Any], exponents: NDArray[np.int64]) -> NDArray[Any]:
    """Return integers, or complex numbers whose parts are, times a power of 2 each."""
    kind = np.complex128 if np.iscomplexobj(weights) else np.int64
    found: NDArray[Any] = weights.astype(kind) * (1 << exponents)
    return found
