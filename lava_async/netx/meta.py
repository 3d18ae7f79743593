"""The group ``/async``: what lava-async knows about a network beside its layers. Stock netx and slayer ignore it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from os import PathLike, fspath
from typing import Any

import h5py
import numpy as np

from lava_async.errors import InvalidValue
from lava_async.netx.chain import MOST_NEURONS
from lava_async.netx.h5 import NetxError, Node, put
from lava_async.schedules import Schedule, schedule
from lava_async.stopping import StopRule, stop_rule

GROUP = "async"
SCHEMA_VERSION = 1
MAKERS: dict[str, Callable[..., Any]] = {"schedule": schedule, "until": stop_rule}
PACKAGES = ("lava-async", "lava-nc", "lava-dl", "torch", "numpy", "h5py")


def write_metadata(h5file: h5py.Group, metadata: Mapping[str, Any]) -> None:
    """Write metadata into an open HDF5 file, in place of what it has.

    Parameters
    ----------
    h5file : h5py.File
        The file; a group ``/async`` is created unless there is one.
    metadata : mapping of str
        Anything that JSON can say; also schedules and stop rules (as their ``config()``), dataclasses, numpy numbers
        and arrays (as lists), paths. The versions of the packages are added as ``versions`` unless given.

    Raises
    ------
    NetxError
        If a value cannot be said in JSON, naming it.
    """
    known = {"versions": _versions(), **{key: _plain(key, value) for key, value in metadata.items()}}
    for key in ("schema_version", "stock_readable", "stock_reason"):
        known.pop(key, None)
    group = h5file.require_group(GROUP)
    for name in ("schema_version", "metadata"):
        if name in group:
            del group[name]
    put(group, "schema_version", SCHEMA_VERSION)
    put(group, "metadata", json.dumps(known))


def check_version(group: Node) -> None:
    """Raise NetxError if the group ``/async`` was written by a newer version."""
    found = group.integer("schema_version", 1, 2**31)
    if found > SCHEMA_VERSION:
        raise group.fail(
            "schema_version",
            f" = {found}: must be at most {SCHEMA_VERSION}; a newer lava-async wrote this file, update to read it",
        )


def read_metadata(root: Node) -> dict[str, Any]:
    """Return the metadata of a file, and how many groups of outputs it averages if it ends with such a layer."""
    found: dict[str, Any] = {}
    if GROUP in root:
        group = root.group(GROUP)
        check_version(group)
        found = group.json("metadata")
        if not isinstance(found, dict):
            raise group.fail("metadata", "must be a JSON object")
        found["schema_version"] = group.integer("schema_version", 1, SCHEMA_VERSION)
        found["stock_readable"] = "layer" in root
        if "stock_reason" in group:
            found["stock_reason"] = group.text("stock_reason")
    if "layer" in root and (layers := root.group("layer")).members:
        last = layers.group(str(len(layers.members) - 1))
        if last.text("type") == "average":
            found["average"] = int(np.prod(last.shape("shape", MOST_NEURONS)))
    return found


def execution(noted: Mapping[str, Any], where: str, names: tuple[str, ...] = tuple(MAKERS)) -> dict[str, Any]:
    """Return the arguments of `simulate` that are noted about a network.

    Parameters
    ----------
    noted : dict
        What :func:`lava_async.netx.metadata` returned; anybody may have written it.
    where : str
        What errors call it: the file.
    names : tuple of str
        Those that are wanted, of schedule, until, seed, refractory and input_first.

    Returns
    -------
    dict
        Those that are noted: a schedule, a stop rule, an integer, booleans.

    Raises
    ------
    NetxError
        If one of them cannot be that.

    Examples
    --------
    >>> execution({"schedule": {"name": "random", "group_size": 8}, "accuracy": 0.97}, "digits.net")
    {'schedule': Random(group_size=8)}
    """
    found: dict[str, Any] = {}
    for name in names:
        value, allowed = noted.get(name), None
        if name not in noted or (value is None and name == "seed"):
            continue
        if name in MAKERS:
            if isinstance(value, dict) and "name" in value:
                try:
                    value = MAKERS[name](**value)
                except (ValueError, TypeError, OverflowError) as error:
                    raise NetxError(f"{where}: /async/metadata: {name}: {error}") from None
            else:
                allowed = 'a table with a name, as {"name": "random", "group_size": 8}'
        elif name == "seed":
            if type(value) is not int or not 0 <= value < 2**63:
                allowed = f"an integer in 0 .. {2**63 - 1}"
        elif not isinstance(value, bool):
            allowed = "true or false"
        if allowed:
            raise NetxError(f"{where}: /async/metadata: {InvalidValue(name, value, allowed)}")
        found[name] = value
    return found


def _versions() -> dict[str, str]:
    versions = {"hdf5": h5py.version.hdf5_version}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _plain(where: str, value: Any) -> Any:
    """Return a value as JSON can say it."""
    if isinstance(value, (Schedule, StopRule)):
        value = value.config()
    elif is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    elif isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    elif isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{where}.{key}", each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(f"{where}[{i}]", each) for i, each in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise NetxError(f"metadata {where} = {value!r}: must be something that JSON can say, not {type(value).__name__}")
