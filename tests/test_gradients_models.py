"""Gradients of networks of any neuron models, mixed by layer: section 8.5 of the semantics."""

from __future__ import annotations

import numpy as np
import pytest
import strategies
import torch
from compare import execute, setup_of
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lava_async import AlifParams, Layered, Network, Random, ResonateParams, Timed
from lava_async.engine import Setup
from lava_async.errors import InvalidType
from lava_async.execution import Execution
from lava_async.neurons import NeuronModel
from lava_async.simulation import setup_of as setup_for
from lava_async.training import ATan, Exponential
from lava_async.training.compiled import CompiledEngine
from lava_async.training.dense import DenseEngine
from lava_async.training.gradient import CREDITS, RESETS, Gradient, ModelParameters, Parameters
from lava_async.training.surrogates import PerLayer

DEEP = strategies.deep(Random(1), params=AlifParams(0.5, 0.75, 0.375, 0.5, 0.5, 0.25))
ENGINES = {"dense": DenseEngine, "compiled": CompiledEngine}


def surrogates(network, arctangent):
    """One surrogate per layer; resonators have slayer's own, which is exponential."""
    parts = []
    for layer, of in enumerate(network.layers):
        phase = "rf" in network.params_of(layer).words()
        wide = torch.linspace(0.5, 1.5, of.size, dtype=torch.float64)
        parts.append((of.size, ATan(wide) if arctangent and not phase else Exponential(wide, 0.9)))
    return PerLayer(tuple(parts))


def gradients(engine, run, gradient, cotangent=None, seed=0):
    """Run in a gradient engine in double precision; return what was sent and all gradients, by name."""
    parameters = ModelParameters.of(run.network, torch.float64)
    named = {f"weights {i}": w for i, w in enumerate(parameters.weights)}
    for layer, numbers in enumerate(parameters.numbers):
        named |= {f"layer {layer} {name}": x for name, x in numbers.items()}
    spikes = torch.tensor(run.spikes, dtype=torch.float64)[None]
    for x in (*named.values(), spikes):
        x.requires_grad_()
    made = ENGINES[engine](run.network).run(setup_of(run), gradient, parameters, spikes, np.array([run.sample]))
    rng = np.random.default_rng(seed)
    loss = (made.counts * torch.tensor(rng.normal(size=made.counts.shape))).sum()
    found = torch.autograd.grad(loss, [*named.values(), spikes], allow_unused=True)
    shapes = zip([*named, "input"], [*named.values(), spikes], found, strict=True)
    return made, {name: torch.zeros_like(x) if g is None else g for name, x, g in shapes}


def compare(run, gradient, seed):
    record = execute(run, "reference", record="counts")
    assume(record is not None and np.abs(record.emitted).max(initial=0) < 2**20)
    (dense, wanted), (compiled, found) = (gradients(engine, run, gradient, seed=seed) for engine in ENGINES)
    scale = 2.0**12 if run.network.params.dtype is np.int64 else 1
    for layer, rows in enumerate(run.network.layer_slices):
        unit = scale if run.network.params_of(layer).graded else 1
        np.testing.assert_allclose(compiled.counts[0, rows].detach() * unit, record.emitted[rows], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(dense.counts, compiled.counts, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(dense.forward_steps, compiled.forward_steps)
    for name, expected in wanted.items():
        atol = 1e-9 * (1 + float(expected.abs().sum()))
        torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=atol, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("kind", strategies.MODEL_KINDS)
@settings(max_examples=12)
@given(data=st.data(), seed=strategies.seeds)
def test_the_core_differentiates_each_model_as_torch_does(kind, data, seed):
    run = data.draw(strategies.trained_model_runs(models=(kind,)))
    credit, peak, reset = (data.draw(st.sampled_from(x)) for x in (CREDITS, (True, False), RESETS))
    compare(run, Gradient(credit, peak, reset, surrogates(run.network, data.draw(st.booleans()))), seed)


@settings(max_examples=40)
@example(run=DEEP, credit="last", peak=True, reset="detached", arctangent=True, seed=0)
@given(
    run=strategies.trained_model_runs(),
    credit=st.sampled_from(CREDITS),
    peak=st.booleans(),
    reset=st.sampled_from(RESETS),
    arctangent=st.booleans(),
    seed=strategies.seeds,
)
def test_and_networks_of_all_of_them(run, credit, peak, reset, arctangent, seed):
    compare(run, Gradient(credit, peak, reset, surrogates(run.network, arctangent)), seed)


@settings(max_examples=25)
@given(
    run=strategies.training_runs(), credit=st.sampled_from(CREDITS), peak=st.booleans(), reset=st.sampled_from(RESETS)
)
def test_current_based_neurons_among_all_models_have_the_gradient_that_they_have_alone(run, credit, peak, reset):
    run = strategies.exact(run)
    assume(execute(run, "reference", record="counts") is not None and run.network.synapses)
    gradient, found = Gradient(credit, peak, reset, ATan(1.2)), []
    for kind in (Parameters, ModelParameters):
        parameters = kind.of(run.network, torch.float64)
        for w in parameters.weights:
            w.requires_grad_()
        spikes, samples = torch.tensor(run.spikes)[None], np.array([run.sample])
        counts = CompiledEngine(run.network).run(setup_of(run), gradient, parameters, spikes, samples).counts
        loss = (counts * torch.arange(1.0, 1 + counts.numel()).view(counts.shape)).sum()
        loss = loss + 0 * sum(w.sum() for w in parameters.weights)
        found.append((counts.detach(), *torch.autograd.grad(loss, parameters.weights)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * (1 + float(a.abs().sum())))


class Undifferentiated(AlifParams):
    """A subclass is another model, and says nothing of derivatives."""


def test_a_model_without_derivatives_and_what_cannot_be_trained_are_refused_by_name():
    params = {"du": 1, "dv": 0, "dth": 0.5, "drho": 1, "vth": 1, "theta_step": 4}
    assert NeuronModel.derivatives is None
    with pytest.raises(InvalidType, match=r"Undifferentiated.*a model with derivatives"):
        ModelParameters.of(Network.feedforward([[[3.0]]], Undifferentiated(**params)))
    net = Network.feedforward([[[3.0]]], AlifParams(**params))
    arguments = ModelParameters.of(net), torch.ones(1, 1, 2), np.array([0])
    timed = setup_for(net, Execution(Timed()), "counts")
    with pytest.raises(InvalidType, match=r"AlifParams.*for the schedule timed"):
        CompiledEngine(net).run(timed, Gradient(), *arguments)
    for engine in ENGINES.values():
        with pytest.raises(InvalidType, match=r"AlifParams.*premature spikes"):
            engine(net).run(Setup(net, Execution(Random(1))), Gradient(), *arguments, premature=True)
    phase = Network.feedforward([[[1 + 0j]]], ResonateParams(alpha=0.1, period=4, vth=0.5))
    layered, parameters = Setup(phase, Execution(Layered())), ModelParameters.of(phase)
    for engine in ENGINES.values():
        with pytest.raises(InvalidType, match="surrogate = 'ATan': must be Exponential"):
            engine(phase).run(layered, Gradient(), parameters, *arguments[1:])
