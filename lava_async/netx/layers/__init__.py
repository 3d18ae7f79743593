"""The layer types of .net files: a file per type, each with its reader, its writer and its place in a network.

A type is a frozen dataclass of what stands in the file. It is read with :meth:`LayerType.read`, becomes neurons and
synapses with :meth:`LayerType.build`, is found in a network with :meth:`LayerType.plan` and written with
:meth:`LayerType.write`. To add one, write such a file and name its class in `LAYER_TYPES` below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import h5py
import numpy as np

from lava_async.netx.chain import Chain
from lava_async.netx.h5 import Node, put
from lava_async.netx.plan import Stage
from lava_async.records import ArrayRecord


@dataclass(frozen=True, eq=False)
class LayerType(ArrayRecord, ABC):
    """A layer as it stands in a file.

    Parameters
    ----------
    shape : tuple of int
        Shape of what it sends on, ``(n,)`` or C, H, W.
    """

    shape: tuple[int, ...]

    kind: ClassVar[str]
    """The type string of the file format."""

    @classmethod
    @abstractmethod
    def read(cls, node: Node) -> LayerType:
        """Read the group of a layer; raises NetxError."""

    @abstractmethod
    def build(self, chain: Chain) -> None:
        """Add the layer to a growing network; raises NetxError."""

    def write(self, group: h5py.Group) -> None:
        """Write the group of a layer."""
        put(group, "type", np.array([self.kind], "S10"))
        put(group, "shape", self.shape)

    @classmethod
    def plan(cls, stage: Stage) -> LayerType | None:
        """Return the layer of this type that a layer of a network is, None if it is of another type.

        Raises
        ------
        NotSayableError
            If stock netx could not run it.
        """
        return None

    @property
    def neurons(self) -> tuple[int, ...] | None:
        """Shape of the neurons of this layer, None if it has none."""
        return None


from lava_async.netx.layers.average import AverageLayer  # noqa: E402
from lava_async.netx.layers.concat import ConcatLayer  # noqa: E402
from lava_async.netx.layers.conv import ConvLayer  # noqa: E402
from lava_async.netx.layers.dense import DenseLayer  # noqa: E402
from lava_async.netx.layers.flatten import FlattenLayer  # noqa: E402
from lava_async.netx.layers.input import InputLayer  # noqa: E402
from lava_async.netx.layers.pool import PoolLayer  # noqa: E402
from lava_async.netx.layers.recurrent import RecurrentLayer  # noqa: E402
from lava_async.netx.layers.transposed import ConvTLayer, UnpoolLayer  # noqa: E402

#: In the order in which the layers of a network are tried for being one of them.
LAYER_TYPES: dict[str, type[LayerType]] = {
    member.kind: member
    for member in (
        InputLayer,
        FlattenLayer,
        ConvLayer,
        DenseLayer,
        RecurrentLayer,
        PoolLayer,
        ConvTLayer,
        UnpoolLayer,
        AverageLayer,
        ConcatLayer,
    )
}

__all__ = [
    "LAYER_TYPES",
    "AverageLayer",
    "ConcatLayer",
    "ConvLayer",
    "ConvTLayer",
    "DenseLayer",
    "FlattenLayer",
    "InputLayer",
    "LayerType",
    "PoolLayer",
    "RecurrentLayer",
    "UnpoolLayer",
]
