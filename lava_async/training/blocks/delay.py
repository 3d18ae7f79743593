"""Axonal delays between blocks."""

from __future__ import annotations

from torch import nn

from lava_async.training.blocks.base import Block
from lava_async.training.blocks.stream import SpikeStream, prepare_axon


class DelayBlock(Block):
    """``slayer.axon.Delay``: what reaches it arrives later, by one delay per channel; no neurons."""

    name = "axon.Delay"

    def __init__(self, where: str, block: nn.Module, sources: tuple[SpikeStream, ...], index: int) -> None:
        super().__init__(where, block, sources, index)
        self.check("sources", len(sources), 1, "1: connect skip connections behind it")
        prepare_axon(where, block, sources[0].shape)

    @property
    def outputs(self) -> tuple[SpikeStream, ...]:  # noqa: D102
        return tuple(sent._replace(axons=(*sent.axons, self.block)) for sent in self.sources)
