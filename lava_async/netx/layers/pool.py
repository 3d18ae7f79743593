"""Pooling: neurons that sum over windows of their channel. slayer writes it, stock netx does not read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lava_async.netx.builder import LayerRef, NetworkBuilder
from lava_async.netx.h5 import H5Group
from lava_async.netx.layers.spatial import Pairs, SpatialLayer
from lava_async.synapses import Conv, Synapses


@dataclass(frozen=True, eq=False)
class PoolLayer(SpatialLayer):
    """Windows side by side, without padding; `weight` is (1, 1, kH, kW), for all channels.

    slayer pads a grid whose size n is no multiple of the window k with n mod k rows of zeros, and lays the channels end
    to end. Where that makes its windows reach into the next channel (n + n mod k is no multiple of k, overlaps,
    padding, dilation) the layer is refused.
    """

    kind: ClassVar[str] = "pool"

    @classmethod
    def read(cls, node: H5Group) -> PoolLayer:  # noqa: D102
        layer = cls(**cls.fields_of(node))
        if layer.weight.shape[:2] != (1, 1):
            raise node.fail("weight", f".shape = {layer.weight.shape}: must be (1, 1, kH, kW)")
        window = layer.weight.shape[2:]
        if (layer.stride, layer.padding, layer.dilation) != (window, (0, 0), (1, 1)):
            found = f" = {layer.stride}, padding = {layer.padding}, dilation = {layer.dilation}"
            raise node.fail("stride", f"{found}: must be {window}, (0, 0), (1, 1), windows side by side")
        return layer

    def synapses(self, builder: NetworkBuilder) -> list[Synapses]:  # noqa: D102
        parts = self.grids(builder)
        channels = [part.shape[0] for part in parts]
        self.check_shape(builder, sum(channels), self.size_after(builder, parts[0].shape[1:]))
        starts = np.cumsum(channels) - channels
        return [self._from(builder, part, start) for part, start in zip(parts, starts.tolist(), strict=True)]

    def _from(self, builder: NetworkBuilder, part: LayerRef, start: int) -> Synapses:
        """Return the synapses from one part to the channels from `start` on."""
        channels, height, width = part.shape
        kernels = np.repeat(self.weight[0], channels, axis=0)
        conv = Conv(
            part.layer, builder.index, kernels[:, None], (channels, height, width), self.stride, groups=channels
        )
        if conv.output_shape == self.shape and self.delay is None:
            return conv  # which stock netx runs, unlike lists of synapses
        own = np.arange(channels)
        return self.connect(builder, part, Pairs(own + start, own, kernels), self.taps(part.shape[1:]))

    def size_after(self, builder: NetworkBuilder, size: tuple[int, ...]) -> list[int]:
        """Return height and width of the layer, given those of the grid before it."""
        if any((n + n % k) % k for n, k in zip(size, self.stride, strict=True)):
            raise builder.fail(
                "stride",
                f" = {self.stride}: must divide {size} (or leave a remainder of half a window), "
                "else slayer mixes the channels",
            )
        return [(n + n % k) // k for n, k in zip(size, self.stride, strict=True)]
