"""The anytime loss: what it says, what it teaches, with which words it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lava_async import Random, simulate_batch
from lava_async.data.digits import digits
from lava_async.errors import InvalidValue
from lava_async.experiments.sections import LossConfig
from lava_async.metrics import decided
from lava_async.training import UnlayeredNetwork, dense_blocks, fit
from lava_async.training.losses import LOSSES, AnytimeCrossEntropy, CrossEntropy


def counts(seed=0, shape=(4, 3, 6)):
    return np.random.default_rng(seed).integers(0, 3, shape).astype(np.float64)


def by_hand(output, labels, scale, mixed, all_scale):
    def entropy(scores, label):
        return np.log(np.exp(scores).sum()) - scores[label]

    each = []
    for sample, label in zip(output, labels, strict=True):
        steps = [entropy(scale * sample[:, : t + 1].sum(axis=1), label) for t in range(sample.shape[1])]
        each.append(np.mean(steps) + mixed * entropy(all_scale * sample.sum(axis=1), label))
    return np.mean(each)


@pytest.mark.parametrize("mixed", [0.0, 0.7])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_it_is_the_mean_over_time_steps_of_the_cross_entropy_so_far(scale, mixed):
    output, labels = counts(), np.array([0, 2, 1, 1])
    found = AnytimeCrossEntropy(scale, mixed)(torch.tensor(output), torch.tensor(labels))
    wanted = by_hand(output, labels, 20 / 6 if scale is None else scale, mixed, 5 / 6)
    assert found.item() == pytest.approx(wanted)


def test_of_one_time_step_it_is_the_plain_one():
    output, labels = torch.tensor(counts(shape=(5, 3, 1))), torch.tensor([0, 1, 2, 0, 1])
    assert torch.allclose(AnytimeCrossEntropy(2.0)(output, labels), CrossEntropy(2.0)(output, labels))


def test_its_gradient_asks_for_the_right_output_early():
    output = torch.zeros(1, 2, 5, requires_grad=True)
    AnytimeCrossEntropy()(output, torch.tensor([1])).backward()
    right, wrong = output.grad[0, 1], output.grad[0, 0]
    assert (right.diff() > 0).all()  # the earlier, the more the loss falls
    assert (right < 0).all()
    assert (wrong > 0).all()


@pytest.mark.parametrize("wrong", [{"scale": -1.0}, {"mixed": float("nan")}, {"mixed": float("inf")}], ids=str)
def test_what_is_no_weight_is_refused(wrong):
    with pytest.raises(InvalidValue, match=f"AnytimeCrossEntropy.{next(iter(wrong))}"):
        AnytimeCrossEntropy(**wrong)


def test_configs_say_it():
    config = LossConfig.from_toml('name = "anytime"\nscale = 0.4\nmixed = 2.0')
    assert LOSSES[config.name](**config.options) == AnytimeCrossEntropy(0.4, 2.0)
    assert LOSSES["anytime"]() == AnytimeCrossEntropy()


def test_the_plain_one_follows_the_length_of_the_samples():
    output, labels = torch.tensor(counts(shape=(5, 3, 20))), torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal(CrossEntropy()(output, labels), CrossEntropy(5 / 20)(output, labels))


def test_a_network_that_learns_with_it_decides_earlier():
    data, test = digits("train").subset(range(400)), digits("test").subset(range(200))
    ends = {}
    for loss in (AnytimeCrossEntropy(), None):
        network = UnlayeredNetwork(dense_blocks([200, 32, 10], seed=0), schedule=Random(8))
        history = fit(network, data, epochs=8, loss=loss)
        assert history[-1].loss < history[0].loss
        output = simulate_batch(network.to_network(), test.dense(), schedule=Random(8)).output
        when = decided(output, test.labels)
        assert (when > 0).mean() > 0.7
        ends[loss] = when[when > 0].mean()
    assert ends[AnytimeCrossEntropy()] < ends[None]
