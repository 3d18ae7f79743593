"""Convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.netx.builder import LayerRef, NetworkBuilder
from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group, write_dataset
from lava_async.netx.layers.spatial import Pairs, SpatialLayer
from lava_async.netx.neurons import layer_params
from lava_async.neurons.loihi import MAX_WEIGHT, MIN_WEIGHT
from lava_async.synapses import Conv, Synapses
from lava_async.synapses.geometry import Pair


@dataclass(frozen=True, eq=False)
class ConvLayer(SpatialLayer):
    """A convolution as in deep learning (the kernel is not flipped), in slayer's order C, H, W.

    Parameters
    ----------
    groups : int
        Groups of channels that are connected within themselves only.
    """

    groups: int = 1

    kind: ClassVar[str] = "conv"

    @classmethod
    def read(cls, node: H5Group) -> ConvLayer:  # noqa: D102
        fields = cls.fields_of(node)
        groups = node.integer("groups", 1, 2**31) if "groups" in node else 1
        outputs, inputs = fields["weight"].shape[0], fields["weight"].shape[1] * groups
        for name, expected in (("outChannels", outputs), ("inChannels", inputs)):
            if name in node and (found := node.integer(name, 0, 2**31)) != expected:
                raise node.fail(name, f" = {found}: must be {expected}, as the weights and groups = {groups}")
        if outputs % groups:
            raise node.fail("groups", f" = {groups}: must divide {outputs}, the channels of the layer")
        return cls(**fields, groups=groups)

    def synapses(self, builder: NetworkBuilder) -> list[Synapses]:  # noqa: D102
        parts = self.grids(builder)
        channels = [part.shape[0] for part in parts]
        expected = self.weight.shape[1] * self.groups
        if sum(channels) != expected or (len(parts) > 1 and self.groups > 1):
            raise builder.fail(
                "weight",
                f".shape = {self.weight.shape}, groups = {self.groups}: must be for the "
                f"{' + '.join(map(str, channels))} channels that reach the layer",
            )
        before = parts[0].shape[1:]
        self.check_shape(builder, len(self.weight), [axis.size(n) for axis, n in zip(self.axes, before, strict=True)])
        starts = np.cumsum(channels) - channels
        return [self._from(builder, part, start) for part, start in zip(parts, starts.tolist(), strict=True)]

    def _from(self, builder: NetworkBuilder, part: LayerRef, start: int) -> Synapses:
        """Return the synapses from one part, whose first channel is number `start` before the layer."""
        outputs, per_group = self.weight.shape[:2]
        if self.delay is None:
            weight = self.weight if self.groups > 1 else self.weight[:, start : start + part.shape[0]]
            channels, height, width = part.shape
            return Conv(
                part.layer,
                builder.index,
                weight,
                (channels, height, width),
                self.stride,
                self.padding,
                self.dilation,
                self.groups,
            )
        target, j = np.indices((outputs, per_group)).reshape(2, -1)
        source = target // (outputs // self.groups) * per_group + j - start
        here = (source >= 0) & (source < part.shape[0])
        pairs = Pairs(target[here], source[here], self.weight[target[here], j[here]])
        return self.connect(builder, part, pairs, self.taps(part.shape[1:]))

    def write(self, group: h5py.Group) -> None:  # noqa: D102
        super().write(group)
        write_dataset(group, "inChannels", self.weight.shape[1] * self.groups)
        write_dataset(group, "outChannels", self.weight.shape[0])
        write_dataset(group, "kernelSize", self.weight.shape[2:])
        for name in ("stride", "padding", "dilation", "groups"):
            write_dataset(group, name, getattr(self, name))
        write_dataset(group, "weight", self.weight.astype(np.float32))
        if self.bias is not None:
            write_dataset(
                group, "bias", (self.bias if self.bias.ndim == 1 else self.bias.transpose(2, 1, 0)).astype(np.float64)
            )
        self.neuron.write(group)

    @classmethod
    def match(cls, view: LayerView) -> ConvLayer | None:  # noqa: D102
        s = view.incoming
        if not isinstance(s, Conv):
            return None
        if view.feedback is not None or s.max_delay:
            raise view.cannot("feedback or delays in a convolution")
        if view.before.shape != s.input_shape or view.layer.shape != s.output_shape:
            raise view.cannot(f"a convolution from {s.input_shape} to {s.output_shape} between layers of other shapes")
        if np.iscomplexobj(s.weights):
            raise view.cannot("convolutions of resonators, which netx has no complex weights for")
        channels = len(s.weights)
        weight = s.weights.astype(np.int64) << _per_channel(view, view.exponents)[:, None, None, None]
        if weight.min() < MIN_WEIGHT or weight.max() > MAX_WEIGHT:
            raise view.cannot("weights << weight_exp leave the 9 bits of a weight")
        neuron, bias = layer_params(view, channels)
        if bias is not None:
            grid = bias.reshape(s.output_shape)
            bias = grid[:, 0, 0] if (grid == grid[:, :1, :1]).all() else grid
        stride, padding, dilation = (_pair(x) for x in (s.stride, s.padding, s.dilation))
        return cls(s.output_shape, neuron, weight, stride, padding, dilation, bias, groups=s.groups)


def _pair(value: int | Pair) -> Pair:
    return value if isinstance(value, tuple) else (value, value)


def _per_channel(view: LayerView, values: object) -> NDArray[np.int64]:
    table = np.asarray(values).reshape(view.layer.shape[0], -1)
    if (table != table[:, :1]).any():
        raise view.cannot("weight_exp differs within a channel")
    return table[:, 0]
