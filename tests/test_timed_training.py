"""Training under the timing of a chip: it runs as the simulation does, and its gradient is that of plain torch."""

from __future__ import annotations

import numpy as np
import pytest
import strategies
import torch
from compare import complains, execute, setup_of
from hypothesis import assume, example, given
from hypothesis import strategies as st
from section7 import spike_counts
from test_gradients import SLOPES, per_synapse

from lava_async import Fifo, Layered, LoihiParams, Momentum, Random, Timed, simulate_batch
from lava_async.data.digits import digits
from lava_async.experiments.build import build_network, build_trainer
from lava_async.experiments.config import Config
from lava_async.training import UnlayeredNetwork, dense_blocks, fit
from lava_async.training.compiled import CompiledEngine
from lava_async.training.distributed import Ranks
from lava_async.training.gradient import RESETS, Gradient, Parameters
from lava_async.training.losses import AnytimeCrossEntropy, CrossEntropy, SpikeRate
from lava_async.training.objective import Objective


@pytest.mark.parametrize("credit", ["last", "delivered"])
@example(run=strategies.deep(Timed()), peak=True, reset="detached", surrogate=next(iter(SLOPES)), seed=0)
@given(
    run=st.one_of(
        strategies.timed_runs(dropout=True), strategies.timed_runs(until=strategies.ending_rules, refractory=False)
    ),
    peak=st.booleans(),
    reset=st.sampled_from(RESETS),
    surrogate=st.sampled_from(list(SLOPES)),
    seed=strategies.seeds,
)
def test_gradient_is_that_of_plain_torch(credit, run, peak, reset, surrogate, seed):
    run = strategies.exact(run)
    record, setup = execute(run, "reference"), setup_of(run)
    assume(record is not None and run.network.synapses and run.spikes.size)
    parameters = Parameters.of(run.network, torch.float64)
    spikes = torch.tensor(run.spikes, dtype=torch.float64)
    wanted = [spikes, *parameters.weights, *parameters[1:]]
    for tensor in wanted:
        tensor.requires_grad_()
    found = CompiledEngine(run.network).run(
        setup, Gradient(credit, peak, reset, surrogate), parameters, spikes[None], np.array([run.sample])
    )
    counts = found.counts[0]
    np.testing.assert_array_equal(counts.detach(), record.counts)
    weights = _per_synapse(run.network, parameters.weights)
    kept = spikes * torch.tensor(_kept(run))
    expected = spike_counts(
        run,
        record,
        parameters[1:],
        kept,
        setup.machine,
        weights=weights,
        credit=credit,
        peak=peak,
        reset=reset,
        slope=SLOPES[surrogate],
    )
    np.testing.assert_array_equal(expected.detach(), record.counts)
    cotangent = torch.tensor(np.random.default_rng(seed).normal(size=counts.shape))
    ours, theirs = (
        torch.autograd.grad((x * cotangent).sum() + 0 * sum(w.sum() for w in wanted), wanted)
        for x in (counts, expected)
    )
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9 * (1 + float(b.abs().max()) if b.numel() else 1))


def _per_synapse(network, weights):
    """List the weights of all synapses, source by source, differentiable; Loihi's are scaled by the exponent of their
    targets."""
    listed = per_synapse(
        network, [np.arange(w.numel()) + start for w, start in zip(weights, _starts(weights), strict=True)]
    )
    found = torch.cat([w.reshape(-1) for w in weights])[listed]
    if not isinstance(network.params, LoihiParams):
        return found
    post = np.concatenate([network.fan_out(j).target for j in range(-network.n_inputs, network.n_neurons)])
    return found * torch.tensor(2.0 ** np.broadcast_to(network.params.weight_exp, network.n_neurons)[post])


def _starts(weights):
    return np.cumsum([0, *(w.numel() for w in weights)])[:-1].tolist()


def _kept(run):
    """Return which input spikes dropout leaves, (C, T)."""
    from naive import key, unit

    q = run.dropout.get("input_dropout", 0.0)
    C, T = run.spikes.shape
    return np.array([[unit(key(run.seed, 2, run.sample, t, 0, c)) >= q for t in range(T)] for c in range(C)], float)


@pytest.mark.parametrize("options", [{}, {"neurons_per_core": 16}, {"neurons_per_core": 1, "tiles": 20}])
def test_training_runs_what_is_deployed(options):
    net = UnlayeredNetwork(dense_blocks([200, 40, 30, 10], gain=2.5, seed=3), schedule=Timed(**options))
    spikes = digits("train").dense()[:20]
    counts = net.eval().run(torch.tensor(spikes, dtype=torch.float32)).counts
    deployed = simulate_batch(net.to_network(), spikes, schedule=Timed(**options))
    np.testing.assert_array_equal(counts.detach(), deployed.counts)
    assert counts.sum() > 1000


@pytest.mark.parametrize("loss", [CrossEntropy(), AnytimeCrossEntropy(mixed=1.0), SpikeRate()])
def test_learns_with_any_loss(loss):
    net = UnlayeredNetwork(dense_blocks([200, 32, 10], seed=1), schedule=Timed(neurons_per_core=16))
    history = fit(net, digits("train"), epochs=3, loss=loss)
    assert history[-1].accuracy > 0.7


def test_refusals():
    blocks = dense_blocks([4, 8, 2], gain=1.0)
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Timed(), credit="keep"),
        "credit = 'keep': must be 'last' or 'delivered' for the schedule timed, whose messages are no groups",
    )
    complains(
        lambda: UnlayeredNetwork(blocks, schedule=Timed(), engine="dense")(torch.zeros(1, 4, 2)),
        "engine = 'dense': must be 'compiled' for the schedule timed",
    )


def naive_premature(network, spikes, counts):
    """Return which spikes are premature, (N, T), from the spike counts alone: all that was emitted has arrived.

    For neurons that fire once per time step, in runs that end at quiescence.
    """
    params, C, T = network.params, network.n_inputs, spikes.shape[1]
    keep_u, keep_v, vth, bias = (np.asarray(x, np.int64) for x in params.arrays(np.int64))
    u = v = np.zeros(network.n_neurons, np.int64)
    found = np.zeros(counts.shape, bool)
    for t in range(T):
        u, v = (np.sign(x) * ((abs(x) * keep) >> 12) for x, keep in ((u, keep_u), (v, keep_v)))
        v = v + u + bias
        for j, emitted in enumerate([*spikes[:, t], *counts[:, t]]):
            fan = network.fan_out(j - C)
            np.add.at(u, fan.target, emitted * np.asarray(fan.weight, np.int64))
            np.add.at(v, fan.target, emitted * np.asarray(fan.weight, np.int64))
        found[:, t] = (counts[:, t] > 0) & (v <= vth)
        v = np.where(counts[:, t] > 0, 0, v)
    return found


@pytest.mark.parametrize("engine", ["compiled", "dense"])
@pytest.mark.parametrize(
    "schedule", [Timed(), Timed(neurons_per_core=4), Random(1), Fifo(8), Momentum(2), Layered()], ids=lambda s: s.title
)
def test_premature_spikes_are_those_that_the_whole_input_does_not_justify(schedule, engine):
    if schedule.timed and engine == "dense":
        pytest.skip("trained on the compiled engine")
    blocks = dense_blocks([200, 24, 16, 10], gain=3.0, seed=5, current_decay=0.6)
    net = UnlayeredNetwork(blocks, schedule=schedule, engine=engine).eval()
    spikes = digits("train").dense()[:4]
    run = net.run(torch.tensor(spikes, dtype=torch.float32), premature=True)
    expected = [
        naive_premature(net.to_network(), a, b.detach().numpy().astype(np.int64))
        for a, b in zip(spikes, run.counts, strict=True)
    ]
    np.testing.assert_array_equal(run.premature, expected)
    assert run.premature.any() == (not isinstance(schedule, Layered))


def test_premature_penalty_costs_its_weight_and_no_other_spike():
    data, weight = digits("train").subset(np.arange(16)), 0.3
    net = UnlayeredNetwork(dense_blocks([200, 24, 10], gain=3.0, seed=5), schedule=Timed(neurons_per_core=8))
    run = net.run(data.spikes[np.arange(16)], np.arange(16), premature=True)
    plain, costly = (
        Objective(net, data, loss=None, class_weights=None, penalty=0.0, premature_penalty=w) for w in (0.0, weight)
    )
    assert (costly.asks_for_premature, plain.asks_for_premature) == (True, False)
    more = costly.of(run.counts, np.arange(16), run.premature)[0] - plain.of(run.counts, np.arange(16))[0]
    assert run.premature.sum() > 0
    np.testing.assert_allclose(more.item(), weight * run.premature.sum().item() / 16, rtol=1e-5)


def test_premature_penalty_makes_them_rare():
    rates = []
    for weight in (0.0, 0.5):
        net = UnlayeredNetwork(dense_blocks([200, 32, 10], seed=1), schedule=Timed(neurons_per_core=16))
        fit(net, digits("train"), epochs=3, premature_penalty=weight)
        run = net.eval().run(digits("validation").spikes[np.arange(100)], premature=True)
        rates.append((run.premature.sum() / run.counts.sum()).item())
    assert rates[1] < rates[0] / 2


def test_threshold_factors_leave_the_first_weights_as_they_are():
    sizes = [20, 6, 5, 4, 3]
    raised, plain = (
        dense_blocks(sizes, threshold=0.5, threshold_factors=True),
        dense_blocks(sizes, threshold=0.5, gain=2.0),
    )
    np.testing.assert_allclose([block.neuron.threshold for block in raised], [0.5, 0.7, 0.7, 1.5], atol=1 / 64)
    assert all(torch.equal(a.synapse.weight, b.synapse.weight) for a, b in zip(raised, plain, strict=True))
    own = dense_blocks(sizes, threshold_factors=[1, 2, 3, 4])
    assert [block.neuron.threshold for block in own] == [1, 2, 3, 4]
    complains(
        lambda: dense_blocks(sizes, threshold_factors=[1, 2]),
        "dense_blocks.threshold_factors = [1, 2]: must be 4 numbers > 0, one per layer",
    )


def test_configs_have_threshold_factors_and_the_premature_penalty():
    text = """
    [network]
    sizes = [200, 8, 10]
    threshold_factors = true
    [data]
    name = "digits"
    [schedule]
    name = "timed"
    neurons_per_core = 4
    [loss]
    premature_penalty = 0.25
    """
    config = Config.from_toml(text)
    assert Config.from_toml(config.to_toml()) == config
    net = build_network(config, (200,), 10)
    assert net.schedule == Timed(neurons_per_core=4)
    np.testing.assert_allclose(net.thresholds, [1.0] * 8 + [3.0] * 10)
    trainer = build_trainer(config, net, digits("train"), None, Ranks())
    assert trainer.premature_penalty == 0.25
    complains(
        lambda: Config.from_toml(text.replace("sizes = [200, 8, 10]", 'from = "network.net"')),
        "config: network.threshold_factors = True: must be left out without sizes: layers have thresholds of their own",
    )
