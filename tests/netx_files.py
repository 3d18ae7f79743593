"""Small .net files as other tools write them, built field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

CUBA = {"type": "CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1, "gradedSpike": False}
WEIGHTS = {2: [[30, -20, 64, 8], [-5, 80, 0, 31], [70, 70, -90, 2]], 3: [[50, -60, 90], [-100, 100, 10]]}


def build(path: Path, *layers: dict[str, Any]) -> Path:
    """Write layers, each a dict of fields ("type" among them) with a dict "neuron"; returns the path."""
    with h5py.File(path, "w") as file:
        for i, fields in enumerate(layers):
            fill(file.create_group(f"layer/{i}"), fields)
    return path


def fill(group: h5py.Group, fields: dict[str, Any]) -> None:
    """Write fields as slayer does; a function writes itself, given the group and the name."""
    for name, value in fields.items():
        if isinstance(value, dict):
            fill(group.create_group(name), value)
        elif callable(value):
            value(group, name)
        elif name == "type" and not group.name.endswith("neuron") and isinstance(value, str):
            group.create_dataset(name, (1,), "S10", [value.encode()])
        else:
            group[name] = value


def dense(weight: Any, **more: Any) -> dict[str, Any]:
    """Return the fields of a dense layer."""
    weight = np.array(weight, np.float32)
    n, inputs = weight.shape
    return {
        "type": "dense",
        "shape": (n,),
        "inFeatures": inputs,
        "outFeatures": n,
        "weight": weight,
        "neuron": CUBA,
        **more,
    }


def conv(weight: Any, shape: Any, **more: Any) -> dict[str, Any]:
    """Return the fields of a convolution."""
    return {
        "type": "conv",
        "shape": shape,
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "weight": np.array(weight, np.float32),
        "neuron": CUBA,
        **more,
    }


def write(path: Path, **changes: Any) -> Path:
    """Write input (2, 2, 1), flatten, dense 4-3, dense 3-2 with neurons and biases, some fields changed.

    A change is called ``layer2__weight`` or ``layer2__neuron__vDecay`` (``__`` for ``/``), other groups ``async__x``;
    its value is what to write, or None to leave the field out.
    """
    layers = [{"type": "input", "shape": (2, 2, 1)}, {"type": "flatten", "shape": (4, 1, 1)}]
    layers += [dense(weight, bias=[3.0] * len(weight), neuron=dict(CUBA)) for weight in WEIGHTS.values()]
    root: dict[str, Any] = {"layer": {str(i): layer for i, layer in enumerate(layers)}}
    for name, value in changes.items():
        first, *inner, last = name.split("__")
        place = root
        for key in (*(["layer", first[5:]] if first[5:].isdecimal() else [first]), *inner):
            place = place.setdefault(key, {})
        place[last] = value
        if value is None:
            del place[last]
    with h5py.File(path, "w") as file:
        fill(file, root)
    return path
