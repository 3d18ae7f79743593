"""The dense gradient engine runs networks as `simulate` does; its gradient is held in test_gradients.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
import torch
from compare import execute, setup_of
from hypothesis import given

from lava_async import Execution, Fifo, LoihiParams, MaxForwardSteps, Network
from lava_async.engine import Setup
from lava_async.errors import ForwardStepLimit, InvalidType, InvalidValue
from lava_async.neurons.loihi import ONE
from lava_async.spikes import SpikeBatch
from lava_async.training import ATan, Exponential, Gradient
from lava_async.training.dense import DenseEngine
from lava_async.training.gradient import Parameters


def batch_of(run):
    """Three samples of one network."""
    return [
        replace(run, spikes=spikes, sample=run.sample + n)
        for n, spikes in enumerate((run.spikes, run.spikes[:, ::-1], 0 * run.spikes))
    ]


@given(run=strategies.training_runs())
def test_a_batch_gives_what_simulate_gives_for_each_sample(run):
    singles = [execute(each, "reference", record="counts") for each in batch_of(run)]
    fixed = isinstance(run.network.params, LoihiParams)
    parameters = Parameters.of(run.network, torch.float64 if fixed else torch.float32)
    spikes = torch.tensor(np.stack([each.spikes for each in batch_of(run)]))
    samples = np.arange(3) + run.sample
    setup = setup_of(run)
    if None in singles:
        with pytest.raises(ForwardStepLimit):
            DenseEngine(run.network).run(setup, Gradient(), parameters, spikes, samples)
        return
    batch = DenseEngine(run.network).run(setup, Gradient(), parameters, spikes, samples)
    for b, single in enumerate(singles):
        np.testing.assert_array_equal(batch.counts[b], single.counts)
        np.testing.assert_array_equal(batch.forward_steps[b], single.forward_steps)
        if fixed:
            # Lava's states have 32 bits.
            np.testing.assert_array_equal((batch.current[b] * ONE).long().int(), single.current)
            np.testing.assert_array_equal((batch.voltage[b] * ONE).long().int(), single.voltage)
        else:
            # torch sums what arrives in another order.
            np.testing.assert_allclose(batch.current[b], single.current, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(batch.voltage[b], single.voltage, rtol=1e-5, atol=1e-5)


@given(run=strategies.runs("fixed"))
def test_differentiating_does_not_change_what_happens(run):
    spikes, samples = torch.tensor(run.spikes)[None], np.array([run.sample])
    setup = setup_of(run, until=MaxForwardSteps(30, truncate=True))
    engine, plain = DenseEngine(run.network), Parameters.of(run.network, torch.float64)
    tracked = plain._replace(weights=tuple(w.clone().requires_grad_() for w in plain.weights))
    a, b = (engine.run(setup, Gradient(), p, spikes, samples, premature=True) for p in (plain, tracked))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(torch.as_tensor(x).detach(), torch.as_tensor(y).detach())


def test_events_are_taken_as_they_are():
    net = Network.feedforward([np.full((3, 2), 40)], LoihiParams(du=0, dv=0, vth=30))
    spikes = np.array([[[1, 0, 2], [0, 0, 1]]])
    setup = Setup(net, Execution(Fifo(1)))
    dense, events = (
        DenseEngine(net).run(setup, Gradient(), Parameters.of(net), x, np.array([0]))
        for x in (torch.tensor(spikes), SpikeBatch.from_dense(spikes))
    )
    assert torch.equal(dense.counts, events.counts)
    assert dense.counts.sum() > 0


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"credit": "first"}, "credit = 'first': must be one of delivered, all, keep, last"),
        ({"reset": "none"}, "reset = 'none': must be one of detached, differentiated"),
        ({"peak": 1}, "peak = 1: must be True or False"),
        ({"surrogate": "atan"}, "surrogate = 'atan': must be"),
    ],
)
def test_unknown_rules_are_named(option, error):
    with pytest.raises((InvalidValue, InvalidType)) as caught:
        Gradient(**option)
    assert error in str(caught.value)


def test_surrogates_are_the_slopes_that_they_say():
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    np.testing.assert_allclose(ATan(2.0).derivative(x), 1 / (1 + (np.pi * x) ** 2))
    assert ATan(5.0).derivative(torch.zeros(1)) == 1
    np.testing.assert_allclose(Exponential(2.0, 3.0).derivative(x), 3 / 4 * np.exp(-abs(x.numpy()) / 2))


def test_an_exponential_may_differ_from_neuron_to_neuron():
    both = Exponential(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    x = torch.tensor([[0.3, -0.4]])
    assert both.derivative(x)[0, 1] == Exponential(2.0, 4.0).derivative(x)[0, 1]
    assert both.part(slice(1, 2)).derivative(x[:, 1:]) == both.derivative(x)[:, 1:]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ATan(0.0),
        lambda: ATan(float("nan")),
        lambda: Exponential(-1.0),
        lambda: Exponential(1.0, torch.tensor([1.0, 0.0])),
    ],
)
def test_surrogates_want_positive_numbers(make):
    with pytest.raises(InvalidValue, match="must be finite and > 0"):
        make()


def test_surrogates_want_numbers():
    with pytest.raises(InvalidType, match=r"ATan\.alpha = 'wide': must be a number > 0"):
        ATan("wide")
