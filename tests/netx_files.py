"""Small .net files as other tools write them, built field by field, so that a test can break one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

CUBA = {"type": "CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 80, "refDelay": 1, "gradedSpike": False}
WEIGHTS = {2: [[30, -20, 64, 8], [-5, 80, 0, 31], [70, 70, -90, 2]], 3: [[50, -60, 90], [-100, 100, 10]]}


def write(path: Path, **changes: Any) -> Path:
    """Write input (2, 2, 1), flatten, dense 4-3, dense 3-2 with neurons and biases, in slayer's way.

    Parameters
    ----------
    **changes
        Fields to change, ``__`` for ``/`` and layers as ``layer2__weight``: a value, None to leave the field out, or a
        function of the group and the name that does something else.
    """
    fields: dict[str, Any] = {"layer0__type": "input", "layer0__shape": (2, 2, 1), "layer1__type": "flatten",
                              "layer1__shape": (4, 1, 1)}  # fmt: skip
    for i, weight in WEIGHTS.items():
        n = len(weight)
        fields |= {f"layer{i}__type": "dense", f"layer{i}__shape": (n,), f"layer{i}__bias": [3.0] * n,
                   f"layer{i}__inFeatures": len(weight[0]), f"layer{i}__outFeatures": n,
                   f"layer{i}__weight": np.array(weight, np.float32)}  # fmt: skip
        fields |= {f"layer{i}__neuron__{name}": value for name, value in CUBA.items()}
    with h5py.File(path, "w") as file:
        for name, value in (fields | changes).items():
            if value is None:
                continue
            *groups, field = (
                name.replace("layer", "layer/").split("__") if name.startswith("layer") else name.split("__")
            )
            group = file.require_group("/".join(groups)) if groups else file
            if callable(value):
                value(group, field)
            elif field == "type" and "neuron" not in groups:
                group.create_dataset(field, (1,), "S10", [value.encode()])
            else:
                group[field] = value
    return path
