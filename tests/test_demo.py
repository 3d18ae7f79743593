"""The main job end to end, in its fast form, and the comparison that its last line rests on."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from lava_async import cli
from lava_async.experiments import demo as job
from lava_async.experiments.exactness import Exactness, Station, compare

pytestmark = pytest.mark.lava
TINY = job.DemoConfig(hidden=(12,), epochs=1, train_samples=64, test_samples=20, lava_samples=3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    progress = []
    folder = tmp_path_factory.mktemp("demo") / "made" / "here"
    formats = ("png", "svg", "pdf")
    return job.run_demo(TINY, folder, lambda what, share: progress.append((what, share)), formats=formats), progress


def test_the_fast_demo_shows_the_same_spikes_at_every_station(tmp_path, capfd, monkeypatch):
    assert cli.main(["demo", "--fast", "--out", str(tmp_path)]) == 0
    shown = capfd.readouterr()
    for name in ("layered", "unlayered"):
        assert f"{name}.net in Lava: 20 of 20 samples with the spikes of training" in shown.out
    assert "fast demo" in shown.out
    assert str(tmp_path) in shown.out
    assert "train unlayered" in shown.err
    assert {path.name for path in tmp_path.iterdir()} == {"layered.net", "unlayered.net", "results.json", "demo.png"}
    monkeypatch.chdir(tmp_path)
    steps = shown.out.partition("To go on:\n")[2].splitlines()
    assert len(steps) >= 3
    for step in steps:  # What it says to go on with works as it stands.
        words = shlex.split(step)
        if words[0] == ".":
            assert Path(words[1]).name == "activate"
        else:
            assert words[0] == "lava-async"
            assert cli.main(words[1:]) == 0


def test_every_network_is_run_in_every_way(tiny):
    demo, _ = tiny
    assert [(row.trained, row.executed) for row in demo.rows] == [
        (trained, executed) for trained in ("layered", "unlayered") for executed in ("layered", "random", "momentum")
    ]


def test_results_hold_what_was_found_and_how_to_find_it_again(tiny):
    demo, _ = tiny
    stored = json.loads(demo.files["results"].read_text())
    assert stored["exact"] is True
    assert job.DemoConfig(**stored["config"] | {"hidden": (12,)}) == TINY
    assert stored["exactness"]["layered"] == {
        "samples": 3,
        "equal": 3,
        "spikes": demo.exactness["layered"].spikes,
        "differing": {"simulate": 0, "netx": 0, "lava": 0},
    }
    assert stored["rows"][3]["accuracy"] == demo.rows[3].evaluation.accuracy


def test_the_picture_is_a_picture(tiny):
    demo, _ = tiny
    assert demo.files["picture"].read_bytes().startswith(b"\x89PNG")
    assert demo.files["pdf"].read_bytes().startswith(b"%PDF")
    drawn = demo.files["svg"].read_text()
    assert all(f">{words}</text>" in drawn for words in ("executed layered", "accuracy", "unlayered"))


def test_progress_adds_up(tiny):
    _, progress = tiny
    assert sum(share for _, share in progress) == pytest.approx(1.0)
    assert all(what for what, _ in progress)


def test_equal_seeds_give_equal_results_and_others_do_not(tiny, tmp_path):
    demo, _ = tiny
    again = job.train_network(TINY, job.digits("train+validation").subset(np.arange(64)), TINY.trainings()["unlayered"])
    other = job.train_network(
        job.replace(TINY, seed=1), job.digits("train+validation").subset(np.arange(64)), TINY.trainings()["unlayered"]
    )
    stored = job_network(demo.files["unlayered"])
    assert again.to_network().synapses == stored.synapses
    assert other.to_network().synapses != stored.synapses


def job_network(path):
    from lava_async import netx

    return netx.load(path)


def test_the_demo_fails_when_a_spike_differs(tiny, monkeypatch, tmp_path, capsys):
    demo, _ = tiny
    broken = {**demo.exactness, "layered": Exactness(3, 2, 10, {"simulate": 0, "netx": 0, "lava": 1})}
    monkeypatch.setattr(job, "run_demo", lambda *args, **options: job.replace(demo, exactness=broken))
    assert cli.main(["demo", "--out", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "layered.net in Lava: 2 of 3 samples" in out
    assert "samples that differ from training: lava 1" in out


def test_one_spike_or_one_voltage_makes_a_sample_differ():
    station = Station(np.zeros((3, 4, 2), int), np.zeros((3, 1, 2), int), np.zeros((3, 4), int))
    for field, place in (("counts", (0, 3, 1)), ("output", (1, 0, 0)), ("voltage", (2, 0))):
        arrays = {name: getattr(station, name).copy() for name in ("counts", "output", "voltage")}
        arrays[field][place] = 1
        assert np.flatnonzero(Station(**arrays).differs_from(station)).tolist() == [place[0]]
    assert not station.differs_from(station).any()


def test_a_file_that_is_not_what_was_trained_is_found_out(tiny):
    demo, _ = tiny
    data = job.digits("train+validation").subset(np.arange(64))
    layered = job.train_network(TINY, data, TINY.trainings()["layered"])
    found = compare(layered, demo.files["unlayered"], data.spikes[:3])
    assert found.equal < 3
    assert found.differing["simulate"] == 0
    assert found.differing["netx"] == found.differing["lava"] > 0
