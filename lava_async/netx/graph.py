"""Any network in the group ``/async/network``, word for word; only lava-async reads it.

``/layer`` says less than a network may be: no skip connections, no floats, one way to write a bias. This group says
all of it. Weights that are in ``/layer`` already are not stored twice: HDF5 links lead to them. Lists of synapses
(`Sparse`) share a few long arrays, since a network of n layers may have n^2 of them.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.network import Layer, Network
from lava_async.netx.builder import MOST_NEURONS
from lava_async.netx.h5 import H5Group, NetxError, write_dataset
from lava_async.netx.models import read_params, write_params
from lava_async.registry import Registry
from lava_async.synapses import INPUT, Conv, Dense, Sparse, Synapses

SYNAPSES: Registry[type[Synapses]] = Registry("synapses", {kind.__name__: kind for kind in (Conv, Dense)})
"""Types that are stored one by one, with a dataset per field."""
PLAIN = ("input_shape", "stride", "padding", "dilation", "groups")
"""Fields of theirs that are numbers or tuples, not arrays."""
PARTS = ("position", "source", "target", "n_target", "n_source", "count")
"""Numbers of each list of synapses; `position` is its place among all synapses of the network."""
IMAGINARY = "_imaginary"
"""What ends the name of the dataset that holds the imaginary parts of an array."""
LISTS = ("pre", "post", "weights", "delay")
"""Lists of all lists of synapses, end to end."""


def write(group: h5py.Group, network: Network, layer: h5py.Group | None) -> None:
    """Write a network; `layer` is the group ``/layer`` of the same file, if it has one."""
    if max(network.n_neurons, network.n_inputs) > MOST_NEURONS:
        raise NetxError(
            f"{group.file.filename}: the network has {network.n_neurons} neurons and {network.n_inputs} "
            f"inputs: must be at most {MOST_NEURONS}"
        )
    write_dataset(group, "input_shape", network.input_shape)
    write_dataset(group, "outputs", network.outputs)
    write_dataset(group, "layers", json.dumps([[each.name, *each.shape] for each in network.layers]))
    write_params(group, network.params)
    members = [g[name] for g in (layer or {}).values() for name in ("weight", "weight_rec") if name in g]
    datasets = [member for member in members if isinstance(member, h5py.Dataset)]
    present = [(dataset, dataset[()]) for dataset in datasets]
    one_by_one = group.create_group("synapses")
    for k, s in enumerate(network.synapses):
        if type(s) not in (Sparse, *SYNAPSES.values()):
            kinds = ", ".join((*SYNAPSES, Sparse.__name__))
            raise NetxError(f"Network.synapses[{k}] = {type(s).__name__}: files hold {kinds}")
        if not isinstance(s, Sparse):
            _write_synapses(one_by_one.create_group(f"{k}"), s, present)
    _write_lists(group, [(k, s) for k, s in enumerate(network.synapses) if isinstance(s, Sparse)])


def _write_synapses(group: h5py.Group, s: Synapses, present: list[tuple[h5py.Dataset, Any]]) -> None:
    write_dataset(group, "type", type(s).__name__)
    for f in fields(s):
        value = getattr(s, f.name)
        twin = next(
            (dataset for dataset, array in present if f.name == "weights" and np.array_equal(array, value)), None
        )
        if twin is not None:
            group[f.name] = twin
        elif value is not None:
            _put_numbers(group, f.name, value)


def _write_lists(group: h5py.Group, parts: list[tuple[int, Sparse]]) -> None:
    if parts:
        numbers = [(k, s.source, s.target, *s.size, len(s.pre)) for k, s in parts]
        lists = group.create_group("lists")
        for name, column in zip(PARTS, np.array(numbers).T, strict=True):
            write_dataset(lists, name, column)
        for name in LISTS:
            _put_numbers(lists, name, np.concatenate([getattr(s, name) for _, s in parts]))


def _put_numbers(group: h5py.Group, name: str, value: Any) -> None:
    """Write an array; a complex one as its parts."""
    if np.iscomplexobj(value):
        write_dataset(group, name + IMAGINARY, np.imag(value))
        value = np.real(value)
    write_dataset(group, name, value)


def _get_numbers(group: H5Group, name: str) -> NDArray[Any]:
    """Read what :func:`_put_numbers` wrote."""
    real = group.numbers(name)
    if name + IMAGINARY not in group:
        return real
    imaginary = group.numbers(name + IMAGINARY)
    if imaginary.shape != real.shape:
        raise group.fail(name + IMAGINARY, f".shape = {imaginary.shape}: must be {real.shape}, as {name}")
    return (real + 1j * imaginary).astype(np.complex64)


def read(group: H5Group) -> Network:
    """Read a network.

    Raises
    ------
    NetxError
        If anything is missing or malformed, naming group and field.
    """
    layers = _layers(group)
    n = sum(layer.size for layer in layers)
    params = read_params(group, [layer.size for layer in layers])
    placed = [*_one_by_one(group.group("synapses")), *(_lists(group.group("lists")) if "lists" in group else [])]
    synapses = tuple(s for _, s in sorted(placed, key=lambda item: item[0]))
    ends = group.shape("input_shape", MOST_NEURONS, least=0), group.integers("outputs", 0, max(n - 1, 0))
    return group.checked("synapses", lambda: Network(ends[0], layers, synapses, params, ends[1]))


def _layers(group: H5Group) -> tuple[Layer, ...]:
    said = group.json("layers")
    listed: list[Any] = said if isinstance(said, list) else [None]
    good = all(
        isinstance(each, list)
        and len(each) > 1
        and isinstance(each[0], str)
        and all(type(x) is int and 1 <= x <= MOST_NEURONS for x in each[1:])
        for each in listed
    )
    if not good or sum(np.prod(each[1:], dtype=float) for each in listed) > MOST_NEURONS:
        raise group.fail("layers", f"must be a list of [name, shape ...] of at most {MOST_NEURONS} neurons")
    return tuple(Layer(tuple(shape), name) for name, *shape in listed)


def _one_by_one(group: H5Group) -> list[tuple[int, Synapses]]:
    found = []
    for k in sorted(group.members):
        node = group.group(k)
        name = node.text("type")
        if not k.isdecimal() or name not in SYNAPSES:
            raise node.fail("type", f" = {name}: must be one of {', '.join(SYNAPSES)}, in a group with a number")
        kind = SYNAPSES[name]
        values: dict[str, Any] = {end: node.integer(end, INPUT, MOST_NEURONS) for end in ("source", "target")}
        for f in fields(kind):
            if f.name not in values and f.name in node:
                values[f.name] = node.plain(f.name) if f.name in PLAIN else _get_numbers(node, f.name)
        found.append((int(k), node.checked("type", partial(kind, **values))))
    return found


def _lists(group: H5Group) -> list[tuple[int, Synapses]]:
    numbers = [group.integers(name, INPUT, 2**40) for name in PARTS]
    lists = [_get_numbers(group, name) for name in LISTS]
    if len({x.shape for x in numbers}) != 1 or len({(*x.shape, x.ndim) for x in lists}) != 1 or lists[0].ndim != 1:
        raise group.fail("count", f"must be one number per list of synapses, as {', '.join(PARTS[:-1])}")
    ends = np.cumsum(numbers[-1])
    if (numbers[-1] < 0).any() or ends[-1] != len(lists[0]):
        raise group.fail("count", f"must sum up to {len(lists[0])}, the length of pre")
    found: list[tuple[int, Synapses]] = []
    for (k, source, target, *size, count), end in zip(np.transpose(numbers).tolist(), ends.tolist(), strict=True):
        pre, post, weights, delay = (x[end - count : end] for x in lists)
        make = partial(Sparse, source, target, pre, post, weights, tuple(size), delay)
        found.append((k, group.checked("pre", make)))
    return found
