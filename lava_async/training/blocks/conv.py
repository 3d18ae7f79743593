"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async import synapses
from lava_async.errors import InvalidValue
from lava_async.synapses.geometry import axes
from lava_async.training.blocks.base import NeuronBlock
from lava_async.training.blocks.stream import Delay, SpikeStream


class ConvBlock(NeuronBlock):
    """``slayer.block.cuba.Conv``: a kernel for all places of a grid, with stride, padding, dilation and groups."""

    name = "block.cuba.Conv"
    kind = "conv"

    def shape_of_neurons(self) -> tuple[int, ...]:  # noqa: D102
        synapse, (height, width) = self.geometry, self.grid()
        channels = [sent.shape[0] for sent in self.sources]
        self.check_inputs("channels", synapse.in_channels, channels)
        if len(self.sources) > 1:
            self.check("groups", synapse.groups, 1, "1 where skip connections end")
        kernel = axes(synapse.kernel_size[:2], *self._geometry[:3])
        size = [axis.size(n) for axis, n in zip(kernel, (height, width), strict=True)]
        if min(size) < 1:
            raise InvalidValue(
                f"{self.where}: shape of what reaches it",
                (sum(channels), height, width),
                f"at least as large as the kernel {tuple(synapse.kernel_size[:2])}",
            )
        return (synapse.out_channels, *size)

    def kernels(self) -> Sequence[Tensor]:  # noqa: D102
        weight = self.quantized(self.block.synapse)[..., 0]
        return self.split(weight, [sent.shape[0] for sent in self.sources])

    def connect(self, source: SpikeStream, weights: NDArray[Any], delay: Delay) -> synapses.Synapses:  # noqa: D102
        channels, height, width = source.shape
        return synapses.Conv(source.layer, self.index, weights, (channels, height, width), *self._geometry, delay)

    def broadcast_channels(self, kernel: Tensor, each: Tensor, source: SpikeStream) -> Tensor:  # noqa: D102
        outputs, per_group = kernel.shape[:2]
        groups = self._geometry[3]
        channel = torch.arange(outputs)[:, None] // (outputs // groups) * per_group + torch.arange(per_group)
        return each.view(groups * per_group, -1)[:, 0][channel][:, :, None, None]

    @property
    def _geometry(self) -> tuple[Any, Any, Any, int]:
        """Stride, padding, dilation (height first) and groups."""
        s = self.geometry
        stride, padding, dilation = (tuple(pair[:2]) for pair in (s.stride, s.padding, s.dilation))
        return stride, padding, dilation, s.groups
