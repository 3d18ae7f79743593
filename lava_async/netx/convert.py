"""Between networks and the layers of .net files."""

from __future__ import annotations

import logging

from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Network
from lava_async.netx.chain import Chain
from lava_async.netx.h5 import Node
from lava_async.netx.layers import LAYER_TYPES, ConvLayer, FlattenLayer, InputLayer, LayerType
from lava_async.netx.layers.dense import DenseLayer
from lava_async.netx.plan import NotSayableError, stages

log = logging.getLogger(__name__)


def read_layers(group: Node) -> list[LayerType]:
    """Read the group ``/layer``.

    Raises
    ------
    NetxError
        If anything in it is missing, malformed or unknown, naming group and field.
    """
    names = [str(i) for i in range(len(group.members))]
    if not names:
        raise group.fail("0", "missing")
    for name in group.members:
        if name not in names:
            raise group.fail(name, f"must be one of 0 .. {len(names) - 1}, without gaps")
    layers = []
    for name in names:
        node = group.group(name)
        kind = node.text("type")
        if kind not in LAYER_TYPES:
            raise node.fail("type", f" = {kind}: must be one of {', '.join(LAYER_TYPES)}")
        _check_groups(node)
        layers.append(LAYER_TYPES[kind].read(node))
        for unused in (node, *(member for member in node.members.values() if isinstance(member, Node))):
            if unused.unused():
                log.warning("%s: %s: not used: %s", node.file, unused.where, ", ".join(unused.unused()))
    return layers


def _check_groups(node: Node) -> None:
    """Raise if a layer has no neurons but a group of another name: a corrupted file would load as another network."""
    groups = [name for name, member in node.members.items() if isinstance(member, Node)]
    if groups and "neuron" not in groups:
        raise node.fail(groups[0], "is a group, and there is none of the name neuron")


def to_network(layers: list[LayerType], group: Node) -> Network:
    """Return the network that the layers of a file describe.

    Parameters
    ----------
    layers : list of LayerType
        What :func:`read_layers` returned for the group.
    group : Node
        The group ``/layer``, for errors.
    """
    chain = Chain([layer.neurons for layer in layers])
    for i, layer in enumerate(layers):
        chain.here, chain.node = i, group.group(str(i))
        try:
            layer.build(chain)
        except (InvalidValue, InvalidType) as error:
            raise chain.fail("neuron", f": {error}") from error
    return chain.network()


def to_layers(network: Network) -> list[LayerType]:
    """Return the layers of a file that stock netx runs as this network.

    Raises
    ------
    NotSayableError
        If there are none, with the reason.
    """
    layers: list[LayerType] = []
    for stage in stages(network):
        layer = next((found for kind in LAYER_TYPES.values() if (found := kind.plan(stage)) is not None), None)
        if layer is None:
            raise stage.cannot(f"{type(stage.incoming).__name__} synapses and these neurons are no layer type of netx")
        if not layers and not isinstance(layer, InputLayer):
            layers.append(InputLayer(network.input_shape))
        if isinstance(layer, DenseLayer) and len(layers[-1].shape) > 1:
            layers.append(FlattenLayer((stage.before.size,)))
        if isinstance(layer, ConvLayer) and layers[-1].shape != stage.before.shape:
            raise stage.cannot(f"a convolution of {stage.before.shape} neurons that are a vector in netx")
        layers.append(layer)
    return layers


__all__ = ["NotSayableError", "read_layers", "to_layers", "to_network"]
