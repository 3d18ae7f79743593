"""The networks that come with the project: each loads, answers as recorded, and says its accuracy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lava_async import cli, models, netx, simulate_batch
from lava_async.errors import InvalidValue
from lava_async.experiments.config import Config
from lava_async.experiments.model_card import CARD, CONFIG, NETWORK, ORDERS, RESULTS, SAMPLES
from lava_async.model_files import load_model
from lava_async.spikes import SpikeBatch

FOLDERS = sorted(path.parent for path in (Path(__file__).parents[1] / "netx_models").glob(f"*/{NETWORK}"))


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def folder(request):
    return request.param


def test_there_are_networks_of_each_kind_of_training():
    kinds = {path.name.rpartition("_")[2] for path in FOLDERS}
    assert kinds == {"layered", "random", "momentum", "robust", "calibrated"}


def test_a_network_answers_with_the_recorded_spikes(folder):
    network = netx.load(folder / NETWORK)
    with np.load(folder / SAMPLES) as recorded:
        events = SpikeBatch(recorded["channel"], recorded["count"], recorded["start"], int(recorded["n_channels"]))
        for name, schedule in ORDERS.items():
            found = simulate_batch(network, events, schedule=schedule, threads=1)
            np.testing.assert_array_equal(found.counts, recorded[f"counts_{name}"])
            assert found.counts.any()


def test_its_config_can_be_trained_again(folder):
    config = Config.load(folder / CONFIG)
    assert config.network.sizes is not None
    assert netx.load(folder / NETWORK).n_inputs == config.network.sizes[0]
    assert "folder" not in config.data.options


def test_its_card_says_what_its_results_say(folder):
    card, results = (folder / CARD).read_text(), json.loads((folder / RESULTS).read_text())
    assert all(word in card for word in ("Data", "Training", "Results", "Limits", "In Lava"))
    for each in results["evaluations"]:
        if each["execution"]["until"]["name"] == "Quiescence":
            assert f"| {each['numbers']['accuracy']:.1%} |" in card


def test_files_are_small(folder):
    assert (folder / NETWORK).stat().st_size < 5_000_000
    assert (folder / SAMPLES).stat().st_size < 50_000


# --- By name ---------------------------------------------------------------------------------------------------------


def test_every_network_has_a_name():
    assert models.names() == [path.name for path in FOLDERS]
    assert all(models.path(path.name) == path / NETWORK for path in FOLDERS)


def test_a_name_gives_the_network_of_its_file(folder):
    network, noted = load_model(folder.name)
    assert network == models.load(folder.name) == netx.load(folder / NETWORK)
    about = models.about(folder.name)
    assert (about.schedule.config(), about.until.config()) == (noted["schedule"], noted["until"])
    assert about.sizes == (network.n_inputs, *(layer.size for layer in network.layers))
    assert about.n_bytes == (folder / NETWORK).stat().st_size
    assert f"{about.accuracy:.1%}" in about.card


def test_accuracies_are_those_that_an_evaluation_gives(capsys):
    assert cli.main(["evaluate", "digits_robust", "--data", "digits", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    about = models.about("digits_robust")
    assert row["accuracy"] == pytest.approx(about.accuracy)
    assert row["schedule"] == about.schedule.config()


def test_the_command_lists_them(capsys):
    assert cli.main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == models.names()
    assert cli.main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{models.about(name).accuracy:.1%}" in shown for name in models.names())
    assert max(map(len, shown.splitlines())) <= 80
    assert cli.main(["models", "digits_robust"]) == 0
    assert models.about("digits_robust").card in capsys.readouterr().out


def test_a_file_comes_before_a_model_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = models.load("digits_random")
    netx.save(network, "other.net")
    (tmp_path / "other.net").rename("digits_robust")
    assert load_model("digits_robust").network == network != models.load("digits_robust")


@pytest.mark.parametrize("of", [models.load, models.about, load_model])
def test_an_unknown_name_is_answered_with_the_known_ones(of):
    with pytest.raises(InvalidValue, match=r"'digit_robust'.*digits_layered, .*did you mean 'digits_robust'\?"):
        of("digit_robust")


def test_a_training_goes_on_with_a_model_by_name(tmp_path, capsys):
    (tmp_path / "on.toml").write_text(
        '[network]\nfrom = "digits_robust"\n[data]\nname = "digits"\nlimit = 64\n[training]\nepochs = 0\n'
    )
    assert cli.main(["train", str(tmp_path / "on.toml"), "--out", str(tmp_path / "out")]) == 0
    assert netx.load(tmp_path / "out" / NETWORK) == models.load("digits_robust")
