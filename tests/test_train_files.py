"""The files of a training: checkpoints, what a crash leaves, damage."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_cases import SMALL, Killed, same
from training_cases import trained as trained

from lava_async import netx
from lava_async.engine.config import machine
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.config import Config
from lava_async.experiments.train import train
from lava_async.extras import MissingExtra
from lava_async.training.checkpoint import read_checkpoint, write_checkpoint

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
