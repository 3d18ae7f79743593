"""Between networks and the layers of .net files."""

from __future__ import annotations

import logging

from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Network
from lava_async.netx.builder import NetworkBuilder
from lava_async.netx.exportable import NotExportable, layer_views
from lava_async.netx.h5 import H5Group
from lava_async.netx.layers import LAYER_TYPES, ConvLayer, FlattenLayer, InputLayer, LayerType
from lava_async.netx.layers.dense import DenseLayer

log = logging.getLogger(__name__)


def read_layers(group: H5Group) -> list[LayerType]:
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
        for unused in (node, *(member for member in node.members.values() if isinstance(member, H5Group))):
            if unused.unused():
                log.warning("%s: %s: not used: %s", node.file, unused.where, ", ".join(unused.unused()))
    return layers


def _check_groups(node: H5Group) -> None:
    """Raise if a layer has no neurons but a group of another name: a corrupted file would load as another network."""
    groups = [name for name, member in node.members.items() if isinstance(member, H5Group)]
    if groups and "neuron" not in groups:
        raise node.fail(groups[0], "is a group, and there is none of the name neuron")


def to_network(layers: list[LayerType], group: H5Group) -> Network:
    """Return the network that the layers of a file describe.

    Parameters
    ----------
    layers : list of LayerType
        What :func:`read_layers` returned for the group.
    group : H5Group
        The group ``/layer``, for errors.

    Raises
    ------
    NetxError
        If the parameters of neurons cannot be those of one network.
    """
    builder = NetworkBuilder([layer.neurons for layer in layers])
    for i, layer in enumerate(layers):
        builder.here, builder.node = i, group.group(str(i))
        try:
            layer.build(builder)
        except (InvalidValue, InvalidType) as error:
            raise builder.fail("neuron", f": {error}") from error
    return builder.network()


def to_layers(network: Network) -> list[LayerType]:
    """Return the layers of a file that stock netx runs as this network.

    Raises
    ------
    NotExportable
        If there are none, with the reason.
    """
    layers: list[LayerType] = []
    for view in layer_views(network):
        layer = next((found for kind in LAYER_TYPES.values() if (found := kind.match(view)) is not None), None)
        if layer is None:
            raise view.cannot(f"{type(view.incoming).__name__} synapses and these neurons are no layer type of netx")
        if not layers and not isinstance(layer, InputLayer):
            layers.append(InputLayer(network.input_shape))
        if isinstance(layer, DenseLayer) and len(layers[-1].shape) > 1:
            layers.append(FlattenLayer((view.before.size,)))
        if isinstance(layer, ConvLayer) and layers[-1].shape != view.before.shape:
            raise view.cannot(f"a convolution of {view.before.shape} neurons that are a vector in netx")
        layers.append(layer)
    return layers


__all__ = ["NotExportable", "read_layers", "to_layers", "to_network"]
