"""Layers that never fire: their voltage is what is read out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lava_async.errors import InvalidValue
from lava_async.synapses import INPUT
from lava_async.training.blocks.dense import DenseBlock
from lava_async.training.blocks.readout import ReadOut
from lava_async.training.gradient import decayed

NEVER = 2**18 - 1
"""Threshold before the shift by 6 bits that slayer writes for such a layer: beyond the range of voltages."""


class AffineBlock(DenseBlock, ReadOut):
    """``slayer.block.cuba.Affine``: as Dense, without threshold and reset; the answer is the voltage.

    With ``dynamics=False`` it is what arrives in each time step. The voltage at the end of a time step depends on what
    arrived in it and not on the order, so it is worked out from the spike counts of the blocks before, and so is its
    gradient: in all checks of a time step alike, whatever the credit rule. The layer itself is part of the network, for
    deployment, with a threshold that no voltage reaches.
    """

    families = ("cuba",)
    name = "block.cuba.Affine"
    kind = "affine"
    fires = False
    drops = False

    def shape_of_neurons(self) -> tuple[int, ...]:  # noqa: D102
        if any(sent.layer == INPUT for sent in self.sources):
            raise InvalidValue(f"{self.where}: what reaches it", "the input", "what blocks with neurons send")
        return super().shape_of_neurons()

    @property
    def n_answers(self) -> int:  # noqa: D102
        return self.layer.size

    def thresholds(self) -> Tensor:  # noqa: D102
        return torch.full((self.layer.size,), NEVER / self.block.neuron.scale)

    def numbers(self) -> dict[str, Tensor]:  # noqa: D102
        found = super().numbers()
        if not self.block.dynamics:  # nothing stays
            found |= {name: torch.zeros_like(found[name]) for name in ("keep_u", "keep_v", "bias")}
        return found | {"vth": self.thresholds().to(found["vth"])}

    def weights(self, learning: bool) -> list[Tensor]:  # noqa: D102
        # As a part of the network they bring about no spike; they learn by `read`.
        return [w.detach() for w in super().weights(learning)]

    def read(self, before: Tensor, counts: Sequence[Tensor]) -> Tensor:  # noqa: D102
        parts = []
        for source, kernel in zip(self.sources, self.kernels(), strict=True):
            x = counts[source.layer].unflatten(1, source.shape)
            for axon in source.axons:
                x = axon(x)
            parts.append(torch.einsum("oi,bit->bot", kernel, x.flatten(1, -2)))
        arriving = torch.stack(parts).sum(0)
        if not self.block.dynamics:
            return arriving
        keep_u, keep_v, bias = (self.numbers()[name] for name in ("keep_u", "keep_v", "bias"))
        u = v = arriving.new_zeros(arriving.shape[:-1])
        voltages = []
        for now in arriving.unbind(-1):
            u = decayed(u, keep_u) + now
            v = decayed(v, keep_v) + u + bias
            voltages.append(v)
        return torch.stack(voltages, -1)
