"""Fixed-point runs of 32 bits: the same spikes and states as of 64, and only where no sum can leave them."""

from __future__ import annotations

import numpy as np
import pytest

from lava_async import Execution, LoihiParams, Network, Random, Shallow, simulate
from lava_async.engine import Setup, compiled
from lava_async.simulation import Stepper
from lava_async.spikes import SpikeBatch, SpikeTrain

NETWORK = Network.feedforward([[[255, -256, 3]] * 4, [[255] * 4]], LoihiParams(100, 1000, 5000))
WIDEST = 2**24 // (4 * 255 << 6)
"""The largest payload after which each current is in its range again; the second layer has the larger weights."""


def dtype_of_run(spikes, **options):
    """Return the type of the states of a run from rest."""
    batch = SpikeBatch.of_one(SpikeTrain.from_dense(spikes))
    dropout = {"refractory_dropout": options.pop("refractory_dropout", 0.0)}
    setup = Setup(NETWORK, Execution(Random(group_size=1), **options), **dropout)
    call = compiled.Call(setup, batch, np.zeros(1, np.int64), 1)
    call.run()
    return call.u.dtype


@pytest.mark.parametrize("options", [{}, {"refractory": False}, {"refractory_dropout": 0.5}], ids=str)
def test_what_does_not_leave_32_bits_runs_in_32_bits(options):
    assert dtype_of_run([[1], [0], [WIDEST]], **options) == np.int32


def test_a_payload_that_could_leave_32_bits_runs_in_64_bits():
    assert dtype_of_run([[1], [0], [WIDEST + 1]]) == np.int64


def test_spikes_that_add_up_beyond_32_bits_while_they_wait_are_run_again_in_64_bits():
    """40 neurons are delivered before the one that each of them excites: its spikes wait, and arrive together."""
    params = [LoihiParams(4095, 4096, 5), LoihiParams(4095, 4096, 5), LoihiParams(4095, 4096, 5, weight_exp=9)]
    net = Network.feedforward([[[10]] * 40, [[10] * 40], [[255]]], params)
    setup = Setup(net, Execution(Shallow(1), refractory=False))
    call = compiled.Call(setup, SpikeBatch.of_one(SpikeTrain.from_dense([[1]])), np.zeros(1, np.int64), 1)
    assert net.params.dtype is np.int64
    assert call.compiled.fits_narrow(1)
    call.run()
    assert call.u.dtype == np.int64
    reference = simulate(net, [[1]], schedule=Shallow(1), refractory=False, engine="reference")
    np.testing.assert_array_equal(call.result()[0].counts, reference.counts)
    np.testing.assert_array_equal(call.result()[0].current, reference.current)


def test_a_large_bias_needs_64_bits():
    network = Network.feedforward([[[1]]], LoihiParams(0, 0, 100, bias_mant=2**30 + 1))
    assert not compiled.compiled(network).fits_narrow(1, np.zeros((2, 1), np.int64))


def test_a_state_out_of_range_needs_64_bits():
    u, v = np.zeros((2, 4), np.int64)
    net = compiled.compiled(NETWORK)
    assert net.fits_narrow(1, u, v)
    u[2] = 2**23 + 1
    assert not net.fits_narrow(1, u, v)


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
