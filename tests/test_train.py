"""Trainings from a config: killed and gone on with, fine-tuned, stopped by numbers that are not finite."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lava_async import CubaParams, LoihiParams, Network, netx
from lava_async.engine.config import machine
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.build import build_network, build_trainer, read_data
from lava_async.experiments.config import Config, shipped
from lava_async.experiments.train import train
from lava_async.extras import MissingExtra
from lava_async.network import Layer
from lava_async.spikes import SpikeBatch
from lava_async.synapses import Dense
from lava_async.training import UnlayeredNetwork
from lava_async.training.blocks import slayer
from lava_async.training.checkpoint import read_checkpoint, write_checkpoint
from lava_async.training.distributed import Ranks
from lava_async.training.failure import NonFiniteError
from lava_async.training.finetune import blocks_of
from lava_async.training.losses import SpikeMax, SpikeRate, activity_weights

SMALL = Config.from_toml("""
[network]
sizes = [200, 8, 10]
gain = 2.0
voltage_decay = [0.2, 0.9]
learn_decays = true

[data]
name = "digits"
limit = 48

[schedule]
name = ["random", "momentum"]
group_size = [2, "all"]

[gradient]
refractory_dropout = 0.2
input_dropout = 0.1

[loss]
penalty = 0.001

[optimizer]
learning_rate = 0.02

[training]
epochs = 3
batch_size = 12
""")


def weights(folder):
    """The final weights, and all that the checkpoint holds."""
    return read_checkpoint(folder / "checkpoint.pt")["trainer"]


def same(a, b):
    """Bitwise, in all that is nested in it; times aside."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a if name != "seconds")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b or (a != a and b != b)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One training that nothing interrupts."""
    return train(SMALL, tmp_path_factory.mktemp("whole"))


# ------------------------------------------------------------------------------------------------- interruption


class Killed(BaseException):
    """Nothing that is caught on the way."""


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


LIFE = """
import faulthandler, os, sys
from pathlib import Path
faulthandler.dump_traceback_later(240, exit=True)  # says where it stands still, if it does
from lava_async.experiments.config import Config
from lava_async.experiments.train import train
train(Config.load(sys.argv[1]), Path(sys.argv[2]), on_batch=lambda _: os.write(1, b"."))
"""


def start(config, folder, **environment):
    """Start a process that trains, and writes a dot after each batch."""
    path = folder.with_suffix(".toml")
    path.write_text(config.to_toml())
    command = [sys.executable, "-c", LIFE, str(path), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})


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


# --------------------------------------------------------------------------------------------------------- files


def test_the_folder_holds_config_history_network_and_results(trained):
    names = {path.name for path in trained.folder.iterdir() if path.name != ".lock"}
    assert names == {"config.toml", "checkpoint.pt", "history.csv", "network.net", "results.json"}
    assert Config.load(trained.folder / "config.toml") == SMALL
    with open(trained.folder / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [epoch.loss for epoch in trained.history]
    results = json.loads((trained.folder / "results.json").read_text())
    assert results["test"]["samples"] == 48
    assert results["validation"] == max(epoch.validation for epoch in trained.history)
    assert results["machine"] == machine()
    assert {row["machine"] for row in rows} == {", ".join(machine().values())}
    noted = netx.metadata(trained.folder / "network.net")
    assert noted["config"] == SMALL.plain()
    assert noted["test"]["accuracy"] == results["test"]["accuracy"]
    assert netx.load(trained.folder / "network.net") == trained.network.to_network()


def test_what_a_killed_run_left_half_written_goes_away_and_nothing_else(trained, tmp_path):
    folder = trained.folder
    left = [folder / ".checkpoint.pt.tmp", folder / ".checkpoint.0123abcd.pt", folder / ".network.89ef4567.net"]
    mine = [".config.json", ".history.sqlite", ".results.csv", ".checkpoint.0123ABCD.pt", ".checkpoint.pt", ".lock.d"]
    mine = [folder / name for name in mine]
    for path in left + mine:
        path.write_bytes(b"half")
    (folder / ".results.01234567.json").mkdir()
    (folder / ".config.01234567.toml").symlink_to(mine[0])
    train(SMALL, folder)
    assert not any(path.exists() for path in left)
    assert all(path.read_bytes() == b"half" for path in mine)
    for path in mine:
        path.unlink()
    (folder / ".results.01234567.json").rmdir()
    (folder / ".config.01234567.toml").unlink()


def test_links_in_the_folder_lead_nobody_to_other_files(tmp_path):
    folder, precious = tmp_path / "out", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("precious")
    for name in (".checkpoint.pt.tmp", ".network.0123abcd.net"):
        (folder / name).symlink_to(precious)
    short = SMALL.with_values({"training.epochs": 0})
    train(short, folder)
    (folder / ".lock").unlink()
    (folder / ".lock").symlink_to(precious)
    with pytest.raises(InvalidValue, match=r"\.lock = 'a link': must be a file of its own"):
        train(short, folder)
    assert precious.read_text() == "precious"


def test_two_trainings_do_not_share_a_folder(tmp_path):
    def second(_):
        with pytest.raises(InvalidValue, match=r"folder = .*: must be one that no other running training writes to"):
            train(SMALL, tmp_path)
        raise Killed

    with pytest.raises(Killed):
        train(SMALL, tmp_path, on_batch=second)


def test_a_checkpoint_of_another_config_is_refused_with_what_differs(trained):
    other = SMALL.with_values({"loss.penalty": 0.5, "data.limit": 30, "training.checkpoint_seconds": 1})
    with pytest.raises(InvalidValue) as raised:
        train(other, trained.folder)
    assert "data.limit = 48, now 30; loss.penalty = 0.001, now 0.5; " in raised.value.value
    assert "samples of the data = 48, now 30" in raised.value.value
    assert "seconds" not in raised.value.value
    assert Config.load(trained.folder / "config.toml") == SMALL


def test_other_threads_go_on_with_a_warning(trained, caplog):
    train(SMALL.with_values({"training.threads": 2}), trained.folder)
    assert "other threads or processes than before" in caplog.text
    train(SMALL, trained.folder)


@pytest.mark.parametrize("kept", [0, 10, 60, 95, 500, -1])
def test_a_checkpoint_that_is_cut_off_is_an_error(trained, tmp_path, kept):
    content = (trained.folder / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(content[:kept])
    with pytest.raises(InvalidValue, match=r"checkpoint\.pt: .* delete it"):
        train(SMALL, tmp_path)


def test_a_foreign_or_damaged_checkpoint_is_an_error(tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({}, path)
    with pytest.raises(InvalidValue, match="as in a checkpoint of this version"):
        read_checkpoint(path)
    write_checkpoint(path, {"a": torch.zeros(100)})
    assert torch.equal(read_checkpoint(path)["a"], torch.zeros(100))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidValue, match="it is damaged"):
        read_checkpoint(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InvalidValue, match="is a FIFO"):
        read_checkpoint(path)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text()
    | st.builds(
        lambda shape, dtype: torch.ones(shape).to(dtype),
        st.lists(st.integers(0, 3), max_size=3),
        st.sampled_from([torch.float32, torch.bfloat16, torch.bool, torch.int64]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
)


@given(plain)
def test_a_checkpoint_gives_what_was_put_in_it(tmp_path_factory, state):
    path = tmp_path_factory.getbasetemp() / "any.pt"
    write_checkpoint(path, {"state": state})
    assert same(read_checkpoint(path), {"state": state})


def test_a_checkpoint_holds_nothing_else(tmp_path):
    with pytest.raises(InvalidType, match=r"checkpoint: state\.a\[0\] = .*: must be tensors and plain data"):
        write_checkpoint(tmp_path / "a.pt", {"a": [object()]})
    assert list(tmp_path.iterdir()) == []


def made(path, content):
    """Write a checkpoint as somebody would who has no good in mind: its digest is right."""
    path.write_bytes(b"lava-async checkpoint 2\n" + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def head(text, more=b""):
    return len(text).to_bytes(8, "little") + text + more


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        head(b"{}"),
        head(b"[" * 10**5),
        head(b'{"state": 1, "tensors": []}'),
        head(b'{"state": {"dict": []}, "tensors": []}', b"more"),
        head(b'{"state": {"dict": []}, "tensors": [["float32", [1000000000]]]}'),
        head(b'{"state": {"dict": []}, "tensors": [["float32", [-1, -1]]]}', b"0000"),
        head(b'{"state": {"dict": []}, "tensors": [["load", [1]]]}', b"0000"),
        head(b'{"state": {"dict": []}, "tensors": [["float32", [0, 99999999999999999999999]]]}'),
        head(b'{"state": {"dict": [["a", {"tensor": 7}]]}, "tensors": []}'),
        head(b'{"state": {"dict": [["a", {"import": "os"}]]}, "tensors": []}'),
        head(b'{"state": {"dict": [[[], 1]]}, "tensors": []}'),
        head(b'{"state": {"dict": [["a", ' + b"1" * 5000 + b']]}, "tensors": []}'),
    ],
)
def test_a_checkpoint_that_is_made_to_hurt_is_an_error(tmp_path, content):
    made(tmp_path / "checkpoint.pt", content)
    with pytest.raises(
        InvalidValue, match=r"checkpoint\.pt: content = .*: must be a checkpoint; to train from the start, delete it"
    ):
        read_checkpoint(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize(
    "harm",
    [
        lambda s: s.pop("trainer"),
        lambda s: s.update(trainer=[]),
        lambda s: s.update(config=7),
        lambda s: s.update(config="x = " + "[" * 10**4),
        lambda s: s.update(processes="two"),
        lambda s: s["trainer"].pop("best"),
        lambda s: s["trainer"].update(batch=-1),
        lambda s: s["trainer"].update(history=s["trainer"]["history"] * 9),
        lambda s: s["trainer"].update(history=[{"number": 1}]),
        lambda s: s["trainer"].update(sums=[0.0]),
        lambda s: s["trainer"].update(best_weights={}),
        lambda s: s["trainer"].update(network=[1]),
        lambda s: s["trainer"]["network"].update(samples_seen=torch.zeros(10**3)),
        lambda s: s["trainer"].update(samples_seen="many"),
        lambda s: s["trainer"].update(optimizer=None),
        lambda s: s["trainer"]["optimizer"].update(state=[]),
        lambda s: s["trainer"]["optimizer"].update(state={10**9: {}}),
        lambda s: s["trainer"]["optimizer"]["state"].update({0: {"exp_avg": torch.zeros(3)}}),
        lambda s: s["trainer"]["optimizer"]["param_groups"][0].update(lr="fast"),
        lambda s: s["trainer"]["optimizer"]["param_groups"][0].update(params=[0] * 10**5),
        lambda s: s["trainer"]["rates"].update(last_epoch="x"),
    ],
)
def test_a_checkpoint_whose_state_does_not_fit_is_an_error(trained, tmp_path, harm):
    state = read_checkpoint(trained.folder / "checkpoint.pt")
    harm(state)
    write_checkpoint(tmp_path / "checkpoint.pt", state)
    with pytest.raises((InvalidValue, InvalidType), match=r"checkpoint\.pt"):
        train(SMALL, tmp_path)


def faster(optimizer):
    optimizer.param_groups[0]["lr"] = 3e38


def further(optimizer):
    for moments in optimizer.state.values():
        moments["exp_avg"].fill_(1e38)
        moments["exp_avg_sq"].zero_()


@pytest.mark.parametrize(
    ("harm", "said"),
    [(faster, "a step of the optimizer overflows"), (further, "the weights are not finite after a step")],
)
def test_weights_that_become_infinite_are_an_error_and_the_last_good_checkpoint_stays(tmp_path, harm, said):
    config, seen = SMALL.with_values({"training.checkpoint_seconds": 0}), []

    def on_batch(batch):
        seen.append(batch)
        if len(seen) == 4:
            harm(seen[0]._optimizer)

    with pytest.raises(FloatingPointError, match=f"{said}.* in epoch 1, batch 4 of 4: try .*; batch, labels"):
        train(config, tmp_path, on_start=seen.append, on_batch=on_batch)
    kept = read_checkpoint(tmp_path / "checkpoint.pt")["trainer"]
    assert all(x.isfinite().all() for x in kept["network"].values())
    assert kept["batch"] == 3
    assert not (tmp_path / "results.json").exists()


def test_curves_for_tensorboard_are_optional(tmp_path, monkeypatch):
    config = SMALL.with_values({"training.tensorboard": True, "training.epochs": 1})
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtra, match=r"training\.tensorboard = true needs tensorboard, which is not installed"):
        train(config, tmp_path)
    seen = []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            seen.append((name, step))

        def close(self):
            seen.append(self.folder)

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=SummaryWriter))
    train(config, tmp_path)
    assert ("loss", 1) in seen
    assert seen[-1] == str(tmp_path / "tensorboard")


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


# ---------------------------------------------------------------------------------------------------- fine-tuning


def test_fine_tuning_begins_with_the_very_network(trained, tmp_path):
    start = {"sizes": None, "gain": None, "voltage_decay": None, "from": str(trained.folder / "network.net")}
    config = SMALL.with_values({f"network.{name}": value for name, value in start.items()})
    untouched = train(config.with_values({"training.epochs": 0}), tmp_path / "untouched")
    assert untouched.network.to_network() == netx.load(trained.folder / "network.net")
    assert netx.load(tmp_path / "untouched/network.net") == netx.load(trained.folder / "network.net")
    assert untouched.results["validation"] is None
    tuned = train(config.with_values({"training.epochs": 1}), tmp_path / "tuned")
    assert tuned.network.to_network() != untouched.network.to_network()


def integers(**changed):
    """A network as slayer exports one, with biases, decays of each neuron and weights of the 8-bit grid."""
    rng = np.random.default_rng(0)
    synapses = (Dense(-1, 0, 2 * rng.integers(-128, 128, (4, 3))), Dense(0, 1, 2 * rng.integers(-60, 60, (2, 4))))
    params = {
        "du": [0, 9, 99, 4095, 3, 3],
        "dv": [0, 10, 100, 4096, 7, 7],
        "vth": [70] * 4 + [91] * 2,
        "bias_mant": [2, 0, -4, 6, 0, 0],
        "bias_exp": 6,
        **changed,
    }
    return Network((3,), (Layer((4,)), Layer((2,))), synapses, LoihiParams(**params), np.array([4, 5]))


@pytest.mark.parametrize("learn_decays", [False, True])
def test_blocks_of_a_network_are_deployed_as_it(learn_decays):
    blocks = blocks_of(integers(), learn_decays=learn_decays)
    network = UnlayeredNetwork(blocks, schedule=SMALL.schedule.deployed).to_network()
    here, there = integers(), network
    for name in ("du", "dv", "vth"):
        np.testing.assert_array_equal(getattr(here.params, name), getattr(there.params, name))
    np.testing.assert_array_equal(here.params.arrays().bias, there.params.arrays().bias)
    for mine, theirs in zip(here.synapses, there.synapses, strict=True):
        np.testing.assert_array_equal(mine.weights, theirs.weights)


@pytest.mark.parametrize(
    ("network", "error"),
    [
        (integers(vth=[70, 70, 70, 71, 91, 91]), r"layer 0: vth = \[70, 71\]: must be one for the layer"),
        (integers(bias_mant=[1, 0, 0, 0, 0, 0]), "layer 0: bias = -1: must be even"),
        (integers(bias_exp=3), "layer 0: bias = 16: must be multiples of 64"),
        (integers(weight_exp=1), r"layer 0: weights = .*: must be even, in -256 \.\. 254"),
        (replace(integers(), outputs=[4]), r"network\.outputs = .*: must be the neurons of the last layer"),
        (
            replace(integers(), synapses=(*integers().synapses, Dense(-1, 1, np.ones((2, 3), int)))),
            "layer 1: synapses = 'Dense from -1, Dense from 0': must be Dense from 0",
        ),
        (
            Network.feedforward([np.ones((2, 3))], CubaParams(1.0, 1.0, 1.0)),
            r"network\.params = 'CubaParams': must be LoihiParams",
        ),
    ],
)
def test_what_blocks_cannot_say_is_named(network, error):
    with pytest.raises((InvalidValue, InvalidType), match=error):
        blocks_of(network)


# --------------------------------------------------------------------------------------------- several processes

JOINT = SMALL.with_values(
    {
        "data.limit": 13,
        "training.batch_size": 13,
        "training.epochs": 1,
        "optimizer": {"name": "sgd", "learning_rate": 1.0},
    }
)


def check_joint_step(one, two):
    before = build_network(JOINT, (200,), 10).state_dict()
    for name, start in before.items():
        step = one["network"][name] - start
        assert step.any() or "synapse" not in name
        torch.testing.assert_close(two["network"][name] - start, step, rtol=1e-4, atol=1e-6, msg=name)
    for a, b in zip(one["history"], two["history"], strict=True):
        assert {**a, "seconds": 0, "loss": 0} == {**b, "seconds": 0, "loss": 0}
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


@pytest.mark.timeout(1200)
def test_two_processes_take_the_step_of_one_on_their_joint_batch(tmp_path):
    """Shares of 7 and 6 samples; only sums of floats have another order."""
    train(JOINT, tmp_path / "one")
    meet = torch.distributed.TCPStore("127.0.0.1", 0, 2, is_master=True, wait_for_workers=False)
    where = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(meet.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "WORLD_SIZE": "2",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    both = [start(JOINT, tmp_path / "two", RANK=str(rank), **where) for rank in (0, 1)]
    errors = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert json.loads((tmp_path / "two" / "results.json").read_text())["processes"] == 2
    check_joint_step(weights(tmp_path / "one"), weights(tmp_path / "two"))


@pytest.mark.slow
def test_torchrun_runs_the_command_and_one_process_reports(tmp_path):
    (tmp_path / "config.toml").write_text(JOINT.to_toml())
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "lava_async", "train"]
    command = [sys.executable, "-m", *launch, str(tmp_path / "config.toml"), "--out", str(tmp_path / "two"), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stderr
    printed = json.loads(run.stdout)
    assert printed["processes"] == 2
    assert printed == json.loads((tmp_path / "two" / "results.json").read_text())
    train(JOINT, tmp_path / "one")
    check_joint_step(weights(tmp_path / "one"), weights(tmp_path / "two"))


AGAIN = """
import faulthandler, os, sys
import torch.distributed as dist
from lava_async.training import distributed

faulthandler.dump_traceback_later(100, exit=True)
join = dist.init_process_group
for i in range(int(sys.argv[2])):
    dist.init_process_group = lambda backend: join(
        backend, init_method=f"file://{sys.argv[1]}{i}", rank=int(os.environ["RANK"]), world_size=2)
    with distributed.ranks() as group:
        assert group.from_first({"rank": group.rank}) == {"rank": 0}
        assert group.sum([1.0])[0] == 2
"""


@pytest.mark.parametrize("times", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_leaving_a_group_of_processes_never_stands_still(tmp_path, times):
    """As it did after some hundred times when gloo's thread freed the last tensor."""
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "meet"), str(times)]
    both = [
        subprocess.Popen(command, env={**os.environ, "WORLD_SIZE": "2", "RANK": str(rank)}, stderr=subprocess.PIPE)
        for rank in (0, 1)
    ]
    errors = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors


OWN_LOOP = """
import os, sys
import numpy as np, torch
from lava_async import Random
from lava_async.training import UnlayeredNetwork, dense_blocks

rank = int(os.environ["RANK"])
x = torch.from_numpy((np.random.default_rng(0).random((8, 30, 4)) < 0.4).astype(np.float32))
net = UnlayeredNetwork(dense_blocks([30, 40, 5], seed=1, gain=4), schedule=Random(4), threads=1)
torch.distributed.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(net)
mine = np.arange(4 * rank, 4 * rank + 4)
torch.nn.functional.cross_entropy(model(x[mine], mine).sum(2), torch.arange(8)[mine] % 5).backward()
shared = [p.grad.clone() for p in net.parameters() if p.grad is not None]
net.zero_grad()
torch.nn.functional.cross_entropy(net(x, np.arange(8)).sum(2), torch.arange(8) % 5).backward()
for a, b in zip(shared, [p.grad for p in net.parameters() if p.grad is not None], strict=True):
    assert b.any()
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_a_network_trains_in_torchs_own_data_parallel(tmp_path):
    (tmp_path / "loop.py").write_text(OWN_LOOP)
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(tmp_path / "loop.py")]
    run = subprocess.run(
        [sys.executable, "-m", *launch],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr


def test_shares_are_all_of_a_batch_and_no_more():
    for n in (0, 1, 7):
        parts = [Ranks(rank, 3).share(np.arange(n)) for rank in range(3)]
        np.testing.assert_array_equal(np.concatenate(parts), np.arange(n))


# ------------------------------------------------------------------------------------------------ shipped configs


def test_the_shipped_digits_reach_90_percent(tmp_path):
    """355 test samples that were never looked at, in some seconds."""
    results = train(Config.load(shipped()["digits"]), tmp_path).results
    assert results["test"]["samples"] == 355
    assert results["test"]["accuracy"] > 0.9
