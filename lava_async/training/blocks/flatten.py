"""From C, H, W to a vector."""

from __future__ import annotations

from lava_async.training.blocks.base import Block
from lava_async.training.blocks.stream import SpikeStream


class FlattenBlock(Block):
    """``slayer.block.cuba.Flatten``: what reaches it, numbered in the order C, H, W; no neurons."""

    name = "block.cuba.Flatten"

    @property
    def outputs(self) -> tuple[SpikeStream, ...]:  # noqa: D102
        return tuple(sent._replace(shape=(sent.size,)) for sent in self.sources)
