"""Trainings from a config: killed and gone on with, fine-tuned, stopped by numbers that are not finite."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_cases import SMALL, Killed, same, start, weights
from training_cases import trained as trained

from lava_async import netx
from lava_async.errors import InvalidValue
from lava_async.experiments.build import build_network, build_trainer, read_data
from lava_async.experiments.config import Config, shipped
from lava_async.experiments.train import train
from lava_async.spikes import SpikeBatch
from lava_async.training.blocks import slayer
from lava_async.training.distributed import Ranks
from lava_async.training.failure import NonFiniteError
from lava_async.training.losses import SpikeMax, SpikeRate, activity_weights


@pytest.mark.parametrize("batch", [1, 3, 4, 6, 11, 12])
def test_a_training_that_stops_after_any_batch_goes_on_bit_for_bit(trained, tmp_path, batch):
    config = SMALL.with_values({"training.checkpoint_seconds": 0})
    left = batch

    def stop(_):
        nonlocal left
        left -= 1
        if not left:
            raise Killed

    with pytest.raises(Killed):
        train(config, tmp_path, on_batch=stop)
    started = []
    again = train(config, tmp_path, on_start=lambda trainer: started.append(trainer.step))
    assert started == [batch - 1]  # The callback comes before the checkpoint.
    assert same(weights(tmp_path), weights(trained.folder))
    assert same(again.network.state_dict(), trained.network.state_dict())
    assert netx.load(tmp_path / "network.net") == netx.load(trained.folder / "network.net")


@pytest.mark.timeout(1200)
def test_a_training_killed_at_any_moment_goes_on_bit_for_bit(trained, tmp_path):
    """Again and again, some batches and a random part of a second after it began, whatever it does then."""
    config = SMALL.with_values({"training.checkpoint_seconds": 0})
    rng, kills = np.random.default_rng(3), 0
    while True:
        with start(config, tmp_path / "killed") as life:
            if kills < 3:
                life.stdout.read(rng.integers(1, 4))
                time.sleep(rng.random() / 20)
                life.kill()
            errors = life.communicate()[1].decode()
        if life.returncode != -signal.SIGKILL:
            break
        kills += 1
    # The last life may be over before it is killed.
    assert life.returncode == 0, errors
    assert kills >= 2
    assert same(weights(tmp_path / "killed"), weights(trained.folder))


def test_a_training_runs_twice_to_the_same_bits_and_global_random_states_do_not_matter(trained, tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    again = train(SMALL, tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    assert same(weights(tmp_path), weights(trained.folder))
    other = train(SMALL.with_values({"training.seed": 1}), tmp_path / "other")
    assert not same(other.network.state_dict(), again.network.state_dict())


def test_threads_change_last_bits_at_most_and_always_the_same_ones(trained, tmp_path):
    config = SMALL.with_values({"training.threads": 2, "training.epochs": 1})
    runs = [train(config, tmp_path / name) for name in ("once", "twice")]
    assert same(weights(runs[0].folder), weights(runs[1].folder))
    assert runs[0].history[0].loss == pytest.approx(trained.history[0].loss, rel=1e-2)


def test_a_finished_training_is_not_trained_further(trained, tmp_path):
    before = (trained.folder / "network.net").read_bytes()
    again = train(SMALL, trained.folder, on_batch=pytest.fail)
    assert same(again.network.state_dict(), trained.network.state_dict())
    assert len(before) == (trained.folder / "network.net").stat().st_size


def test_a_finished_training_goes_on_when_its_epochs_are_raised(trained, tmp_path):
    longer = SMALL.with_values({"training.epochs": SMALL.training.epochs + 2})
    shutil.copytree(trained.folder, tmp_path / "run")
    found = train(longer, tmp_path / "run")
    assert found.history[: len(trained.history)] == trained.history
    assert [epoch.number for epoch in found.history] == list(range(1, longer.training.epochs + 1))
    assert found.results["config"] == longer.plain()
    # From the checkpoint of the finished training, in whatever way it comes about.
    shutil.copytree(trained.folder, tmp_path / "again")
    assert same(train(longer, tmp_path / "again").network.state_dict(), found.network.state_dict())
    with pytest.raises(InvalidValue, match=r"training\.epochs = \d+, now 1"):
        train(SMALL.with_values({"training.epochs": 1}), tmp_path / "run")


# ------------------------------------------------------------------------------------------------ what is learned


def test_a_loss_that_is_not_finite_leaves_its_batch(tmp_path):
    config = SMALL.with_values({"loss": {"name": "spike_max", "mode": "probability"}, "network.gain": 0.0})
    with pytest.raises(NonFiniteError, match=r"loss is inf in epoch 1, batch 1 of 4: try .*bad_batch\.npz"):
        train(config, tmp_path)
    bad = np.load(tmp_path / "bad_batch.npz")
    samples, _ = read_data(config.data)
    spikes = SpikeBatch(bad["channel"], bad["count"], bad["start"], int(bad["n_channels"]))
    assert spikes == SpikeBatch.of(samples.spikes[bad["indices"]])
    np.testing.assert_array_equal(bad["labels"], samples.labels[bad["indices"]])
    network = build_network(config, (200,), 10)
    network.load_state_dict({name[8:]: torch.tensor(bad[name]) for name in bad.files if name.startswith("weights/")})
    counts = network.train().run(spikes, bad["samples"]).counts
    assert SpikeMax("probability")(counts[:, -10:], torch.tensor(bad["labels"])).isinf()
    assert (bad["epoch"], bad["batch"]) == (1, 1)


def test_a_gradient_that_is_not_finite_stops_training_before_it_does_harm():
    samples, _ = read_data(SMALL.data)
    network = build_network(SMALL, (200,), 10)
    before = [p.detach().clone() for p in network.parameters()]
    network.blocks[0].synapse.weight.register_hook(lambda gradient: gradient / 0)
    with pytest.raises(NonFiniteError, match="the gradient is not finite in epoch 1, batch 1 of 4"):
        build_trainer(SMALL, network, samples, None, Ranks()).run()
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


def test_decays_are_learned_where_asked(trained):
    first = build_network(SMALL, (200,), 10).state_dict()
    last = trained.network.state_dict()
    assert first["blocks.0.neuron.voltage_decay"].shape == (8,)
    assert not torch.equal(first["blocks.0.neuron.voltage_decay"], last["blocks.0.neuron.voltage_decay"])
    frozen = build_network(SMALL.with_values({"network.learn_decays": False}), (200,), 10)
    assert not frozen.blocks[0].neuron.voltage_decay.requires_grad
    partly = build_network(SMALL.with_values({"network.learn_decays": "voltage"}), (200,), 10)
    for block in partly.blocks:
        assert block.neuron.voltage_decay.requires_grad
        assert not block.neuron.current_decay.requires_grad


def test_slayers_losses_are_slayers():
    counts, labels = torch.tensor(np.random.default_rng(0).integers(0, 2, (6, 3, 5))).float(), torch.arange(6) % 3
    rate, most = slayer().loss.SpikeRate(0.5, 0.02), slayer().loss.SpikeMax(mode="softmax")
    assert torch.allclose(SpikeRate(0.5, 0.02)(counts, labels), rate(counts, labels) / 6)
    assert torch.allclose(SpikeMax("softmax")(counts, labels), most(counts, labels) / 6)


@pytest.mark.parametrize("name", ["spike_rate", "spike_max"])
def test_training_makes_slayers_losses_small(tmp_path, name):
    history = train(SMALL.with_values({"loss": {"name": name}, "training.epochs": 6}), tmp_path).history
    assert history[-1].loss < history[0].loss


def test_a_penalty_counts_hidden_layers_or_each_layer():
    network = build_network(SMALL, (200,), 10).to_network()
    assert activity_weights(network, 2.0).tolist() == [2.0] * 8 + [0.0] * 10
    assert activity_weights(network, [1.0, 3.0]).tolist() == [1.0] * 8 + [3.0] * 10
    with pytest.raises(InvalidValue, match="penalty: numbers in it = 1: must be 2, one per layer"):
        activity_weights(network, [1.0])


def test_no_batch_is_ever_the_whole_data_set(monkeypatch):
    """Data may give a SpikeBatch per batch, and are asked for one batch at a time."""
    samples, _ = read_data(SMALL.data)
    asked = []

    class Events:
        labels = samples.labels
        n_channels, n_classes = 200, 10

        @property
        def spikes(self):
            return self

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, indices):
            asked.append(len(indices))
            return SpikeBatch.of(samples.spikes[indices])

    results = []
    monkeypatch.setattr("lava_async.training.objective._CHUNK", 20)
    for data in (samples, Events()):
        network = build_network(SMALL, (200,), 10)
        results.append(build_trainer(SMALL, network, data, data, Ranks()).run())
    assert [replace(epoch, seconds=0) for epoch in results[0]] == [replace(epoch, seconds=0) for epoch in results[1]]
    assert max(asked) <= 20


def test_the_part_kept_back_for_validation_is_the_same_for_all_seeds():
    parts = [read_data(SMALL.with_values({"data.validation": 0.25, "training.seed": seed}).data) for seed in (0, 1)]
    assert [len(part) for part in parts[0]] == [36, 12]
    for one, other in zip(*parts, strict=True):
        np.testing.assert_array_equal(one.spikes, other.spikes)
    assert read_data(SMALL.with_values({"data.validation": 0.0}).data)[1] is None


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ([199, 10], "network: input channels = 199: must be 200, those of the data"),
        ([200, 9], "network: output neurons = 9: must be at least 10, the classes of the data"),
    ],
)
def test_a_network_that_does_not_fit_the_data_is_an_error(tmp_path, sizes, error):
    with pytest.raises(InvalidValue, match=error):
        train(SMALL.with_values({"network.sizes": sizes}), tmp_path)


LAYERS = SMALL.with_values(
    {
        "network": {
            "gain": 2.0,
            "voltage_decay": 0.5,
            "layers": [
                {"type": "conv", "features": 4, "kernel_size": 3, "stride": 2, "padding": [1, 1], "threshold": 0.5},
                {"type": "pool", "kernel_size": 2},
                {"type": "flatten"},
                {"type": "recurrent", "neurons": 6, "voltage_decay": [0.1, 0.9]},
                {"type": "dense", "neurons": 10, "gain": 0.5},
            ],
        }
    }
)


def test_layers_of_all_kinds_learn_and_are_exported(tmp_path):
    trained = train(LAYERS.with_values({"training.epochs": 2}), tmp_path)
    assert trained.history[-1].loss < trained.history[0].loss
    network = netx.load(tmp_path / "network.net")
    assert network == trained.network.to_network()
    assert [layer.shape for layer in network.layers] == [(4, 5, 5), (4, 3, 3), (6,), (10,)]
    conv, _, recurrent, dense = (block for block in trained.network.blocks if hasattr(block, "neuron"))
    assert conv.neuron.threshold == 0.5
    assert conv.neuron.voltage_decay.shape == (1,)
    assert recurrent.neuron.voltage_decay.shape == (6,)
    first = build_network(LAYERS, (2, 10, 10), 10).blocks
    assert float(first[0].synapse.weight.detach().abs().max()) <= 2.0 * 0.5 * (6 / (6 * 9)) ** 0.5
    assert float(first[4].synapse.weight.detach().abs().max()) <= 0.5 * (6 / 16) ** 0.5
    assert dense.synapse.weight.shape[:2] == (10, 6)


@pytest.mark.parametrize(
    ("layers", "error"),
    [
        ([{"type": "dense", "neurons": 10}], r"layers\[0\] \(dense\): .* = \(2, 10, 10\): must be \(neurons,\)"),
        ([{"type": "flatten"}, {"type": "pool", "kernel_size": 2}], r"layers\[1\] \(pool\): .*must be \(channels, "),
        ([{"type": "conv", "features": 2, "kernel_size": 11}], r"layers\[0\] \(conv\): .*kernel is larger"),
    ],
)
def test_layers_that_do_not_fit_are_named(layers, error):
    with pytest.raises(InvalidValue, match=error):
        build_network(SMALL.with_values({"network": {"layers": layers}}), (2, 10, 10), 10)


# ------------------------------------------------------------------------------------------------ shipped configs


def test_the_shipped_digits_reach_90_percent(tmp_path):
    """355 test samples that were never looked at, in some seconds."""
    results = train(Config.load(shipped()["digits"]), tmp_path).results
    assert results["test"]["samples"] == 355
    assert results["test"]["accuracy"] > 0.9
