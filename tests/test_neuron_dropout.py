"""Neuron dropout: slayer's, with the layered schedule; seeded, and the same in both gradient engines, without."""

from __future__ import annotations

import numpy as np
import pytest
import strategies
import torch
from compare import complains, execute, setup_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from slayer_blocks import GRID, conv, cuba, dense, flatten, spikes
from test_gradients_models import ENGINES, surrogates
from test_training_blocks_models import NETWORKS, NEURONS, block, shape_of, spikes_for, weights_of

from lava_async import Layered, Momentum, Random, Timed, simulate_batch
from lava_async.errors import InvalidValue
from lava_async.experiments.build import build_network
from lava_async.experiments.config import Config
from lava_async.training import UnlayeredNetwork, dense_blocks
from lava_async.training.blocks import slayer
from lava_async.training.dropout import FRACTION_BITS, neuron_factors
from lava_async.training.gradient import CREDITS, RESETS, Gradient, ModelParameters


class Fixed(torch.nn.Module):
    """In the place of slayer's dropout: multiplies by factors that are given, (B, n)."""

    def __init__(self, factors):
        super().__init__()
        self.factors = torch.tensor(factors, dtype=torch.float32)

    def forward(self, x):
        return x * self.factors.reshape(*x.shape[:-1], 1)


def dropping(blocks, *probabilities):
    """Give blocks of neurons slayer's dropout, in turn."""
    drops = [b for b in blocks if hasattr(b, "synapse")]
    for b, p in zip(drops, probabilities * len(drops), strict=False):
        b.neuron.drop = slayer().neuron.Dropout(p)
    return blocks


def pictures():
    """Convolution and pooling; the second block drops nothing."""
    blocks = [conv(2, 3, 3), cuba("Pool", 2, weight_scale=2), flatten(), dense(12, 8), dense(8, 4)]
    return dropping(blocks, 0.5, 0.0, 0.2)


CHAINS = {
    name: lambda name=name: dropping(NETWORKS[name](), 0.5, 0.2) for name in ("alif", "rf_iz", "mixed", "picture")
}
CHAINS |= {"cuba": pictures, "sigma_delta": lambda: dropping(NETWORKS["sigma_delta"](), 0.5)}


def input_of(name):
    return (GRID, spikes()) if name == "cuba" else (shape_of(name), spikes_for(name))


def factors_of(net, n, first=0):
    """What the messages of the neurons of a network in training are multiplied by, layer by layer."""
    samples = np.arange(first, first + n)
    found = neuron_factors(net._chain.dropout(net.neuron_dropout), net.seed, samples)
    return [found[:, rows] for rows in net.to_network().layer_slices]


@pytest.mark.parametrize("engine", ["compiled", "dense"])
@pytest.mark.parametrize("name", CHAINS)
def test_layered_it_is_slayers_own_with_the_same_neurons_dropped(name, engine):
    blocks, (shape, x) = CHAINS[name](), input_of(name)
    net = UnlayeredNetwork(blocks, schedule=Layered(), surrogate="slayer", engine=engine, input_shape=shape, seed=5)
    ours, slayers = net(x), x
    factors = factors_of(net, len(x))
    assert all((f == 0).any() for f in factors[:1])
    for b, f in zip([b for b in blocks if hasattr(b, "synapse")], factors, strict=True):
        b.neuron.drop = Fixed(f)
    for b in blocks:
        slayers = b(slayers)
    assert torch.equal(ours, slayers)
    assert (ours != 0).sum() > 8
    cotangent = torch.tensor(np.random.default_rng(2).normal(size=ours.shape), dtype=torch.float32)
    gradients = (torch.autograd.grad((out * cotangent).sum(), weights_of(blocks)) for out in (ours, slayers))
    for a, b in zip(*gradients, strict=True):
        assert (a - b).abs().max() <= 3e-6 * b.abs().max()


@settings(max_examples=40)
@given(
    run=strategies.trained_model_runs(),
    credit=st.sampled_from(CREDITS),
    peak=st.booleans(),
    reset=st.sampled_from(RESETS),
    arctangent=st.booleans(),
    seed=strategies.seeds,
)
def test_both_engines_have_one_gradient(run, credit, peak, reset, arctangent, seed):
    assume(execute(run, "reference", record="counts") is not None)
    network, rng = run.network, np.random.default_rng(seed)
    some = [0.0, 1.0, 1.25, 2.0] + [1 + 2.0**-FRACTION_BITS] * (network.params.dtype is np.int64)
    factors = rng.choice(some, (1, network.n_neurons))
    gradient, found = Gradient(credit, peak, reset, surrogates(network, arctangent)), []
    cotangent = torch.tensor(rng.normal(size=(1, network.n_neurons, run.spikes.shape[1])))
    for engine in ENGINES.values():
        parameters = ModelParameters.of(network, torch.float64)
        learned = [*parameters.weights, *(x for numbers in parameters.numbers for x in numbers.values())]
        x = torch.tensor(run.spikes, dtype=torch.float64)[None]
        for tensor in (*learned, x):
            tensor.requires_grad_()
        made = engine(network).run(setup_of(run), gradient, parameters, x, np.array([run.sample]), factors=factors)
        by = torch.autograd.grad((made.counts * cotangent).sum(), [*learned, x], allow_unused=True)
        zeros = [torch.zeros_like(p) if g is None else g for p, g in zip([*learned, x], by, strict=True)]
        found.append((made.counts.detach(), torch.tensor(made.forward_steps), *zeros))
    assume(found[0][0].abs().max() < 2**20 if found[0][0].numel() else True)
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * (1 + float(a.abs().sum())))


@pytest.mark.parametrize("schedule", [Random(3), Momentum(2), Layered()], ids=lambda s: s.name)
def test_neurons_of_a_probability_of_zero_run_as_without(schedule):
    """Spikes that are numbers are the spikes that counts are: what drops one neuron changes no other's arithmetic."""
    blocks = dense_blocks([12, 9, 4])
    x = spikes_for("cuba")
    plain = UnlayeredNetwork(blocks, schedule=schedule)
    wanted, found = plain.run(x, np.arange(len(x))), []
    learned = [b.synapse.weight for b in blocks]
    blocks[1].neuron.drop = slayer().neuron.Dropout(0.5)
    last = UnlayeredNetwork(blocks, schedule=schedule)
    got = last.run(x, np.arange(len(x)))
    factor = torch.tensor(factors_of(last, len(x))[1])[..., None]
    assert sorted(factor.unique().tolist()) == [0.0, 2.0]
    assert torch.equal(got.counts[:, :9], wanted.counts[:, :9])
    assert torch.equal(got.counts[:, 9:], (wanted.counts[:, 9:] * factor).float())
    assert torch.equal(got.voltage, wanted.voltage)
    for run, weight in ((wanted, factor), (got, 1.0)):
        out = run.counts[:, 9:] * weight
        found.append(torch.autograd.grad((out * torch.arange(1.0, 5)[:, None]).sum(), learned))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["cuba", "mixed", "sigma_delta"])
def test_it_is_drawn_by_sample_and_seed_and_by_nothing_else(name):
    blocks, (shape, x) = CHAINS[name](), input_of(name)
    run = {"schedule": Random(4), "input_shape": shape}
    with torch.no_grad():
        found = [UnlayeredNetwork(blocks, threads=n, seed=1, **run).run(x).counts for n in (1, 3)]
        assert torch.equal(*found)
        net = UnlayeredNetwork(blocks, seed=1, **run)
        parts = [net.run(x[rows], samples=np.arange(len(x))[rows]).counts for rows in (slice(2, None), slice(0, 2))]
        assert torch.equal(torch.cat([parts[1], parts[0]]), found[0])
        assert not torch.equal(UnlayeredNetwork(blocks, seed=2, **run).run(x).counts, found[0])
        net = UnlayeredNetwork(blocks, seed=1, **run)
        first, second = net.run(x).counts, net.run(x).counts  # samples are numbered on
        assert torch.equal(first, found[0])
        assert not torch.equal(second, first)


@pytest.mark.parametrize("name", ["cuba", "mixed", "sigma_delta"])
def test_what_is_deployed_knows_nothing_of_it(name, tmp_path):
    blocks, (shape, x) = CHAINS[name](), input_of(name)
    net = UnlayeredNetwork(blocks, schedule=Random(4), seed=3, input_shape=shape).eval()
    scale = 2**12 if name == "sigma_delta" else 1
    counted = (x * scale).flatten(1, -2).numpy().astype(int)
    deployed = simulate_batch(net.to_network(), counted, schedule=Random(4), seed=3)
    np.testing.assert_array_equal(deployed.emitted, net.run(x).counts.detach().numpy() * scale)
    net.train().blocks.eval()  # as slayer's blocks, each of which may be in eval mode
    with torch.no_grad():
        np.testing.assert_array_equal(net.run(x, np.arange(len(x))).counts.numpy() * scale, deployed.emitted)


def test_draws_have_the_probability_and_keep_the_mean():
    probability = np.repeat([0.0, 0.1, 0.3, 0.5, 0.99], 2000)
    factors = neuron_factors(probability, 7, np.arange(20)).reshape(20, 5, 2000)
    for p, of in zip((0.0, 0.1, 0.3, 0.5, 0.99), factors.transpose(1, 0, 2), strict=True):
        assert abs((of == 0).mean() - p) < 0.01
        np.testing.assert_allclose(of[of != 0], 1 / (1 - p), atol=2.0**-FRACTION_BITS)
    assert neuron_factors(np.zeros(3), 7, np.arange(2)) is None


def test_the_option_drops_neurons_before_the_last_layer_whose_block_does_not_say():
    blocks = [block("cuba", "Dense", 12, 9, weight_scale=3) for _ in range(1)] + [
        block("alif", "Dense", 9, 7, weight_scale=3),
        block("cuba", "Dense", 7, 4, weight_scale=3),
    ]
    blocks[1].neuron.drop = slayer().neuron.Dropout(0.5)
    net = UnlayeredNetwork(blocks, schedule=Random(4), neuron_dropout=0.2)
    of = [set(np.unique(f)) for f in factors_of(net, 200)]
    assert of == [{0.0, 1.25}, {0.0, 2.0}, {1.0}]
    assert torch.equal(net.eval()(spikes_for("mixed")), net.train().eval()(spikes_for("mixed")))


def test_a_config_names_it():
    text = '[network]\nsizes = [200, 8, 10]\n[data]\nname = "digits"\nlimit = 8\n[gradient]\nneuron_dropout = 0.25\n'
    config = Config.from_toml(text)
    assert Config.from_toml(config.to_toml()) == config
    assert build_network(config, (200,), 10).neuron_dropout == 0.25
    with pytest.raises(InvalidValue, match=r"neuron_dropout = 1\.0"):
        Config.from_toml(text.replace("0.25", "1.0"))


def test_what_it_cannot_do_is_said():
    blocks, x = dense_blocks([12, 9, 4]), spikes_for("cuba")
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Random(1), neuron_dropout=1.0),
        "UnlayeredNetwork.neuron_dropout = 1.0: must be a probability in 0 .. 0.99",
    )
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Timed(), neuron_dropout=0.1)(x),
        "neuron_dropout = 'above 0': must be 0 for the schedule timed; train under another one, such as random, and "
        "run the result under timed",
    )
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Random(1), neuron_dropout=0.1).run(x, premature=True),
        "neuron_dropout = 'above 0': must be 0 where premature spikes have a penalty; train without premature_penalty",
    )
    other = slayer().block.cuba.Dense({**NEURONS["cuba"], "dropout": torch.nn.Dropout(0.1)}, 12, 3)
    complains(
        lambda: UnlayeredNetwork([other], schedule=Random(1)),
        "blocks[0] (Dense).neuron.drop = 'Dropout': must be None or slayer.neuron.Dropout, which takes neurons for "
        "whole samples",
    )
    blocks[0].neuron.drop = slayer().neuron.Dropout(1.0)
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Random(1)),
        "blocks[0] (Dense).neuron.drop.p = 1.0: must be a probability in 0 .. 0.99",
    )
