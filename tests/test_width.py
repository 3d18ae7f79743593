"""Fixed-point runs of 32 bits: the same spikes and states as of 64, and only where no sum can leave them."""

from __future__ import annotations

import numpy as np
import pytest

from lava_async import Execution, LoihiParams, Network, Random, Shallow, simulate
from lava_async.engine import Setup, State, compiled, compiled_network, reference
from lava_async.simulation import Stepper
from lava_async.spikes import SpikeTrain

NETWORK = Network.feedforward([[[255, -256, 3]] * 4, [[255] * 4]], LoihiParams(100, 1000, 5000))
RANDOM = Random(group_size=1)
WIDEST = 2**24 // (4 * 255 << 6)
"""The largest payload after which each current is in its range again; the second layer has the larger weights."""


def width_of_run(spikes, *, network=NETWORK, schedule=RANDOM, state=None, refractory_dropout=0.0, **options):
    """Return how many bits the numbers of a run have: 64 where 32 would not do."""
    net = compiled_network.CompiledNetwork(network)
    vars(network)["_compiled"] = net
    setup = Setup(network, Execution(schedule, **options), refractory_dropout=refractory_dropout)
    compiled.run(setup, SpikeTrain.from_dense(spikes), 0, state)
    return 64 if "wide" in vars(net) else 32


@pytest.mark.parametrize("options", [{}, {"refractory": False}, {"refractory_dropout": 0.5}], ids=str)
def test_what_does_not_leave_32_bits_runs_in_32_bits(options):
    assert width_of_run([[1], [0], [WIDEST]], **options) == 32


def test_a_payload_that_could_leave_32_bits_runs_in_64_bits():
    assert width_of_run([[1], [0], [WIDEST + 1]]) == 64


def test_spikes_that_add_up_beyond_32_bits_while_they_wait_are_run_again_in_64_bits():
    """40 neurons are delivered before the one that each of them excites: its spikes wait, and arrive together."""
    params = [LoihiParams(4095, 4096, 5), LoihiParams(4095, 4096, 5), LoihiParams(4095, 4096, 5, weight_exp=9)]
    net = Network.feedforward([[[10]] * 40, [[10] * 40], [[255]]], params)
    assert width_of_run([[1]], network=net, schedule=Shallow(1), refractory=False) == 64
    assert compiled_network.compiled(net).narrow.largest_payload >= 1  # It was not the input.
    runs = [simulate(net, [[1]], schedule=Shallow(1), refractory=False, engine=e) for e in ("compiled", "reference")]
    np.testing.assert_array_equal(runs[0].counts, runs[1].counts)
    np.testing.assert_array_equal(runs[0].current, runs[1].current)


def test_a_large_bias_needs_64_bits():
    network = Network.feedforward([[[1]]], LoihiParams(0, 0, 100, bias_mant=2**30 + 1))
    assert width_of_run([[0]], network=network) == 64


@pytest.mark.parametrize(("name", "value", "width"), [("u", 2**23, 32), ("u", 2**23 + 1, 64), ("v", -(2**40), 64)])
def test_a_state_out_of_range_needs_64_bits(name, value, width):
    states = [State.zeros(NETWORK), State.zeros(NETWORK)]
    for state in states:
        getattr(state, name)[2] = value
    assert width_of_run([[0], [1], [0]], state=states[0]) == width
    reference.run(Setup(NETWORK, Execution(RANDOM)), SpikeTrain.from_dense([[0], [1], [0]]), 0, states[1])
    np.testing.assert_array_equal(states[0].u, states[1].u)
    np.testing.assert_array_equal(states[0].v, states[1].v)


@pytest.mark.parametrize("payload", [1, WIDEST, WIDEST + 1, 2**24 - 1])
def test_both_widths_are_the_reference(payload):
    spikes = np.array([[1, payload, 0], [payload, 0, 1], [payload, payload, payload]])
    runs = [simulate(NETWORK, spikes, schedule=Random(group_size=1), engine=e) for e in ("compiled", "reference")]
    for name in ("counts", "current", "voltage"):
        np.testing.assert_array_equal(*(getattr(run, name) for run in runs))


def test_a_stepper_changes_its_width_between_time_steps():
    spikes = np.array([[1, 2**24 - 1, 1], [0, 1, 1], [1, 2**20, 0]])
    stepper = Stepper(NETWORK, schedule=Random(group_size=1))
    steps = [stepper.step(frame) for frame in spikes.T]
    whole = simulate(NETWORK, spikes, schedule=Random(group_size=1))
    np.testing.assert_array_equal(np.concatenate([step.counts for step in steps], axis=1), whole.counts)
    np.testing.assert_array_equal(steps[-1].voltage, whole.voltage)
