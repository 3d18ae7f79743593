"""The defaults of training: they learn, and carry over between networks; what cannot learn is said."""

from __future__ import annotations

import copy
import logging

import numpy as np
import pytest
import torch
from config_cases import image_layers
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_async import FirstOutput, Layered, Momentum, Network, Random, cli, defaults, netx
from lava_async.data import registry
from lava_async.data.digits import digits
from lava_async.errors import InvalidValue
from lava_async.experiments.block_config import layer_blocks
from lava_async.experiments.config import Config, shipped
from lava_async.experiments.train import train
from lava_async.neurons import LoihiParams
from lava_async.spikes import SpikeBatch
from lava_async.training import UnlayeredNetwork, dense_blocks, evaluate, fit
from lava_async.training.blocks import slayer
from lava_async.training.trainer import Trainer

DATA = '\n[data]\nname = "digits"\n'
LAYERS = "[network]\n" + image_layers(4, recurrent=20, dense=10)


def some(n=64):
    return SpikeBatch.of(digits("train").spikes[np.arange(n)])


def weights(net):
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in b)


# ------------------------------------------------------------------------------------------------- scaling to a rate


@settings(max_examples=15)
@given(
    st.lists(st.integers(40, 80), min_size=1, max_size=3),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.sampled_from([Layered(), Random(1), Random(8), Momentum(3), Random(None)]),
    st.sampled_from([1.0, 0.2, 0.05]),
    st.sampled_from([0.3, 1.0, 4.0]),
    st.sampled_from([0.1, 1.0, 10.0]),
)
def test_each_layer_fires_at_the_rate_whatever_the_network(sizes, rate, schedule, decay, threshold, gain):
    blocks = dense_blocks([200, *sizes], voltage_decay=decay, threshold=threshold, gain=gain)
    net, data = UnlayeredNetwork(blocks, schedule=schedule, until=FirstOutput()), some()
    found = net.scale_to(data, rate=rate)
    np.testing.assert_allclose(found, rate, rtol=0.3)  # the grid is coarse for low thresholds
    assert net.until == FirstOutput()
    assert net.training


def test_conv_and_recurrent_layers_are_scaled_and_pools_are_not():
    net = UnlayeredNetwork(
        layer_blocks(Config.from_toml(LAYERS + DATA).network, (2, 10, 10), 0),
        schedule=Random(8),
        input_shape=(2, 10, 10),
    )
    pool = weights(net.blocks[1])
    found = net.scale_to(some())
    assert same(weights(net.blocks[1]), pool)
    np.testing.assert_allclose(np.delete(found, 1), defaults.RATE, rtol=0.1)


def test_layers_are_multiplied_by_one_number_and_that_is_logged(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 30, 10]), schedule=Random(8))
    before = weights(net)
    with caplog.at_level(logging.INFO):
        net.scale_to(some())
    for name, weight in weights(net).items():
        factors = (weight / before[name])[before[name] != 0]
        assert factors.max() - factors.min() < 1e-5
    assert [r.getMessage().split(":")[0] for r in caplog.records] == ["scale_to"] * 2
    assert "blocks[0] (Dense) (dense 0) times" in caplog.text
    assert "10.0 % of its neurons fire per time step" in caplog.text


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, float("nan")])
def test_rates_are_parts(rate):
    net = UnlayeredNetwork(dense_blocks([200, 10]), schedule=Random(8))
    with pytest.raises(InvalidValue, match=r"scale_to\.rate = .*: must be a part of the neurons, above 0 and below 1"):
        net.scale_to(some(), rate=rate)


def test_a_rate_that_cannot_be_reached_is_said(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 10], threshold=2000.0), schedule=Random(8))
    net.scale_to(some())
    assert "scale_to: 0 % of the neurons of blocks[0] (Dense) (dense 0) fire per time step" in caplog.text


def scaled_by_fit(net):
    """Whether fit scales weights before its first step, told by what a training without steps leaves."""
    before = weights(net)
    Trainer(net, digits("train").subset(np.arange(64)), epochs=0).run()
    return not same(before, weights(net))


def test_fit_scales_weights_that_were_drawn_and_no_others():
    assert scaled_by_fit(UnlayeredNetwork(dense_blocks([200, 20, 10]), schedule=Random(8)))
    assert not scaled_by_fit(UnlayeredNetwork(dense_blocks([200, 20, 10], gain=2.0), schedule=Random(8)))
    own = slayer().block.cuba.Dense({"threshold": 1.0, "current_decay": 1.0, "voltage_decay": 0.2}, 200, 10)
    assert not scaled_by_fit(UnlayeredNetwork([own], schedule=Random(8)))


def test_fit_leaves_weights_alone_that_were_scaled_loaded_trained_or_set():
    def fresh():
        return UnlayeredNetwork(dense_blocks([200, 20, 10]), schedule=Random(8))

    scaled = fresh()
    scaled.scale_to(some())
    assert not scaled_by_fit(scaled)
    loaded = fresh()
    loaded.load_state_dict(scaled.state_dict())
    assert not scaled_by_fit(loaded)
    assert not scaled_by_fit(copy.deepcopy(scaled))
    assert scaled_by_fit(copy.deepcopy(fresh()))
    hand_made = fresh()
    with torch.no_grad():
        for block in hand_made.blocks:
            block.synapse.weight.mul_(0.5)
    assert not scaled_by_fit(hand_made)


# ----------------------------------------------------------------------------------------------- one set of defaults


def test_fit_and_configs_train_the_same_network(tmp_path):
    """The same weights to the last bit, from Python and from a file, nothing else said."""
    data, validation = digits("train"), digits("validation")
    net = UnlayeredNetwork(dense_blocks([200, 16, 10]), schedule=Random(8), threads=1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    fit(net, data, validation, epochs=2)
    torch.set_num_threads(before)
    config = Config.from_toml("[network]\nsizes = [200, 16, 10]\n[training]\nepochs = 2" + DATA)
    assert same(weights(train(config, tmp_path).network), weights(net))


def test_shipped_configs_leave_weights_surrogate_and_loss_to_the_defaults():
    for path in shipped().values():
        text = path.read_text()
        assert not any(name in text for name in ("gain", "threshold", "alpha", "scale", "penalty")), path


def test_thresholds_scale_the_surrogate():
    """slayer rounds thresholds to multiples of 1/64."""
    net = UnlayeredNetwork(
        dense_blocks([5, 3], threshold=0.3) + dense_blocks([3, 2], threshold=2.0), schedule=Random(2)
    )
    np.testing.assert_allclose(
        net.gradient.surrogate.alpha, defaults.ALPHA / np.array([0.3] * 3 + [2.0] * 2), rtol=0.02
    )


def trained(text, folder, seed=0, **values):
    config = Config.from_toml(text + DATA).with_values({"training.seed": seed, **values})
    return train(config, folder).results["test"]["accuracy"]


RECURRENT = """
[network]
[[network.layers]]
type = "flatten"
[[network.layers]]
type = "recurrent"
neurons = 64
[[network.layers]]
type = "dense"
neurons = 10
"""
DENSE, DEEP = "[network]\nsizes = [200, 64, 64, 10]", "[network]\nsizes = [200, 48, 48, 48, 10]"
CASES = {
    "dense": (DENSE, {}, 0.94),
    "deep": (DEEP, {}, 0.93),
    "F = 1": (DENSE, {"schedule.group_size": 1}, 0.92),
    "F = all": (DENSE, {"schedule.group_size": "all"}, 0.94),
    "layered": (DENSE, {"schedule.name": "layered"}, 0.93),
    "no memory": (DENSE, {"network.voltage_decay": 1.0}, 0.92),
    "threshold 0.3": (DENSE, {"network.threshold": 0.3}, 0.94),
    "threshold 3": (DENSE, {"network.threshold": 3.0}, 0.94),
    "recurrent": (RECURRENT, {}, 0.93),
}


@pytest.mark.parametrize(
    "name", [n if n in ("dense", "F = 1") else pytest.param(n, marks=pytest.mark.slow) for n in CASES]
)
def test_digits_are_learned_from_defaults(name, tmp_path):
    text, values, accuracy = CASES[name]
    assert trained(text, tmp_path, **values) >= accuracy


@pytest.mark.slow
def test_saccades_are_learned_in_two_epochs(tmp_path):
    try:
        registry.load("mnist", "test")
    except InvalidValue as error:
        pytest.skip(str(error))
    assert train(Config.load(shipped()["mnist"]), tmp_path).results["test"]["accuracy"] >= 0.94


# ------------------------------------------------------------------------------------------------- what is said


def said(caplog, epochs=1, net=None, data=None, **values):
    """What a short training says."""
    net = net or UnlayeredNetwork(dense_blocks([200, 12, 10], **values), schedule=Random(8))
    caplog.clear()
    fit(net, data or digits("train").subset(np.arange(96)), epochs=epochs)
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_training_that_learns_says_nothing(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 64, 10]), schedule=Random(8))
    assert said(caplog, epochs=3, net=net, data=digits("train")) == []


def test_a_silent_network_is_said_once_and_why(caplog):
    sentences = said(caplog, epochs=3, gain=0.01)
    assert sum("no neuron fired: choose larger weights" in s for s in sentences) == 1
    assert sentences[0].startswith("fit: no neuron of dense 0 can reach its threshold within 1000 time steps")
    assert any(s.startswith("fit: epoch 2: the accuracy of") and "no better than chance" in s for s in sentences)


def test_a_silent_layer_is_said(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 12, 10], gain=3.0), schedule=Random(8))
    with torch.no_grad():
        net.blocks[1].synapse.weight.fill_(-3.0)
    assert any("epoch 1: no neuron of dense 1 fired" in s for s in said(caplog, net=net))


def test_a_silent_output_is_said(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 12, 10], gain=3.0), schedule=Random(8))
    with torch.no_grad():
        net.blocks[1].synapse.weight[3] = -3.0
    assert any("output" in s and "3" in s and "never fired" in s for s in said(caplog, net=net))


def test_thresholds_so_low_that_everything_fires_are_said(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 12, 10], threshold=0.03, gain=1.0), schedule=Random(8))
    with torch.no_grad():
        net.blocks[0].synapse.weight.fill_(3.0)
    assert any("the neurons of dense 0 fired in 100% of the time steps" in s for s in said(caplog, net=net))


def test_gradients_that_are_all_zero_are_said(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 10], gain=1.0), schedule=Random(8))
    net.blocks[0].synapse.weight.register_hook(torch.zeros_like)
    assert any("all gradients are zero" in s for s in said(caplog, net=net))


def test_weights_at_the_limits_of_the_grid_are_said(caplog):
    assert any(
        "weights of dense 0 are at the limits of the 8-bit grid" in s for s in said(caplog, threshold=50.0, gain=2.0)
    )


def test_an_evaluation_says_what_never_fires(caplog):
    net = UnlayeredNetwork(dense_blocks([200, 12, 10], gain=0.01), schedule=Random(8))
    evaluate(net, digits("test"), schedule=Random(8))
    assert "evaluated random: no neuron fired" in caplog.text


def test_the_command_evaluate_says_what_never_fires(tmp_path, caplog):
    network = Network.feedforward([np.full((10, 200), 2)], LoihiParams(du=4095, dv=4095, vth=10_000))
    netx.save(network, tmp_path / "a.net")
    assert cli.main(["evaluate", str(tmp_path / "a.net"), "--data", "digits", "--limit", "20"]) == 0
    assert "no neuron fired" in caplog.text


def test_a_file_whose_neurons_cannot_fire_says_so_when_it_is_loaded(tmp_path, caplog):
    network = Network.feedforward([[[2, 2], [4, 0]], [[90, 90]]], LoihiParams(du=4095, dv=4095, vth=80))
    netx.save(network, tmp_path / "a.net")
    netx.load(tmp_path / "a.net")
    assert "no neuron of layer 0" in caplog.text
    assert "can reach its threshold, whatever comes" in caplog.text
    assert "layer 1" not in caplog.text


def test_weights_that_are_not_finite_leave_the_network_of_the_epoch_before():
    net = UnlayeredNetwork(dense_blocks([200, 10]), schedule=Random(8))
    data = digits("train").subset(np.arange(32))
    fit(net, data, epochs=1)
    before = weights(net)

    class Broken(torch.optim.SGD):
        def step(self, closure=None):
            with torch.no_grad():
                net.blocks[0].synapse.weight.fill_(float("inf"))

    with pytest.raises(FloatingPointError, match="in epoch 1, batch 1 of 1: try a smaller learning rate"):
        fit(net, data, epochs=1, optimizer=Broken(net.parameters(), lr=0.1))
    assert same(weights(net), before)
