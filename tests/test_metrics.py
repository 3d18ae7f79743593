"""Metrics: pure functions, held against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lava_async import CubaParams, Fifo, LoihiParams, Network, metrics, simulate, simulate_batch
from lava_async.errors import InvalidValue

OUTPUT = np.array([[[0, 1], [2, 0]], [[1, 1], [1, 1]], [[0, 0], [0, 0]], [[3, 0], [0, 2]]])
"""(B, n_out, T): sums 1/2, 2/2, 0/0, 3/2."""


def test_a_prediction_is_the_most_active_output_over_all_time_steps_and_the_lower_class_of_ties():
    assert metrics.predictions(OUTPUT).tolist() == [1, 0, 0, 0]
    assert metrics.predictions(OUTPUT).dtype == np.int64


def test_accuracy_is_the_share_of_right_predictions():
    assert metrics.accuracy(OUTPUT, [1, 0, 1, 1]) == 0.5


def test_spikes_per_sample_and_density_differ_by_neurons_times_steps():
    counts = np.arange(24).reshape(2, 3, 4)
    assert metrics.spikes_per_sample(counts) == 276 / 2
    assert metrics.spike_density(counts) == 276 / 24


def test_latency_counts_only_time_steps_with_an_output():
    assert metrics.latency([[3, 0, 4], [0, 0, 5]]) == 4
    assert math.isnan(metrics.latency(np.zeros((2, 3), int)))


def test_reactivity_is_synaptic_events_per_spike():
    assert metrics.reactivity([10, 20], np.ones((2, 3, 1), int)) == 5
    assert math.isnan(metrics.reactivity([10], np.zeros((1, 3, 1), int)))


def test_metrics_take_what_simulate_batch_returns():
    net = Network.feedforward([[[1.0], [0.2]], [[1.0, 1.0]]], CubaParams(du=1, dv=1, vth=0.5))
    result = simulate_batch(net, np.array([[[1, 0]], [[0, 0]]]), schedule=Fifo(1))
    assert metrics.spikes_per_sample(result.counts) == 1.0
    assert metrics.latency(result.first_output) == 2
    assert metrics.reactivity(result.synaptic_operations, result.counts) == 3 / 2
    assert metrics.accuracy(result.output, [0, 0]) == 1


@pytest.mark.parametrize(
    "call", [lambda: metrics.predictions(np.zeros((2, 3))), lambda: metrics.spike_density(np.zeros((0, 2, 2)))]
)
def test_shapes_are_checked(call):
    with pytest.raises(InvalidValue, match=r"must be \(B, N, T\)"):
        call()


def test_labels_must_match():
    with pytest.raises(InvalidValue, match=r"labels.shape = \(3,\): must be \(4,\)"):
        metrics.accuracy(OUTPUT, [0, 1, 0])


def test_an_output_whose_threshold_no_voltage_exceeds_is_silent():
    """Each receives as much as it can hold, and more."""
    vth = [2**17, 2**17 - 1, 1]
    network = Network.feedforward([np.full((3, 100), 254)], LoihiParams(du=4095, dv=0, vth=vth))
    assert metrics.silent_outputs(network).tolist() == [0]
    fired = simulate(network, np.ones((100, 20), np.uint8)).output.any(axis=1)
    assert fired.tolist() == [False, True, True]
    assert not len(metrics.silent_outputs(Network.feedforward([[[1.0]]], CubaParams(1, 1, 1e38))))
