"""Transposed convolutions: each neuron before the block reaches a patch, or a window, of neurons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async import synapses
from lava_async.errors import InvalidValue
from lava_async.synapses.geometry import Axis, axes, neurons
from lava_async.training.blocks.base import NeuronBlock
from lava_async.training.blocks.stream import Delay, SpikeStream

MOST_SYNAPSES = 2**25
"""Synapses of a block that are listed one by one."""


@dataclass(frozen=True, eq=False)
class _Listed:
    """Synapses from a source, ascending by (source neuron, target neuron): (K,) each."""

    pre: NDArray[np.int64]
    post: NDArray[np.int64]
    weight: Tensor
    """Which number of the flattened kernel each synapse has as its weight."""


class TransposedBlock(NeuronBlock):
    """Source row y reaches target rows ``y * stride - padding + dilation * i`` through row i of the kernel."""

    @abstractmethod
    def out_channels(self) -> int:
        """Return the channels of its neurons, after checking that the block fits what reaches it."""

    @abstractmethod
    def pairs(self, source: SpikeStream) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return which channels are connected: source channel, target channel, and which kernel connects them."""

    def shape_of_neurons(self) -> tuple[int, ...]:  # noqa: D102
        height, width = (axis.transposed_size(n) for axis, n in zip(self._axes, self.grid(), strict=True))
        shape = (self.out_channels(), height, width)
        if min(height, width) < 1:
            padding = tuple(self.geometry.padding[:2])
            raise InvalidValue(f"{self.where}.padding", padding, f"less, since {(height, width)} neurons are left")
        self._shape = shape
        self._lists = [self._list(sent) for sent in self.sources]
        return shape

    @property
    def _axes(self) -> tuple[Axis, Axis]:
        """The kernel along the height and along the width."""
        s = self.geometry
        return axes(*(x[:2] for x in (s.kernel_size, s.stride, s.padding, s.dilation)))

    def _list(self, source: SpikeStream) -> _Listed:
        channels, targets, kernels = self.pairs(source)
        rows, columns = (
            axis.taps(m, n).reversed() for axis, n, m in zip(self._axes, source.shape[1:], self._shape[1:], strict=True)
        )
        size = len(channels) * len(rows.kernel) * len(columns.kernel)
        if size > MOST_SYNAPSES:
            raise InvalidValue(f"{self.where}: number of synapses", size, f"at most {MOST_SYNAPSES}")
        pre = neurons(channels, rows.source, columns.source, source.shape)
        post = neurons(targets, rows.target, columns.target, self._shape)
        weight = neurons(kernels, rows.kernel, columns.kernel, (0, *self.geometry.kernel_size[:2]))
        order = np.lexsort((post, pre))
        return _Listed(pre[order], post[order], torch.from_numpy(weight[order]))

    def kernels(self) -> Sequence[Tensor]:  # noqa: D102
        weight = self.quantized(self.block.synapse).flatten()
        return [weight[listed.weight.to(weight.device)] for listed in self._lists]

    def connect(self, source: SpikeStream, weights: NDArray[Any], delay: Delay) -> synapses.Synapses:  # noqa: D102
        listed = self._lists[self.sources.index(source)]
        late = np.zeros(len(listed.pre), int) if delay is None else delay[listed.pre]
        size = (self.layer.size, source.size)
        return synapses.Sparse(source.layer, self.index, listed.pre, listed.post, weights, size, late)

    def broadcast_channels(self, kernel: Tensor, each: Tensor, source: SpikeStream) -> Tensor:  # noqa: D102
        return each[torch.from_numpy(self._lists[self.sources.index(source)].pre).to(each.device)]


class ConvTBlock(TransposedBlock):
    """``slayer.block.cuba.ConvT``: a kernel for all places of a grid, with stride, padding, dilation and groups."""

    name = "block.cuba.ConvT"
    kind = "convT"

    def out_channels(self) -> int:  # noqa: D102
        synapse = self.geometry
        self.check_inputs("channels", synapse.in_channels, [sent.shape[0] for sent in self.sources])
        if len(self.sources) > 1:
            self.check("groups", synapse.groups, 1, "1 where skip connections end")
        return int(synapse.out_channels)

    def pairs(self, source: SpikeStream) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:  # noqa: D102
        synapse = self.geometry
        per_group = synapse.out_channels // synapse.groups
        channel, j = np.indices((source.shape[0], per_group)).reshape(2, -1)
        before = sum(sent.shape[0] for sent in self.sources[: self.sources.index(source)])
        group = channel // (synapse.in_channels // synapse.groups)
        return channel, group * per_group + j, (before + channel) * per_group + j


class UnpoolBlock(TransposedBlock):
    """``slayer.block.cuba.Unpool``: each neuron reaches a window of its channel through slayer's fixed weight.

    slayer lays the channels end to end; where windows overlap, or are padded or dilated, they reach into the next
    channel: an error here.
    """

    name = "block.cuba.Unpool"
    kind = "unpool"

    def out_channels(self) -> int:  # noqa: D102
        synapse = self.geometry
        window = tuple(synapse.kernel_size[:2])
        self.check("stride", tuple(synapse.stride[:2]), window, f"{window}, the window: else slayer mixes channels")
        self.check("padding", tuple(synapse.padding[:2]), (0, 0), "(0, 0): else slayer mixes channels")
        self.check("dilation", tuple(synapse.dilation[:2]), (1, 1), "(1, 1): else slayer mixes channels")
        return sum(sent.shape[0] for sent in self.sources)

    def pairs(self, source: SpikeStream) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:  # noqa: D102
        own = np.arange(source.shape[0])
        before = sum(sent.shape[0] for sent in self.sources[: self.sources.index(source)])
        return own, own + before, np.zeros_like(own)
