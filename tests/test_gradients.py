"""Gradient engines: section 6 of the semantics, against finite differences and against slayer."""

from __future__ import annotations

import numpy as np
import pytest
import strategies
import torch
from compare import execute, setup_of
from hypothesis import assume, example, given
from hypothesis import strategies as st
from section6 import Model

from lava_async import CubaParams, Fifo, Layered, MaxForwardSteps, Network, Random
from lava_async.network import Layer
from lava_async.synapses import Dense
from lava_async.training import ATan, Exponential, UnlayeredNetwork, dense_blocks
from lava_async.training.compiled import CompiledEngine
from lava_async.training.dense import DenseEngine
from lava_async.training.gradient import CREDITS, RESETS, Gradient, Parameters

ENGINES = {"dense": DenseEngine, "compiled": CompiledEngine}
SLOPES = {
    ATan(1.5): lambda x: 1 / (1 + (np.pi * 1.5 / 2 * x) ** 2),
    Exponential(tau=0.7, scale=0.9): lambda x: 0.9 / 1.4 * np.exp(-abs(x) / 0.7),
}


def run_of(engine, run, gradient, parameters):
    """Run what `strategies.runs` draws in a gradient engine, as a batch of one."""
    setup = setup_of(run)
    spikes, samples = torch.tensor(run.spikes)[None], np.array([run.sample])
    return ENGINES[engine](run.network).run(setup, gradient, parameters, spikes, samples)


def per_synapse(network, weights):
    """List the weight of each synapse, source by source; synapses of a convolution share weights."""
    indices = [s.map_weights(lambda _, w: np.arange(w.size).reshape(w.shape)) for s in network.synapses]
    listed = []
    for j in range(-network.n_inputs, network.n_neurons):
        layer = -1 if j < 0 else network.layer_of[j]
        for index, each in zip(indices, weights, strict=True):
            if index.source == layer:
                listed.append(each.ravel()[index.fan_out(j - network.start_of(layer)).weight])
    return np.concatenate(listed)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("credit", CREDITS)
@example(run=strategies.deep(Random(1), n_layers=64), peak=True, reset="detached", surrogate=ATan(1.5), seed=0)
@example(run=strategies.deep(Random(1), n_layers=70), peak=True, reset="detached", surrogate=ATan(1.5), seed=0)
@given(
    run=st.one_of(strategies.training_runs(), strategies.busy_runs(), strategies.busy_runs()),
    peak=st.booleans(),
    reset=st.sampled_from(RESETS),
    surrogate=st.sampled_from(list(SLOPES)),
    seed=strategies.seeds,
)
def test_gradient_is_the_finite_difference_of_the_tangent_model(engine, credit, run, peak, reset, surrogate, seed):
    run = strategies.exact(run)
    record = execute(run, "reference")
    assume(record is not None and run.network.synapses)
    parameters = Parameters.of(run.network, torch.float64)
    for w in parameters.weights:
        w.requires_grad_()
    counts = run_of(engine, run, Gradient(credit, peak, reset, surrogate), parameters).counts[0]
    np.testing.assert_array_equal(counts.detach(), record.counts)
    model = Model(run, record, credit=credit, peak=peak, reset=reset, slope=SLOPES[surrogate])
    rng = np.random.default_rng(seed)
    cotangent = rng.normal(size=counts.shape)
    loss = (counts * torch.tensor(cotangent)).sum() + 0 * sum(w.sum() for w in parameters.weights)
    gradients = torch.autograd.grad(loss, parameters.weights)
    # Loihi's weights are scaled by the exponent of their target.
    exponent = run.network.params.weight_exp[model.post] if model.fixed else 0
    for _ in range(2):
        direction = [rng.normal(size=g.shape) for g in gradients]
        expected = model.derivative(per_synapse(run.network, direction) * 2.0**exponent, cotangent)
        parts = np.concatenate([g.numpy().ravel() * d.ravel() for g, d in zip(gradients, direction, strict=True)])
        assert abs(parts.sum() - expected) <= 1e-9 * (1 + np.abs(parts).sum())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("credit", CREDITS)
def test_layered_gradient_is_slayers(engine, credit):
    """With memory of current and voltage over time steps, and hidden neurons that fire again and again."""
    blocks = dense_blocks([12, 9, 7, 4], threshold=0.8, current_decay=0.4, voltage_decay=0.15, gain=3.0, seed=3)
    net = UnlayeredNetwork(blocks, schedule=Layered(), surrogate="slayer", credit=credit, engine=engine)
    rng = np.random.default_rng(1)
    spikes = torch.tensor(rng.random((5, 12, 15)) < 0.3, dtype=torch.float32)
    ours = net(spikes)
    slayers = spikes
    for block in blocks:
        slayers = block(slayers)
    assert torch.equal(ours, slayers)
    assert ours.sum() > 50
    cotangent = torch.tensor(rng.normal(size=ours.shape), dtype=torch.float32)
    weights = [block.synapse.weight for block in blocks]
    for a, b in zip(*(torch.autograd.grad((out * cotangent).sum(), weights) for out in (ours, slayers)), strict=True):
        assert (a - b).abs().max() <= 1e-6 * b.abs().max()


@pytest.mark.parametrize("engine", ENGINES)
def test_gradient_of_decays_thresholds_and_biases_is_the_finite_difference(engine):
    """Nobody fires here, and the slope is 1: the spikes change as voltages do."""
    net = Network.feedforward([[[0.3, 0.2], [0.1, 0.4]], [[0.5, 0.6]]], CubaParams(du=0.4, dv=0.3, vth=5.0, bias=0.1))
    run = strategies.Run(net, np.array([[1, 2, 0], [1, 1, 1]]), Layered(), MaxForwardSteps(9), True, True, 0, 0)
    names = ("keep_u", "keep_v", "vth", "bias")
    plain = Parameters.of(net, torch.float64)

    def reach(parameters):
        """Return the spikes of the hidden neurons at the end."""
        gradient = Gradient(peak=False, surrogate=Exponential(1e9, 2e9))
        return run_of(engine, run, gradient, parameters).counts[0, :2, -1].sum()

    def level(parameters):
        """Return v - vth of the hidden neurons at the end."""
        return (run_of("dense", run, Gradient(), parameters).voltage[0, :2] - parameters.vth[:2]).sum()

    tracked = plain._replace(**{name: getattr(plain, name).clone().requires_grad_() for name in names})
    gradients = torch.autograd.grad(reach(tracked), [getattr(tracked, name) for name in names])
    for name, gradient in zip(names, gradients, strict=True):
        for i in range(2):
            h = torch.zeros(3, dtype=torch.float64).index_fill(0, torch.tensor(i), 1e-6)
            up, down = (level(plain._replace(**{name: getattr(plain, name) + sign * h})) for sign in (1, -1))
            assert gradient[i] == pytest.approx(((up - down) / 2e-6).item(), rel=1e-6, abs=1e-9)


def test_a_delayed_count_of_zero_reaches_a_neuron_that_nothing_touches():
    """Input queues, so forward step 0 delivers nothing but the zero-valued counts of the time step before."""
    params = CubaParams(du=1.0, dv=0.5, vth=1.0)
    net = Network((1,), (Layer((1,)),), (Dense(-1, 0, [[0.25]]), Dense(0, 0, [[0.5]], 1)), params, np.array([0]))
    run = strategies.Run(net, np.array([[1, 1, 1]]), Fifo(1), MaxForwardSteps(9), True, False, 0, 0)
    gradients = []
    for engine in ENGINES:
        parameters = Parameters.of(net, torch.float64)
        parameters.weights[0].requires_grad_()
        counts = run_of(engine, run, Gradient(), parameters).counts
        gradients += torch.autograd.grad(counts.sum(), parameters.weights[0])
    torch.testing.assert_close(*gradients)
