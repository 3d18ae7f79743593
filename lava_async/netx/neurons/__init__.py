"""The kinds of neurons in .net files: a file per model, each with its reader, its writer and its parameters.

To add one, write a :class:`NeuronKind` in a file and name it in `KINDS` below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group
from lava_async.netx.neurons.alif import AlifNeuron
from lava_async.netx.neurons.base import MOST_BIAS, NeuronKind, read_bias
from lava_async.netx.neurons.cuba import INTEGRATOR, CubaNeuron
from lava_async.netx.neurons.resonate import IzhikevichNeuron, PhaseNeuron
from lava_async.netx.neurons.sigma_delta import DeltaNeuron, SigmaDeltaNeuron
from lava_async.renamed import renamed

KINDS: tuple[type[NeuronKind], ...] = (CubaNeuron, SigmaDeltaNeuron, AlifNeuron, PhaseNeuron, IzhikevichNeuron)
"""Neurons of layers."""
REAL_KINDS = tuple(kind for kind in KINDS if not kind.complex_weights)
"""Neurons of layers whose synapses have one weight."""
ENTRIES: tuple[type[NeuronKind], ...] = (CubaNeuron, DeltaNeuron)
"""Neurons of the input."""
OTHERS = {"ADRF": "resonators whose threshold adapts"}


def read_neuron(node: H5Group, channels: int, kinds: tuple[type[NeuronKind], ...] = KINDS) -> NeuronKind:
    """Read the neuron group of a layer of so many channels (a dense layer: neurons).

    Raises
    ------
    NetxError
        If it is of another kind, or malformed.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, hdf5, netx
    >>> from lava_async.netx.neurons import read_neuron
    >>> netx.save(Network.feedforward([[[80], [90]]], LoihiParams(du=1023, dv=128, vth=70)), "one.net")
    >>> read_neuron(hdf5.read("one.net").group("layer").group("1").group("neuron"), channels=2)
    CubaNeuron(i_decay=1024, v_decay=128, threshold=70)
    """
    # netx's README and slayer take CUBA if no type is given.
    name = node.text("type") if "type" in node else CubaNeuron.types[0]
    for kind in kinds:
        if name in kind.types:
            return kind.read(node, channels)
    why = next((f" ({what})" for start, what in OTHERS.items() if name.upper().startswith(start)), "")
    names = " or ".join(name for kind in kinds for name in kind.types)
    raise node.fail("type", f" = {name}{why}: must be {names}")


def layer_params(view: LayerView, channels: int) -> tuple[NeuronKind, NDArray[np.int64] | None]:
    """Return neurons and biases (None: all are 0) of a layer of a network, as the file format says them.

    Raises
    ------
    NotExportable
        If it cannot, or stock netx does not know the neurons.
    """
    if (found := _found(view, channels, KINDS)) is None:
        raise view.cannot(f"neurons of {view.params.describe()}")
    return found


def input_params(view: LayerView) -> tuple[NeuronKind, NDArray[np.int64]] | None:
    """Return neurons of the input and their biases (n,); None if the input cannot have neurons of this kind."""
    if (found := _found(view, view.layer.shape[0], ENTRIES)) is None:
        return None
    neuron, bias = found
    return neuron, np.zeros(view.layer.size, np.int64) if bias is None else bias


def _found(
    view: LayerView, channels: int, kinds: tuple[type[NeuronKind], ...]
) -> tuple[NeuronKind, NDArray[np.int64] | None] | None:
    for name in ("refractory_steps", "sync_threshold"):
        if np.any(getattr(view.params, name)):
            raise view.cannot(f"neurons with {name}")
    for kind in kinds:
        if (found := kind.of(view, channels)) is not None:
            if not kind.stock:
                raise view.cannot(f"neurons of the type {kind.types[0]}, which stock netx does not know")
            return found
    return None


__getattr__ = renamed(__name__, {"said_of_input": input_params}, globals())

__all__ = [
    "ENTRIES",
    "INTEGRATOR",
    "KINDS",
    "MOST_BIAS",
    "REAL_KINDS",
    "CubaNeuron",
    "DeltaNeuron",
    "NeuronKind",
    "input_params",
    "layer_params",
    "read_bias",
    "read_neuron",
]
