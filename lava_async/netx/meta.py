"""The group ``/async``: what lava-async knows about a network beside its layers. Stock netx and slayer ignore it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import FIELDS, Execution, Fields, chosen, noted_execution, noted_fields
from lava_async.netx.builder import MOST_NEURONS
from lava_async.netx.h5 import H5Group, NetxError, write_dataset

if TYPE_CHECKING:
    from typing_extensions import Unpack

GROUP = "async"
SCHEMA_VERSION = 1
PACKAGES = ("lava-async", "lava-nc", "lava-dl", "torch", "numpy", "h5py")


def write_metadata(h5file: h5py.Group, metadata: Mapping[str, object]) -> None:
    """Write metadata into an open HDF5 file, in place of what it has.

    Parameters
    ----------
    h5file : h5py.File
        The file; a group ``/async`` is created unless there is one.
    metadata : mapping of str
        JSON data; also schedules and stop rules (as their ``config()``), dataclasses, numpy numbers
        and arrays (as lists), paths. An Execution as ``execution`` is noted field by field. The versions of packages
        are added as ``versions`` unless given.

    Raises
    ------
    NetxError
        If JSON cannot represent a value, naming it.

    Examples
    --------
    >>> import h5py
    >>> from lava_async import Random
    >>> from lava_async.netx import write_metadata
    >>> with h5py.File("own.net", "w") as file:
    ...     write_metadata(file, {"schedule": Random(group_size=8), "trained_on": "digits"})
    ...     sorted(file["async"])
    ...
    ['metadata', 'schema_version']
    """
    given = dict(metadata)
    if isinstance(how := given.get("execution"), Execution):
        given = {**how.config(), **{key: value for key, value in given.items() if key != "execution"}}
    known = {"versions": _versions(), **{key: _plain(key, value) for key, value in given.items()}}
    for key in ("schema_version", "stock_readable", "stock_reason"):
        known.pop(key, None)
    group = h5file.require_group(GROUP)
    for name in ("schema_version", "metadata"):
        if name in group:
            del group[name]
    write_dataset(group, "schema_version", SCHEMA_VERSION)
    write_dataset(group, "metadata", json.dumps(known))


def check_version(group: H5Group) -> None:
    """Raise NetxError if the group ``/async`` was written by a newer version."""
    found = group.integer("schema_version", 1, 2**31)
    if found > SCHEMA_VERSION:
        raise group.fail(
            "schema_version",
            f" = {found}: must be at most {SCHEMA_VERSION}; a newer lava-async wrote this file, update to read it",
        )


def read_metadata(root: H5Group) -> dict[str, Any]:
    """Return the metadata of a file, and how many groups of outputs it averages if it ends with such a layer."""
    found: dict[str, Any] = {}
    if GROUP in root:
        group = root.group(GROUP)
        check_version(group)
        noted = group.json("metadata")
        if not isinstance(noted, dict):
            raise group.fail("metadata", "must be a JSON object")
        found = noted
        found["schema_version"] = group.integer("schema_version", 1, SCHEMA_VERSION)
        found["stock_readable"] = "layer" in root
        if "stock_reason" in group:
            found["stock_reason"] = group.text("stock_reason")
    if "layer" in root and (layers := root.group("layer")).members:
        last = layers.group(str(len(layers.members) - 1))
        if last.text("type") == "average":
            found["average"] = int(np.prod(last.shape("shape", MOST_NEURONS)))
    return found


def execution_in(
    noted: Mapping[str, object], where: str, given: Execution | None = None, **fields: Unpack[Fields]
) -> Execution | None:
    """Return the execution that is noted about a network, overridden by what is given; None if there is neither.

    Parameters
    ----------
    noted : dict
        What :func:`lava_async.netx.metadata` returned; anybody may have written it. What is overridden is not looked
        at.
    where : str
        What errors call it: the file.
    given, **fields
        What overrides it, as in :func:`lava_async.netx.load`.

    Raises
    ------
    NetxError
        If a part of what is noted cannot be run, naming it.
    InvalidValue, InvalidType
        If what is given cannot be run.
    """
    chosen(given, **fields)  # What is wrong with arguments is no fault of the file.
    try:
        return noted_execution(noted, given, **fields)
    except (InvalidValue, InvalidType) as error:
        name = error.where.split(":")[0].split(".")[0]
        remedy = f"; to run the network in another way, give {name}, as in netx.load(path, {name}=...)"
        raise NetxError(f"{where}: /async/metadata: {error}{remedy}") from None


def execution(noted: Mapping[str, object], where: str, names: tuple[str, ...] = FIELDS) -> dict[str, Any]:
    """Return the fields of an execution that are noted about a network.

    .. deprecated:: 0.2
        Use :func:`lava_async.netx.load_execution`, or ``netx.load(path).execution``.

    Parameters
    ----------
    noted : dict
        What :func:`lava_async.netx.metadata` returned.
    where : str
        What errors call it: the file.
    names : tuple of str
        Those that are wanted, of schedule, until, refractory, input_first and seed.

    Returns
    -------
    dict
        Those that are noted: a schedule, a stop rule, booleans, an integer.

    Raises
    ------
    NetxError
        If one of them cannot be that.
    """
    warnings.warn(
        "netx.execution is deprecated: use netx.load_execution(path), or netx.load(path).execution",
        DeprecationWarning,
        stacklevel=2,
    )
    try:
        return noted_fields(noted, names)
    except (InvalidValue, InvalidType) as error:
        raise NetxError(f"{where}: /async/metadata: {error}") from None


def _versions() -> dict[str, str]:
    versions = {"hdf5": h5py.version.hdf5_version}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _plain(where: str, value: Any) -> Any:
    """Return a value in a form that JSON can represent."""
    if callable(to_plain := getattr(value, "config", None)):  # A schedule, a stop rule.
        value = to_plain()
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
    raise NetxError(f"metadata {where} = {value!r}: must be JSON data, not {type(value).__name__}")
