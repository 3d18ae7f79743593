"""The networks that come with the project: each loads, answers as recorded, and says what it is worth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lava_async import netx, simulate_batch
from lava_async.data.store import EventBatch
from lava_async.experiments.cards import CARD, CONFIG, NETWORK, RESULTS, SAMPLES, SCHEDULES
from lava_async.experiments.config import Config

FOLDERS = sorted(path.parent for path in (Path(__file__).parents[1] / "netx_models").glob(f"*/{NETWORK}"))


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def folder(request):
    return request.param


def test_there_are_networks_of_each_kind_of_training():
    kinds = {path.name.rpartition("_")[2] for path in FOLDERS}
    assert kinds == {"layered", "random", "momentum", "robust"}


def test_a_network_answers_with_the_recorded_spikes(folder):
    network = netx.load(folder / NETWORK)
    with np.load(folder / SAMPLES) as recorded:
        events = EventBatch(recorded["channel"], recorded["count"], recorded["start"], int(recorded["n_channels"]))
        for name, schedule in SCHEDULES.items():
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
