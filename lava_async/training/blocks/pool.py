"""Pooling: neurons that sum over windows of their channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lava_async import synapses
from lava_async.errors import InvalidValue
from lava_async.training.blocks.base import NeuronBlock
from lava_async.training.blocks.stream import Delay, SpikeStream


class PoolBlock(NeuronBlock):
    """``slayer.block.cuba.Pool``: windows side by side, each summed into one neuron through slayer's fixed weight.

    Where a grid of n rows is no multiple of the window of k, slayer adds ``n % k`` rows of zeros; if that is none
    either, or windows overlap or are padded or dilated, its windows reach into the next channel: an error here.
    """

    name = "block.cuba.Pool"
    kind = "pool"

    def shape_of_neurons(self) -> tuple[int, ...]:  # noqa: D102
        synapse, size = self.geometry, self.grid()
        window = self._window
        self.check("stride", tuple(synapse.stride[:2]), window, f"{window}, the window: else slayer mixes channels")
        self.check("padding", tuple(synapse.padding[:2]), (0, 0), "(0, 0): else slayer mixes channels")
        self.check("dilation", tuple(synapse.dilation[:2]), (1, 1), "(1, 1): else slayer mixes channels")
        if any((n + n % k) % k for n, k in zip(size, window, strict=True)):
            raise InvalidValue(
                f"{self.where}: height and width of what reaches it",
                size,
                f"multiples of {window}, or with a remainder of half a window: else slayer mixes channels",
            )
        channels = sum(sent.shape[0] for sent in self.sources)
        return (channels, *((n + n % k) // k for n, k in zip(size, window, strict=True)))

    @property
    def _window(self) -> tuple[int, int]:
        height, width, _ = self.geometry.kernel_size
        return height, width

    @property
    def _convolves(self) -> bool:
        """Whether windows fill the grid, so that a convolution says the same, which stock netx can run."""
        return len(self.sources) == 1 and all(n % k == 0 for n, k in zip(self.grid(), self._window, strict=True))

    def kernels(self) -> Sequence[Tensor]:  # noqa: D102
        weight = self.quantized(self.block.synapse)[..., 0]
        if self._convolves:
            return [weight.expand(self.layer.shape[0], -1, -1, -1)]
        places = [self._places(sent) for sent in self.sources]
        return [weight[0, 0, y % weight.shape[2], x % weight.shape[3]] for _, y, x in places]

    def connect(self, source: SpikeStream, weights: NDArray[Any], delay: Delay) -> synapses.Synapses:  # noqa: D102
        channels, height, width = source.shape
        if self._convolves:
            return synapses.Conv(
                source.layer, self.index, weights, (channels, height, width), self._window, groups=channels, delay=delay
            )
        first = sum(sent.shape[0] for sent in self.sources[: self.sources.index(source)])
        channel, y, x = self._places(source)
        post = np.ravel_multi_index((first + channel, y // self._window[0], x // self._window[1]), self.layer.shape)
        size, late = (self.layer.size, source.size), np.zeros(source.size, int) if delay is None else delay
        return synapses.Sparse(source.layer, self.index, np.arange(source.size), post, weights, size, late)

    def broadcast_channels(self, kernel: Tensor, each: Tensor, source: SpikeStream) -> Tensor:  # noqa: D102
        return each.view(len(kernel), -1)[:, 0][:, None, None, None] if kernel.ndim == 4 else each

    @staticmethod
    def _places(sent: SpikeStream) -> NDArray[np.int64]:
        """Return channel, row and column of each neuron, (3, n)."""
        return np.indices(sent.shape).reshape(3, -1)
