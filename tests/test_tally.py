"""Sums over samples that run some at a time are the metrics of a run of all, in memory that does not grow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_async import CubaParams, Margin, Network, Random, Timed, metrics, simulate_batch
from lava_async.errors import InvalidValue
from lava_async.spikes import SpikeBatch, SpikeTrain
from lava_async.tally import Tally, in_parts, take
from lava_async.training import evaluate

rng = np.random.default_rng(0)
NETWORK = Network.feedforward(
    [rng.normal(0.2, 0.5, (8, 6)).astype("f4"), rng.normal(0.2, 0.5, (3, 8)).astype("f4")],
    CubaParams(du=1, dv=0.5, vth=0.4),
)
SPIKES = (rng.random((23, 6, 5)) < 0.4).astype(np.uint8)
LABELS = rng.integers(0, 3, 23)
FORMS = {
    "array": lambda x: x,
    "events": SpikeBatch.of,
    "batch": SpikeBatch.of,
    "trains": lambda x: list(map(SpikeTrain.from_dense, x)),
    "tensor": torch.from_numpy,
    "lists": lambda x: x.tolist(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(together=st.integers(1, 11 * 5 * 4 * 25))
@settings(max_examples=15, deadline=None)
def test_parts_do_what_all_samples_do_together(form, together):
    whole = simulate_batch(NETWORK, SPIKES, schedule=Random(2), seed=3)
    parts = list(in_parts(NETWORK, form(SPIKES), together=together, schedule=Random(2), seed=3))
    np.testing.assert_array_equal(np.concatenate([part for part, _ in parts]), np.arange(23))
    np.testing.assert_array_equal(np.concatenate([run.counts for _, run in parts]), whole.counts)


@pytest.mark.parametrize("schedule", [Random(2), Timed(mapping=[0] * 11)], ids=["random", "timed"])
def test_sums_are_the_metrics_to_the_last_bit(schedule):
    run, tally = simulate_batch(NETWORK, SPIKES, schedule=schedule), Tally()
    for part, some in in_parts(NETWORK, SPIKES, together=1000, schedule=schedule):
        tally.add(some, LABELS[part])
    assert tally.accuracy == metrics.accuracy(run.output, LABELS)
    assert tally.spikes_per_sample == metrics.spikes_per_sample(run.counts)
    assert tally.spike_density == metrics.spike_density(run.counts)
    assert tally.steps_to_first_output == metrics.latency(run.first_output)
    assert tally.reactivity == metrics.reactivity(run.synaptic_operations, run.counts)
    if run.step_ps is not None:
        first = metrics.time_to_first_output(run.first_output_ps)
        assert tally.times == {
            "nanoseconds_per_time_step": run.step_ps.mean() / 1000,
            "nanoseconds_to_first_output": first,
        }


def test_no_samples_and_too_few_labels_are_said():
    class Data:
        spikes, labels = SPIKES[:0], LABELS[:0]

    with pytest.raises(InvalidValue, match="number of samples = 0"):
        evaluate(NETWORK, Data, schedule=Random(2))
    Data.spikes = SPIKES
    with pytest.raises(InvalidValue, match="number of labels = 0: must be 23, one per sample"):
        evaluate(NETWORK, Data, schedule=Random(2))


def test_samples_may_be_read_when_they_are_needed():
    class Lazy:
        shape = SPIKES.shape
        largest = 0

        def __len__(self):
            return len(SPIKES)

        def __getitem__(self, chosen):
            Lazy.largest = max(Lazy.largest, len(chosen))
            return SPIKES[chosen]

    parts = [run.counts for _, run in in_parts(NETWORK, Lazy(), together=1000, schedule=Random(2))]
    np.testing.assert_array_equal(np.concatenate(parts), simulate_batch(NETWORK, SPIKES, schedule=Random(2)).counts)
    assert Lazy.largest == 1000 // (11 * 5 * 4)
    np.testing.assert_array_equal(take(SPIKES, np.array([1, 5])), SPIKES[[1, 5]])


PEAK = """
import resource, sys
import numpy as np
from lava_async import CubaParams, Network, Quiescence, Random
from lava_async.experiments.measure import measure
from lava_async.training import evaluate

n = int(sys.argv[1])

class Spikes:  # are made when they are needed: they shall not count
    shape = (n, 50, 50)
    def __len__(self):
        return n
    def __getitem__(self, chosen):
        return np.stack([np.random.default_rng(int(i)).random((50, 50)) < 0.02 for i in chosen])

class Data:
    spikes, labels = Spikes(), np.arange(n) % 10

rng = np.random.default_rng(0)
weights = [rng.normal(0, 0.1, (1000, 50)).astype("f4"), rng.normal(0, 0.1, (10, 1000)).astype("f4")]
net = Network.feedforward(weights, CubaParams(du=1, dv=0.5, vth=0.15))
evaluate(net, Data, schedule=Random(64), threads=1)
measure(net, Data, schedule=Random(64), until=Quiescence())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_ten_times_the_samples_take_the_same_memory():
    few, many = (
        int(subprocess.run([sys.executable, "-c", PEAK, n], capture_output=True, text=True, check=True).stdout)
        for n in ("100", "1000")
    )
    assert many < 1.2 * few


@pytest.mark.parametrize("chosen", [[2, 0], slice(1, None), [True, False, True], []], ids=str)
@pytest.mark.parametrize("record", ["counts", "groups"])
def test_some_samples_of_a_result_are_what_these_samples_did(chosen, record):
    batch = simulate_batch(NETWORK, SPIKES[:3], record=record, until=Margin(1))
    numbers = np.arange(3)[chosen] if chosen != [] else []
    some = batch[chosen]
    assert len(some) == len(numbers)
    for mine, b in enumerate(numbers):
        for name, value in vars(batch[b]).items():
            np.testing.assert_equal(getattr(some[mine], name), value)
