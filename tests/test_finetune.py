"""Trainings that begin with a trained network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from training_cases import SMALL
from training_cases import trained as trained

from lava_async import CubaParams, LoihiParams, Network, netx
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.train import train
from lava_async.network import Layer
from lava_async.synapses import Dense
from lava_async.training import UnlayeredNetwork
from lava_async.training.finetune import blocks_of

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
