"""Spikes between blocks, and the axonal delays on their way."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_async.errors import InvalidValue

Delay = NDArray[Any] | None
"""Delay of each source neuron of some synapses, in time steps; None: no delays."""


class SpikeStream(NamedTuple):
    """Spikes on their way from one block to the next.

    Examples
    --------
    >>> from lava_async.training.blocks import SpikeStream
    >>> SpikeStream(layer=-1, shape=(2, 10, 10)).size
    200
    """

    layer: int
    """The layer that emits them; ``INPUT`` (-1) for the input channels."""
    shape: tuple[int, ...]
    """``(n,)`` or channels, height, width; numbered in this order, as slayer flattens."""
    name: str = ""
    """What errors call the block that sends them."""
    axons: tuple[nn.Module, ...] = ()
    """``slayer.axon.Delay`` that they pass, each with one delay per channel."""
    graded: bool = False
    """Whether they are numbers in 4096ths instead of spikes."""

    @property
    def size(self) -> int:
        """Number of neurons or channels."""
        return math.prod(self.shape)

    @property
    def learns(self) -> bool:
        """Whether a delay is learned."""
        return any(axon.delay.requires_grad for axon in self.axons)

    def delay(self) -> Delay:
        """Return the delay of each neuron, rounded down as slayer does."""
        if not self.axons:
            return None
        for axon in self.axons:
            axon.clamp()
        whole = sum(per_neuron(axon.delay.detach().floor(), self.size) for axon in self.axons)
        return np.asarray(whole.cpu().numpy(), np.int64)

    def step(self) -> Tensor:
        """Return 0 for each neuron of delayed axons, whose derivative by a delay is slayer's ``grad_scale``."""
        each = [axon.grad_scale * (axon.delay - axon.delay.detach()) for axon in self.axons]
        return torch.stack([per_neuron(d, self.size) for d in each]).sum(0)


def prepare_axon(where: str, axon: nn.Module, shape: tuple[int, ...]) -> None:
    """Check an axonal delay for neurons of a shape, and let it draw its delays as in a first forward pass."""
    if axon.sampling_time != 1:
        raise InvalidValue(f"{where}.sampling_time", axon.sampling_time, "1: delays are in time steps")
    if not axon.init:
        axon(torch.zeros(1, *shape, 1, device=axon.delay.device))
    if axon.delay.shape != shape[:1]:
        raise InvalidValue(f"{where}.shape", tuple(axon.delay.shape), f"{shape[:1]}, one delay per channel")


def per_neuron(x: Tensor, n: int) -> Tensor:
    """Return a number for all neurons, or one per channel, as one per neuron."""
    return x.reshape(-1).expand(n) if x.numel() == 1 else x.reshape(-1).repeat_interleave(n // x.numel())
