"""The mean over groups of output neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lava_async.netx.builder import MOST_NEURONS, NetworkBuilder
from lava_async.netx.h5 import H5Group
from lava_async.netx.layers.base import LayerType


@dataclass(frozen=True, eq=False)
class AverageLayer(LayerType):
    """A readout that averages the spikes of equal, consecutive groups of output neurons; no neurons of its own.

    It changes nothing about what the network does, so the network ends with the layer before: its outputs are the
    neurons that are averaged. The number of groups is in ``metadata(path)["average"]``.
    """

    kind: ClassVar[str] = "average"

    @classmethod
    def read(cls, node: H5Group) -> AverageLayer:  # noqa: D102
        return cls(node.shape("shape", MOST_NEURONS))

    def build(self, builder: NetworkBuilder) -> None:  # noqa: D102
        parts = builder.before()
        if builder.here != len(builder.sends) - 1:
            raise builder.fail("type", " = average: must be the last layer")
        neurons = sum(part.size for part in parts)
        if neurons % int(np.prod(self.shape)):
            raise builder.fail("shape", f" = {self.shape}: must divide the {neurons} neurons that reach the layer")
        builder.send(parts)
