"""From C, H, W to a vector."""

from __future__ import annotations

from lava_async.training.blocks.base import Block
from lava_async.training.blocks.sent import Sent


class FlattenBlock(Block):
    """``slayer.block.cuba.Flatten``: what reaches it, numbered in the order C, H, W; no neurons."""

    name = "block.cuba.Flatten"

    @property
    def sends(self) -> tuple[Sent, ...]:  # noqa: D102
        return tuple(sent._replace(shape=(sent.size,)) for sent in self.sources)
