"""What pages and configs claim about training holds: each is run as it is written."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from lava_async.data import registry
from lava_async.errors import InvalidValue
from lava_async.experiments.config import Config, shipped
from lava_async.experiments.train import train

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "training.md").read_text()
BLOCK = re.compile(r"^(?:<!-- accuracy >= ([\d.]+) -->\n)?```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(PAGE)
CLAIMS = [(float(claim), text) for claim, text in BLOCKS if claim]
OTHERS = [text for claim, text in BLOCKS if not claim]
#: A sentence in a comment of a shipped config: its seeds and the accuracy of the worst of them in percent.
SHIPPED = {"digits": 95.0, "mnist": 94.0, "spoken_digits": 64.0}


def with_data(config):
    """Skip the test if the data set is not here."""
    try:
        registry.load(config.data.name, "test")
    except InvalidValue as error:
        pytest.skip(str(error))
    return config


def test_the_page_claims_accuracies_of_each_kind_of_network_and_training():
    assert [claim for claim, _ in CLAIMS] == [0.94, 0.94, 0.94, 0.90, 0.92, 0.93]


@pytest.mark.parametrize(
    ("claim", "text"), CLAIMS, ids=["least", "written out", "adaptive", "sigma-delta", "convolution", "robust"]
)
def test_a_config_of_the_page_reaches_what_the_page_says(claim, text, tmp_path, caplog):
    assert train(Config.from_toml(text), tmp_path).results["test"]["accuracy"] >= claim
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert not [message for message in warned if "stock netx will not" not in message]  # it knows no adaptive neurons


def test_two_configs_that_only_write_defaults_out_train_the_same_network(tmp_path):
    (_, least), (_, written) = CLAIMS[:2]
    few = {"data.limit": 64, "training.epochs": 2}
    runs = [
        train(Config.from_toml(text).with_values(few), tmp_path / str(i)) for i, text in enumerate((least, written))
    ]
    assert runs[0].results["history"][-1]["loss"] == runs[1].results["history"][-1]["loss"]


@pytest.mark.parametrize("text", OTHERS, ids=lambda text: re.search(r"name = \"(\w+)\"", text)[1])
def test_every_other_config_of_the_page_runs(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = with_data(Config.from_toml(text)).with_values({"data.limit": 64, "training.epochs": 1})
    if config.network.from_ is not None:
        start = config.with_values({"network.from": None, "network.sizes": [200, 16, 10], "schedule.name": "layered"})
        train(start, tmp_path / "layered")
        (tmp_path / "layered" / "network.net").rename(tmp_path / config.network.from_)
    assert train(config, tmp_path / "run").results["test"]["samples"] == 64


@pytest.mark.parametrize("name", [n if n == "digits" else pytest.param(n, marks=pytest.mark.slow) for n in shipped()])
def test_a_shipped_config_reaches_what_its_comment_says(name, tmp_path):
    """The comment has the figures of the author's processor; others may differ by a point or two."""
    config = with_data(Config.load(shipped()[name]))
    assert 100 * train(config, tmp_path).results["test"]["accuracy"] >= SHIPPED[name]
    claimed = float(re.search(r"(\d+(?:\.\d+)?)(?: to [\d.]+)? % of", shipped()[name].read_text())[1])
    assert SHIPPED[name] <= claimed <= SHIPPED[name] + 3


def test_the_training_example_of_the_readme_reaches_what_it_says(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(
        r"^```python\n((?:(?!```).)*?dense_blocks.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S
    )
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert float(capsys.readouterr().out) >= float(re.search(r"# (\d+) % and more", code)[1]) / 100
    assert (tmp_path / "digits.net").exists()
