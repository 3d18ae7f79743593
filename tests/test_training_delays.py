"""Axonal delays of slayer's blocks, learned ones included; test_training_blocks.py compares them with slayer's."""

from __future__ import annotations

import torch
from slayer_blocks import FORGETFUL, GRID, delays, dense, flatten, spikes

from lava_async import Layered, Random, netx
from lava_async.training import UnlayeredNetwork
from lava_async.training.blocks import slayer


def delayed(*values, **options):
    torch.manual_seed(1)
    blocks = [flatten(), delays(dense(60, 4, delay=True), *values), dense(4, 5)]
    return UnlayeredNetwork(blocks, input_shape=GRID, **{"schedule": Random(2), **options})


def test_a_delay_is_rounded_down_and_follows_what_is_learned():
    net = delayed(0.0, 0.0, 0.0, 0.0).eval()
    before = net(spikes())
    axon = net.blocks[1].delay
    with torch.no_grad():
        axon.delay += 0.99
    assert torch.equal(net(spikes()), before)
    with torch.no_grad():
        axon.delay += 2
    assert torch.equal(net(spikes()), delayed(2.0, 2.0, 2.0, 2.0).eval()(spikes()))
    assert not torch.equal(net(spikes()), before)


def test_delays_stay_within_the_range_of_slayers_axon():
    assert torch.equal(delayed(-3.0, 70.0, 0.0, 0.0)(spikes()), delayed(0.0, 62.0, 0.0, 0.0)(spikes()))


def test_delays_learn_to_match():
    """Spikes arrive later and later until the output is two time steps behind the input."""
    blocks = [delays(slayer().axon.Delay(), 0.5), dense(1, 1, neuron=FORGETFUL)]
    with torch.no_grad():
        blocks[1].synapse.weight.fill_(0.6)
    net = UnlayeredNetwork(blocks, schedule=Random(1), surrogate="slayer", input_shape=(1,))
    x = torch.zeros(1, 1, 12)
    x[..., 2:5] = 1
    wanted = torch.roll(x, 2)
    optimizer = torch.optim.SGD([blocks[0].delay], lr=500)
    for _ in range(3):
        optimizer.zero_grad()
        torch.square(net(x) - wanted).sum().backward()
        optimizer.step()
    assert torch.equal(net(x), wanted)
    assert 2 <= blocks[0].delay.item() < 3


def test_learning_a_delay_changes_neither_spikes_nor_other_gradients():
    found = []
    for learns in (True, False):
        net = delayed(0.5, 1.2, 0.0, 3.9, schedule=Layered())
        net.blocks[1].delay.requires_grad_(learns)
        out = net(spikes())
        found.append(
            (out.detach(), *torch.autograd.grad(out[..., ::2].sum(), [b.synapse.weight for b in net.blocks[1:]]))
        )
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert found[0][1].abs().max() > 0


def test_delays_are_drawn_by_the_seed_and_saved_with_the_weights():
    def make(seed):
        torch.manual_seed(1)
        return UnlayeredNetwork(
            [flatten(), dense(60, 4, delay=True), dense(4, 5)], schedule=Random(2), input_shape=GRID, seed=seed
        )

    a, b, other = (make(seed).blocks[1].delay.delay for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, other)
    assert a.shape == (4,)
    assert ((a >= 0) & (a < 1)).all()
    trained, fresh = delayed(0.5, 1.2, 0.0, 3.9).eval(), make(0).eval()
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(spikes()), trained(spikes()))


def test_a_delay_that_netx_cannot_say_stays_in_the_file(tmp_path, caplog):
    blocks = [delays(slayer().axon.Delay(), 70.0, 3.0), dense(2, 3)]
    net = UnlayeredNetwork(blocks, schedule=Random(2), input_shape=(2,))
    net.export_hdf5(tmp_path / "net.net")
    assert "a delay of 70 time steps; netx allows 62" in caplog.text
    assert netx.load(tmp_path / "net.net") == net.to_network()
