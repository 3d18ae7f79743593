"""``[network] neuron = "alif"``: configs name slayer's families of neurons, with the options of each."""

from __future__ import annotations

import pytest
import torch
from compare import complains
from config_cases import image_layers

from lava_async import Random
from lava_async.data import SpikeDataset
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.build import build_network
from lava_async.experiments.config import Config
from lava_async.neurons import LoihiAlifParams, LoihiResonateParams, LoihiSigmaDeltaParams
from lava_async.training import UnlayeredNetwork, dense_blocks, evaluate

DATA = '[data]\nname = "digits"\n'
LAYERS = image_layers(3, dense=10)


def config(network, layers=""):
    return Config.from_toml(f"[network]\n{network}\n{layers}\n{DATA}")


@pytest.mark.parametrize(
    ("neuron", "options", "kind"),
    [
        ("alif", "threshold_step = 0.25", LoihiAlifParams),
        ("rf", "period = 6.0", LoihiResonateParams),
        ("rf_iz", "decay = 0.2", LoihiResonateParams),
    ],
)
def test_a_config_says_which_neurons_dense_and_other_layers_have(neuron, options, kind):
    dense = build_network(config(f'sizes = [12, 8, 10]\nneuron = "{neuron}"\n{options}'), (12,), 10)
    other = build_network(config(f'neuron = "{neuron}"\n{options}', LAYERS), (2, 6, 6), 10)
    for net, shape in ((dense, (12,)), (other, (2, 6, 6))):
        assert isinstance(net.to_network().params, kind)
        assert net(torch.ones(2, *shape, 4)).shape == (2, 10, 4)
    if neuron == "alif":
        assert set(dense.to_network().params.theta_step.tolist()) == {16}


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ('neuron = "lif"', "config: network.neuron = 'lif': must be one of cuba, alif, rf, rf_iz, sigma_delta"),
        ("threshold_step = 0.4", "config: network.threshold_step = 0.4: must be left out: the keys here are"),
        (
            'neuron = "rf"\ncurrent_decay = 0.5',
            "config: network.current_decay = 0.5: must be left out: rf neurons have decay",
        ),
        (
            'neuron = "sigma_delta"\nvoltage_decay = 0.5',
            "config: network.voltage_decay = 0.5: must be left out: sigma_delta neurons have none",
        ),
        (
            'neuron = "sigma_delta"\nlearn_decays = true',
            "config: network.learn_decays = True: must be left out: sigma_delta neurons have learn_thresholds instead",
        ),
    ],
)
def test_what_the_neurons_do_not_take_is_named(network, message):
    with pytest.raises(InvalidValue) as caught:
        config(f"sizes = [12, 10]\n{network}")
    assert message in str(caught.value)


def test_dense_blocks_name_the_families():
    with pytest.raises(
        InvalidValue, match=r"dense_blocks.family = 'lif': must be one of cuba, alif, rf, rf_iz, sigma_delta"
    ):
        dense_blocks([4, 2], family="lif")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"family": "alif"}, "dense_blocks.threshold_step = None: must be a number, which neurons of alif need"),
        ({"threshhold": 2}, "did you mean 'threshold'"),
        (
            {"family": "rf", "period": 10, "decay": 0.1, "voltage_decay": 0.2},
            "dense_blocks.voltage_decay = 0.2: must be",
        ),
    ],
)
def test_dense_blocks_name_what_neurons_need_and_do_not_take(arguments, message):
    with pytest.raises(InvalidType) as caught:
        dense_blocks([4, 2], **arguments)
    assert message in str(caught.value)


def test_sigma_delta_neurons_take_the_spikes_of_data_and_are_evaluated_by_what_they_sent():
    sizes = build_network(config('sizes = [12, 8, 10]\nneuron = "sigma_delta"\nlearn_thresholds = true'), (12,), 10)
    layers = build_network(config('neuron = "sigma_delta"', LAYERS), (2, 6, 6), 10)
    for net, shape in ((sizes, (12,)), (layers, (2, 6, 6))):
        assert not net.takes_numbers
        assert isinstance(net.to_network().params, LoihiSigmaDeltaParams)
        assert net.blocks[-1].neuron.bias.tolist() == [4.0] * 10
        assert net.blocks[-1].neuron.delta.threshold.requires_grad == (net is sizes)
        x = torch.ones(2, *shape, 4)
        activation = net.eval()(x).sum(2)  # at the end
        assert activation.abs().max() > 0
        labels = activation.argmax(1).numpy()
        data = SpikeDataset(
            x.flatten(1, -2).numpy().astype(int), labels, (1, 1, x[0, ..., 0].numel()), "ones", n_classes=10
        )
        assert evaluate(net, data).accuracy == 1.0
        assert evaluate(net.to_network(), data).accuracy == 1.0


def test_networks_of_numbers_are_not_evaluated_on_spikes():
    net = UnlayeredNetwork(dense_blocks([12, 10], family="sigma_delta"), schedule=Random(4))
    data = SpikeDataset(torch.ones(1, 12, 4).numpy().astype(int), [0], (1, 1, 12), "ones", n_classes=10)
    complains(
        lambda: evaluate(net, data),
        "evaluate: first block = 'Dense': must be a network whose input is spikes; of others, score "
        "net.eval()(numbers)",
    )
