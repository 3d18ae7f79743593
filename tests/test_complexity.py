"""Metrics under NeuroBench's names equal NeuroBench's own: its recorded figures, and itself where it is installed."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lava_async import CubaParams, Layered, Network, Random, cli, metrics, netx, simulate_batch
from lava_async.complexity import complexity, connection_sparsity, footprint
from lava_async.network import Layer
from lava_async.spikes import SpikeBatch
from lava_async.synapses import INPUT, Conv, Dense, Sparse

SHIPPED = Path(__file__).parent.parent / "netx_models"
MODELS = sorted(folder.name for folder in SHIPPED.iterdir())
RECORDED = json.loads((Path(__file__).parent / "neurobench.json").read_text())["models"]
needs_neurobench = pytest.mark.skipif(importlib.util.find_spec("neurobench") is None, reason="neurobench is missing")


def shipped(name: str) -> tuple[Network, Any, dict[str, Any]]:
    """Return a shipped network, the samples beside it, and how it runs."""
    network = netx.load(SHIPPED / name / "network.net")
    how = {"execution": network.execution}
    with np.load(SHIPPED / name / "samples.npz") as z:
        batch = SpikeBatch(z["channel"], z["count"], z["start"], int(z["n_channels"]))
        return network, SimpleNamespace(spikes=batch, labels=z["labels"]), how


def by_neurobench(network: Network, data: Any, how: dict[str, Any], batch_size: int = 1) -> dict[str, Any]:
    """Let NeuroBench measure a network."""
    import torch
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, ClassificationAccuracy, SynapticOperations
    from neurobench.processors.postprocessors import ChooseMaxCount
    from torch.utils.data import DataLoader, TensorDataset

    from lava_async.neurobench import NeuroBenchNetwork

    spikes = np.stack([data.spikes[b].to_dense() for b in range(len(data.spikes))])
    samples = TensorDataset(torch.from_numpy(spikes).transpose(1, 2).float(), torch.as_tensor(data.labels))
    names = [Footprint, ConnectionSparsity], [ClassificationAccuracy, ActivationSparsity, SynapticOperations]
    model = NeuroBenchNetwork(network, **how)
    benchmark = Benchmark(model, DataLoader(samples, batch_size), [], [ChooseMaxCount()], names)
    found: dict[str, Any] = benchmark.run(quiet=True)
    return found


def agree(found: dict[str, Any], network: Network, data: Any, how: dict[str, Any], split: bool = True) -> None:
    """Hold NeuroBench's numbers against ours; `split`: also what of the operations is multiplied."""
    ours = complexity(network, data, **how).as_neurobench()
    theirs, operations = found["SynapticOperations"], ours["SynapticOperations"]
    assert found["Footprint"] == ours["Footprint"]
    assert found["ConnectionSparsity"] == round(ours["ConnectionSparsity"], 4)
    assert found["ActivationSparsity"] == pytest.approx(ours["ActivationSparsity"], rel=1e-12)
    assert found["ClassificationAccuracy"] == pytest.approx(
        metrics.accuracy(simulate_batch(network, data.spikes, **how).output, data.labels), rel=1e-6
    )
    both = "Effective_ACs", "Effective_MACs"
    assert theirs["Dense"] == pytest.approx(operations["Dense"], rel=1e-12)
    assert sum(theirs[name] for name in both) == pytest.approx(sum(operations[name] for name in both), rel=1e-12)
    if split:
        assert [theirs[name] for name in both] == pytest.approx([operations[name] for name in both], rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_shipped_networks_have_the_numbers_that_neurobench_found(name):
    agree(RECORDED[name], *shipped(name))


@needs_neurobench
@pytest.mark.parametrize("name", MODELS)
def test_neurobench_finds_them_again(name):
    agree(by_neurobench(*shipped(name)), *shipped(name))


def every_kind() -> tuple[Network, Any]:
    """Convolution with stride and padding, sparse synapses, recurrence, graded input, zeros everywhere."""
    rng = np.random.default_rng(3)

    def weights(*shape: int) -> Any:
        return np.where(rng.random(shape) < 0.3, 0, rng.normal(0.1, 0.4, shape)).astype(np.float32)

    parts = (
        Conv(INPUT, 0, weights(4, 1, 3, 3), (2, 6, 6), stride=2, padding=1, groups=2),
        Sparse.from_matrix(0, 1, weights(12, 36)),
        Dense(1, 1, weights(12, 12)),
        Dense(1, 2, weights(3, 12)),
    )
    layers = Layer((4, 3, 3)), Layer((12,)), Layer((3,))
    network = Network((2, 6, 6), layers, parts, CubaParams(1, 0.5, 0.3), np.arange(48, 51))
    spikes = rng.choice([0, 1, 2], (5, 72, 4), p=[0.7, 0.29, 0.01])
    return network, SimpleNamespace(spikes=SpikeBatch.of(spikes), labels=rng.integers(0, 3, 5))


@needs_neurobench
@pytest.mark.parametrize("schedule", [Layered(), Random(3)], ids=str)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_neurobench_agrees_on_every_kind_of_synapses(schedule, batch_size):
    """It calls all operations of a batch multiplications if one is; here, each sample decides for itself."""
    network, data = every_kind()
    how = {"schedule": schedule, "seed": 4}
    found = by_neurobench(network, data, how, batch_size)
    assert min(found["SynapticOperations"].values()) > 0
    agree(found, network, data, how, split=batch_size == 1)


def test_the_numbers_by_hand():
    """Input 0 fires twice, once with two spikes; neuron 0 fires each time, neuron 1 never, output 0 with neuron 0."""
    network = Network.feedforward([[[1.0, 0.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]], CubaParams(1, 1, 0.5))
    found = complexity(network, SimpleNamespace(spikes=[[[0, 1, 2], [0, 0, 1]]], labels=[0]), schedule=Layered())
    assert footprint(network) == found.footprint == 4 * (8 + 4 * 4)
    assert connection_sparsity(network) == found.connection_sparsity == 5 / 8
    assert found.activation_sparsity == 8 / 12
    assert (found.effective_acs, found.effective_macs, found.dense) == (3, 1, 24)
    assert found.time_to_decision == 1
    never = complexity(network, SimpleNamespace(spikes=[[[0, 1, 2], [0, 0, 1]]], labels=[1]), schedule=Layered())
    assert math.isnan(never.time_to_decision)


def test_evaluate_shows_them(tmp_path, capsys):
    name = "digits_random"
    argv = ["evaluate", SHIPPED / name / "network.net", "--data", "digits", "--limit", "20", "--neurobench"]
    assert cli.main([*map(str, argv), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert set(row["neurobench"]) == {*RECORDED[name], "TimeToDecision"} - {"ClassificationAccuracy"}
    assert row["neurobench"]["Footprint"] == RECORDED[name]["Footprint"]
    assert cli.main(list(map(str, argv))) == 0
    assert "Effective_ACs" in capsys.readouterr().out
