"""Current-based neurons from which a spike takes the threshold, section 8.1, and their training."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from compare import complains
from config_cases import image_layers

from lava_async import Layered, Random, netx, simulate_batch
from lava_async.errors import InvalidValue
from lava_async.experiments.build import build_network
from lava_async.experiments.config import Config
from lava_async.training import UnlayeredNetwork, dense_blocks
from lava_async.training.gradient import STATE_SCALE

SIZES, STEPS = (12, 9, 5), 15
NEURON = {"threshold": 0.5, "current_decay": 0.4, "voltage_decay": 0.15}


def blocks(*resets, gain=3.0):
    made = []
    for reset, ends in zip(resets, ((12, 9), (9, 5)), strict=True):
        made += dense_blocks(ends, reset=reset, gain=gain, seed=len(made), **NEURON)
    return made


def spikes(batch=4):
    rng = np.random.default_rng(1)
    return torch.tensor(rng.random((batch, SIZES[0], STEPS)) < 0.4, dtype=torch.float32)


def by_hand(network, x):
    """Spike counts of one layer after another, each with all its input: integers, as the semantics say them."""
    rows = [x.numpy().astype(np.int64)]
    for synapse, where in zip(network.synapses, network.layer_slices, strict=True):
        p = network.params
        du, dv, vth = (np.broadcast_to(np.asarray(v), network.n_neurons)[where] for v in (p.du, p.dv, p.vth))
        u = v = np.zeros((len(x), len(vth)), np.int64)
        sent = []
        for t in range(STEPS):
            u = np.sign(u) * (np.abs(u) * (4095 - du) >> 12)
            v = np.sign(v) * (np.abs(v) * (4096 - dv) >> 12) + u
            arriving = rows[-1][..., t] @ synapse.weights.T.astype(np.int64) << 6
            u, v = u + arriving, v + arriving
            fired = v > vth << 6
            v = v - fired * (vth << 6)
            sent.append(fired)
        rows.append(np.stack(sent, -1).astype(np.int64))
    return np.concatenate(rows[1:], 1)


def test_layered_they_fire_as_the_equations_say():
    net = UnlayeredNetwork(blocks("subtract", "subtract"), schedule=Layered()).eval()
    counts = net.run(spikes()).counts.detach().numpy()
    np.testing.assert_array_equal(counts, by_hand(net.to_network(), spikes()))
    zero = UnlayeredNetwork(blocks("zero", "zero"), schedule=Layered()).eval()
    assert counts.sum() > zero.run(spikes()).counts.sum() > 50


@pytest.mark.parametrize("resets", [("subtract", "subtract"), ("zero", "subtract"), ("subtract", "zero")])
def test_without_layers_they_are_deployed_as_they_are_trained(resets, tmp_path):
    net = UnlayeredNetwork(blocks(*resets), schedule=Random(4), seed=3).eval()
    sent = net.run(spikes()).counts.detach().numpy()
    deployed = net.to_network()
    assert [deployed.params_of(layer).reset for layer in range(2)] == list(resets)
    x = spikes().numpy().astype(int)
    np.testing.assert_array_equal(simulate_batch(deployed, x, schedule=Random(4), seed=3).counts, sent)
    net.export_hdf5(tmp_path / "net.net")
    assert netx.load(tmp_path / "net.net") == deployed
    assert "stock netx" in netx.metadata(tmp_path / "net.net")["stock_reason"]


@pytest.mark.parametrize("reset", ["detached", "differentiated"])
@pytest.mark.parametrize("schedule", [Layered(), Random(3)])
def test_both_engines_have_one_gradient(schedule, reset):
    made, gradients = blocks("subtract", "zero"), []
    for engine in ("compiled", "dense"):
        net = UnlayeredNetwork(made, schedule=schedule, engine=engine, reset=reset)
        gradients.append(torch.autograd.grad(net(spikes(2)).sum(), [p for p in net.parameters() if p.requires_grad]))
    for a, b in zip(*gradients, strict=True):
        assert b.abs().max() > 0
        assert (a - b).abs().max() <= 1e-5 * b.abs().max()


def test_a_copy_has_the_same_reset():
    net = UnlayeredNetwork(blocks("subtract", "subtract"), schedule=Random(4))
    assert copy.deepcopy(net).to_network() == net.to_network()


def test_a_voltage_is_what_was_not_taken():
    """One synapse of weight 1, thresholds of 0.5, nothing lost: two spikes' worth arrives, and comes out one by one."""
    (block,) = dense_blocks([1, 1], reset="subtract", threshold=0.5, current_decay=1.0, voltage_decay=0.0)
    with torch.no_grad():
        block.synapse.weight.fill_(1.5)
    net = UnlayeredNetwork([block], schedule=Random(1)).eval()
    x = torch.zeros(1, 1, 5)
    x[..., 0] = 1
    run = net.run(x)
    assert run.counts.tolist() == [[[1, 1, 0, 0, 0]]]  # v > 0.5: 1.5, 1.0, and then 0.5 does not exceed it
    assert (run.voltage * STATE_SCALE).tolist() == [[0.5 * STATE_SCALE]]


LAYERS = image_layers(3, recurrent=10)


def built(network, layers=""):
    return build_network(Config.from_toml(f"[network]\n{network}\n{layers}\n[data]\nname='digits'"), (2, 6, 6), 10)


@pytest.mark.parametrize(("network", "layers"), [("sizes = [72, 8, 10]", ""), ("", LAYERS)])
def test_a_config_says_the_reset(network, layers):
    assert built(f'{network}\nreset = "subtract"', layers).to_network().params.reset == "subtract"
    assert built(network, layers).to_network().params.reset == "zero"


def test_what_is_no_reset_is_named():
    with pytest.raises(InvalidValue, match=r"network.reset = 'none': must be 'zero' or 'subtract'"):
        built('sizes = [72, 10]\nreset = "none"')
    with pytest.raises(InvalidValue, match=r"network.reset = 'subtract': must be left out"):
        built('sizes = [72, 10]\nneuron = "rf"\nreset = "subtract"')
    complains(lambda: dense_blocks([2, 1], reset="none"), "dense_blocks.reset = 'none': must be 'zero' or 'subtract'")
    with pytest.raises(InvalidValue, match=r"dense_blocks.reset = 'subtract': must be left out: rf neurons"):
        dense_blocks([2, 1], family="rf", reset="subtract", period=8, decay=0.1)
    (block,) = dense_blocks([2, 1])
    block.neuron.reset = "none"
    with pytest.raises(InvalidValue, match=r"neuron.reset = 'none': must be 'zero' or 'subtract'"):
        UnlayeredNetwork([block], schedule=Random(1))
