"""What a run would cost: counts times prices, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lava_async import CubaParams, Layered, Network, Random, simulate
from lava_async.engine import BatchResult
from lava_async.errors import InvalidValue
from lava_async.hardware import PRESETS, cost, operations_per_core, place
from lava_async.hardware.cost import EVENTS, TIME_STEPS
from lava_async.hardware.targets import LOIHI1, Limit

NETWORK = Network.feedforward([np.full((6, 4), 0.5), np.full((3, 6), 0.4)], CubaParams(1, 1, 0.9))
SPIKES = np.random.default_rng(1).integers(0, 2, (4, 7))
SMALL = replace(LOIHI1, neurons=Limit(2, "test"))


def run(order, network=NETWORK, spikes=SPIKES, **options):
    return simulate(network, spikes, schedule=order, engine="reference", **options)


def entries(found):
    return {entry.name: entry.count for entry in found.entries}


def test_an_asynchronous_run_pays_for_events_and_for_every_neuron_in_every_time_step():
    result = run(Random(2))
    found = cost(NETWORK, result, layered=False)
    assert entries(found) == {
        "synaptic operations": result.synaptic_operations,
        "spikes emitted": result.counts.sum(),
        "neuron updates by events": result.neuron_updates,
        "neuron updates per time step": 9 * 7,
        "barriers": 7,
    }
    assert found.energy(TIME_STEPS) == pytest.approx(9 * 7 * 52e-12)
    events = result.synaptic_operations * 23.6e-12 + result.neuron_updates * 81e-12
    assert found.energy(EVENTS) == pytest.approx(events)
    assert found.energy() == pytest.approx(found.energy(EVENTS) + found.energy(TIME_STEPS))


def test_a_layered_run_updates_every_neuron_once_per_time_step():
    result = run(Layered())
    found = cost(NETWORK, result, layered=True)
    fired = int(result.counts.sum())
    assert entries(found) | {"neuron updates that fire": fired, "neuron updates, others": 63 - fired} == entries(found)
    assert found.energy(TIME_STEPS) == pytest.approx(fired * 81e-12 + (63 - fired) * 52e-12)


def test_a_result_that_is_not_layered_is_not_priced_as_such():
    with pytest.raises(InvalidValue, match=r"hardware\.cost layered = True: must be False"):
        cost(NETWORK, run(Random(2)), layered=True)


@pytest.mark.parametrize("preset", PRESETS)
def test_cost_is_linear_in_the_counters(preset):
    result = run(Random(2))
    twice = BatchResult.stack([result, result])
    mapping = place(NETWORK, SMALL)
    one, two = (cost(NETWORK, each, preset, layered=False, mapping=mapping) for each in (result, twice))
    assert {name: 2 * count for name, count in entries(one).items()} == entries(two)
    for group in (None, EVENTS, TIME_STEPS):
        assert two.energy(group) == pytest.approx(2 * one.energy(group))
        assert two.serial_time(group) == pytest.approx(2 * one.serial_time(group))
    assert one.rows() == two.rows()  # which are per sample


def test_barriers_end_time_steps_or_forward_steps_or_nothing():
    result = run(Random(2))
    counts = {
        kind: entries(cost(NETWORK, result, layered=False, barriers=kind))["barriers"]
        for kind in ("time step", "forward step", "none")
    }
    assert counts == {"time step": 7, "forward step": result.forward_steps.sum(), "none": 0}
    with pytest.raises(InvalidValue, match="one of time step, forward step, none"):
        cost(NETWORK, result, layered=False, barriers="often")


def test_a_barrier_takes_the_published_times_and_what_lies_between():
    davies = PRESETS["davies2018"]
    assert [davies.barrier_time(n) for n in (1, 32)] == pytest.approx([113e-9, 465e-9])
    assert davies.barrier_time(16) == pytest.approx(113e-9 + 15 / 31 * 352e-9)
    assert davies.barrier_time(64) == davies.barrier_time(32)
    assert [PRESETS["sanafe"].barrier_time(n) for n in (1, 2, 3, 29)] == pytest.approx([0.6e-6, 1e-6, 1.2e-6, 1.8e-6])


@settings(max_examples=25, deadline=None)
@given(strategies.networks("float", delays=False), st.integers(1, 3), st.data())
def test_the_operations_of_the_cores_are_those_of_the_network(network, neurons, data):
    assume(not any(s.max_delay for s in network.synapses))  # what is under way at the end was not walked
    spikes = data.draw(strategies.spikes(network.n_inputs, max_steps=3))
    mapping = place(network, replace(LOIHI1, neurons=Limit(neurons, "test")))
    result = run(Random(2), network, spikes)
    assert operations_per_core(mapping, result.counts, spikes).sum() == result.synaptic_operations


def test_messages_are_spikes_times_the_cores_that_they_go_to():
    mapping = place(NETWORK, replace(LOIHI1, neurons=Limit(1, "test")))
    result = run(Random(2))
    found = entries(cost(NETWORK, result, layered=False, mapping=mapping))
    hidden = result.counts[:6].sum(axis=1)
    hops = [sum(mapping.hops(core, target).east_west for target in (6, 7, 8)) for core in range(6)]
    assert found["messages sent"] == 3 * hidden.sum()
    assert found["hops east-west"] == hidden @ hops
    assert found["messages within a tile"] == hidden[4:].sum() * 2


def test_what_nobody_published_is_said_and_not_counted():
    found = cost(NETWORK, run(Random(2)), "davies2018", layered=False, mapping=place(NETWORK, SMALL))
    assert set(found.not_published) == {"spikes emitted", "messages sent", "messages received", "barriers"}
    assert any("not published" in row for row in found.rows())


def test_a_result_of_another_network_is_refused():
    other = Network.feedforward([[[1.0]]], CubaParams(1, 1, 1))
    with pytest.raises(InvalidValue, match="number of neurons = 9: must be 1"):
        cost(other, run(Random(2)), layered=False)


def test_a_preset_that_does_not_exist_is_refused_with_the_reason():
    with pytest.raises(InvalidValue, match="'loihi2': must be one of davies2018, sanafe; for Loihi 2 nothing"):
        cost(NETWORK, run(Random(2)), "loihi2", layered=False)
