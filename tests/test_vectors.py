"""Cases that independent programs computed from semantics.md, in both engines, to the last bit.

Those in `vectors` are of sections 3 to 5, those in `vectors_models` of section 8.

The environment variable VECTORS_MODELS names a folder of other cases of the same form; its README says what it is.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lava_async import (
    AlifParams,
    CubaParams,
    FirstOutput,
    LoihiAlifParams,
    LoihiParams,
    LoihiSigmaDeltaParams,
    Network,
    NeuronModel,
    Quiescence,
    SigmaDeltaParams,
    schedule,
    simulate,
)

HERE = Path(__file__).parent
VECTORS = sorted((HERE / "vectors").glob("*.npz"))
MODEL_VECTORS = sorted(Path(os.environ.get("VECTORS_MODELS", HERE / "vectors_models")).glob("*.npz"))

ADAPTIVE = ("dth", "drho", "vth", "theta_step")
MODELS: dict[tuple[str, str], tuple[type[NeuronModel], tuple[str, ...]]] = {
    ("cuba", "float"): (CubaParams, ("du", "dv", "vth", "bias")),
    ("cuba", "fixed"): (LoihiParams, ("du", "dv", "vth", "bias_mant", "bias_exp")),
    ("alif", "float"): (AlifParams, ("du", "dv", *ADAPTIVE, "bias")),
    ("alif", "fixed"): (LoihiAlifParams, ("du", "dv", *ADAPTIVE, "bias_mant", "bias_exp")),
    ("sigma_delta", "float"): (SigmaDeltaParams, ("vth", "bias")),
    ("sigma_delta", "fixed"): (LoihiSigmaDeltaParams, ("vth",)),
}


def layer_of_case(data: dict[str, Any], meta: dict[str, Any], layer: int) -> NeuronModel:
    """Return the parameters of a layer."""
    model, arithmetic = meta["models"][layer], meta["arithmetic"]
    kind, names = MODELS[model, arithmetic]
    here = data["layer_of"] == layer
    numbers: dict[str, Any] = {
        name: data[name][here].astype(np.int64 if arithmetic == "fixed" else np.float64) for name in names
    }
    if arithmetic == "fixed":
        numbers["weight_exp"] = meta["weight_exp"]
    if (model, arithmetic) == ("sigma_delta", "fixed"):
        numbers["bias_mant"] = data["bias"][here].astype(np.int64)  # as it is added
    if model == "cuba":
        numbers["reset"] = meta["resets"][layer]
    if model == "sigma_delta":
        numbers["activation"] = meta["activation"]
    extras = {name: data[name][here] for name in ("refractory_steps", "sync_threshold")}
    return kind(**numbers, **extras)


def params_of(data: dict[str, Any], meta: dict[str, Any]) -> NeuronModel | list[NeuronModel]:
    """Return the parameters of a case: of each layer, or of all neurons where all are CUBA."""
    if "models" in meta:
        return [layer_of_case(data, meta, layer) for layer in range(len(meta["models"]))]
    if meta["arithmetic"] == "float":
        return CubaParams(data["du"], data["dv"], data["vth"], data["bias"])
    return LoihiParams(data["du"], data["dv"], data["vth"], data["bias_mant"], data["bias_exp"], meta["weight_exp"])


def test_all_vectors_are_here():
    assert len(VECTORS) == 84
    assert len(list((HERE / "vectors_models").glob("*.npz"))) == 56
    assert MODEL_VECTORS


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("path", [*VECTORS, *MODEL_VECTORS], ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_vector(path, engine):
    with np.load(path) as case:
        data = dict(case)
    meta = json.loads(str(data["meta"]))
    network = Network.from_matrix(
        data["input_weights"],
        data["weights"],
        params_of(data, meta),
        layer_of=data["layer_of"],
        outputs=data["outputs"],
    )
    options = {} if meta["schedule"] == "layered" else {"group_size": meta["group_size"]}
    result = simulate(
        network,
        data["spikes"].T,
        schedule=schedule(meta["schedule"], **options),
        until=Quiescence() if meta["extra_steps"] is None else FirstOutput(meta["extra_steps"]),
        refractory=meta["refractory"],
        input_first=meta["input_first"],
        seed=meta["seed"],
        sample=meta["sample"],
        record="groups",
        engine=engine,
    )
    np.testing.assert_array_equal(result.counts, data["counts"].T)
    np.testing.assert_array_equal(result.output, data["counts"].T[data["outputs"]])
    np.testing.assert_array_equal(result.forward_steps, data["forward_steps"])
    if "models" in meta:
        np.testing.assert_array_equal(result.emitted, data["emitted"].T)
        for name in ("u", "v", "theta", "rho", "sigma", "sent"):
            if f"end_{name}" in data:
                np.testing.assert_array_equal(result.state[name], data[f"end_{name}"], err_msg=name)
    else:
        np.testing.assert_array_equal(result.current, data["u"])
        np.testing.assert_array_equal(result.voltage, data["v"])
    assert result.groups == json.loads(str(data["groups"]))
    assert result.synaptic_operations == data["synaptic_operations"]
    assert result.dropped == data["dropped"]
