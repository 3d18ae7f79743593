"""A graph of NIR as a network: neurons become layers, what lies between two of them becomes synapses."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from lava_async.errors import InvalidType
from lava_async.network import Layer, Network, concatenate
from lava_async.nir.equations import DT, Floats, check_dt, to_steps
from lava_async.nir.errors import NirError, package
from lava_async.nir.paths import Path as Between
from lava_async.nir.paths import follow
from lava_async.synapses import INPUT, Synapses

NEURONS = ("CubaLIF", "IF", "LIF")
BETWEEN = ("Affine", "Conv2d", "Delay", "Flatten", "Identity", "Linear", "SumPool2d")
ENDS = ("Input", "Output")


def convert(graph: Any, *, dt: float | None = None) -> Network:
    """Return the network that a graph describes, in floating point.

    Parameters
    ----------
    graph : nir.NIRGraph
        One input, one output, neurons (CubaLIF, LIF, IF) and between them Linear, Affine, Conv2d, SumPool2d, Flatten,
        Delay and Identity; any skip and recurrent edges.
    dt : float, optional
        Length of a time step in seconds; default: what the metadata of the graph say, else 1e-4.

    Returns
    -------
    Network
        Layers in topological order, feedback left aside.

    Raises
    ------
    NirError
        If something cannot be said here, naming node, field and value.
    MissingNir
        If the package `nir` is not installed.

    Notes
    -----
    NIR does not say in which order events are handled; the schedule of a run does. With ``layered``, feedback reaches
    its layer one time step later.
    """
    nir = package()
    if not isinstance(graph, nir.NIRGraph):
        raise InvalidType("nir.convert graph", type(graph).__name__, "a nir.NIRGraph")
    dt = check_dt(graph.metadata.get("dt", DT) if dt is None else dt)
    before = _edges(graph)
    (source,), (sink,) = (_one(graph, kind) for kind in ENDS)
    order = _order(graph, source, before)
    index = {name: i for i, name in enumerate(order)} | {source: INPUT}
    shape = tuple(int(n) for n in np.ravel(graph.nodes[source].input_type["input"]))
    shapes: dict[str, tuple[int, ...]] = {source: shape}
    paths = {name: _paths(graph, name, before, index) for name in order}
    while len(shapes) <= len(order):  # shapes follow from what leads there; from the input, every layer is reached
        for name in order:
            known = next((path for path in paths[name] if path[0] in shapes), None)
            if name not in shapes and known is not None:
                shapes[name] = follow(graph.nodes, known, shapes[known[0]], dt).shape
    layers, params, synapses = [], [], list[Synapses]()
    for name in order:
        arriving = [follow(graph.nodes, path, shapes[path[0]], dt) for path in paths[name]]
        if any(each.shape != shapes[name] for each in arriving):
            raise NirError(f"node {name}: inputs of shapes {sorted({each.shape for each in arriving})}: must be one")
        neurons = to_steps(name, graph.nodes[name], shapes[name], dt)
        bias = np.asarray(neurons.params.bias) + neurons.gain * _constant(name, neurons.params.du, arriving)
        params.append(type(neurons.params)(neurons.params.du, neurons.params.dv, neurons.params.vth, bias))
        noted = graph.nodes[name].metadata
        layers.append(Layer(_noted_shape(noted, shapes[name]), _text(noted.get("name", name))))
        for path, each in zip(paths[name], arriving, strict=True):
            synapses.append(each.synapses(index[path[0]], index[name], neurons.gain))
    last = {path[0] for path in _paths(graph, sink, before, index)}
    ends = np.cumsum([0, *(layer.size for layer in layers)])
    outputs = [np.arange(ends[i], ends[i + 1]) for i in sorted(index[name] for name in last)]
    return Network(shape, tuple(layers), tuple(synapses), concatenate(params), np.concatenate(outputs))


def read(path: str | os.PathLike[str], *, dt: float | None = None) -> Network:
    """Return the network in a file of NIR; arguments and errors as of :func:`convert`."""
    nir = package()
    if not os.path.isfile(path):
        raise NirError(f"{os.fspath(path)}: no such file")
    try:
        # Types are checked by :func:`convert`; nir's own check refuses convolutions in groups and oblong kernels.
        graph = nir.read(os.fspath(path), type_check=False)
    except Exception as error:  # whatever h5py and nir raise on a file that is not of NIR
        words = " ".join(str(error).split()) or type(error).__name__
        raise NirError(f"{os.fspath(path)}: is no file of NIR that can be read ({words[:200]})") from None
    return convert(graph, dt=dt)


def _edges(graph: Any) -> dict[str, list[str]]:
    """Return the predecessors of each node, in natural order of their names, after a look at all types."""
    before: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind not in (*NEURONS, *BETWEEN, *ENDS):
            raise NirError(f"node {name}: {kind}: must be one of {', '.join((*NEURONS, *BETWEEN, *ENDS))}")
    for pre, post in graph.edges:
        if pre not in before or post not in before:
            raise NirError(f"edge {pre} -> {post}: must lead between nodes of the graph")
        before[post].append(pre)
    return {name: sorted(set(found), key=_natural) for name, found in before.items()}


def _natural(name: str) -> list[Any]:
    """Return what sorts names as people do: layer_2 before layer_10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def _one(graph: Any, kind: str) -> list[str]:
    names = [name for name, node in graph.nodes.items() if type(node).__name__ == kind]
    if len(names) != 1:
        raise NirError(f"nodes of type {kind}: {', '.join(names) or 'none'}: must be one")
    return names


def _order(graph: Any, source: str, before: dict[str, list[str]]) -> list[str]:
    """Return the neurons in topological order, without edges that lead back; as noted by :func:`export`, if it did."""
    after: dict[str, list[str]] = {name: [] for name in before}
    for post, found in before.items():
        for pre in found:
            after[pre].append(post)
    done, stack = list[str](), [(source, iter(sorted(after[source], key=_natural)))]
    seen = {source}
    while stack:  # depth first; the order in which nodes are left, reversed, is topological
        name, rest = stack[-1]
        for post in rest:
            if post not in seen:
                seen.add(post)
                stack.append((post, iter(sorted(after[post], key=_natural))))
                break
        else:
            done.append(name)
            stack.pop()
    neurons = {name for name, node in graph.nodes.items() if type(node).__name__ in NEURONS}
    if not neurons:
        raise NirError(f"nodes: none of type {', '.join(NEURONS)}")
    if neurons - seen:
        raise NirError(f"node {min(neurons - seen)}: must be reached from the input")
    noted = {name: graph.nodes[name].metadata.get("index") for name in neurons}
    if sorted(map(str, noted.values())) == sorted(map(str, range(len(neurons)))):
        return sorted(neurons, key=lambda name: int(noted[name]))
    return [name for name in reversed(done) if name in neurons]


def _paths(graph: Any, name: str, before: dict[str, list[str]], index: dict[str, int]) -> list[list[str]]:
    """Return the ways from neurons or the input to a node: their names, without the node itself."""
    found, open_ends = [], [[pre] for pre in before[name]]
    while open_ends:
        path = open_ends.pop()
        if path[0] in index:
            found.append(path)
            continue
        if path[0] in path[1:]:
            raise NirError(f"node {path[0]}: lies on a cycle without neurons")
        open_ends += [[pre, *path] for pre in before[path[0]]]
    if not found:
        raise NirError(f"node {name}: nothing leads to it")
    if name not in index and any(
        type(graph.nodes[n]).__name__ not in ("Flatten", "Identity") for p in found for n in p[1:]
    ):
        raise NirError(f"node {name}: must follow neurons")
    if name not in index and any(index[path[0]] == INPUT for path in found):
        raise NirError(f"node {name}: must follow neurons, not the input")
    return sorted(found, key=lambda path: [_natural(n) for n in path])


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _noted_shape(noted: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that :func:`export` noted, if it is one of as many neurons."""
    try:
        wanted = tuple(int(n) for n in np.ravel(noted.get("shape", shape)))
    except (TypeError, ValueError):
        return shape
    return wanted if int(np.prod(wanted)) == int(np.prod(shape)) else shape


def _constant(name: str, du: Any, arriving: list[Between]) -> Floats:
    """Return the constant input of a layer (n,), which neurons with a memory of their current cannot have."""
    total = np.sum([each.bias for each in arriving], axis=0)
    if total.any() and (np.asarray(du) != 1).any():
        raise NirError(f"node {name}: a bias of Affine or Conv2d before neurons with tau_syn > dt, which filter it: "
                       "must be 0; use v_leak")  # fmt: skip
    return np.asarray(total, np.float64)
