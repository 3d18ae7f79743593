"""Sigma-delta blocks of slayer behind spiking ones, and their thresholds and biases, which learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compare import complains
from test_training_blocks_models import NEURONS, SIGMA, block, chain, spikes_for, weights_of

from lava_async import Execution, Layered, Momentum, Random, netx, simulate_batch
from lava_async.training import UnlayeredNetwork
from lava_async.training.blocks import slayer

relu = torch.nn.functional.relu


def output(n, of):
    return slayer().block.sigma_delta.Output(SIGMA, n, of, weight_scale=3)


def skipping():
    """Sigma-delta neurons that take two layers of spikes."""
    first, second = chain("cuba", "alif", sizes=(12, 9, 7))
    return [first, second, block("sigma_delta", "Dense", 7 + 9, 4, weight_scale=3)]


MIXED = {
    "cuba": lambda: [*chain("cuba", sizes=(12, 9)), *chain("sigma_delta", "sigma_delta", sizes=(9, 7, 4))],
    "all": lambda: [*chain("cuba", "alif", "rf_iz", "sigma_delta", sizes=(12, 20, 20, 12)), output(12, 3)],
    "input of spikes": lambda: [
        slayer().block.cuba.Input(delay_shift=False),
        *chain("sigma_delta", "sigma_delta", sizes=(12, 9, 4)),
    ],
    "skip": skipping,
}


def mixed(name, schedule, **options):
    connections = [(0, 2)] if name == "skip" else []
    return UnlayeredNetwork(MIXED[name](), schedule=schedule, connections=connections, input_shape=(12,), **options)


def through(blocks, x, name):
    """Slayer's blocks, one after another."""
    sent = [x]
    for i, b in enumerate(blocks):
        sent.append(b(torch.cat([sent[-1], sent[-2]], 1) if name == "skip" and i == 2 else sent[-1]))
    return sent[-1]


@pytest.mark.parametrize("name", MIXED)
def test_behind_spikes_they_are_slayers_own_with_layers(name):
    net, x = mixed(name, Layered(), surrogate="slayer"), spikes_for("mixed")
    ours, slayers = net(x), through(list(net.blocks), x, name)
    assert torch.equal(ours, slayers)
    assert (ours != 0).sum() > 8
    weights = [p for p in net.parameters() if p.requires_grad]
    cotangent = torch.tensor(np.random.default_rng(2).normal(size=ours.shape), dtype=torch.float32)
    by = (torch.autograd.grad((out * cotangent).sum(), weights) for out in (ours, slayers))
    for a, b in zip(*by, strict=True):
        assert (a - b).abs().max() <= 3e-6 * b.abs().max()


@pytest.mark.parametrize("schedule", [Random(3), Momentum(2)], ids=lambda s: s.name)
@pytest.mark.parametrize("name", MIXED)
def test_behind_spikes_they_are_deployed_as_they_are_trained(name, schedule, tmp_path):
    net, x = mixed(name, schedule, seed=3).eval(), spikes_for("mixed")
    network = net.to_network()
    unit = np.concatenate(
        [np.full(n.size, 2**12 if network.params_of(k).graded else 1) for k, n in enumerate(network.layers)]
    )
    sent, counts = net.run(x).counts.detach().numpy() * unit[:, None], x.numpy().astype(int)
    np.testing.assert_array_equal(simulate_batch(network, counts, seed=3).emitted, sent)
    net.export_hdf5(tmp_path / "net.net")
    loaded = netx.load(tmp_path / "net.net")
    np.testing.assert_array_equal(simulate_batch(loaded, counts, execution=Execution(schedule, seed=3)).emitted, sent)
    assert not netx.metadata(tmp_path / "net.net")["stock_readable"]  # netx's neurons take other units of input


@pytest.mark.parametrize("name", ["cuba", "skip"])
def test_behind_spikes_both_engines_have_one_gradient(name):
    found = []
    for engine in ("compiled", "dense"):
        net = mixed(name, Random(3), engine=engine)
        found.append(torch.autograd.grad(net(spikes_for("mixed", batch=2)[..., :6]).sum(), weights_of(net.blocks)))
    for a, b in zip(*found, strict=True):
        assert a.abs().max() > 0
        assert (a - b).abs().max() <= 1e-5 * b.abs().max()


def test_mixtures_that_no_exponent_of_weights_can_say_are_refused():
    numbers = chain("sigma_delta", sizes=(12, 12))
    for family in ("cuba", "alif", "rf_iz"):
        complains(
            lambda family=family: UnlayeredNetwork([*numbers, *chain(family, sizes=(12, 4))], schedule=Random(1)),
            "blocks[1] (Dense): what reaches it = 'numbers of sigma-delta neurons': must be spikes, as neurons of "
            f"{family} take them: they have 12 bits below 1; put sigma-delta blocks last",
        )
    blocks = [*chain("cuba", sizes=(12, 9)), block("sigma_delta", "Dense", 9, 7), block("sigma_delta", "Dense", 16, 4)]
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Random(1), connections=[(0, 2)]),
        "blocks[2] (Dense): what reaches it = 'spikes and numbers': must be of one kind: a spike is 1 and numbers are "
        "4096ths, and weights into a neuron have one exponent",
    )
    blocks = [slayer().block.sigma_delta.Input(SIGMA), *numbers, block("sigma_delta", "Dense", 24, 4)]
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Random(1), connections=[(-1, 2)], input_shape=(12,)),
        "connections = [(-1, 2)]: must be from blocks, since blocks[0] (Input) rounds the input",
    )


# ----------------------------------------------------------------------------------------------- what learns


def learning(*, shared, scale_grad=1, tau_grad=1):
    """Blocks whose thresholds and biases learn, on the grid of files to begin with."""
    neuron = {
        "threshold": 0.125,
        "activation": relu,
        "requires_grad": True,
        "shared_param": shared,
        "scale_grad": scale_grad,
        "tau_grad": tau_grad,
    }
    torch.manual_seed(0)
    dense = slayer().block.sigma_delta.Dense
    blocks = [
        slayer().block.sigma_delta.Input(neuron),
        dense(neuron, 12, 9, weight_scale=3),
        dense(neuron, 9, 4, weight_scale=3),
    ]
    for b, n in zip(blocks[1:], (9, 4), strict=True):
        b.neuron.set_bias(torch.randint(-8, 8, (n,)) / 64)
        b.neuron.bias.requires_grad_()
    return blocks


def learned(blocks):
    """Two weights, three thresholds, and the biases, which are those that were set."""
    unset = {id(b.neuron.bias) for b in blocks if not b.neuron.bias_is_set}
    return [p for b in blocks for p in b.parameters() if p.requires_grad and id(p) not in unset]


def gradients(net, out, seed=2):
    cotangent = torch.tensor(np.random.default_rng(seed).normal(size=out.shape), dtype=torch.float32)
    return torch.autograd.grad((out * cotangent).sum(), learned(net))


@pytest.mark.parametrize("engine", ["compiled", "dense"])
def test_thresholds_and_biases_have_slayers_gradient_with_layers(engine):
    blocks = learning(shared=True, scale_grad=0.7, tau_grad=0.4)
    net = UnlayeredNetwork(blocks, schedule=Layered(), surrogate="slayer", engine=engine, input_shape=(12,))
    x = spikes_for("sigma_delta")
    ours, slayers = net(x), through(blocks, x, "")
    assert torch.equal(ours, slayers)
    found = [gradients(blocks, out) for out in (ours, slayers)]
    assert len(found[0]) == 7
    for a, b in zip(*found, strict=True):
        assert b.abs().max() > 0
        assert (a - b).abs().max() <= 3e-6 * b.abs().max()


@pytest.mark.parametrize("schedule", [Layered(), Random(3)], ids=lambda s: s.name)
def test_thresholds_of_channels_share_the_gradient_of_one_for_all(schedule):
    """slayer's own backward pass fails with a threshold per channel, and its forward pass runs."""
    found, x = [], spikes_for("sigma_delta")
    for shared in (True, False):
        blocks = learning(shared=shared)
        net = UnlayeredNetwork(blocks, schedule=schedule, seed=1, input_shape=(12,))
        out = net(x)
        if schedule.layered:
            assert torch.equal(out, through(blocks, x, ""))
        found.append(gradients(blocks, out))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b.sum(0, keepdim=True) if a.shape == (1,) else b, rtol=1e-5, atol=1e-4)


def test_thresholds_of_channels_may_differ():
    blocks, x = learning(shared=False), spikes_for("sigma_delta")
    net = UnlayeredNetwork(blocks, schedule=Layered(), input_shape=(12,))
    with torch.no_grad():
        for b in blocks:
            threshold = b.neuron.delta.threshold
            threshold += torch.arange(threshold.numel()).reshape_as(threshold) % 3 / 64
    assert torch.equal(net(x), through(blocks, x, ""))


def test_learned_thresholds_and_biases_run_as_files_hold_them(tmp_path):
    blocks, x = learning(shared=False), spikes_for("sigma_delta")
    net = UnlayeredNetwork(blocks, schedule=Random(4), seed=3, input_shape=(12,))
    optimizer, before = torch.optim.Adam(net.parameters(), lr=0.01), [p.detach().clone() for p in learned(blocks)]
    wanted, losses = torch.tensor([2.0, 0.0, 1.0, 0.5]), []
    for _ in range(15):
        loss = ((net(x, samples=np.arange(len(x))).sum(-1) - wanted) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses) < 0.8 * losses[0]
    assert all((p != q).any() for p, q in zip(learned(blocks), before, strict=True))
    network = net.eval().to_network()
    for k in range(3):
        assert (network.params_of(k).vth % 2**12 == 0).all()
        assert (network.params_of(k).vth >= 2**12).all()
    counted, sent = (x * 64).numpy().astype(int), net.run(x).counts.detach().numpy() * 2**12
    np.testing.assert_array_equal(simulate_batch(network, counted, seed=3).emitted, sent)
    net.export_hdf5(tmp_path / "net.net")
    loaded = netx.load(tmp_path / "net.net")
    np.testing.assert_array_equal(simulate_batch(loaded, counted, execution=Execution(Random(4), seed=3)).emitted, sent)


def test_a_bias_that_slayer_does_not_look_at_is_none():
    (b,) = chain("sigma_delta", sizes=(12, 4))
    b.neuron.bias.data[:] = 1.0
    x = spikes_for("sigma_delta")
    assert torch.equal(UnlayeredNetwork([b], schedule=Layered())(x), b(x))


def test_slopes_of_no_width_are_refused():
    neuron = {**NEURONS["sigma_delta"], "tau_grad": 0.0}
    complains(
        lambda: UnlayeredNetwork([slayer().block.sigma_delta.Dense(neuron, 12, 4)], schedule=Random(1)),
        "blocks[0] (Dense).neuron.delta (tau_grad, scale_grad) = (0.0, 1): must be > 0",
    )
