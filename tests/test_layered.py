"""Layer synchronization: what it is in Lava's own arithmetic, and when an asynchronous run equals it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from compare import differences
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import QUEUES, Arithmetic, chains, free_chains, generators, grid_networks, runs, seeds, spikes

from lava_async import CubaParams, Layered, Network, Random, simulate

# ------------------------------------------------------------------------- layer synchronization as a limit


@given(st.data(), st.sampled_from(QUEUES), st.booleans(), st.booleans())
def test_delivering_all_at_once_is_layer_synchronization_on_chains_without_residual_current(
    data, member, input_first, refractory
):
    """The paper's own test (F = neurons per layer), with its precise condition.

    A wave passes a chain layer by layer: every neuron is reached once, by all its input together. It holds for any
    schedule whose groups hold the widest layer, with refractoriness or without, if behind the first layer (with
    `input_first=False`: in all layers) du = 1 and no bias is positive.
    """
    net = data.draw(free_chains(input_queues=not input_first))
    counts = data.draw(spikes(net.n_inputs))
    widest = max([net.n_inputs, *(layer.size for layer in net.layers)])
    group_size = data.draw(st.sampled_from([widest, widest + 3, None]))
    rules = {"refractory": refractory, "input_first": input_first}
    layered = simulate(net, counts, schedule=Layered(), **rules)
    free = simulate(net, counts, schedule=member(group_size), **rules)
    assert differences(layered, free, but=("forward_steps", "first_output", "neuron_updates")) == []


def test_a_residual_current_breaks_it():
    """The condition is needed: current from the last time step fires a deep neuron before its inhibition comes."""
    net = Network.feedforward([np.eye(2), [[2, -3]]], CubaParams(du=[1, 1, 0.5], dv=1, vth=[0.5, 0.5, 0.9]))
    excite_then_inhibit = [[1, 0], [0, 1]]
    assert simulate(net, excite_then_inhibit, schedule=Layered()).output.tolist() == [[1, 0]]
    assert simulate(net, excite_then_inhibit, schedule=Random()).output.tolist() == [[1, 1]]


# ----------------------------------------------------------------------------- one network, two arithmetics


@given(grid_networks(), st.sampled_from([*QUEUES, Layered]), st.sampled_from([1, 3, None]), seeds, st.data())
def test_on_a_grid_that_neither_rounds_nor_overflows_both_arithmetics_agree(nets, member, size, seed, data):
    counts = data.draw(spikes(nets[0].n_inputs))
    assume(counts.max(initial=0) <= 3)
    schedule = Layered() if member is Layered else member(size)
    fixed, floating = (simulate(net, counts, schedule=schedule, seed=seed, record="groups") for net in nets)
    assert differences(fixed, floating, but=("current", "voltage", "state")) == []
    np.testing.assert_array_equal(fixed.current / 64, floating.current)
    np.testing.assert_array_equal(fixed.voltage / 64, floating.voltage)


# --------------------------------------------------------------------------- Lava's own arithmetic, layered


def lava_lif(state, params, arriving):
    """Lava's `PyLifModelBitAcc.run_spk` in plain integers (du gains 1; u wraps; v clips; v > vth << 6)."""
    u, v = state
    du, dv, vth, mant, exp = params
    u = np.sign(u) * ((np.abs(u) * (4096 - (du + 1))) >> 12) + (arriving << 6)
    u = np.where(u > 2**23, u - 2**24, np.where(u <= -(2**23), u + 2**24, u))
    bias = np.where(exp >= 0, mant << np.maximum(exp, 0), mant >> np.maximum(-exp, 0))
    v = np.sign(v) * ((np.abs(v) * (4096 - dv)) >> 12) + u + bias
    v = np.clip(v, -(2**23) + 1, 2**23 - 1)
    fired = v > vth << 6
    return (u, np.where(fired, 0, v)), fired.astype(np.int64)


@given(runs("fixed", network=chains(Arithmetic("fixed", extreme=True)), min_steps=1))
def test_layered_is_lavas_lif_and_dense_layer_by_layer(run):
    """Integer for integer: Dense(W) then LIF, one layer after another in the same time step, from the Lava source."""
    net, p = run.network, run.network.params
    result = simulate(net, run.spikes, schedule=Layered())
    states = [(np.zeros(layer.size, np.int64),) * 2 for layer in net.layers]
    for t in range(run.spikes.shape[1]):
        signal = run.spikes[:, t]
        for index, here in enumerate(net.layer_slices):
            arriving = (net.synapses[index].weights.astype(np.int64) @ signal) << p.weight_exp[here]
            own = [getattr(p, name)[here] for name in ("du", "dv", "vth", "bias_mant", "bias_exp")]
            states[index], signal = lava_lif(states[index], own, arriving)
            np.testing.assert_array_equal(result.counts[here, t], signal)
    np.testing.assert_array_equal(result.current, np.concatenate([u for u, _ in states]).astype(np.int32))
    np.testing.assert_array_equal(result.voltage, np.concatenate([v for _, v in states]))


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), generators())
def test_layered_is_lavas_lif_and_dense_in_floats_where_nothing_is_rounded(sizes, rng):
    """u = u (1 - du) + a; v = v (1 - dv) + u + bias; v > vth: Lava adds in another order, so on a grid of 2^-13."""
    weights = [rng.integers(-8, 17, (post, pre)) / 8 for pre, post in pairwise(sizes)]
    n = sum(sizes[1:])
    du, dv, vth, bias = (rng.choice(x, n) for x in ([0, 0.5, 1], [0, 0.5, 1], [0, 0.25, 1.5], [0, 0.125, -0.25]))
    net = Network.feedforward(weights, CubaParams(du, dv, vth, bias))
    counts = rng.integers(0, 3, (sizes[0], 5))
    result = simulate(net, counts, schedule=Layered())
    u, v = np.zeros(n), np.zeros(n)
    for t in range(5):
        signal = counts[:, t]
        for w, here in zip(weights, net.layer_slices, strict=True):
            u[here] = u[here] * (1 - du[here]) + w @ signal
            v[here] = v[here] * (1 - dv[here]) + u[here] + bias[here]
            signal = (v[here] > vth[here]).astype(int)
            v[here][signal > 0] = 0
            np.testing.assert_array_equal(result.counts[here, t], signal)
    np.testing.assert_array_equal(result.current, u)
    np.testing.assert_array_equal(result.voltage, v)


@given(st.data())
def test_layered_is_a_lava_pipeline_shifted_by_one_time_step_per_layer(data):
    """In Lava every Dense sends what its source emitted one time step before, to its own layer too."""
    net = data.draw(chains(Arithmetic("fixed", bias=False)))
    counts = data.draw(spikes(net.n_inputs))
    rng, p, depth = data.draw(generators()), net.params, len(net.layers)
    loops = [rng.integers(-100, 101, (layer.size, layer.size)) for layer in net.layers]
    n = net.n_neurons
    into, between = np.zeros((n, net.n_inputs), int), np.zeros((n, n), int)
    for index, here in enumerate(net.layer_slices):
        forward = net.synapses[index].weights
        if index == 0:
            into[here] = forward
        else:
            between[here, net.layer_slices[index - 1]] = forward
        between[here, here] = loops[index]
    looped = Network.from_matrix(into, between, p, layer_of=net.layer_of)
    result = simulate(looped, counts, schedule=Layered())
    T = counts.shape[1]
    states = [(np.zeros(layer.size, np.int64),) * 2 for layer in net.layers]
    last = [np.zeros(layer.size, np.int64) for layer in net.layers]
    seen = np.zeros((n, T + depth), int)
    for t in range(T + depth):
        now = []
        for index, here in enumerate(net.layer_slices):
            before = (counts[:, t] if t < T else np.zeros(net.n_inputs, int)) if index == 0 else last[index - 1]
            sent = net.synapses[index].weights.astype(np.int64) @ before + loops[index] @ last[index]
            own = [getattr(p, name)[here] for name in ("du", "dv", "vth", "bias_mant", "bias_exp")]
            states[index], fired = lava_lif(states[index], own, sent << p.weight_exp[here])
            now.append(fired)
            seen[here, t] = fired
        last = now
    for index, here in enumerate(net.layer_slices):
        np.testing.assert_array_equal(result.counts[here], seen[here, index : index + T])
