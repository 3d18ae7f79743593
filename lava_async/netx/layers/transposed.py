"""Transposed convolutions and unpooling, which slayer writes and stock netx does not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lava_async.netx.builder import LayerRef, NetworkBuilder
from lava_async.netx.h5 import H5Group
from lava_async.netx.layers.pool import PoolLayer
from lava_async.netx.layers.spatial import Pairs, SpatialLayer
from lava_async.synapses import Synapses


@dataclass(frozen=True, eq=False)
class ConvTLayer(SpatialLayer):
    """A transposed convolution; `weight` is (channels before, channels of a group, kH, kW)."""

    kind: ClassVar[str] = "convT"
    transposed: ClassVar[bool] = True

    @classmethod
    def read(cls, node: H5Group) -> ConvTLayer:  # noqa: D102
        # All three follow from the weights and the shape.
        node.used.update(("inChannels", "outChannels", "groups"))
        fields = cls.fields_of(node)
        if fields["shape"][0] % fields["weight"].shape[1]:
            raise node.fail(
                "weight",
                f".shape = {fields['weight'].shape}: its second number must divide "
                f"{fields['shape'][0]}, the channels of the layer",
            )
        return cls(**fields)

    def synapses(self, builder: NetworkBuilder) -> list[Synapses]:  # noqa: D102
        (part,) = self.grids(builder, most=1)
        inputs, per_group = self.weight.shape[:2]
        groups = self.shape[0] // per_group
        if inputs != part.shape[0] or inputs % groups:
            raise builder.fail(
                "weight",
                f".shape = {self.weight.shape}: {part.shape[0]} channels reach the layer, in {groups} group(s)",
            )
        self.check_shape(
            builder,
            self.shape[0],
            [axis.transposed_size(n) for axis, n in zip(self.axes, part.shape[1:], strict=True)],
        )
        source, j = np.indices((inputs, per_group)).reshape(2, -1)
        target = source // (inputs // groups) * per_group + j
        pairs = Pairs(target, source, self.weight[source, j])
        return [self.connect(builder, part, pairs, self.taps(part.shape[1:]))]


@dataclass(frozen=True, eq=False)
class UnpoolLayer(PoolLayer):
    """Every neuron before the layer reaches a window of neurons of its channel."""

    kind: ClassVar[str] = "unpool"
    transposed: ClassVar[bool] = True

    def _from(self, builder: NetworkBuilder, part: LayerRef, start: int) -> Synapses:
        own = np.arange(part.shape[0])
        kernels = np.repeat(self.weight[0], len(own), axis=0)
        return self.connect(builder, part, Pairs(own + start, own, kernels), self.taps(part.shape[1:]))

    def size_after(self, builder: NetworkBuilder, size: tuple[int, ...]) -> list[int]:  # noqa: D102
        return [n * k for n, k in zip(size, self.stride, strict=True)]
