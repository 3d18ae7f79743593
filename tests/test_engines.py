"""Three implementations of one definition: a naive one from the page, the reference, the compiled engine.

Two layers of assurance: `naive` (tests only) against `reference`, then `reference` against `compiled`, over any graph,
both arithmetics, every schedule, stop rule and switch, with delays and with the dropouts of training. No tolerances:
every count, group, current and voltage of every forward step is equal to the last bit.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from compare import differences, execute
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import Naive
from strategies import QUEUES, Run, generators, runs, training_runs

from lava_async import CubaParams, Layer, Layered, LoihiParams, Momentum, Network, Quiescence, Random, simulate
from lava_async.errors import ForwardStepLimit
from lava_async.simulation import Stepper
from lava_async.synapses import Dense

any_run = st.one_of(runs(), training_runs())
every_schedule = pytest.mark.parametrize("member", [*QUEUES, Layered])


def as_int32(x) -> np.ndarray:
    """Return integers of any size as the int32 that users see, and floats as they are."""
    return np.array([(int(i) + 2**31) % 2**32 - 2**31 if isinstance(i, int) else i for i in x])


@every_schedule
@given(data=st.data())
def test_the_reference_does_what_the_definition_says(member, data):
    run = data.draw(st.one_of(runs(members=(member,)), training_runs(members=(member,))))
    result = execute(run, "reference")
    try:
        naive = Naive(run.network, run.spikes, sample=run.sample, **run.rules, **run.dropout)
    except ForwardStepLimit:
        assert result is None
        return
    assert result.counts.tolist() == naive.counts
    assert result.output.tolist() == [naive.counts[i] for i in run.network.outputs]
    for name in ("forward_steps", "first_output"):
        assert getattr(result, name).tolist() == getattr(naive, name), name
    for name in ("synaptic_operations", "neuron_updates", "dropped", "groups"):
        assert getattr(result, name) == getattr(naive, name), name
    assert (result.decided or 0) == naive.decided
    for name in ("current", "voltage"):
        np.testing.assert_array_equal(getattr(result, name), as_int32(getattr(naive, name)))
    for check, (t, k, u, v, fired) in zip(result.trace, naive.trace, strict=True):
        assert (check.t, check.k, check.fired.tolist()) == (t, k, fired)
        np.testing.assert_array_equal(check.current, as_int32(u))
        np.testing.assert_array_equal(check.voltage, as_int32(v))


@every_schedule
@given(data=st.data())
def test_the_compiled_engine_equals_the_reference_in_everything(member, data):
    run = data.draw(st.one_of(runs(members=(member,)), training_runs(members=(member,))))
    assert differences(execute(run, "compiled"), execute(run, "reference")) == []


@given(any_run, st.sampled_from(["counts", "groups"]))
def test_what_is_recorded_changes_nothing_else(run, record):
    for engine in ("compiled", "reference"):
        full, less = execute(run, engine), execute(run, engine, record=record)
        assert differences(full, less, but=("groups", "trace")) == []
        if less is not None:
            assert less.trace is None
            assert less.groups == (None if record == "counts" else full.groups)


@given(runs("float"))
def test_both_engines_take_what_a_state_carried_in_from_another_run(run):
    """A run from any state, not only from rest: the second half of the input after the first."""
    steppers = [Stepper(run.network, **run.rules, engine=engine) for engine in ("compiled", "reference")]
    for frame in run.spikes.T:
        try:
            one, other = (stepper.step(frame) for stepper in steppers)
        except ForwardStepLimit:
            return
        assert differences(one, other) == []


def test_long_runs_and_wide_groups_outgrow_the_first_room_for_records():
    """The compiled engine records into arrays of fixed size and grows them when full."""
    rng = np.random.default_rng(3)
    net = Network.feedforward(
        [rng.normal(0.2, 0.5, (60, 8)), rng.normal(0.2, 0.5, (40, 60))], CubaParams(0.5, 0.1, 0.3)
    )
    spikes = rng.integers(0, 2, (8, 60))
    for schedule in (Random(1), Random(), Layered()):
        run = Run(net, spikes, schedule, Quiescence(), True, True, 1, 2)
        one, other = execute(run, "compiled"), execute(run, "reference")
        assert differences(one, other) == []
    assert len(one.trace) == 120


noisy = partial(Momentum, noise=0.7)


@pytest.mark.parametrize("member", [*QUEUES, noisy])
@given(st.integers(2, 200), st.integers(1, 200), st.sampled_from([1, 4, 1000]), generators())
@settings(max_examples=max(10, settings.default.max_examples // 5))
def test_groups_of_any_size_out_of_queues_of_any_width_are_those_of_a_full_sort(member, width, size, steps, rng):
    """Hundreds wait at once, few or nearly all are picked, many are tied (momentum in `steps` steps)."""
    weights = rng.integers(1, steps + 1, (width, 1)) / steps + 1
    net = Network.feedforward([weights, np.full((2, width), 0.01)], CubaParams(1, 1, 0.3))
    rules = {"schedule": member(max(size, width // 6)), "until": Quiescence(), "refractory": True, "input_first": True}
    result = simulate(net, [[1]], record="groups", seed=3, **rules)
    assert result.groups == Naive(net, [[1]], seed=3, **rules).groups


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_delays_beside_immediate_synapses_of_the_same_pair_add_in_the_order_of_the_network(engine):
    """Float sums depend on their order: within a source, synapses count in the order of `Network.synapses`."""
    w = np.random.default_rng(2).normal(0.4, 1, (3, 3)) * [[1], [1], [1e6]]
    net = Network(
        (3,),
        (Layer((3,)),),
        (Dense(-1, 0, w, 1), Dense(-1, 0, -w / 3), Dense(0, 0, w / 7, [2, 0, 1])),
        CubaParams(0.1, 0.1, 0.5),
        [0],
    )
    spikes = np.ones((3, 5), int)
    for schedule in (Layered(), Random(2)):
        result = simulate(net, spikes, schedule=schedule, engine=engine)
        naive = Naive(net, spikes, schedule=schedule, until=Quiescence(), refractory=True, input_first=True)
        assert result.voltage.tolist() == [float(x) for x in naive.voltage]


@pytest.mark.parametrize("integers", [False, True])
def test_input_spikes_of_minus_one_take_away(integers):
    network = Network.feedforward(
        [[[3, -2]]], LoihiParams(du=2047, dv=2048, vth=1) if integers else CubaParams(0.5, 0.5, 1)
    )
    spikes = [[1, 0, -1, -1], [-1, -1, 0, 1]]
    compiled, reference = (simulate(network, spikes, engine=engine) for engine in ("compiled", "reference"))
    assert compiled.counts.tolist() == reference.counts.tolist() == [[1, 1, 0, 0]]
