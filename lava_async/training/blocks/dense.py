"""All-to-all synapses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from lava_async import synapses
from lava_async.errors import InvalidValue
from lava_async.training.blocks.base import NeuronBlock, parts_of
from lava_async.training.blocks.stream import Delay, SpikeStream


class DenseBlock(NeuronBlock):
    """``slayer.block.cuba.Dense``: every neuron that reaches the block has a synapse to each of its neurons."""

    name = "block.cuba.Dense"
    kind = "dense"
    synapse = "synapse"
    """Attribute of the block that holds the weights of what reaches it."""

    @classmethod
    def takes(cls, block: nn.Module) -> tuple[int, ...]:  # noqa: D102
        return (int(parts_of(getattr(block, cls.synapse))[0][0].weight.shape[1]),)

    def shape_of_neurons(self) -> tuple[int, ...]:  # noqa: D102
        weight = parts_of(getattr(self.block, self.synapse))[0][0].weight
        self.check(
            f"{self.synapse}.weight.shape[2:]",
            tuple(weight.shape[2:]),
            (1, 1, 1),
            "(1, 1, 1): in_neurons is one number",
        )
        for sent in self.sources:
            if sent.size != max(sent.shape):
                raise InvalidValue(
                    f"{self.where}: shape of what reaches it",
                    sent.shape,
                    "(neurons,): it needs a slayer.block.cuba.Flatten before it",
                )
        self.check_inputs("neurons", int(weight.shape[1]), [sent.size for sent in self.sources])
        return (int(weight.shape[0]),)

    def kernels(self) -> Sequence[Tensor]:  # noqa: D102
        weight = self.quantized(getattr(self.block, self.synapse), self.synapse).flatten(1)
        return self.split(weight, [sent.size for sent in self.sources])

    def connect(self, source: SpikeStream, weights: NDArray[Any], delay: Delay) -> synapses.Synapses:  # noqa: D102
        return synapses.Dense(source.layer, self.index, weights, delay)
