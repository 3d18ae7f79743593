"""A network as a graph of NIR."""

from __future__ import annotations

import io
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import lava_async
from lava_async.errors import InvalidType
from lava_async.files import write_bytes
from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams
from lava_async.neurons.loihi import ONE, STATE_SHIFT
from lava_async.nir.equations import DT, Floats, check_dt, to_time
from lava_async.nir.errors import NirError, package
from lava_async.synapses import INPUT, Conv, Dense, Sparse, Synapses


def export(network: Network, *, dt: float = DT) -> Any:
    """Return a network as a `nir.NIRGraph`.

    Parameters
    ----------
    network : Network
        In floating point; see :func:`as_float`.
    dt : float
        Length of a time step in seconds; noted in the metadata of the graph.

    Returns
    -------
    nir.NIRGraph
        A node ``layer_<i>`` per layer, a node of synapses per connection, ``input`` and ``output``. Skip and recurrent
        connections are edges like all others.

    Raises
    ------
    NirError
        If NIR cannot say the network, naming layer, field and value.
    MissingNir
        If the package `nir` is not installed.
    """
    if not isinstance(network, Network):
        raise InvalidType("nir.export network", network, "a Network")
    nir, dt = package(), check_dt(dt)
    if isinstance(network.params, LoihiParams):
        raise NirError("Network.params: LoihiParams: NIR has no integer arithmetic; export nir.as_float(network)")
    if not isinstance(network.params, CubaParams):
        raise NirError(f"Network.params: {type(network.params).__name__}: must be CubaParams, neurons that NIR knows")
    _check_types(network)
    _check_ends(network)
    shapes = {INPUT: network.input_shape, **{i: _shape(network, i) for i in range(len(network.layers))}}
    names = {INPUT: "input", **{i: f"layer_{i}" for i in range(len(network.layers))}}
    nodes: dict[str, Any] = {"input": nir.Input(np.array(network.input_shape))}
    edges: list[tuple[str, str]] = []
    constant: dict[int, Floats] = {}
    for i, layer in enumerate(network.layers):
        here = network.layer_slices[i]
        nodes[names[i]], constant[i] = to_time(f"layer {i}", network.params, here, shapes[i], dt)
        nodes[names[i]].metadata = {"index": i, "name": layer.name, "shape": list(layer.shape)}
    for k, s in enumerate(network.synapses):
        bias = constant.pop(s.target, np.zeros(s.n_target))  # once per layer
        constant[s.target] = np.zeros(s.n_target)
        chain = _chain(nir, s, shapes, bias, dt)
        path = [names[s.source], *(f"synapses_{k}_{kind}" for kind, _ in chain), names[s.target]]
        nodes.update(zip(path[1:-1], (node for _, node in chain), strict=True))
        edges += pairwise(path)
    last = len(network.layers) - 1
    nodes["output"] = nir.Output(np.array(shapes[last]))
    edges.append((names[last], "output"))
    noted = {"dt": dt, "generator": f"lava-async {lava_async.__version__}"}
    return nir.NIRGraph(nodes, edges, metadata=noted)


def write(network: Network, path: str | os.PathLike[str], *, dt: float = DT) -> None:
    """Write a network into a file of NIR (HDF5), all or nothing; arguments and errors as of :func:`export`."""
    graph = export(network, dt=dt)
    content = io.BytesIO()  # HDF5 ends the process if it cannot write, as on a full disk.
    package().write(content, graph)
    try:
        write_bytes(Path(path), content.getbuffer())
    except OSError as error:
        raise NirError(f"{path}: cannot be written: {error.strerror or error}") from None


def as_float(network: Network) -> Network:
    """Return a network of Loihi's integers in floating point, with the same weights, thresholds and decays.

    In units of ``1 << 6`` of the state: weights ``w << weight_exp``, thresholds ``vth``, biases / 64, decays / 4096. It
    runs as the integers do up to what they round (decays towards zero) and limit (24 bits); exactly, if currents and
    voltages are kept or forgotten as a whole (decays of 0 or 4096) and biases are multiples of 64.
    """
    p = network.params
    if not isinstance(p, LoihiParams):
        return network
    _check_types(network)
    scale = 1 << STATE_SHIFT
    unit = p.arrays()
    params = CubaParams(1 - unit.keep_u / ONE, 1 - unit.keep_v / ONE, unit.vth / scale, unit.bias / scale)
    parts: list[Synapses] = []
    for s in network.synapses:
        exponent = np.asarray(p.weight_exp)[network.layer_slices[s.target]]
        if isinstance(s, Sparse):
            factor = 2.0 ** exponent[s.post]
        elif isinstance(s, Conv):
            each = exponent.reshape(s.weights.shape[0], -1)
            if (each != each[:, :1]).any():
                raise NirError(f"LoihiParams.weight_exp of layer {s.target}: differs within a channel")
            factor = 2.0 ** each[:, 0].reshape(-1, 1, 1, 1)
        else:
            factor = 2.0 ** exponent[:, None]
        parts.append(s.map_weights(lambda _, weights, factor=factor: weights * factor))
    return Network(network.input_shape, network.layers, tuple(parts), params, network.outputs)


def _check_types(network: Network) -> None:
    """Raise unless NIR can say every type of synapses."""
    for s in network.synapses:
        if not isinstance(s, (Dense, Conv, Sparse)):
            raise NirError(f"synapses {s.source} -> {s.target}: {type(s).__name__}: must be Dense, Conv or Sparse")


def _check_ends(network: Network) -> None:
    """Raise unless every layer receives and sends something and the outputs are the last layer."""
    last = len(network.layers) - 1
    if not np.array_equal(network.outputs, np.arange(network.n_neurons)[network.layer_slices[last]]):
        raise NirError("Network.outputs: NIR has whole layers as outputs: must be the neurons of the last layer")
    targets, sources = ({getattr(s, end) for s in network.synapses} for end in ("target", "source"))
    if INPUT not in sources:
        raise NirError("Network.synapses: nothing leaves the input: NIR's graphs start there")
    for i in range(len(network.layers)):
        if i not in targets:
            raise NirError(f"layer {i}: receives nothing: NIR takes it for another input")
        if i != last and i not in sources:
            raise NirError(f"layer {i}: sends nothing: NIR takes it for another output")


def _shape(network: Network, layer: int) -> tuple[int, ...]:
    """Return the shape that a layer has in NIR: all-to-all synapses lead into vectors."""
    conv = any(isinstance(s, Conv) and layer in (s.source, s.target) for s in network.synapses)
    return network.layers[layer].shape if conv else (network.layers[layer].size,)


def _chain(nir: Any, s: Synapses, shapes: dict[int, Any], bias: Floats, dt: float) -> list[tuple[str, Any]]:
    """Return the nodes between source and target of synapses, each with a word for its name."""
    where = f"synapses {s.source} -> {s.target}"
    chain: list[tuple[str, Any]] = []
    if s.max_delay:
        if isinstance(s, Sparse):
            raise NirError(f"{where}: delays of single synapses: NIR delays whole axons")
        delay = np.asarray(s.delay, np.float64).reshape(shapes[s.source]) * dt  # type: ignore[attr-defined]
        chain.append(("delay", nir.Delay(delay)))
    if isinstance(s, Conv):
        channels = bias.reshape(s.weights.shape[0], -1)
        if (channels != channels[:, :1]).any():
            raise NirError(f"layer {s.target}: bias: neurons without leak (dv = 0) may have one per channel in NIR")
        if tuple(shapes[s.source]) != s.input_shape or tuple(shapes[s.target]) != s.output_shape:
            raise NirError(f"{where}: must lead from shape {s.input_shape} to {s.output_shape}")
        geometry: Any = (s.stride, s.padding, s.dilation, s.groups)
        conv = nir.Conv2d(s.input_shape[1:], s.weights.astype(np.float32), *geometry, channels[:, 0])
        # nir 1.0 takes the height of a kernel for its width too, and the channels of a group for all channels.
        conv.input_type, conv.output_type = {"input": np.array(s.input_shape)}, {"output": np.array(s.output_shape)}
        return [*chain, ("conv", conv)]
    if len(shapes[s.source]) > 1:
        chain.append(("flatten", nir.Flatten({"input": np.array(shapes[s.source])}, 0, -1)))
    matrix = _matrix(s)
    node = nir.Affine(matrix, bias) if bias.any() else nir.Linear(matrix)
    node.metadata = {"synapses": "listed"} if isinstance(s, Sparse) else {}
    if len(shapes[s.target]) > 1:
        raise NirError(f"{where}: a convolution reaches the layer too: NIR has all-to-all into vectors only")
    return [*chain, ("affine" if bias.any() else "linear", node)]


def _matrix(s: Synapses) -> Any:
    """Return the weights (post, pre) of all-to-all or listed synapses; 0 where there is none."""
    if isinstance(s, Dense):
        return np.array(s.weights, np.float32)
    assert isinstance(s, Sparse)
    if not s.weights.all():
        raise NirError(f"synapses {s.source} -> {s.target}: a listed weight of 0: in NIR that is no synapse")
    matrix = np.zeros(s.size, np.float32)
    matrix[s.post, s.pre] = s.weights
    return matrix
