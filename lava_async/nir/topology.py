"""From the edges of a graph to layers in order, and the ways between them."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from lava_async.nir.equations import INTEGRATORS
from lava_async.nir.errors import NirError
from lava_async.nir.graph import Graph, brief
from lava_async.nir.paths import MOST_NEURONS, Path
from lava_async.nir.steps import step

NEURONS = ("CubaLIF", "IF", "LIF", *INTEGRATORS)
BETWEEN = ("Affine", "AvgPool2d", "Conv2d", "Delay", "Flatten", "Identity", "Linear", "SumPool2d")
ENDS = ("Input", "Output")
MOST_WAYS = 16
"""Ways from layers to a node without neurons on them."""


def predecessors(graph: Graph) -> dict[str, list[str]]:
    """Return the predecessors of each node, in natural order of their names, after a look at all types."""
    before: dict[str, set[str]] = {name: set() for name in graph.nodes}
    for name, node in graph.nodes.items():
        if node.kind not in (*NEURONS, *BETWEEN, *ENDS):
            known = ", ".join((*NEURONS, *BETWEEN, *ENDS))
            raise NirError(f"node {brief(name)}: {brief(node.kind)}: must be one of {known}")
    for pre, post in graph.edges:
        if pre not in before or post not in before:
            raise NirError(f"edge {brief(pre)} -> {brief(post)}: must lead between nodes of the graph")
        before[post].add(pre)
    return {name: sorted(found, key=_natural) for name, found in before.items()}


def lead_around(graph: Graph, before: dict[str, list[str]]) -> None:
    """Lead what comes to weights from neurons to themselves to these neurons instead, but for their own spikes."""
    for neurons in [name for name, node in graph.nodes.items() if node.kind in NEURONS]:
        for weights in [name for name in before[neurons] if neurons in before[name]]:
            others = [name for name in before[weights] if name != neurons]
            before[weights] = [neurons]
            before[neurons] = sorted({*before[neurons], *others}, key=_natural)


def _natural(name: str) -> list[Any]:
    """Return what sorts names as people do: layer_2 before layer_10."""
    parts = (part for part in re.split(r"(\d{1,18})", name) if part)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def only(graph: Graph, kind: str) -> str:
    """Return the name of the one node of a type."""
    names = graph.of_kind(kind)
    if len(names) != 1:
        raise NirError(f"nodes of type {kind}: {brief(', '.join(names)) or 'none'}: must be one")
    return names[0]


def order_of(
    graph: Graph, source: str, before: dict[str, list[str]], dt: float
) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    """Return the neurons in topological order, without edges that lead back, and the shape of each and of the input.

    If the graph notes an order, as one of :func:`export` does, it is that one. A shape follows from the way on which
    a node is found first.
    """
    after: dict[str, list[str]] = {name: [] for name in before}
    for post in sorted(before, key=_natural):
        for pre in before[post]:
            after[pre].append(post)
    shape = _input_shape(graph, source)
    found = {source: Path(source, shape, shape)}
    shapes = {source: shape}
    done, stack = list[str](), [(source, iter(after[source]))]
    while stack:  # depth first; the order in which nodes are left, reversed, is topological
        name, rest = stack[-1]
        for post in rest:
            if post not in found:
                node = graph.nodes[post]
                if node.kind in NEURONS:
                    shapes[post] = found[name].shape
                    found[post] = Path(post, shapes[post], shapes[post])
                elif node.kind in BETWEEN:
                    found[post] = step(found[name], node, dt)
                else:
                    found[post] = found[name]
                stack.append((post, iter(after[post])))
                break
        else:
            done.append(name)
            stack.pop()
    neurons = [name for name, node in graph.nodes.items() if node.kind in NEURONS]
    if not neurons:
        raise NirError(f"nodes: none of type {', '.join(NEURONS)}")
    for name in neurons:
        if name not in found:
            raise NirError(f"node {brief(name)}: must be reached from the input")
    noted = {name: str(graph.nodes[name].metadata.get("index")) for name in neurons}
    if sorted(noted.values()) == sorted(map(str, range(len(neurons)))):
        return sorted(neurons, key=lambda name: int(noted[name])), shapes
    return [name for name in reversed(done) if graph.nodes[name].kind in NEURONS], shapes


def _input_shape(graph: Graph, source: str) -> tuple[int, ...]:
    """Return the shape of the input, without the ones of a batch in front."""
    node = graph.nodes[source]
    shape = tuple(np.ravel(node.integers("shape")).tolist())
    if not shape or min(shape) < 1 or math.prod(shape) > MOST_NEURONS:
        raise node.error(f"shape = {brief(str(shape))}: must be positive, at most {MOST_NEURONS:,} channels together")
    grid = any(graph.of_kind(kind) for kind in ("AvgPool2d", "Conv2d", "SumPool2d"))
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    if not grid and math.prod(shape) == shape[-1]:
        shape = shape[-1:]
    if len(shape) > 3:
        raise node.error(f"shape = {brief(str(shape))}: must be (channels,) or (channels, height, width)")
    return shape


def ways_to(graph: Graph, before: dict[str, list[str]], starts: dict[str, Path], dt: float) -> dict[str, list[Path]]:
    """Return the ways that arrive at each node from neurons or the input, without neurons on them.

    Nodes that several ways pass are followed once, so that the effort grows with the number of edges.
    """
    leaving = {name: [path] for name, path in starts.items()}
    between = [name for name in before if name not in leaving]
    waiting = {name: sum(pre not in leaving for pre in before[name]) for name in between}
    after: dict[str, list[str]] = {name: [] for name in between}
    for name in between:
        for pre in before[name]:
            if pre in after:
                after[pre].append(name)
    ready = [name for name in between if not waiting[name]]
    arriving: dict[str, list[Path]] = {}
    for name in ready:  # grows
        arriving[name] = _arriving(name, before, leaving)
        leaving[name] = [step(path, graph.nodes[name], dt) for path in arriving[name]]
        for post in after[name]:
            waiting[post] -= 1
            if not waiting[post]:
                ready.append(post)
    if len(ready) < len(between):
        name = min(set(between) - set(ready), key=_natural)
        raise NirError(f"node {brief(name)}: lies on a cycle without neurons")
    for name in starts:
        if before[name] or graph.nodes[name].kind in NEURONS:
            arriving[name] = _arriving(name, before, leaving)
    return arriving


def _arriving(name: str, before: dict[str, list[str]], leaving: dict[str, list[Path]]) -> list[Path]:
    found = [path for pre in before[name] for path in leaving[pre]]
    if len(found) > MOST_WAYS:
        raise NirError(f"node {brief(name)}: {len(found)} ways without neurons lead there: must be at most {MOST_WAYS}")
    if not found and (not before[name] or name in leaving):
        raise NirError(f"node {brief(name)}: nothing leads to it")
    return found
