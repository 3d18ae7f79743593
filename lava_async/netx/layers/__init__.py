"""The layer types of .net files: a file per type, each with its reader, its writer and its place in a network.

A type is a frozen dataclass of what is in the file. It is read with :meth:`LayerType.read`, becomes neurons and
synapses with :meth:`LayerType.build`, is found in a network with :meth:`LayerType.match` and written with
:meth:`LayerType.write`. To add one, write such a file and name its class in `LAYER_TYPES` below.
"""

from __future__ import annotations

from lava_async.netx.layers.average import AverageLayer
from lava_async.netx.layers.base import LayerType
from lava_async.netx.layers.concat import ConcatLayer
from lava_async.netx.layers.conv import ConvLayer
from lava_async.netx.layers.dense import DenseLayer
from lava_async.netx.layers.flatten import FlattenLayer
from lava_async.netx.layers.input import InputLayer
from lava_async.netx.layers.pool import PoolLayer
from lava_async.netx.layers.recurrent import RecurrentLayer
from lava_async.netx.layers.transposed import ConvTLayer, UnpoolLayer
from lava_async.registry import Registry

#: In the order in which the layers of a network are tried for being one of them.
LAYER_TYPES: Registry[type[LayerType]] = Registry(
    "layer_types",
    {
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
    },
)

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
