"""What layers of neurons on a grid have in common: convolution, pooling and their transposes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.netx.builder import MOST_NEURONS, LayerRef, NetworkBuilder
from lava_async.netx.h5 import H5Group, warn
from lava_async.netx.layers.base import LayerType
from lava_async.netx.layers.dense import LONGEST
from lava_async.netx.neurons import MOST_BIAS, REAL_KINDS, NeuronKind, read_neuron
from lava_async.neurons.loihi import MAX_WEIGHT, MIN_WEIGHT
from lava_async.synapses import MAX_DELAY, Sparse, Synapses
from lava_async.synapses.geometry import Axis, Pair, Taps, axes, neurons

MOST_SYNAPSES = 2**25
"""Synapses of a layer that are listed one by one."""


@dataclass(frozen=True, eq=False)
class SpatialLayer(LayerType):
    """Neurons in C, H, W that a kernel connects to the grid before them.

    Parameters
    ----------
    neuron : NeuronKind
        One value for all, or one per channel.
    weight : (channels, channels, kH, kW) int
        The kernel.
    stride, padding, dilation : (int, int)
        H first.
    bias : (C,) or (C, H, W) int, or None
        As the file says them. (There, biases of single neurons are in the order W, H, C, as netx hands them to Lava.)
    delay : (C,) int or None
        Axonal delay of each channel in time steps, as slayer writes it. It is given to the synapses into the layer, as
        netx does for dense layers; stock netx ignores it here.
    """

    neuron: NeuronKind
    weight: NDArray[np.int64]
    stride: Pair
    padding: Pair
    dilation: Pair
    bias: NDArray[np.int64] | None = None
    delay: NDArray[np.int64] | None = None

    transposed: ClassVar[bool] = False
    """Whether a place before the layer reaches a patch of it, instead of a place of the layer a patch before it."""

    @classmethod
    def fields_of(cls, node: H5Group) -> dict[str, Any]:
        """Read what all layers on a grid have."""
        shape = node.shape("shape", MOST_NEURONS, dimensions=(3,))
        weight = node.integers("weight", MIN_WEIGHT, MAX_WEIGHT)
        if weight.ndim == 5 and weight.shape[4] == 1:  # as in old files
            weight = weight[..., 0]
        if weight.ndim != 4 or not weight.size:
            raise node.fail("weight", f".shape = {weight.shape}: must be (channels, channels, kH, kW)")
        kernel = weight.shape[2:]
        if "kernelSize" in node and (found := _pair(node, "kernelSize", 1)) != kernel:
            raise node.fail("kernelSize", f" = {found}: must be {kernel}, as weight.shape = {weight.shape}")
        neuron = read_neuron(node.group("neuron"), shape[0], REAL_KINDS)
        return {
            "shape": shape,
            "neuron": neuron,
            "weight": weight,
            "stride": _pair(node, "stride", 1),
            "padding": _pair(node, "padding", 0),
            "dilation": _pair(node, "dilation", 1),
            "bias": _bias(node, shape),
            "delay": _delay(node, shape[0]),
        }

    def build(self, builder: NetworkBuilder) -> None:  # noqa: D102
        bias = self.bias
        if bias is not None:
            bias = np.broadcast_to(bias if bias.ndim == 3 else bias[:, None, None], self.shape).reshape(-1)
        builder.add(self.kind, self.shape, self.neuron.params(int(np.prod(self.shape)), bias), self.synapses(builder))

    @abstractmethod
    def synapses(self, builder: NetworkBuilder) -> list[Synapses]:
        """Return the synapses from the source of the layer, one set per part of it."""

    @property
    def neurons(self) -> tuple[int, ...]:  # noqa: D102
        return self.shape

    def grids(self, builder: NetworkBuilder, most: int = 2**15) -> tuple[LayerRef, ...]:
        """Return the source of the layer: grids of one size, whose channels add up, `most` at most."""
        parts = builder.before()
        if len(parts) > most:
            raise builder.fail("type", f" = {self.kind}: must not follow a concat layer")
        for part in parts:
            if len(part.shape) != 3 or part.shape[1:] != parts[0].shape[1:]:
                raise builder.fail(
                    "type", f" = {self.kind}: needs (channels, height, width) before it, not {part.shape}"
                )
        return parts

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The kernel along the height and along the width."""
        return axes(self.weight.shape[2:], self.stride, self.padding, self.dilation)

    def taps(self, before: Sequence[int]) -> list[Taps]:
        """Return which rows and which columns are connected, from a grid of a height and a width."""
        sizes = zip(self.axes, before, self.shape[1:], strict=True)
        if self.transposed:
            return [axis.taps(m, n).reversed() for axis, n, m in sizes]
        return [axis.taps(n, m) for axis, n, m in sizes]

    def check_shape(self, builder: NetworkBuilder, channels: int, size: Sequence[int]) -> None:
        """Raise NetxError unless the shape in the file is the one that follows from the kernel."""
        if self.shape != (channels, *size):
            raise builder.fail("shape", f" = {self.shape}: must be {(channels, *size)}, as follows from the kernel")

    def connect(self, builder: NetworkBuilder, source: LayerRef, pairs: Pairs, taps: Sequence[Taps]) -> Sparse:
        """Return the synapses from one grid as a list.

        Parameters
        ----------
        builder : NetworkBuilder
            The network so far.
        source : LayerRef
            The grid.
        pairs : Pairs
            Which channels are connected, by which kernel.
        taps : two Taps
            Which rows and which columns are connected.
        """
        rows, columns = taps
        if len(pairs.target) * len(rows.kernel) * len(columns.kernel) > MOST_SYNAPSES:
            raise builder.fail("shape", f" = {self.shape}: the layer would have more than {MOST_SYNAPSES} synapses")
        weights = pairs.kernel[:, rows.kernel[:, None], columns.kernel]
        pre = neurons(pairs.source, rows.source, columns.source, source.shape)
        post = neurons(pairs.target, rows.target, columns.target, self.shape)
        delays = np.zeros(self.shape[0], np.int64) if self.delay is None else self.delay
        delay = np.broadcast_to(delays[pairs.target][:, None, None], weights.shape).reshape(-1)
        size = int(np.prod(self.shape)), source.size
        return Sparse(source.layer, builder.index, pre, post, weights.reshape(-1), size, delay)


class Pairs(NamedTuple):
    """Connected channels, K pairs: (K,) target and source, and the kernel of each, (K, kH, kW)."""

    target: NDArray[np.int64]
    source: NDArray[np.int64]
    kernel: NDArray[np.int64]


def _pair(node: H5Group, name: str, least: int) -> Pair:
    values = node.integers(name, least, 2**15)
    if values.size not in (1, 2):
        raise node.fail(name, f".shape = {values.shape}: must be one number or two, H and W")
    first, *_, last = np.broadcast_to(values.reshape(-1), 2).tolist()
    return first, last


def _bias(node: H5Group, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
    if "bias" not in node:
        return None
    bias = node.integers("bias", -MOST_BIAS, MOST_BIAS)
    if bias.shape == shape[::-1]:
        return bias.transpose(2, 1, 0)
    if bias.size not in (1, shape[0]) or bias.size != max(bias.shape, default=1):
        raise node.fail("bias", f".shape = {bias.shape}: must be ({shape[0]},), one per channel, or {shape[::-1]}")
    return np.broadcast_to(bias.reshape(-1), shape[:1])


def _delay(node: H5Group, channels: int) -> NDArray[np.int64] | None:
    if "delay" not in node:
        return None
    delay = node.integers("delay", 0, MAX_DELAY)
    if delay.size not in (1, channels):
        raise node.fail("delay", f".shape = {delay.shape}: must be one number or {channels}, one per channel")
    if not delay.any():
        return None
    warn(node, "delay", "stock netx ignores the delays of this layer; the network that was loaded has them")
    if delay.max() > LONGEST:
        warn(node, "delay", f"{delay.max()} is clipped to {LONGEST} time steps")
    return np.minimum(np.broadcast_to(delay.reshape(-1), (channels,)), LONGEST)
