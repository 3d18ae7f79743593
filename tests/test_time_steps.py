"""What AsyncNetwork runs: time step by time step on kept arrays, the spikes and states of `simulate`."""

from __future__ import annotations

import numpy as np
import pytest
from compare import complains

from lava_async import Execution, Layered, LoihiParams, Network, Random, Timed, simulate
from lava_async.proc.stepper import TimeSteps
from lava_async.simulation import Stepper

WEIGHTS = np.random.default_rng(0).integers(-100, 200, (6, 4)), np.random.default_rng(1).integers(-50, 200, (2, 6))
NETWORK = Network.feedforward(WEIGHTS, LoihiParams(1000, 500, 120))
FRAMES = np.array([[1, 2**24 - 1, 0, 1], [0, 0, 1, 1], [1, 1, 3, 0], [2, 0, 1, 1]])
"""With a payload that leaves 32 bits."""


@pytest.mark.parametrize("schedule", [Layered(), Random(group_size=2), Timed()], ids=lambda s: s.name)
def test_time_steps_are_those_of_one_run_sample_after_sample(schedule):
    steps = TimeSteps(NETWORK, Execution(schedule, seed=3))
    for sample in (0, 5):
        steps.stepper.reset(sample)
        whole = simulate(NETWORK, FRAMES.T, schedule=schedule, seed=3, sample=sample)
        for t, frame in enumerate(FRAMES):
            np.testing.assert_array_equal(steps.step(frame), whole.output[:, t])
            np.testing.assert_array_equal(steps.stepper.counts, whole.counts[:, t])
            assert steps.stepper.totals()[0] == whole.forward_steps[t]
        np.testing.assert_array_equal(steps.stepper.state.v.astype(np.int32), whole.voltage)


@pytest.mark.parametrize("schedule", [Layered(), Random(group_size=2), Timed()], ids=lambda s: s.name)
def test_a_stepper_tells_of_its_last_time_step_what_its_result_tells(schedule):
    stepper = Stepper(NETWORK, schedule=schedule)
    complains(stepper.result, "Stepper: time steps so far = 0: must be at least 1: call step or advance first")
    for frame in FRAMES:
        stepper.advance(frame)
        result = stepper.result()
        np.testing.assert_array_equal(stepper.counts, result.counts[:, 0])
        totals = result.forward_steps[0], result.synaptic_operations, result.neuron_updates, result.dropped
        assert stepper.totals() == totals
