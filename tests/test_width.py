"""Fixed-point runs of 32 bits: the same spikes and states as of 64, and only where no sum can leave them."""

from __future__ import annotations

import numpy as np
import pytest

from lava_async import LoihiParams, Network, Random, simulate
from lava_async.engine import Setup, State, compiled
from lava_async.engine.width import Widths
from lava_async.simulation import Stepper
from lava_async.spikes import SpikeBatch, SpikeTrain

NETWORK = Network.feedforward([[[255, -256, 3]] * 4, [[255] * 4]], LoihiParams(100, 1000, 5000))
WIDEST = 2**24 // (4 * 255 << 6)
"""The largest payload after which each current is in its range again; the second layer has the larger weights."""


def job(spikes, **options):
    setup = Setup(NETWORK, Random(group_size=1), **options)
    batch = SpikeBatch.of_one(SpikeTrain.from_dense(spikes))
    return compiled.Job(setup, batch, np.zeros(1, np.int64), State.zeros(NETWORK))


def test_what_cannot_leave_32_bits_runs_in_32_bits():
    assert job([[1], [0], [WIDEST]]).u.dtype == np.int32


@pytest.mark.parametrize(
    ("payload", "options"),
    [(WIDEST + 1, {}), (1, {"refractory": False}), (1, {"refractory_dropout": 0.5})],
    ids=["large payload", "spikes that add up while they wait", "the same by dropout"],
)
def test_what_could_leave_32_bits_runs_in_64_bits(payload, options):
    assert job([[1], [0], [payload]], **options).u.dtype == np.int64


def test_a_large_bias_needs_64_bits():
    params = LoihiParams(0, 0, 100, bias_mant=2**30 + 1)
    widths = Widths(*compiled.plan_of(Network.feedforward([[[1]]], params)).wide)
    assert widths.of(1, *np.zeros((2, 1), np.int64)) is widths.wide


def test_a_state_out_of_range_needs_64_bits():
    u, v = np.zeros((2, 4), np.int64)
    widths = compiled.plan_of(NETWORK)
    assert widths.of(1, u, v) is widths.narrow
    u[2] = 2**23 + 1
    assert widths.of(1, u, v) is widths.wide


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
