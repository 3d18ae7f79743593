"""The first and the last block of sigma-delta networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lava_async.training.blocks.dense import DenseBlock
from lava_async.training.blocks.family import Family
from lava_async.training.blocks.graded import DeltaFamily, SigmaFamily
from lava_async.training.blocks.input import InputBlock
from lava_async.training.blocks.readout import ReadOut
from lava_async.training.gradient import WEIGHT_SCALE


class DeltaInputBlock(InputBlock):
    """``slayer.block.sigma_delta.Input``: neurons that send by how much the input, rounded to 8 bits, has changed."""

    name = "block.sigma_delta.Input"
    drops = False

    @classmethod
    def family_of(cls, block: nn.Module) -> type[Family]:  # noqa: D102
        return DeltaFamily

    @classmethod
    def takes(cls, block: nn.Module) -> tuple[int, ...] | None:  # noqa: D102
        shape = None if block.neuron is None else block.neuron.delta.shape
        return None if shape is None else tuple(shape)

    def shape_of_neurons(self) -> tuple[int, ...]:  # noqa: D102
        for name in ("weight", "bias"):
            self.check(name, getattr(self.block, name), None, "None: scale the input instead")
        return super().shape_of_neurons()

    def kernels(self) -> Sequence[Tensor]:  # noqa: D102
        return [torch.full((self.layer.size,), 1 / WEIGHT_SCALE)]

    def numbers(self) -> dict[str, Tensor]:  # noqa: D102
        return self.family.numbers(self.layer.size)

    def arriving(self, x: Tensor) -> Tensor:  # noqa: D102
        rounded: Tensor = self.block.neuron.quantize_8bit(x)
        return rounded * WEIGHT_SCALE


class SigmaOutputBlock(DenseBlock, ReadOut):
    """``slayer.block.sigma_delta.Output``: as Dense, and the answer is what has arrived so far, at each time step.

    It does not depend on the order within a time step, so it is worked out from what the blocks before have sent.
    """

    name = "block.sigma_delta.Output"
    kind = "output"
    fires = False
    drops = False

    @classmethod
    def family_of(cls, block: nn.Module) -> type[Family]:  # noqa: D102
        return SigmaFamily

    @property
    def n_answers(self) -> int:  # noqa: D102
        return self.layer.size

    def weights(self, learning: bool) -> list[Tensor]:  # noqa: D102
        # As a part of the network they bring about nothing; they learn by `read`.
        return [w.detach() for w in super().weights(learning)]

    def read(self, before: Tensor, counts: Sequence[Tensor]) -> Tensor:  # noqa: D102
        pairs = zip(self.sources, self.kernels(), strict=True)
        parts = [torch.einsum("oi,bit->bot", kernel, counts[source.layer]) for source, kernel in pairs]
        return torch.stack(parts).sum(0).cumsum(-1)
