"""Neurons of the input."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_async import synapses
from lava_async.errors import InvalidType, InvalidValue
from lava_async.training.blocks.base import Block, NeuronBlock
from lava_async.training.blocks.flatten import FlattenBlock
from lava_async.training.blocks.stream import Delay, SpikeStream


class InputBlock(NeuronBlock):
    """``slayer.block.cuba.Input``, ``alif.Input``: a channel reaches its neuron as ``weight * x + bias``, x a count.

    Weight and bias are learned and quantized as slayer does. slayer adds the bias to the current, netx and this
    package to the voltage: the same thing where current does not last, an error elsewhere. slayer clips x at 3.97;
    deployed networks, and this one, do not.
    """

    name = "block.cuba.Input"
    kind = "input"  # netx.save knows the layer by it

    @classmethod
    def of(cls, where: str, block: nn.Module, sources: tuple[SpikeStream, ...], index: int) -> Block:  # noqa: D102
        if block.neuron is None:
            return BareInputBlock(where, block, sources, index)
        if cls.family_of(block).complex:
            allowed = "without neurons: slayer's own cannot run them, since a resonator takes two numbers"
            raise InvalidType(where, f"slayer.block.{cls.family_of(block).name}.Input with neurons", allowed)
        return cls(where, block, sources, index)

    @classmethod
    def takes(cls, block: nn.Module) -> tuple[int, ...] | None:  # noqa: D102
        return None if block.shape is None else tuple(block.shape)

    def shape_of_neurons(self) -> tuple[int, ...]:  # noqa: D102
        check_first(self)
        return self.sources[0].shape

    def kernels(self) -> Sequence[Tensor]:  # noqa: D102
        block = self.block
        weight = block.neuron.current_decay.new_ones(1) if block.weight is None else block.pre_hook_fx(block.weight)
        return [weight.expand(self.layer.size)]

    def connect(self, source: SpikeStream, weights: NDArray[Any], delay: Delay) -> synapses.Synapses:  # noqa: D102
        n = source.size
        late = np.zeros(n, int) if delay is None else delay
        return synapses.Sparse(source.layer, self.index, np.arange(n), np.arange(n), weights, (n, n), late)

    def neuron_key(self) -> Hashable:  # noqa: D102
        return super().neuron_key() if self.block.bias is None else None

    def numbers(self) -> dict[str, Tensor]:  # noqa: D102
        found = super().numbers()
        if self.block.bias is None:
            return found
        own = self.block.pre_hook_fx(self.block.bias)
        if bool(own != 0) and bool((found["keep_u"] != 0).any()):
            raise InvalidValue(
                f"{self.where}.bias",
                own.item(),
                "None, or 0, or current_decay must be 1: slayer adds the bias to the current, Loihi to the voltage",
            )
        return found | {"bias": found["bias"] + own}


class BareInputBlock(FlattenBlock):
    """``slayer.block.cuba.Input`` without neurons: the input as it is; weight and bias are not used, as in slayer."""

    name = "block.cuba.Input"

    def __init__(self, where: str, block: nn.Module, sources: tuple[SpikeStream, ...], index: int) -> None:
        super().__init__(where, block, sources, index)
        check_first(self)

    @property
    def outputs(self) -> tuple[SpikeStream, ...]:  # noqa: D102
        return self.sources


def check_first(block: Block) -> None:
    """Raise unless a block takes the input alone."""
    if [sent.layer for sent in block.sources] != [synapses.INPUT]:
        raise InvalidValue(block.where, "behind another block", "blocks[0]")
