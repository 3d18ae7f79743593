"""From C, H, W to a vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lava_async.netx.builder import MOST_NEURONS, NetworkBuilder
from lava_async.netx.h5 import H5Group
from lava_async.netx.layers.base import LayerType


@dataclass(frozen=True, eq=False)
class FlattenLayer(LayerType):
    """What the layer before sends, numbered in the order C, H, W; no neurons."""

    kind: ClassVar[str] = "flatten"

    @classmethod
    def read(cls, node: H5Group) -> FlattenLayer:  # noqa: D102
        return cls(node.shape("shape", MOST_NEURONS))

    def build(self, builder: NetworkBuilder) -> None:  # noqa: D102
        parts, n = builder.before(), int(np.prod(self.shape))
        if n != sum(part.size for part in parts):
            raise builder.fail("shape", f" = {self.shape}: must describe {sum(part.size for part in parts)} neurons")
        builder.send(tuple(part._replace(shape=(part.size,)) for part in parts))
