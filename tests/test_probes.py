"""Probes: what they show is what a run did, at every time step and forward step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cutting_rules, runs

from lava_async import AlifParams, CubaParams, Layered, LoihiParams, Network, Random, models, probe, simulate
from lava_async.errors import InvalidType, InvalidValue

RANDOM = Random(group_size=2)


def network(params=CubaParams(du=0.6, dv=0.2, vth=[0.5, 0.7, 0.6, 0.9])):  # noqa: B008
    return Network.feedforward([[[1, 0.4], [0.3, 0.8], [0.5, 0.5]], [[0.6, 0.5, 0.4]]], params)


SPIKES = (np.random.default_rng(0).random((2, 6)) < 0.5).astype(np.int32)


@settings(max_examples=30, deadline=None)
@given(run=runs(until=cutting_rules), data=st.data())
def test_a_probe_shows_what_the_run_did(run, data):
    n, how = run.network.n_neurons, {**run.rules, "sample": run.sample}
    chosen = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=5))
    expected = simulate(run.network, run.spikes, record="trace", engine="reference", **how)
    fine = probe(run.network, run.spikes, chosen, forward_steps=True, **how)
    assert fine.time_step.tolist() == [check.t for check in expected.trace]
    assert fine.forward_step.tolist() == [check.k for check in expected.trace]
    for name, values in fine.state.items():
        np.testing.assert_array_equal(values.T, [check.state[name][chosen] for check in expected.trace])
    np.testing.assert_array_equal(fine.spikes.T, [np.isin(chosen, check.fired) for check in expected.trace])
    coarse = probe(run.network, run.spikes, chosen, **how)
    np.testing.assert_array_equal(coarse.spikes, expected.counts[chosen])
    last = [np.flatnonzero(fine.time_step == t)[-1] for t in range(len(expected.forward_steps))]
    np.testing.assert_array_equal(coarse.forward_step, fine.forward_step[last])
    for name in ("current", "voltage", "threshold"):
        np.testing.assert_array_equal(getattr(coarse, name), getattr(fine, name)[:, last])


def test_the_threshold_is_that_which_adapts():
    """Of a network of two models: one layer's threshold rises with its spikes, the other's stays."""
    alif = AlifParams(du=1, dv=0, dth=0.5, drho=1, vth=1, theta_step=4)
    net = Network.feedforward([[[3.0]], [[0.4]]], [alif, CubaParams(du=1, dv=0, vth=0.75)])
    seen = probe(net, [[1, 0, 0]], engine="reference")
    np.testing.assert_array_equal(seen.threshold[0], seen.state["theta"][0])
    assert seen.threshold[0].tolist() == [5.0, 7.0, 4.0], "a step of 4 with each spike, half way back to 1 in between"
    assert seen.spikes[0].tolist() == [1, 1, 0]
    np.testing.assert_array_equal(seen.threshold[1], np.float32([0.75] * 3))


@pytest.mark.parametrize("params", [CubaParams(0.5, 0.1, 0.5), LoihiParams(du=2047, dv=100, vth=50)])
def test_a_neuron_emits_when_its_voltage_passes_its_threshold(params):
    """With decays and no reset yet: the voltage before the first spike stays below, whatever the units."""
    weights = [[[20]]] if params.tag == "fixed_pt" else [[[0.2]]]
    seen = probe(Network.feedforward(weights, params), np.ones((1, 8), int))
    first = int(np.argmax(seen.spikes[0] > 0))
    assert seen.spikes[0, first] == 1
    assert (seen.voltage[0, :first] <= seen.threshold[0, :first]).all()
    assert seen.voltage[0, first] == 0, "reset"
    assert seen.threshold.dtype == seen.voltage.dtype


def test_neurons_are_chosen_by_number_by_layer_or_not_at_all():
    net = network()
    everyone = probe(net, SPIKES, schedule=RANDOM)
    assert everyone.voltage.shape == (4, 6)
    np.testing.assert_array_equal(everyone.threshold[:, 0], np.float32([0.5, 0.7, 0.6, 0.9]))
    by_name = probe(net, SPIKES, "dense 1", schedule=RANDOM)
    assert by_name.neurons.tolist() == [3]
    np.testing.assert_array_equal(by_name.voltage, everyone.voltage[3:])
    backwards = probe(net, SPIKES, [2, 0], schedule=RANDOM)
    np.testing.assert_array_equal(backwards.voltage, everyone.voltage[[2, 0]])
    named = models.load("digits_robust")
    assert probe(named, np.zeros((200, 1), int), named.layers[1].name).voltage.shape == (64, 1)


def test_the_layered_schedule_has_a_column_per_layer():
    fine = probe(network(), SPIKES, forward_steps=True, schedule=Layered())
    assert fine.forward_step.tolist() == [0, 1] * 6


def test_a_sample_without_time_steps_has_no_columns():
    for forward_steps in (False, True):
        seen = probe(network(), np.zeros((2, 0), int), forward_steps=forward_steps)
        assert {array.shape for array in (seen.current, seen.voltage, seen.threshold, seen.spikes)} == {(4, 0)}


@pytest.mark.parametrize(
    ("neurons", "error"),
    [
        ([4], r"probe: neurons.* = 4: must be .*0 \.\. 3"),
        ("dense 3", r"probe: neurons = 'dense 3': must be numbers .*: dense 0, dense 1; did you mean"),
        ([0.5], "probe: neurons"),
        ([[0]], r"probe: neurons\.shape = \(1, 1\): must be \(n,\)"),
    ],
)
def test_neurons_that_there_are_not_are_named(neurons, error):
    with pytest.raises((InvalidValue, InvalidType), match=error):
        probe(network(), SPIKES, neurons)
