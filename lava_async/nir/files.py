"""Files of NIR (HDF5): read in a process of its own under limits, written whole or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lava_async import hdf5
from lava_async.files import write_bytes
from lava_async.hdf5 import H5Group as Group
from lava_async.hdf5 import Unreadable
from lava_async.nir.errors import NirError, package
from lava_async.nir.graph import DEEPEST, Graph, Node, Problem, as_text, brief, flatten

ROOT = "node"


def load(path: str | os.PathLike[str]) -> Graph:
    """Return the graph in a file.

    The package `nir` is not needed for that: files of all its versions are read. Links, external storage and virtual
    datasets are refused, so that a file cannot take in the content of other files.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    NirError
        If there is no such file, it is no file of NIR, or it is corrupted.
    """
    file = os.fspath(path)
    if not os.path.lexists(file):
        raise NirError("no such file")
    try:
        root = hdf5.read(file, (ROOT,), error=NirError)
    except NirError as error:
        raise NirError(f"is no file of NIR that can be read ({str(error).removeprefix(f'{file}: ')})") from None
    group = root.members.get(ROOT)
    if not isinstance(group, Group):
        why = f": {group.problem}" if isinstance(group, Unreadable) else ""
        raise NirError(f"is no file of NIR that can be read (its group /{ROOT} is missing{why})")
    graph = _part(ROOT, group, 0)
    if not isinstance(graph, Graph):
        raise NirError(f"/{ROOT} is a {graph.kind}: must be an NIRGraph")
    return graph


def save(graph: object, path: str | os.PathLike[str]) -> None:
    """Write a `nir.NIRGraph` into a file, all or nothing.

    Parameters
    ----------
    graph : nir.NIRGraph
        The graph.
    path : path-like
        Where to write; a file that was there stays until the new one is complete.

    Raises
    ------
    NirError
        If the file cannot be written.
    """
    content = io.BytesIO()  # HDF5 ends the process if a disk is full while it writes there.
    package().write(content, graph)
    with h5py.File(content, "r+") as file:
        for node in file[f"{ROOT}/nodes"].values():
            if "v_reset" in node and not np.any(node["v_reset"][()]):
                del node["v_reset"]  # 0 is what nir 1.0.6 and later read then; earlier versions do not know the field.
    try:
        write_bytes(Path(path), content.getvalue())
    except OSError as error:
        raise NirError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from None


def _part(name: str, group: Group, depth: int) -> Node | Graph:
    """Return a group of a file as a node or, if it is one, as a flat graph."""
    kind = as_text(group.members.get("type"))
    where = f"node {brief(name)}" if depth else f"/{name}"
    if kind is None:
        raise NirError(f"{where}: type is missing{_why(group.members.get('type'))}")
    metadata = group.members.get("metadata")
    noted = _plain(metadata) if isinstance(metadata, Group) else {}
    if kind != "NIRGraph":
        fields = _plain(group)
        fields.pop("metadata", None)
        return Node(name, kind, fields, noted)
    if depth > DEEPEST:
        raise NirError(f"graphs are nested deeper than {DEEPEST} levels")
    nodes = group.members.get("nodes")
    if not isinstance(nodes, Group):
        raise NirError(f"{where}: nodes are missing{_why(nodes)}")
    parts: dict[str, Node | Graph] = {}
    for each, member in nodes.members.items():
        if not isinstance(member, Group):
            raise NirError(f"node {brief(each)}: must be a group{_why(member)}")
        parts[each] = _part(each, member, depth + 1)
    return flatten(parts, _edges(where, group.members.get("edges")), noted)


def _plain(group: Group) -> dict[str, Any]:
    """Return the datasets of a group: text as str, what cannot be read as a problem."""
    found: dict[str, Any] = {}
    for name, member in group.members.items():
        if isinstance(member, Unreadable):
            found[name] = Problem(member.problem)
        elif not isinstance(member, Group):
            text = as_text(member) if member.dtype.kind == "S" else None
            found[name] = member if text is None else text
    return found


def _edges(where: str, edges: Any) -> list[tuple[str, str]]:
    if isinstance(edges, np.ndarray) and edges.size == 0:
        return []
    if not isinstance(edges, np.ndarray) or edges.dtype.kind != "S" or edges.ndim != 2 or edges.shape[1] != 2:
        raise NirError(f"{where}: edges must be pairs of names{_why(edges)}")
    return [(pre.decode("utf-8", "replace"), post.decode("utf-8", "replace")) for pre, post in edges.tolist()]


def _why(member: Any) -> str:
    return f" ({member.problem})" if isinstance(member, Unreadable) else ""
