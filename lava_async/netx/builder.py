"""The network that grows while the layers of a .net file are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Layer, Network
from lava_async.netx.h5 import H5Group, NetxError
from lava_async.neurons import LoihiParams, NeuronModel, combine
from lava_async.synapses import INPUT, Dense, Sparse, Synapses

MOST_NEURONS = 2**22
"""Neurons or input channels of a network; four Loihi 2 chips. A larger number is taken for a corrupted one."""


class LayerRef(NamedTuple):
    """A source of spikes: the input (-1) or a layer of the network, and its shape."""

    layer: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of neurons or channels."""
        return int(np.prod(self.shape))


class NetworkBuilder:
    """The network that grows as the layers of a file are added in their order.

    Parameters
    ----------
    shapes : list
        Shape of the neurons of each layer of the file, None for layers without neurons.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...] | None]) -> None:
        self.input_shape: tuple[int, ...] | None = None
        self.layers: list[Layer] = []
        self.synapses: list[Synapses] = []
        self.params: list[NeuronModel] = []
        self.node = H5Group("", error=NetxError)
        # What each layer of the file sends on. Those with neurons are known in advance, for feedback through `concat`.
        self.sends: list[tuple[LayerRef, ...] | None] = []
        neurons = 0
        for shape in shapes:
            self.sends.append(None if shape is None else (LayerRef(neurons, shape),))
            neurons += shape is not None
        self.here = -1

    @property
    def index(self) -> int:
        """Index that the next layer of neurons will have."""
        return len(self.layers)

    def before(self, inputs: int | None = None) -> tuple[LayerRef, ...]:
        """Return what the layer before sends on; the first layer of a file without an input layer takes `inputs`."""
        if self.here:
            sends = self.sends[self.here - 1]
            assert sends is not None
            return sends
        if inputs is None:
            raise self.fail("type", f" = {self.node.text('type')}: needs an input layer before it")
        self.input_shape = (inputs,)
        return (LayerRef(INPUT, self.input_shape),)

    def fail(self, name: str, problem: str) -> ValueError:
        """Return the NetxError that names a field of the layer that is being added."""
        return self.node.fail(name, problem)

    def send(self, parts: tuple[LayerRef, ...]) -> None:
        """Say what the layer that is being added sends on."""
        self.sends[self.here] = parts

    def add(self, kind: str, shape: tuple[int, ...], params: NeuronModel, synapses: Sequence[Synapses]) -> None:
        """Add neurons and the synapses into them."""
        self.layers.append(Layer(shape, f"{kind} {self.index}"))
        self.params.append(params)
        self.synapses.extend(synapses)
        if sum(layer.size for layer in self.layers) > MOST_NEURONS:
            raise self.fail("shape", f" = {shape}: the network would have more than {MOST_NEURONS} neurons")

    def network(self) -> Network:
        """Return the network; the neurons of its last layer are the outputs."""
        last = self.sends[-1]
        if not self.layers or last is None or any(part.layer == INPUT for part in last):
            raise self.fail("type", f" = {self.node.text('type')}: the last layer must have neurons")
        assert self.input_shape is not None
        ends = np.cumsum([0] + [layer.size for layer in self.layers])
        outputs = np.concatenate([np.arange(ends[part.layer], ends[part.layer + 1]) for part in last])
        biased = any(np.any(p.bias_mant) for p in self.params if isinstance(p, LoihiParams))
        parts = [
            replace(p, bias_exp=np.zeros_like(p.vth)) if isinstance(p, LoihiParams) and not biased else p
            for p in self.params
        ]
        params = combine([p.expanded(layer.size) for p, layer in zip(parts, self.layers, strict=True)])
        try:
            return Network(self.input_shape, tuple(self.layers), tuple(self.synapses), params, outputs)
        except (InvalidValue, InvalidType) as error:
            raise NetxError(f"{self.node.file}: /layer: {error}") from error


def dense_synapses(source: int, target: int, weight: NDArray[Any], delay: NDArray[np.int64]) -> Synapses:
    """Return all-to-all synapses with a delay each, in the plainest form; both matrices are (post, pre)."""
    if (delay == delay[:1]).all():
        return Dense(source, target, weight, delay[0])
    post, pre = np.indices(weight.shape).reshape(2, -1)
    return Sparse(source, target, pre, post, weight.reshape(-1), (len(weight), weight.shape[1]), delay.reshape(-1))
