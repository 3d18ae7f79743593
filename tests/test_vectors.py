"""84 cases that an independent program computed from semantics.md, in both engines, to the last bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lava_async import CubaParams, FirstOutput, LoihiParams, Network, Quiescence, schedule, simulate

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.npz"))


def test_all_84_vectors_are_here():
    assert len(VECTORS) == 84


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_vector(path, engine):
    with np.load(path) as case:
        data = dict(case)
    meta = json.loads(str(data["meta"]))
    if meta["arithmetic"] == "float":
        params = CubaParams(data["du"], data["dv"], data["vth"], data["bias"])
    else:
        params = LoihiParams(
            data["du"], data["dv"], data["vth"], data["bias_mant"], data["bias_exp"], meta["weight_exp"]
        )
    network = Network.from_matrix(
        data["input_weights"], data["weights"], params, layer_of=data["layer_of"], outputs=data["outputs"]
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
    np.testing.assert_array_equal(result.current, data["u"])
    np.testing.assert_array_equal(result.voltage, data["v"])
    assert result.groups == json.loads(str(data["groups"]))
    assert result.synaptic_operations == data["synaptic_operations"]
    assert result.dropped == data["dropped"]
