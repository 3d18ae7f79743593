"""A network as a graph of NIR."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import lava_async
from lava_async.errors import InvalidType
from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams, unknown
from lava_async.neurons.loihi import LIMIT, ONE, STATE_SHIFT
from lava_async.nir import files
from lava_async.nir.equations import DT, NEVER, Floats, check_dt, raised, to_time
from lava_async.nir.errors import NirError, package
from lava_async.synapses import INPUT, Conv, Dense, Sparse, Synapses

if TYPE_CHECKING:
    from nir import NIRGraph

EXTRAS = ("refractory_steps", "sync_threshold")
"""What neurons may have here and not in NIR."""


def export(network: Network, *, dt: float = DT) -> NIRGraph:
    """Return a network as a `nir.NIRGraph`.

    Parameters
    ----------
    network : Network
        In floating point; see :func:`as_float`.
    dt : float
        Length of a time step in seconds; noted in the metadata of the graph, as is the execution of the network if it
        is known.

    Returns
    -------
    nir.NIRGraph
        A node ``layer_<i>`` per layer, a node of synapses per connection, ``input`` and ``output``. Skip and recurrent
        connections are edges like all others.

    Raises
    ------
    NirError
        If NIR cannot express the network, naming layer, field and value.
    MissingNir
        If the package `nir` is not installed.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, nir
    >>> graph = nir.export(Network.feedforward([[[0.5, 2.0]]], CubaParams(du=1, dv=0.25, vth=1)))
    >>> sorted(graph.nodes)
    ['input', 'layer_0', 'output', 'synapses_0_affine']
    """
    if not isinstance(network, Network):
        raise InvalidType("nir.export network", network, "a Network")
    nir, dt = package(), check_dt(dt)
    if unknown(network.params, LoihiParams) is None:
        raise NirError("Network.params: LoihiParams: NIR has no integer arithmetic; export nir.as_float(network)")
    params = network.params
    if not isinstance(params, CubaParams) or any(np.any(getattr(params, name)) for name in EXTRAS):
        raise NirError(f"Network.params: {params.describe()}: must be CubaParams, neurons that NIR knows")
    _check_types(network)
    _check_ends(network)
    shapes = {INPUT: network.input_shape, **{i: _shape(network, i) for i in range(len(network.layers))}}
    names = {INPUT: "input", **{i: f"layer_{i}" for i in range(len(network.layers))}}
    nodes: dict[str, Any] = {"input": nir.Input(np.array(network.input_shape))}
    edges: list[tuple[str, str]] = []
    written = {}
    for i, layer in enumerate(network.layers):
        written[i] = to_time(params, network.layer_slices[i], shapes[i], dt, _shared(network, i))
        nodes[names[i]] = written[i].node
        nodes[names[i]].metadata = {"index": i, "name": layer.name, "shape": list(layer.shape)}
        node = nodes[names[i]]
        if hasattr(node, "v_threshold") and _may_tie(network, i):
            node.metadata["v_threshold"] = node.v_threshold
            node.v_threshold = raised(node.v_threshold)
    seen = set()
    for k, s in enumerate(network.synapses):
        constant = written[s.target].constant * (s.target not in seen)  # once per layer
        seen.add(s.target)
        chain = _chain(nir, s, shapes, written[s.target].factor, constant, dt)
        path = [names[s.source], *(f"synapses_{k}_{kind}" for kind, _ in chain), names[s.target]]
        nodes.update(zip(path[1:-1], (node for _, node in chain), strict=True))
        edges += pairwise(path)
    last = len(network.layers) - 1
    nodes["output"] = nir.Output(np.array(shapes[last]))
    edges.append((names[last], "output"))
    graph = nir.NIRGraph(nodes, edges)
    graph.metadata = {"dt": dt, "reset": params.reset, "generator": f"lava-async {lava_async.__version__}"}
    if network.execution is not None:
        graph.metadata["execution"] = json.dumps(network.execution.config())
    return graph


def write(network: Network, path: str | os.PathLike[str], *, dt: float = DT) -> None:
    """Write a network into a file of NIR (HDF5), all or nothing; arguments and errors as of :func:`export`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async import CubaParams, Network, nir
    >>> nir.write(Network.feedforward([[[0.5, 2.0]]], CubaParams(du=1, dv=0.25, vth=1)), "lif.nir")
    >>> Path("lif.nir").exists()
    True
    """
    files.save(export(network, dt=dt), path)


def as_float(network: Network) -> Network:
    """Return a network of Loihi's integers in floating point, with the same weights, thresholds and decays.

    In units of ``1 << 6`` of the state: weights ``w << weight_exp``, thresholds ``vth``, biases / 64, decays / 4096. It
    runs as the integers do up to what they round (decays towards zero) and limit (24 bits); exactly, if currents and
    voltages are kept or forgotten as a whole (decays of 0 or 4096) and biases are multiples of 64. The execution stays,
    in the new units.

    Raises
    ------
    NirError
        If neurons are of another model, or exponents of weights differ within a channel of a convolution.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, nir
    >>> network = nir.as_float(Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70)))
    >>> type(network.params).__name__, network.params.vth, network.synapses[0].weights
    ('CubaParams', array([70.]), array([[80.]], dtype=float32))
    """
    p = network.params
    if not isinstance(p, LoihiParams | CubaParams):
        raise NirError(f"Network.params: {p.describe()}: must be CubaParams or LoihiParams, neurons that NIR knows")
    if not isinstance(p, LoihiParams):
        return network
    _check_types(network)
    scale = 1 << STATE_SHIFT
    unit = p.arrays()
    silent = unit.vth >= LIMIT - 1  # thresholds that no voltage reaches, in integers and in floats
    vth = np.where(silent, NEVER, unit.vth / scale)
    extras = {name: getattr(p, name) for name in EXTRAS}
    params = CubaParams(1 - unit.keep_u / ONE, 1 - unit.keep_v / ONE, vth, unit.bias / scale, reset=p.reset, **extras)
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
        parts.append(s.map_weights(partial(_multiplied, factor)))
    how = network.execution
    if how is not None:
        how = how.but(schedule=how.schedule.for_voltages(1 / scale))
    return Network(network.input_shape, network.layers, tuple(parts), params, network.outputs, how)


def _check_types(network: Network) -> None:
    """Raise unless NIR can express every type of synapses."""
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


def _shared(network: Network, layer: int) -> Callable[[Floats], bool]:
    """Return whether the synapses of a layer can take up values (n,): a convolution those equal in each channel."""
    channels = [len(s.weights) for s in network.synapses if s.target == layer and isinstance(s, Conv)]
    return lambda values: all((np.ptp(values.reshape(n, -1), axis=1) == 0).all() for n in channels)


def _may_tie(network: Network, layer: int) -> bool:
    """Return whether weights, biases and thresholds of a layer are integers, so that voltages equal thresholds."""
    here = network.layer_slices[layer]
    values = [np.asarray(getattr(network.params, name))[here] for name in ("vth", "bias")]
    values += [s.weights for s in network.synapses if s.target == layer]  # type: ignore[attr-defined]
    return all(np.array_equal(each, np.rint(each)) for each in values)


def _chain(
    nir: Any, s: Synapses, shapes: dict[int, Any], factor: Floats, constant: Floats, dt: float
) -> list[tuple[str, Any]]:
    """Return the nodes between source and target of synapses, each with a word for its name."""
    where = f"synapses {s.source} -> {s.target}"
    chain: list[tuple[str, Any]] = []
    if s.max_delay:
        if isinstance(s, Sparse):
            raise NirError(f"{where}: delays of single synapses: NIR delays whole axons")
        delay = np.asarray(s.delay, np.float64).reshape(shapes[s.source]) * dt  # type: ignore[attr-defined]
        chain.append(("delay", nir.Delay(delay)))
    if isinstance(s, Conv):
        factors, biases = (values.reshape(len(s.weights), -1) for values in (factor, constant))
        if np.ptp(biases, axis=1).any():
            raise NirError(f"layer {s.target}: bias: neurons without leak (dv = 0) may have one per channel in NIR")
        if tuple(shapes[s.source]) != s.input_shape or tuple(shapes[s.target]) != s.output_shape:
            raise NirError(f"{where}: must lead from shape {s.input_shape} to {s.output_shape}")
        weights = _times(s.weights, factors[:, 0].reshape(-1, 1, 1, 1))
        geometry: Any = (s.stride, s.padding, s.dilation, s.groups)
        conv = nir.Conv2d(s.input_shape[1:], weights, *geometry, _times(biases[:, 0]))
        # nir 1.0 takes the height of a kernel for its width too, and the channels of a group for all channels.
        conv.input_type, conv.output_type = {"input": np.array(s.input_shape)}, {"output": np.array(s.output_shape)}
        return [*chain, ("conv", conv)]
    if len(shapes[s.source]) > 1:
        chain.append(("flatten", nir.Flatten({"input": np.array(shapes[s.source])}, 0, -1)))
    matrix = _times(_matrix(s), factor[:, None])
    node = nir.Affine(matrix, _times(constant))  # sinabs knows no Linear
    node.metadata = {"synapses": "listed"} if isinstance(s, Sparse) else {}
    if len(shapes[s.target]) > 1:
        raise NirError(f"{where}: a convolution reaches the layer too: NIR has all-to-all into vectors only")
    return [*chain, ("affine", node)]


def _multiplied(factor: NDArray[np.float64], where: str, weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights times what their neurons add to them."""
    return np.asarray(weights * factor)


def _times(weights: Any, factor: Any = 1.0) -> Any:
    """Return weights times a factor in 32 bits, or in 64 if 32 round them, so that they come back exactly."""
    product = np.asarray(weights, np.float64) * factor
    rounded = product.astype(np.float32)
    return rounded if np.array_equal(rounded, product) else product


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
