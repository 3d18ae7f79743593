"""What must hold for every network, schedule, stop rule and input, whatever the numbers are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from compare import differences, execute, same
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Run, batches, generators, runs

from lava_async import (
    CubaParams,
    FirstOutput,
    Layer,
    Layered,
    Margin,
    MaxForwardSteps,
    Network,
    Quiescence,
    Random,
    Replay,
    simulate,
    simulate_batch,
)
from lava_async.errors import ForwardStepLimit
from lava_async.simulation import Stepper
from lava_async.spikes import SpikeTrain
from lava_async.synapses import INPUT, Dense

BOTH = st.sampled_from(["compiled", "compiled", "reference"])
at_rest = st.just(Quiescence())


# ------------------------------------------------------------------------------------------------- replay


@given(runs(layered=False), BOTH, BOTH, st.booleans())
def test_replay_reproduces_any_run_of_any_schedule_on_either_engine(run, recorder, player, rule_is_known):
    """A time step ends where its record ends, so what ended it need not be known; what ends a whole sample must be."""
    first = execute(run, recorder)
    assume(first is not None)
    rules = {} if rule_is_known or isinstance(run.until, Margin) else {"until": Quiescence()}
    assert differences(execute(run, player, schedule=Replay(first.groups), **rules), first) == []


@given(runs("float", layered=False, refractory=True, until=at_rest))
def test_groups_survive_json(run):
    groups = execute(run, record="groups").groups
    assert json.loads(json.dumps(groups)) == groups


# --------------------------------------------------------------------------------------- batch and thread


@given(batches(), st.integers(1, 4), st.sampled_from(["counts", "groups"]))
def test_a_batch_gives_what_its_samples_give_alone_on_any_number_of_threads(drawn, threads, record):
    run, inputs, numbers, _ = drawn
    batch = simulate_batch(run.network, inputs, samples=numbers, threads=threads, record=record, **run.rules)
    assert len(batch) == len(inputs)
    for b, one in enumerate(inputs):
        alone = simulate(run.network, one, sample=int(numbers[b]), record=record, **run.rules)
        assert differences(batch[b], alone) == []


@given(batches())
def test_the_order_of_a_batch_changes_nothing(drawn):
    run, inputs, numbers, order = drawn
    straight = simulate_batch(run.network, inputs, samples=numbers, **run.rules)
    mixed = simulate_batch(run.network, inputs[order], samples=numbers[order], threads=2, **run.rules)
    for place, b in enumerate(order):
        assert differences(mixed[place], straight[int(b)]) == []


@given(batches())
def test_a_batch_may_come_as_array_or_as_trains_and_from_either_engine(drawn):
    run, inputs, numbers, _ = drawn
    forms = [inputs, [SpikeTrain.from_dense(one) for one in inputs], inputs.astype(np.float32)]
    first, *others = [simulate_batch(run.network, form, samples=numbers, **run.rules) for form in forms]
    others.append(simulate_batch(run.network, inputs, samples=numbers, engine="reference", **run.rules))
    for other in others:
        for b in range(len(inputs)):
            assert differences(first[b], other[b]) == []


def test_samples_are_numbered_from_zero_unless_said_otherwise():
    net = Network.feedforward([np.ones((6, 2)), np.eye(6)], CubaParams(1, 1, 0.5))
    inputs = np.ones((3, 2, 2), int)
    batch = simulate_batch(net, inputs, schedule=Random(1), record="groups")
    assert batch.groups == [
        simulate(net, x, schedule=Random(1), sample=b, record="groups").groups for b, x in enumerate(inputs)
    ]
    assert batch.groups[0] != batch.groups[1]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("record", ["counts", "groups", "trace"])
def test_a_batch_of_no_samples_is_a_batch(engine, record):
    net = Network.feedforward([np.ones((2, 3))], CubaParams(1, 1, 0.5))
    batch = simulate_batch(net, np.zeros((0, 3, 4), int), engine=engine, record=record)
    assert len(batch) == 0
    assert batch.counts.shape == (0, 2, 4)
    assert batch.current.shape == (0, 2)


@given(runs(min_steps=0), BOTH)
def test_an_input_of_no_time_steps_leaves_everything_at_zero(run, engine):
    result = execute(run, engine, spikes=run.spikes[:, :0])
    assert result.counts.shape == (run.network.n_neurons, 0)
    assert not result.current.any()
    assert not result.voltage.any()
    assert (result.synaptic_operations, result.neuron_updates, result.dropped) == (0, 0, 0)
    assert result.groups == result.trace == []


# -------------------------------------------------------------------------------------------- time and order


@given(runs(), BOTH)
def test_step_by_step_is_all_at_once(run, engine):
    """A `Stepper` carries currents, voltages, delayed spikes and layered feedback over, and numbers its time steps."""
    whole = execute(run, engine)
    assume(whole is not None)
    stepper = Stepper(run.network, **run.rules, engine=engine, record="trace")
    for turn in (1, 2):
        stepper.reset(run.sample)
        steps = [stepper.step(frame) for frame in run.spikes.T]
        for name in ("counts", "output", "forward_steps", "first_output"):
            joined = np.concatenate([getattr(step, name) for step in steps], axis=-1)
            assert same(joined, getattr(whole, name)), (turn, name)
        for name in ("synaptic_operations", "neuron_updates", "dropped"):
            assert sum(getattr(step, name) for step in steps) == getattr(whole, name), (turn, name)
        for name in ("groups", "trace"):
            assert same([x for step in steps for x in getattr(step, name)], getattr(whole, name)), (turn, name)
        assert same(steps[-1].current, whole.current)
        assert same(steps[-1].voltage, whole.voltage)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("schedule", [Layered(), Random(1)])
def test_a_stepper_keeps_what_is_still_under_way(engine, schedule):
    """Input delayed by two time steps, a spike delayed by three, and, with layers, feedback without delay."""
    parts = (Dense(INPUT, 0, [[1]], 2), Dense(0, 1, [[1]], 3), Dense(1, 0, [[1]]))
    net = Network((1,), (Layer((1,)), Layer((1,))), parts, CubaParams(1, 1, 0.5), [1])
    spikes = np.eye(1, 12, dtype=int)
    whole = simulate(net, spikes, schedule=schedule, engine=engine)
    stepper = Stepper(net, schedule=schedule, engine=engine)
    steps = [stepper.step(frame).counts for frame in spikes.T]
    np.testing.assert_array_equal(np.concatenate(steps, axis=1), whole.counts)
    first = [2, 6, 10] if schedule == Layered() else [2, 5, 8, 11]
    assert np.flatnonzero(whole.counts[0]).tolist() == first


@given(runs(min_steps=2), st.data())
def test_what_comes_later_changes_nothing_before(run, data):
    t = data.draw(st.integers(1, run.spikes.shape[1] - 1))
    other = run.spikes.copy()
    other[:, t:] = data.draw(generators()).integers(0, 4, other[:, t:].shape)
    one, two = execute(run), execute(run, spikes=other)
    assume(one is not None and two is not None)
    for name in ("counts", "output", "forward_steps", "first_output"):
        assert same(getattr(one, name)[..., :t], getattr(two, name)[..., :t]), name
    for name in ("groups", "trace"):
        before = [[x for x in getattr(r, name) if (x[0] if isinstance(x, list) else x.t) < t] for r in (one, two)]
        assert same(*before), name


@given(runs(), BOTH)
def test_the_first_output_is_the_first_check_in_which_an_output_fired(run, engine):
    result = execute(run, engine)
    assume(result is not None)
    first = np.zeros_like(result.first_output)
    for check in reversed(result.trace):
        if np.isin(check.fired, run.network.outputs).any():
            first[check.t] = check.k + 1
    np.testing.assert_array_equal(result.first_output, first)
    np.testing.assert_array_equal(result.output, result.counts[run.network.outputs])


@given(runs(), BOTH)
def test_the_trace_tells_every_spike_and_ends_in_the_final_state(run, engine):
    result = execute(run, engine)
    assume(result is not None)
    counts = np.zeros_like(result.counts)
    for check in result.trace:
        counts[check.fired, check.t] += 1
        assert (np.diff(check.fired) > 0).all()
        assert not check.voltage[check.fired].any(), "a neuron that emitted is reset"
    np.testing.assert_array_equal(counts, result.counts)
    assert same(result.trace[-1].current, result.current)
    assert same(result.trace[-1].voltage, result.voltage)
    steps = [(t, k) for t, n in enumerate(result.forward_steps) for k in range(n)]
    assert [(check.t, check.k) for check in result.trace] == steps


# --------------------------------------------------------------------------------------------------- groups


@given(runs(layered=False), BOTH)
def test_a_group_is_ascending_within_the_group_size_and_one_per_forward_step(run, engine):
    result = execute(run, engine)
    assume(result is not None)
    size = run.schedule.group_size
    for _, _, group in result.groups:
        assert len(group) >= 1
        assert size is None or len(group) <= size
        assert (np.diff(group) > 0).all()
    steps = [(t, k) for t, k, _ in result.groups]
    assert steps == [(t, k) for t, n in enumerate(result.forward_steps) for k in range(n - 1)]


@given(runs(layered=False), BOTH)
def test_every_spike_that_queues_is_delivered_or_dropped(run, engine):
    """Conservation, kept by an accountant who knows the trace and the groups only."""
    result = execute(run, engine)
    assume(result is not None)
    net, groups = run.network, {(t, k): group for t, k, group in result.groups}
    queues = np.concatenate([[fan_queues(net, j) for j in range(-net.n_inputs, net.n_neurons)]]).astype(bool)
    dropped = 0
    for t in range(run.spikes.shape[1]):
        waiting = np.zeros(net.n_inputs + net.n_neurons, int)
        if not run.input_first:
            waiting[: net.n_inputs] = run.spikes[:, t] * queues[: net.n_inputs]
        for check in (c for c in result.trace if c.t == t):
            waiting[net.n_inputs + check.fired] += queues[net.n_inputs + check.fired]
            group = np.array(groups.get((t, check.k), []), int) + net.n_inputs
            assert (waiting[group] > 0).all(), "only what waits can be delivered"
            waiting[group] = 0
        dropped += waiting.sum()
    assert dropped == result.dropped


def fan_queues(network: Network, source: int) -> bool:
    """Section 3.6: a source waits in the queue unless all its synapses have delays."""
    delay = network.fan_out(source).delay
    return len(delay) == 0 or bool((delay == 0).any())


@given(runs(until=at_rest, refractory=True), BOTH)
def test_quiescence_leaves_nothing(run, engine):
    assert execute(run, engine).dropped == 0


@given(runs(refractory=True), BOTH)
def test_a_refractory_neuron_emits_at_most_once_per_time_step(run, engine):
    result = execute(run, engine)
    assume(result is not None)
    assert result.counts.max(initial=0) <= 1


@given(runs(refractory=True, layered=False), BOTH)
def test_a_refractory_neuron_keeps_its_voltage_at_zero_until_the_next_time_step(run, engine):
    result = execute(run, engine)
    assume(result is not None)
    for t in range(run.spikes.shape[1]):
        silent = np.zeros(run.network.n_neurons, bool)
        for check in (c for c in result.trace if c.t == t):
            silent[check.fired] = True
            assert not check.voltage[silent].any()


@given(runs("float", layered=False, until=at_rest, refractory=True), BOTH)
def test_synaptic_operations_are_the_synapses_of_what_was_delivered(run, engine):
    """Counted here from spikes alone; with refractoriness each neuron is delivered once per spike."""
    result = execute(run, engine)
    expected = 0
    for j in range(-run.network.n_inputs, run.network.n_neurons):
        spiked = (run.spikes[j] if j < 0 else result.counts[j]) > 0
        for delay in run.network.fan_out(j).delay:
            expected += int(spiked[: len(spiked) - delay].sum())
    assert result.synaptic_operations == expected


# ----------------------------------------------------------------------------------------------- stop rules


@given(runs(until=at_rest, refractory=True, layered=False), st.integers(0, 4), BOTH)
def test_a_stop_rule_only_cuts_the_time_step_short(run, number, engine):
    """In the first time step everything up to the cut is as without it; the rest of what was emitted is dropped."""
    free = execute(run, engine, spikes=run.spikes[:, :1])
    whole, answered = free.forward_steps[0], free.first_output[0]
    for until, steps in (
        (FirstOutput(number), min(whole, answered + number) if answered else whole),
        (MaxForwardSteps(number + 1, truncate=True), min(whole, number + 1)),
    ):
        cut = execute(run, engine, spikes=run.spikes[:, :1], until=until)
        assert cut.forward_steps[0] == steps
        assert same(cut.trace, free.trace[:steps])
        assert cut.groups == free.groups[: steps - 1]
        assert (cut.dropped > 0) == (steps < whole)


@given(runs(until=at_rest, refractory=True), st.integers(1, 12), BOTH)
def test_the_limit_is_an_error_exactly_when_it_would_cut(run, limit, engine):
    cut = execute(run, engine, until=MaxForwardSteps(limit, truncate=True))
    strict = execute(run, engine, until=MaxForwardSteps(limit))
    free = execute(run, engine)
    assert cut.forward_steps.max() <= limit or run.schedule == Layered()
    assert (strict is None) == (cut.dropped > 0)
    if strict is not None:
        assert differences(strict, free) == []


@given(runs(refractory=True), st.integers(0, 3))
def test_layer_synchronization_ignores_stop_rules_and_the_place_of_the_input(run, extra):
    free = execute(run, schedule=Layered(), until=Quiescence(), input_first=True)
    for until in (FirstOutput(extra), MaxForwardSteps(1)):
        assert differences(execute(run, schedule=Layered(), until=until, input_first=False), free) == []


def test_a_network_that_never_comes_to_rest_is_an_error_and_does_not_hang():
    pair = Network.from_matrix([[1], [0]], [[0, 1], [1, 0]], CubaParams(1, 1, 0.5), layer_of=[0, 1])
    with pytest.raises(ForwardStepLimit, match="time step 0 of sample 7 did not end in 1000000 forward steps"):
        simulate(pair, [[1]], schedule=Random(1), refractory=False, sample=7)
    with pytest.raises(ForwardStepLimit, match="time step 1 of sample 3 did not end in 50 forward steps"):
        simulate_batch(
            pair, [[[0, 0]], [[0, 1]]], samples=[9, 3], schedule=Random(1), refractory=False, until=MaxForwardSteps(50)
        )
    with pytest.raises(ForwardStepLimit, match="time step 0 of sample 7 did not end in 50 forward steps"):
        simulate(
            pair, [[1]], schedule=Random(1), refractory=False, sample=7, engine="reference", until=MaxForwardSteps(50)
        )


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_time_step_that_failed_leaves_a_stepper_as_it_was(engine):
    pair = Network.from_matrix([[1], [0]], [[0, 1], [1, 0]], CubaParams(0.5, 0.5, 0.5), layer_of=[0, 1])
    rules = {"schedule": Random(1), "refractory": False, "until": MaxForwardSteps(50), "engine": engine}
    stepper, other = Stepper(pair, **rules), Stepper(pair, **rules)
    for s in (stepper, other):
        s.step([0])
    with pytest.raises(ForwardStepLimit):
        stepper.step([1])
    assert differences(stepper.step([0]), other.step([0])) == []


# ------------------------------------------------------------------------------------ dropouts of training


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("schedule", [Layered(), Random()])
@pytest.mark.parametrize("input_first", [True, False])
def test_input_dropout_loses_channels_for_whole_time_steps(engine, schedule, input_first):
    """At rate q a share q of the (channel, time step) pairs is lost; their delayed spikes with them."""
    net = Network.feedforward([np.eye(100)], CubaParams(1, 1, 0.5))
    run = Run(net, np.ones((100, 20), int), schedule, Quiescence(), True, input_first, 4, 0)
    for q in (0.0, 0.25, 1.0):
        heard = execute(Run(**{**vars(run), "dropout": {"input_dropout": q}}), engine).counts
        assert abs(heard.mean() - (1 - q)) <= 4 * np.sqrt(q * (1 - q) / heard.size)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_refractory_dropout_lets_neurons_fire_again(engine):
    """A neuron that excites itself fires 1 / (1 - q) times on average; q = 0 is refractoriness, q = 1 none at all."""
    net = Network.from_matrix(np.eye(100), np.eye(100), CubaParams(1, 1, 0.5), layer_of=np.zeros(100, int))
    run = Run(net, np.ones((100, 6), int), Random(), MaxForwardSteps(40, truncate=True), True, True, 4, 0)
    means = [
        execute(Run(**{**vars(run), "dropout": {"refractory_dropout": q}}), engine).counts.mean()
        for q in (0.0, 0.5, 1.0)
    ]
    assert means[0] == 1
    assert abs(means[1] - 2) < 4 * np.sqrt(2 / 600), "the variance of the count is q / (1 - q)^2 = 2"
    assert means[2] == 40


@given(runs(refractory=False, layered=False))
def test_a_refractory_dropout_of_one_is_no_refractoriness(run):
    dropped = Run(**{**vars(run), "refractory": True, "dropout": {"refractory_dropout": 1.0}})
    assert differences(execute(dropped), execute(run)) == []
