"""`lava-async run` and `lava-async export`: what a model does, and the model in another format."""

import csv
import io
import json
import re

import numpy as np
import pytest

from lava_async import (
    CubaParams,
    FirstOutput,
    LoihiParams,
    Momentum,
    Network,
    Random,
    Timed,
    cli,
    hardware,
    netx,
    simulate,
)
from lava_async.data.digits import digits

rng = np.random.default_rng(0)
WEIGHTS = [2 * rng.integers(-20, 30, (12, 200)), 2 * rng.integers(-60, 60, (10, 12))]
INTEGERS = Network.feedforward(WEIGHTS, LoihiParams(4095, 4096, 40))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    netx.save(INTEGERS, folder / "plain.net")
    netx.save(INTEGERS, folder / "noted.net", schedule=Random(3), until=FirstOutput(2), seed=7, input_first=False)
    netx.save(Network.feedforward([w / 64 for w in WEIGHTS], CubaParams(1, 0.5, 0.6)), folder / "float.net")
    np.save(folder / "spikes.npy", rng.integers(0, 2, (3, 200, 4)))
    np.save(folder / "flat.npy", np.zeros(3, int))
    np.save(folder / "objects.npy", np.array([{}], object), allow_pickle=True)
    return folder


def call(capsys, *argv):
    code = cli.main([*map(str, argv)])
    return code, capsys.readouterr()


def found(capsys, *argv):
    code, shown = call(capsys, *argv, "--json")
    assert code == 0, shown.err
    return json.loads(shown.out)


# ------------------------------------------------------------------------------------------------------ run


def test_a_run_is_what_simulate_gives_under_the_rules_in_the_file(files, capsys):
    data = found(capsys, "run", files / "noted.net", "--samples", "4")
    assert (data["schedule"], data["seed"], data["input"]) == ({"name": "random", "group_size": 3}, 7, "digits test")
    for b, one in enumerate(data["runs"]):
        expected = simulate(
            INTEGERS,
            digits("test").spikes[b],
            schedule=Random(3),
            until=FirstOutput(2),
            seed=7,
            input_first=False,
            sample=b,
        )
        assert one["output"] == expected.output.sum(axis=1).tolist()
        assert one["synaptic_operations"] == expected.synaptic_operations
        assert one["label"] == digits("test").labels[b]
    assert sum(layer["spikes_per_sample"] for layer in data["layers"]) * 4 == sum(r["spikes"] for r in data["runs"])


def test_options_come_before_what_is_noted(files, capsys):
    data = found(capsys, "run", files / "noted.net", "--schedule", "momentum", "--group-size", "2", "--seed", "1")
    assert (data["schedule"]["name"], data["schedule"]["group_size"], data["seed"]) == ("momentum", 2, 1)


def test_schedules_and_stop_rules_take_their_options_by_their_signatures(files, capsys):
    data = found(
        capsys,
        "run",
        files / "noted.net",
        "--schedule",
        "momentum:noise=2.5,group_size=2",
        "--until",
        "MaxForwardSteps:limit=9,truncate=true",
    )
    assert data["schedule"] == {"name": "momentum", "group_size": 2, "noise": 2.5}
    assert data["until"] == {"name": "MaxForwardSteps", "limit": 9, "truncate": True}
    assert (data["seed"], data["input_first"], data["refractory"]) == (7, False, True)
    data = found(capsys, "run", files / "plain.net", "--schedule", "timed:preset=davies2018", "--samples", "1")
    assert data["schedule"]["preset"] == "davies2018"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--schedule", "momentun"), "'momentun' is none of layered, .*did you mean 'momentum'"),
        (("--schedule", "momentum:nois=1"), "did you mean 'noise'"),
        (("--until", "FirstOutput:3"), "'FirstOutput:3' is not NAME or NAME:OPTION=VALUE"),
        (("--until", "FirstOutput:extra_steps=-1"), "FirstOutput.extra_steps = -1: must be >= 0"),
    ],
)
def test_options_that_there_are_not_are_named(files, capsys, options, said):
    try:
        code, shown = call(capsys, "run", files / "plain.net", *options)
    except SystemExit as ended:
        code, shown = ended.code, capsys.readouterr()
    assert code
    assert re.search(said, shown.err)


def test_a_timed_run_tells_microseconds(files, capsys):
    options = ("run", files / "plain.net", "--schedule", "timed", "--samples", "1")
    (run,) = found(capsys, *options)["runs"]
    expected = simulate(INTEGERS, digits("test").spikes[0], schedule=Timed())
    assert run["microseconds"] == expected.step_ps.sum() / 1e6 > 0
    shown = call(capsys, *options)[1].out
    assert "on digits test, timed sanafe:" in shown
    assert f"{run['microseconds']:,.1f}" in shown
    assert "time /" in shown


def test_random_spikes_follow_the_seed(files, capsys):
    options = ("run", files / "plain.net", "--random", "0.2", "--steps", "5", "--samples", "2")
    first, again, other = (found(capsys, *options, "--seed", seed) for seed in (1, 1, 2))
    assert first == again
    assert first["runs"] != other["runs"]
    assert first["runs"][0]["label"] is None


def test_spikes_may_come_from_a_file_of_numpy(files, capsys):
    data = found(capsys, "run", files / "plain.net", "--spikes", files / "spikes.npy", "--samples", "2")
    expected = simulate(INTEGERS, np.load(files / "spikes.npy")[1], sample=1)
    assert len(data["runs"]) == 2
    assert data["runs"][1]["spikes"] == expected.counts.sum()


def test_every_spike_is_a_line_of_csv(files, capsys):
    _, shown = call(capsys, "run", files / "plain.net", "--spikes", files / "spikes.npy", "--csv")
    rows = list(csv.DictReader(io.StringIO(shown.out)))
    counts = np.zeros((3, 22, 4), int)
    for row in rows:
        counts[int(row["sample"]), int(row["neuron"]), int(row["step"])] = int(row["count"])
    for b, spikes in enumerate(np.load(files / "spikes.npy")):
        assert (counts[b] == simulate(INTEGERS, spikes, sample=b).counts).all()


def test_people_see_layers_samples_and_on_request_the_cost(files, capsys):
    _, shown = call(capsys, "run", files / "noted.net", "--samples", "25", "--cost", "sanafe")
    for words in ("dense 1", "spikes per sample", "output spikes", "... and 5 samples more", "SANA-FE", "energy / nJ"):
        assert words in shown.out
    data = found(capsys, "run", files / "plain.net", "--random", "0.3", "--samples", "1", "--cost", "davies2018")
    spikes = (np.random.default_rng(0).random((1, 200, 20)) < 0.3).astype(int)[0]
    expected = hardware.cost(INTEGERS, simulate(INTEGERS, spikes), layered=True, mapping=hardware.place(INTEGERS))
    assert data["cost"]["energy"] == pytest.approx({group: expected.energy(group) for group in hardware.GROUPS})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--spikes", "none.npy"), "--spikes"),
        (("--spikes", "flat.npy"), "one array of counts"),
        (("--spikes", "objects.npy"), "a file of numpy with an array of integers"),
    ],
)
def test_files_of_spikes_that_cannot_be_used_are_named(files, capsys, options, words):
    code, shown = call(capsys, "run", files / "plain.net", options[0], files / options[1])
    assert code == 1
    assert words in shown.err


# --------------------------------------------------------------------------------------------------- export


def test_a_net_file_is_rewritten_with_all_that_is_noted(files, capsys, tmp_path):
    data = found(capsys, "export", files / "noted.net", "--net", tmp_path / "b.net")
    assert data["stock_readable"]
    assert netx.load(tmp_path / "b.net") == INTEGERS
    noted, again = netx.metadata(files / "noted.net"), netx.metadata(tmp_path / "b.net")
    assert again == {**again, **noted}
    assert netx.load_execution(tmp_path / "b.net") == netx.load_execution(files / "noted.net")


def test_a_model_goes_to_nir_and_runs_the_same_from_there(files, capsys, tmp_path):
    pytest.importorskip("nir")
    found(capsys, "export", files / "float.net", "--nir", tmp_path / "a.nir", "--dt", "0.001")
    options = ("--random", "0.1", "--schedule", "fifo")
    here, there = (found(capsys, "run", path, *options)["runs"] for path in (files / "float.net", tmp_path / "a.nir"))
    assert here == there
    found(capsys, "export", tmp_path / "a.nir", "--net", tmp_path / "a.net")
    assert list(netx.load(tmp_path / "a.net").synapses) == list(netx.load(files / "float.net").synapses)


def test_integers_go_to_nir_as_floats_if_that_is_asked_for(files, capsys, tmp_path):
    pytest.importorskip("nir")
    code, shown = call(capsys, "export", files / "plain.net", "--nir", tmp_path / "a.nir")
    assert code == 1
    assert "--float = False: must be given" in shown.err
    assert not (tmp_path / "a.nir").exists()
    assert found(capsys, "export", files / "plain.net", "--nir", tmp_path / "a.nir", "--float")["neurons"] == 22


def test_what_stock_netx_will_not_read_is_said(files, capsys, tmp_path):
    _, shown = call(capsys, "export", files / "float.net", "--net", tmp_path / "b.net")
    assert "Stock netx will not read" in shown.out


def test_a_place_to_write_must_be_given(files, capsys):
    code, shown = call(capsys, "export", files / "plain.net")
    assert code == 1
    assert "give --nir FILE or --net FILE" in shown.err


def test_momentum_is_noted_too(files, capsys, tmp_path):
    netx.save(INTEGERS, tmp_path / "m.net", schedule=Momentum(4, noise=0.5))
    found(capsys, "export", tmp_path / "m.net", "--net", tmp_path / "n.net")
    assert netx.metadata(tmp_path / "n.net")["schedule"] == {"name": "momentum", "group_size": 4, "noise": 0.5}
