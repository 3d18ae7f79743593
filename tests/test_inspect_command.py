"""`lava-async inspect`: what is in a file and whether it fits."""

import json

import numpy as np
import pytest

from lava_async import CubaParams, LoihiParams, Network, Random, cli, netx

rng = np.random.default_rng(0)
NETWORK = Network.feedforward(
    [2 * rng.integers(-20, 30, (12, 20)), 2 * rng.integers(-60, 60, (10, 12))], LoihiParams(4095, 4096, 40)
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    netx.save(NETWORK, folder / "good.net", schedule=Random(3), seed=7)
    netx.save(Network.feedforward([[[0.5]]], CubaParams(1, 1, 1)), folder / "float.net")
    return folder


def call(capsys, *argv):
    code = cli.main(["inspect", *map(str, argv)])
    return code, capsys.readouterr()


def test_people_see_layers_weights_neurons_notes_and_both_chips(files, capsys):
    code, shown = call(capsys, files / "good.net")
    assert code == 0
    for words in (
        "22 neurons, 360 synapses",
        "dense 0",
        "Dense",
        "###",
        "vth",
        "'name': 'random'",
        "Fits Loihi 1: 2 of 128 cores.",
        "Fits Loihi 2",
        "not published",
    ):
        assert words in shown.out


def test_programs_get_the_same(files, capsys):
    _, shown = call(capsys, files / "good.net", "--json")
    found = json.loads(shown.out)
    assert (found["neurons"], found["synapses"], found["arithmetic"]) == (22, 360, "fixed_pt")
    assert found["layers"][1]["incoming"][0]["bits"] == 7
    assert sum(found["weights"]["counts"]) == 360
    assert found["metadata"]["seed"] == 7
    assert [t["target"] for t in found["targets"]] == ["loihi1", "loihi2"]
    assert [load["neurons"] for load in found["targets"][0]["loads"]] == [12, 10]
    assert all(check["source"] for t in found["targets"] for check in t["checks"])


def test_the_exit_code_tells_whether_it_fits_the_chip_that_was_asked_for(files, capsys):
    assert call(capsys, files / "good.net", "--target", "loihi1")[0] == 0
    code, shown = call(capsys, files / "float.net", "--target", "loihi1")
    assert code == 1
    assert "Does not fit Loihi 1" in shown.out
    assert "quantize" in shown.out
    assert call(capsys, files / "float.net")[0] == 0
    assert call(capsys, files / "good.net", "--target", "loihi1", "--largest-input", "3")[0] == 1


def test_a_file_that_is_not_there_is_named(files, capsys):
    code, shown = call(capsys, files / "none.net")
    assert code == 1
    assert "none.net" in shown.err
