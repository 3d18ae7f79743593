"""The loops of slayer's own tutorials: Assistant, LearningStats, losses and classifiers, on slayer's chain and on ours.

The network of a tutorial is a list of blocks that are called one after another. Here the same loop trains the same
blocks once so and once as an UnlayeredNetwork with the layered schedule. Nothing differs: outputs bit for bit, loss,
classes, the learning curves of the statistics.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from slayer_blocks import GRID, affine, conv, cuba, dense, flatten

from lava_async import Layered, Random
from lava_async.data import SpikeDataset
from lava_async.errors import InvalidValue
from lava_async.training import UnlayeredNetwork, evaluate, fit
from lava_async.training.blocks import slayer

STEPS, SAMPLES, CLASSES = 16, 12, 3


class Chain(torch.nn.Module):
    """As the tutorials write it, with the count of events that Assistant(count_log=True) expects."""

    def __init__(self, blocks, count_log):
        super().__init__()
        self.blocks, self.count_log = torch.nn.ModuleList(blocks), count_log

    def forward(self, spike):
        count = []
        for block in self.blocks:
            spike = block(spike)
            if getattr(block, "neuron", None) is not None:
                count.append(torch.mean(spike).item())
        spike = spike.flatten(1, -2)
        return (spike, torch.tensor(count)[None]) if self.count_log else spike


def data(seed):
    """Return pictures of three classes, which move: another part of the grid is busy for each."""
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(np.arange(SAMPLES) % CLASSES)
    busy = rng.random((SAMPLES, *GRID, STEPS)) < 0.15
    for i, label in enumerate(labels.tolist()):
        busy[i, :, 2 * label : 2 * label + 2] |= rng.random((2, 2, 5, STEPS)) < 0.5
    return torch.from_numpy(busy).float(), labels


def blocks(name):
    torch.manual_seed(5)
    average = slayer().block.cuba.Average
    return {
        "dense": lambda: [flatten(), dense(60, 20, weight_norm=True), dense(20, CLASSES)],
        "conv": lambda: [conv(2, 4, 3, padding=1), cuba("Pool", (2, 1), weight_scale=0.5), flatten(), dense(60, 3)],
        "recurrent": lambda: [flatten(), cuba("Recurrent", 60, 12, weight_scale=2), dense(12, CLASSES)],
        "average": lambda: [flatten(), dense(60, 20), dense(20, 4 * CLASSES), average(CLASSES)],
        "affine": lambda: [flatten(), dense(60, 20), affine(20, CLASSES)],
        "autoencoder": lambda: [conv(2, 4, 2, stride=(2, 1)), cuba("ConvT", 4, 2, 2, stride=(2, 1), weight_scale=3)],
    }[name]()


def tutorial(network, error, classifier, *, count_log=False, target=None, epochs=3, rate=3e-3):
    """Train as the tutorials do; return everything that they print and plot."""
    spikes, labels = data(1)
    target = labels if target is None else target
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    stats = slayer().utils.LearningStats()
    assistant = slayer().utils.Assistant(network, error, optimizer, stats, classifier=classifier, count_log=count_log)
    seen = []
    for _ in range(epochs):
        for part in torch.arange(SAMPLES).split(4):
            seen.append(assistant.train(spikes[part], target[part]))
        for part in torch.arange(SAMPLES).split(6):
            seen.append(assistant.test(spikes[part], target[part]))
        stats.update()
    return seen, stats


def both(name, *args, **options):
    log, options["rate"] = options.get("count_log", False), 3e-3 if name == "dense" else 1e-2
    ours = UnlayeredNetwork(blocks(name), schedule=Layered(), surrogate="slayer", input_shape=GRID, count_log=log)
    return tutorial(Chain(blocks(name), log), *args, **options), tutorial(ours, *args, **options)


def assert_the_same(slayers, ours):
    for a, b in zip(slayers[0], ours[0], strict=True):
        a, b = (x if isinstance(x, tuple) else (x,) for x in (a, b))
        assert torch.equal(a[0], b[0])
        assert a[0].abs().sum() > 0
        for counts in zip(a[1:], b[1:], strict=True):
            torch.testing.assert_close(*counts, rtol=1e-6, atol=0)
    for part in ("training", "testing"):
        one, other = getattr(slayers[1], part), getattr(ours[1], part)
        assert one.loss_log == pytest.approx(other.loss_log, rel=1e-6)
        assert one.accuracy_log == other.accuracy_log
    losses = ours[1].training.loss_log
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["dense", "conv", "average"])
def test_spike_rate_with_the_rate_classifier(name):
    error = slayer().loss.SpikeRate(true_rate=0.4, false_rate=0.05, reduction="sum")
    assert_the_same(*both(name, error, slayer().classifier.Rate.predict))


@pytest.mark.parametrize("name", ["dense", "affine"])
def test_spike_max_with_softmax(name):
    error = slayer().loss.SpikeMax(mode="softmax", reduction="mean")
    assert_the_same(*both(name, error, slayer().classifier.Rate.predict))


def test_spike_max_in_a_moving_window():
    error = slayer().loss.SpikeMax(moving_window=5, mode="softmax", reduction="mean")
    assert_the_same(*both("dense", error, slayer().classifier.Rate.predict))


@pytest.mark.parametrize("name", ["dense", "autoencoder"])
def test_spike_time_towards_wanted_spikes_with_a_count_of_events(name):
    error = slayer().loss.SpikeTime(time_constant=5, length=STEPS, filter_order=2, reduction="mean")
    n = CLASSES if name == "dense" else 60
    wanted = torch.from_numpy(np.random.default_rng(3).random((SAMPLES, n, STEPS)) < 0.1).float()
    assert_the_same(*both(name, error, None, target=wanted, count_log=True))


def test_a_recurrent_layer_learns_what_slayers_does_not():
    """slayer's own goes on from the last batch, with a gradient that is cut: only the first output is the same."""
    error = slayer().loss.SpikeRate(true_rate=0.4, false_rate=0.05, reduction="sum")
    slayers, ours = both("recurrent", error, slayer().classifier.Rate.predict)
    assert torch.equal(slayers[0][0], ours[0][0])
    assert ours[1].training.loss_log[-1] < ours[1].training.loss_log[0]


def test_the_same_loop_trains_without_layer_synchronization():
    error = slayer().loss.SpikeRate(true_rate=0.4, false_rate=0.05, reduction="sum")
    network = UnlayeredNetwork(blocks("dense"), schedule=Random(4), input_shape=GRID, count_log=True)
    seen, stats = tutorial(network, error, slayer().classifier.Rate.predict, count_log=True, epochs=6)
    assert stats.training.loss_log[-1] < stats.training.loss_log[0]
    _, rates = seen[-1]
    assert rates.shape == (1, 2)
    assert not rates.requires_grad
    counts = network.eval().run(data(1)[0][6:]).counts
    torch.testing.assert_close(rates[0], torch.stack([counts[:, :20].mean(), counts[:, 20:].mean()]).detach())


def test_the_count_of_events_of_a_layer_without_neurons_reached_is_none():
    network = UnlayeredNetwork([flatten(), dense(60, 4)], schedule=Random(4), input_shape=GRID, count_log=True)
    output, rates = network(torch.zeros(0, *GRID, STEPS))
    assert output.shape == (0, 4, STEPS)
    assert rates.tolist() == [[0.0]]


@pytest.mark.parametrize("name", ["average", "affine"])
def test_fit_trains_through_what_is_read_out(name, caplog):
    spikes, labels = data(1)
    samples = SpikeDataset(spikes.flatten(1, 3).numpy(), labels.numpy(), GRID, "moving", CLASSES)
    network = UnlayeredNetwork(blocks(name), schedule=Random(4), input_shape=GRID)
    history = fit(network, samples, samples, epochs=12, batch_size=6, scale=0.1)
    assert history[-1].loss < history[0].loss
    assert network.n_outputs == CLASSES
    answer = network.eval()(spikes).sum(2).argmax(1)
    assert float((answer == labels).double().mean()) == max(epoch.validation for epoch in history) > 0.6
    assert "affine" not in caplog.text  # It does not fire, and nobody is told to make it fire.
    with pytest.raises(InvalidValue, match=f"evaluate: last block = '{name.title()}': must be a network whose answer"):
        evaluate(network, samples, schedule=Random(4))
