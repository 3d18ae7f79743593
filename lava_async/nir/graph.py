"""A graph of NIR as plain data, checked field by field, with nested graphs flattened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.nir.errors import NirError

DEEPEST = 16
"""Graphs within graphs that are flattened."""
SHOWN = 60
"""Characters of a name or a value that errors show."""


@dataclass(frozen=True)
class Problem:
    """A field that cannot be read, and why."""

    text: str


@dataclass
class Node:
    """A node of a graph; every access to its fields is checked.

    Parameters
    ----------
    name : str
        Name in the graph; of a nested graph with the names around it, as in ``outer.inner``.
    kind : str
        Type, such as ``"LIF"``.
    fields : dict of str to object
        Arrays, numbers and text, as they were given, or a :class:`Problem`.
    metadata : dict of str to object
        What is noted with the node.
    """

    name: str
    kind: str
    fields: dict[str, Any]
    metadata: Mapping[str, object] = field(default_factory=dict)

    def error(self, text: str) -> NirError:
        """Return an error that names this node."""
        return NirError(f"node {brief(self.name)}: {text}")

    def has(self, name: str) -> bool:
        """Return whether the field is given."""
        return self.fields.get(name) is not None

    def size(self, name: str) -> int:
        """Return the number of elements of a field, 0 if it is missing."""
        return self._array(name).size if self.has(name) else 0

    def numbers(self, name: str) -> NDArray[Any]:
        """Return finite numbers of any shape."""
        array = self._array(name)
        if array.dtype.kind not in "biuf":
            raise self.error(f"{name} is of type {brief(str(array.dtype))}: must be numbers")
        if not np.isfinite(array).all():
            raise self.error(f"{name} = {array[~np.isfinite(array)].flat[0]}: must be finite numbers")
        return array

    def integers(self, name: str) -> NDArray[np.int64]:
        """Return integers of any shape that fit into 32 bits; more is nowhere needed, and products of few do fit 64."""
        array = self._array(name)
        least, most = (int(array.min()), int(array.max())) if array.dtype.kind in "iu" and array.size else (0, 0)
        if array.dtype.kind not in "iu" or least < -(2**31) or most >= 2**31:
            raise self.error(f"{name} = {brief(str(array.tolist()))}: must be integers of at most 31 bits")
        return array.astype(np.int64)

    def text(self, name: str) -> str | None:
        """Return the text of a field, None if it is something else."""
        return as_text(self.fields.get(name))

    def _array(self, name: str) -> NDArray[Any]:
        value = self.fields.get(name)
        if value is None:
            raise self.error(f"{name} is missing")
        if isinstance(value, Problem):
            raise self.error(f"{name} {value.text}")
        try:
            return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)  # frameworks give tensors
        except Exception:  # lists of unequal length, or an object of another package that cannot become an array
            raise self.error(f"{name} is a {type(value).__name__}: must be numbers") from None


@dataclass
class Graph:
    """Nodes by name, edges between them, and what is noted with the graph."""

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]
    metadata: Mapping[str, object]

    def of_kind(self, kind: str) -> list[str]:
        """Return the names of the nodes of a type."""
        return [name for name, node in self.nodes.items() if node.kind == kind]


def brief(text: str) -> str:
    """Return a text of a stranger at a length that fits into an error."""
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def as_text(value: object) -> str | None:
    """Return text that was given as str, bytes or an array of one of them; None if it is no text."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else None


def from_package(graph: object) -> Graph:
    """Return a `nir.NIRGraph` as plain data, whatever version of `nir` made it."""

    def node_of(name: str, node: object) -> Node:
        kind, fields = type(node).__name__, dict(vars(node))
        metadata = fields.pop("metadata", None)
        if kind in ("Input", "Output"):
            types = fields.get("input_type") or fields.get("output_type") or {}
            fields["shape"] = next(iter(types.values()), None) if isinstance(types, dict) else None
        return Node(name, kind, fields, dict(metadata) if isinstance(metadata, dict) else {})

    def graph_of(graph: Any, depth: int = 0) -> Graph:
        if depth > DEEPEST:
            raise NirError(f"graphs are nested deeper than {DEEPEST} levels")
        parts = {}
        for name, node in dict(graph.nodes).items():
            nested = type(node).__name__ == "NIRGraph"
            parts[str(name)] = graph_of(node, depth + 1) if nested else node_of(str(name), node)
        metadata = graph.metadata if isinstance(graph.metadata, dict) else {}
        return flatten(parts, [(str(pre), str(post)) for pre, post in graph.edges], dict(metadata))

    return graph_of(graph)


def flatten(parts: dict[str, Node | Graph], edges: list[tuple[str, str]], metadata: Mapping[str, object]) -> Graph:
    """Return one graph of nodes and of graphs that are nodes of it.

    Parameters
    ----------
    parts : dict of str to Node or Graph
        What the edges lead between; the graphs are flat themselves.
    edges : list of (str, str)
        From, to.
    metadata : dict
        What is noted with the graph.
    """
    nodes: dict[str, Node] = {}
    inner: list[tuple[str, str]] = []
    ends: dict[str, tuple[str, str]] = {}
    for name, part in parts.items():
        if isinstance(part, Node):
            members, renamed = {name: part}, {name: name}
            ends[name] = (name, name)
        else:
            renamed = {each: f"{name}.{each}" for each in part.nodes}
            members = {renamed[each]: node for each, node in part.nodes.items()}
            first, last = (_only_end(name, part, kind) for kind in ("Input", "Output"))
            ends[name] = (renamed[first], renamed[last])
            inner += [(renamed.get(pre, pre), renamed.get(post, post)) for pre, post in part.edges]
            for end in (first, last):
                part.nodes[end].kind = "Identity"
        for new, node in members.items():
            if new in nodes:
                raise NirError(f"node {brief(new)}: there are two of this name once nested graphs are flattened")
            node.name = new
            nodes[new] = node
    outer = [(ends[pre][1] if pre in ends else pre, ends[post][0] if post in ends else post) for pre, post in edges]
    return Graph(nodes, outer + inner, metadata)


def _only_end(name: str, graph: Graph, kind: str) -> str:
    found = graph.of_kind(kind)
    if len(found) != 1:
        raise NirError(f"node {brief(name)}: a nested graph with {len(found)} nodes of type {kind}: must have one")
    return found[0]
