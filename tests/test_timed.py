"""Timed execution: section 7 of the definition three times over, and the laws that follow from it."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from compare import differences, execute
from hypothesis import assume, given
from hypothesis import strategies as st
from naive_timed import NaiveTimed
from strategies import generators, runs, timed_runs, times
from timed_cases import ENGINES, chain_by_hand, replace_messages

from lava_async import (
    CubaParams,
    Fifo,
    FirstOutput,
    Layer,
    LoihiParams,
    Margin,
    MaxForwardSteps,
    Network,
    Quiescence,
    Timed,
    hardware,
    simulate,
    simulate_batch,
)
from lava_async.errors import ForwardStepLimit
from lava_async.hardware.machine import machine_of
from lava_async.hardware.mapping import tile_axes
from lava_async.hardware.targets import LOIHI1
from lava_async.schedules.timed import Times
from lava_async.simulation import Stepper
from lava_async.synapses import Conv, Dense, Sparse

NS = 1000
"""Picoseconds."""
any_timed = st.one_of(timed_runs(), timed_runs(dropout=True))
quiet = timed_runs(refractory=True, until=st.just(Quiescence()))


def place_of(core: int) -> tuple[int, int, int]:
    """Return column, row and tile of a core of Loihi 1: tiles of four cores, in rows of eight to and fro, four rows."""
    tile = core // 4
    chip, on_chip = divmod(tile, 32)
    row, column = divmod(on_chip, 8)
    return chip * 8 + (7 - column if row % 2 else column), row, tile


# --------------------------------------------------------------------------------------------------- the definition


@given(any_timed)
def test_the_reference_does_what_the_definition_says(run):
    result = execute(run, "reference")
    core_of = run.schedule.mapping or hardware.place(run.network, "loihi1").core_of
    preset = run.schedule.preset._asdict()
    try:
        naive = NaiveTimed(
            run.network,
            run.spikes,
            core_of=core_of,
            times=preset,
            place_of=place_of,
            sample=run.sample,
            **run.rules,
            **run.dropout,
        )
    except ForwardStepLimit:
        assert result is None
        return
    assert result.counts.tolist() == naive.counts
    for name in ("forward_steps", "first_output", "step_ps", "first_output_ps"):
        assert getattr(result, name).tolist() == getattr(naive, name), name
    for name in ("synaptic_operations", "neuron_updates", "dropped", "groups", "messages"):
        assert getattr(result, name) == getattr(naive, name), name
    if isinstance(run.until, Margin):
        assert (result.decided, result.decided_ps) == (naive.decided, naive.decided_ps)
    assert result.voltage.tolist() == [float(x) for x in naive.voltage]
    assert [(c.t, c.k, c.fired.tolist()) for c in result.trace] == [(t, k, fired) for t, k, _, _, fired in naive.trace]


@given(any_timed)
def test_the_compiled_engine_equals_the_reference_in_everything(run):
    assert differences(execute(run, "compiled"), execute(run, "reference")) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_the_example_of_the_definition_computed_by_hand(engine):
    network, order = chain_by_hand()
    result = simulate(network, [[1, 0]], schedule=order, record="groups", engine=engine)
    first, second = (85_000 + 5_100 + 4_100, 120_100 + 5_100 + 4_100)
    assert result.messages == [[0, 1, 0, 4, first, first], [0, 2, 1, 4, second, second]]
    assert result.groups == [[0, 0, [0]], [0, 1, [1]]]
    assert result.counts.tolist() == [[1, 0], [1, 0], [1, 0]]
    assert result.first_output_ps.tolist() == [188_800, -1]
    assert result.step_ps.tolist() == [1_188_800, 2 * 6_000 + 1_000_000]
    assert (result.forward_steps.tolist(), result.first_output.tolist()) == ([3, 1], [3, 0])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_emerges_from_the_mapping(engine):
    """Two neurons fire at once and tell a third +1 and -1: whose core is nearer decides whether it fires."""
    network = Network(
        (1,), (Layer((2,)), Layer((1,))), (Dense(-1, 0, [[1], [1]]), Dense(0, 1, [[1, -1]])), CubaParams(1, 1, 0.5), [2]
    )
    for mapping, fires in (([4, 8, 0], 1), ([8, 4, 0], 0)):
        result = simulate(network, [[1]], schedule=Timed(mapping=mapping), engine=engine)
        assert result.output.tolist() == [[fires]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_neuron_that_fires_twice_sends_two_messages(engine):
    """Without refractoriness, emissions never merge: a target that one spike leaves silent is checked after each."""
    network = Network(
        (1,),
        (Layer((1,)), Layer((1,)), Layer((1,))),
        (Dense(-1, 0, [[1]]), Dense(-1, 1, [[1]]), Dense(1, 0, [[1]]), Dense(0, 2, [[0.4]])),
        CubaParams(1, 1, [0.5, 0.5, 0.5]),
        [2],
    )
    result = simulate(
        network, [[1]], schedule=Timed(mapping=[0, 1, 2]), refractory=False, record="groups", engine=engine
    )
    assert [(source, core) for _, _, source, core, *_ in result.messages] == [(1, 0), (0, 2), (0, 2)]
    assert result.counts[:, 0].tolist() == [2, 1, 1]
    assert result.neuron_updates == 2 + 3


# --------------------------------------------------------------------------------------------------------------- laws


@given(any_timed, st.sampled_from(ENGINES), st.sampled_from(ENGINES))
def test_replay_reproduces_a_run_with_its_times(run, recorder, player):
    result = execute(run, recorder)
    assume(result is not None)
    order = replace_messages(run.schedule, json.loads(json.dumps(result.messages)))
    assert differences(result, execute(run, player, schedule=order)) == []


@given(timed_runs(refractory=True, until=st.just(Quiescence())), times())
def test_a_recorded_order_may_be_replayed_at_other_speeds(run, others):
    """Spikes depend on the order alone; the times follow."""
    result = execute(run)
    order = Timed(preset=others, mapping=run.schedule.mapping, messages=result.messages)
    one, other = (execute(run, engine, schedule=order) for engine in ENGINES)
    assert differences(one, other) == []
    assert differences(one, result, but=("step_ps", "first_output_ps", "messages")) == []


@given(any_timed)
def test_forward_steps_ascend_in_time_and_nothing_is_processed_before_it_was_sent(run):
    result = execute(run)
    assume(result is not None)
    fired, start = {}, {}
    for check in result.trace:
        for i in check.fired.tolist():
            fired.setdefault((check.t, i), []).append(check.k)
    for t, k, source, _core, arrival, began in result.messages:
        assert began >= arrival >= 0
        assert began >= start.get((t, k - 1), 0)
        start[t, k] = began
        if source >= 0:
            earlier = fired[t, source][0]
            assert earlier < k
            assert arrival >= start.get((t, earlier), 0)


@given(quiet)
def test_at_quiescence_every_emission_was_delivered_once_to_each_core_that_it_reaches(run):
    result, network = execute(run), run.network
    machine = machine_of(run.schedule, network)
    delivered = {}
    for t, _, source, core, *_ in result.messages:
        delivered[t, source, core] = delivered.get((t, source, core), 0) + 1
    expected, operations = {}, 0
    for j in range(-network.n_inputs, network.n_neurons):
        fan = network.fan_out(j)
        emitted = np.minimum(run.spikes[j], 1) if j < 0 else result.counts[j]
        for delay in fan.delay:
            operations += (emitted[: max(len(emitted) - delay, 0)] > 0).sum()
        for t in np.flatnonzero(emitted) if j >= 0 or not run.input_first else ():
            for core in machine.cores[np.unique(machine.core_of[fan.target[fan.delay == 0]])]:
                expected[t, j, core] = emitted[t]
    assert delivered == expected
    assert (result.synaptic_operations, result.dropped) == (operations, 0)


@given(quiet)
def test_in_one_core_it_is_fifo_with_a_group_size_of_one(run):
    """Outputs without synapses wait in the queue of `fifo` and take a forward step each that touches nothing."""
    network = run.network
    spikes = Timed(preset=times_that_pass(run.schedule.preset), mapping=[0] * network.n_neurons)
    one, other = execute(run, schedule=spikes), execute(run, schedule=Fifo(1))
    silent = [j for j in range(-network.n_inputs, network.n_neurons) if not len(network.fan_out(j).target)]
    same_but = ("forward_steps", "first_output", "groups", "trace", "step_ps", "first_output_ps", "messages")
    assert differences(one, other, but=same_but if silent else same_but[3:]) == []
    assert one.groups == without(other.groups, silent)


def times_that_pass(preset: Times) -> Times:
    """Return times in which a message takes some: at no cost at all, everything happens at once."""
    return preset._replace(synaptic_operation=preset.synaptic_operation + 1)


def without(groups, silent):
    """Leave groups of silent sources out and number the others on."""
    kept, k = [], {}
    for t, _, group in groups:
        if group[0] not in silent:
            kept.append([t, k.setdefault(t, 0), group])
            k[t] += 1
    return kept


@given(generators(), st.lists(st.integers(1, 5), min_size=3, max_size=5), times(), st.integers(0, 50_000))
def test_longer_ways_never_let_a_chain_on_separate_cores_answer_earlier(rng, sizes, preset, more):
    """Each core hears from one core only, in the order of emission: the same spikes, later."""
    weights = [rng.normal(0.4, 0.6, (post, pre)) for pre, post in pairwise(sizes)]
    network = Network.feedforward(weights, CubaParams(1, 0.5, 0.3))
    core_of = 4 * network.layer_of
    spikes = (rng.random((sizes[0], 4)) < 0.7).astype(int)
    slow = preset._replace(east_west=preset.east_west + more)
    near, far = (simulate(network, spikes, schedule=Timed(preset=p, mapping=core_of)) for p in (preset, slow))
    assert np.array_equal(near.counts, far.counts)
    assert (near.step_ps <= far.step_ps).all()
    assert (near.first_output_ps <= far.first_output_ps).all()


@given(st.data(), st.sampled_from([1, 2, 3]))
def test_a_batch_gives_what_its_samples_give_alone_on_any_number_of_threads(data, threads):
    run = data.draw(timed_runs("float", refractory=True))
    batch = np.stack([run.spikes, run.spikes[:, ::-1], 0 * run.spikes])
    for record in ("counts", "groups"):
        try:
            together = simulate_batch(run.network, batch, threads=threads, record=record, **run.rules)
        except ForwardStepLimit:
            return
        for b, spikes in enumerate(batch):
            alone = simulate(run.network, spikes, sample=b, record=record, **run.rules)
            assert differences(together[b], alone) == []


@given(timed_runs("fixed"), st.sampled_from(ENGINES))
def test_step_by_step_is_all_at_once(run, engine):
    whole = execute(run, engine, record="groups")
    assume(whole is not None)
    stepper = Stepper(run.network, engine=engine, record="groups", **run.rules)
    stepper.reset(run.sample)
    steps = [stepper.step(frame) for frame in run.spikes.T]
    for name in ("counts", "forward_steps", "first_output", "step_ps", "first_output_ps"):
        assert np.array_equal(np.concatenate([getattr(s, name) for s in steps], axis=-1), getattr(whole, name)), name
    assert [message for step in steps for message in step.messages] == whole.messages
    counting = Stepper(run.network, engine=engine, **run.rules)
    counting.reset(run.sample)
    assert [counting.step(frame).step_ps[0] for frame in run.spikes.T] == whole.step_ps.tolist()


@given(timed_runs(until=st.just(Quiescence()), refractory=True), st.integers(0, 4))
def test_a_stop_rule_only_cuts_the_time_step_short(run, extra):
    """In the first time step; what follows starts from another state."""
    full, cut = execute(run, spikes=run.spikes[:, :1]), execute(run, spikes=run.spikes[:, :1], until=FirstOutput(extra))
    n = cut.forward_steps[0]
    first = full.first_output[0]
    assert n == (min(first + extra, full.forward_steps[0]) if first else full.forward_steps[0])
    assert cut.messages == full.messages[: n - 1]
    assert cut.first_output_ps.tolist() == full.first_output_ps.tolist()
    assert cut.step_ps[0] <= full.step_ps[0]
    assert (cut.dropped > 0) == (n < full.forward_steps[0])


@given(runs("float", refractory=True, until=st.just(Quiescence())))
def test_what_is_recorded_changes_nothing_else(run):
    order = Timed(mapping=[i % 5 for i in range(run.network.n_neurons)])
    for engine in ENGINES:
        full, less = (execute(run, engine, schedule=order, record=record) for record in ("trace", "counts"))
        assert differences(full, less, but=("groups", "trace", "messages")) == []
        assert (less.groups, less.trace, less.messages) == (None, None, None)


# ---------------------------------------------------------------------------------------------------------- networks


def test_layers_that_are_split_run_as_layers_that_are_whole():
    """A convolution, rows and lists of three layers, each of them in many cores; both arithmetics."""
    rng = np.random.default_rng(1)
    first = Conv(-1, 0, rng.normal(0.3, 0.5, (4, 2, 3, 3)), (2, 6, 6), padding=1)
    onward = Dense(0, 1, rng.normal(0.1, 0.4, (12, first.n_target)))
    last = Sparse.from_matrix(1, 2, rng.normal(0.4, 0.4, (5, 12)) * (rng.random((5, 12)) < 0.7))
    back = Dense(1, 0, rng.normal(0, 0.2, (first.n_target, 12)), delay=2)
    n = first.n_target + 17
    spikes = rng.integers(0, 2, (72, 4))
    layers = (Layer(first.output_shape), Layer((12,)), Layer((5,)))
    for scale, params in ((1, CubaParams(0.5, 0.2, 0.9)), (60, LoihiParams(2047, 400, 54))):
        parts = [
            p.map_weights(lambda _, w, s=scale: np.rint(w * s).astype(int) if s > 1 else w)
            for p in (first, onward, last, back)
        ]
        network = Network(first.input_shape, layers, tuple(parts), params, np.arange(n - 5, n))
        for core_of in (rng.integers(0, 9, n), np.sort(rng.integers(0, 9, n))):
            for input_first in (True, False):
                one, other = (
                    simulate(
                        network,
                        spikes,
                        schedule=Timed(mapping=core_of),
                        record="trace",
                        engine=engine,
                        input_first=input_first,
                    )
                    for engine in ENGINES
                )
                assert differences(one, other) == []
                assert one.output.any()


def test_a_network_of_thousands_of_neurons_sends_its_messages_in_no_time():
    """Some hundred thousand messages: a cost quadratic in them would take minutes."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(0.05, 0.3, (2000, 200)), rng.normal(0.02, 0.1, (2000, 2000)), rng.normal(0, 0.1, (10, 2000))]
    network = Network.feedforward(weights, CubaParams(1, 1, 0.5))
    order = Timed(mapping=np.arange(4010) % 100)
    result = simulate(network, rng.integers(0, 2, (200, 2)), schedule=order)
    assert result.forward_steps.sum() > 100_000
    assert result.dropped == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_many_spikes_of_one_neuron_outgrow_the_first_room_for_messages(engine):
    """Two neurons excite each other without refractoriness until the limit; each reaches two cores."""
    network = Network.from_matrix(
        [[1], [0], [0]], [[0, 1, 0], [1, 0, 0], [1, 1, 0]], CubaParams(1, 1, 0.5), layer_of=[0, 0, 1]
    )
    result = simulate(
        network,
        [[0, 1, 1]],
        schedule=Timed(mapping=[0, 1, 2]),
        refractory=False,
        until=MaxForwardSteps(60, truncate=True),
        engine=engine,
        record="groups",
    )
    assert result.forward_steps.tolist() == [1, 60, 60]
    assert result.counts[2].sum() > 20


def test_the_default_mapping_is_that_of_place():
    network = Network.feedforward([np.ones((2000, 3)), np.ones((4, 2000))], CubaParams(1, 1, 0.5))
    machine = machine_of(Timed(), network)
    mapping = hardware.place(network, "loihi1")
    assert np.array_equal(machine.cores[machine.core_of], mapping.core_of)
    assert Timed(mapping=mapping).mapping == tuple(mapping.core_of.tolist())
    hops = mapping.hops(0, machine.cores[-1])
    assert (hops.east_west, hops.north_south) == (0, 0) or machine.way[0, -1] > 0
    assert machine_of(Timed(), network) is machine


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_mesh_is_that_of_the_mapping(a, b):
    column, row, tile = tile_axes(LOIHI1, np.array([a, b]))
    assert [place_of(a), place_of(b)] == list(zip(column.tolist(), row.tolist(), tile.tolist(), strict=True))
