"""``lava-async train``, its page in the docs, and the configs that are shipped."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lava_async import netx
from lava_async.cli import main
from lava_async.experiments.config import Config, shipped
from lava_async.experiments.config_docs import reference

PAGE = (Path(__file__).parents[1] / "docs" / "training.md").read_text()
TINY = ["--set", "network.sizes=[200, 4, 10]", "--set", "data.limit=20", "--set", "training.epochs=2"]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_a_shipped_config_trains_by_name_and_other_values_can_be_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "digits", *TINY, "--set", "schedule.name=momentum", "--json"]) == 0
    printed, shown = capsys.readouterr()
    results = json.loads(printed)
    folder = Path("lava-async-train/digits")
    assert results == json.loads((folder / "results.json").read_text())
    config = Config.load(folder / "config.toml")
    assert config.plain() == results["config"]
    assert (config.network.sizes, config.data.limit, config.schedule.name) == ((200, 4, 10), 20, "momentum")
    assert re.search(r"epoch 2 of 2 \|.*loss \d\.\d+, accuracy \d+\.\d%, spikes \d+, validation \d+\.\d%", shown)
    assert main(["train", str(folder / "config.toml"), "--out", str(folder)]) == 0
    assert "test, 20 samples, momentum, F = 8: accuracy" in capsys.readouterr().out


def test_the_trained_network_can_be_evaluated(tmp_path, capsys):
    assert main(["train", "digits", *TINY, "--set", "data.test=", "--out", str(tmp_path)]) == 0
    assert "test" not in json.loads((tmp_path / "results.json").read_text())
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "network.net"), "--data", "digits", "--limit", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["schedule"] == {"name": "random", "group_size": 8}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["nothing.toml"], r"lava-async train: file nothing\.toml = 'missing': must be a TOML file"),
        (["digits", "--set", "training.epoch=1"], r"training\.epoch = 1: must be left out: the keys here are epochs"),
        (["digits", "--set", "training.seed=one"], r"training\.seed = 'one': must be an integer"),
    ],
)
def test_errors_are_one_line(tmp_path, monkeypatch, capsys, arguments, error):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments]) == 1
    assert re.search(error, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_a_setting_needs_a_value(capsys):
    with pytest.raises(SystemExit):
        main(["train", "digits", "--set", "training.seed"])
    assert "'training.seed' is not KEY=VALUE, as in training.seed=1" in capsys.readouterr().err


def test_the_page_lists_all_keys():
    """After a change of the config: write `reference()` below the heading "All keys"."""
    assert PAGE.split("## All keys\n\n")[1] == reference() + "\n"


@pytest.mark.parametrize("block", blocks("toml"))
def test_the_configs_of_the_page_load(block):
    config = Config.from_toml(block)
    assert Config.from_toml(config.to_toml()) == config


def test_the_program_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (program,) = blocks("python")
    exec(program, {})
    assert capsys.readouterr().out.split()[-1] == "True"
    assert netx.load("runs/python/network.net").n_inputs == 200


@pytest.mark.parametrize("name", shipped())
def test_shipped_configs_load(name):
    config = Config.load(shipped()[name])
    assert Config.from_toml(config.to_toml()) == config
