"""What each schedule picks, in sentences; and what all of them have in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import naive
import numpy as np
import pytest
from compare import complains, differences, execute
from hypothesis import given
from hypothesis import strategies as st
from strategies import QUEUES, Run, generators, runs, seeds

from lava_async import (
    CubaParams,
    Deep,
    Fifo,
    Layer,
    Layered,
    Lifo,
    MaxForwardSteps,
    Momentum,
    Network,
    Quiescence,
    Random,
    Replay,
    Shallow,
    draws,
    schedule,
    simulate,
    simulate_batch,
)
from lava_async.errors import InvalidType
from lava_async.schedules import SCHEDULES, Order, Pending, Schedule, Term
from lava_async.synapses import Dense


@dataclass
class Waiting:
    """Neurons that wait, as a table: columns (index, momentum, emitted, layer)."""

    rows: list
    seed: int = 0
    sample: int = 0
    t: int = 0
    k: int = 0

    def picked(self, schedule: Schedule) -> list[int]:
        index, momentum, emitted, layer = (np.array(column) for column in zip(*self.rows, strict=True))
        pending = Pending(
            index,
            momentum.astype(float),
            emitted,
            layer,
            self.t,
            self.k,
            lambda stream: draws.key(self.seed, stream, self.sample, self.t, self.k, index),
        )
        return index[schedule.pick(pending)].tolist()


queue = Waiting([(-2, np.inf, -1, -1), (0, 3.0, 2, 0), (1, 5.0, 1, 0), (4, 5.0, 3, 1), (6, 0.5, 1, 2)])
"""An input channel and neurons of three layers; two have the same momentum, two the same age."""


def test_momentum_picks_the_highest_voltage_first_and_input_before_all():
    assert queue.picked(Momentum()) == [-2, 1, 4, 0, 6]


def test_fifo_picks_the_oldest_and_lifo_the_newest_first():
    assert queue.picked(Fifo()) == [-2, 1, 6, 0, 4]
    assert queue.picked(Lifo()) == [4, 0, 1, 6, -2]


def test_shallow_and_deep_pick_by_layer_then_the_oldest():
    assert queue.picked(Shallow()) == [-2, 1, 0, 4, 6]
    assert queue.picked(Deep()) == [6, 4, 1, 0, -2]


def test_random_picks_by_ascending_key_of_seed_sample_time_step_forward_step_and_index():
    for words in ({}, {"seed": 9}, {"sample": 4}, {"t": 2}, {"k": 7}):
        table = Waiting(queue.rows, **words)
        keys = {i: naive.key(table.seed, 0, table.sample, table.t, table.k, i) for i, *_ in table.rows}
        assert table.picked(Random()) == sorted(keys, key=keys.get)


@pytest.mark.parametrize("member", [Momentum, Fifo, Lifo, Shallow, Deep])
def test_ties_go_to_the_lower_index(member):
    assert Waiting([(i, 1.0, 3, 1) for i in (2, 5, 7, 11)]).picked(member(3)) == [2, 5, 7]


@given(st.data(), st.sampled_from(QUEUES), st.one_of(st.none(), st.integers(1, 9)))
def test_a_pick_is_the_beginning_of_the_ranking_of_the_definition(data, member, size):
    """Any number of neurons, many alike."""
    rng, n = data.draw(generators()), data.draw(st.integers(1, 12))
    index = np.sort(rng.permutation(30)[:n] - 3)
    rows = [(int(i), float(rng.integers(1, 4)), int(rng.integers(0, 3)), int(rng.integers(0, 3))) for i in index]
    table = Waiting(rows, seed=data.draw(seeds), k=3)
    rule = member(size)
    draw = {i: lambda stream, i=i: naive.key(table.seed, stream, 0, 0, 3, i) for i in index.tolist()}
    waiting = [naive.Pending(i, m, emitted, layer, draw[i]) for i, m, emitted, layer in rows]
    ranked = sorted(waiting, key=lambda x: naive.RANKS[rule.name](rule, x))
    assert table.picked(rule) == [x.j for x in ranked[:size]]


def test_momentum_with_noise_is_momentum_for_little_and_random_for_much():
    untied = Waiting([row for row in queue.rows if row[0] != 4])
    assert untied.picked(Momentum(noise=1e-6)) == untied.picked(Momentum()) == [-2, 1, 0, 6]
    orders = {tuple(Waiting(queue.rows[1:], seed=s).picked(Momentum(noise=1e6))) for s in range(400)}
    assert len(orders) == 24


@pytest.mark.parametrize("noise", [1.0, 4.0])
def test_noise_moves_the_momentum_by_at_most_its_amplitude_uniformly(noise):
    """Of two neurons one volt apart, the lower one comes first with probability (1 - 1 / noise)^2 / 2."""
    firsts = [Waiting([(0, 1.0, 0, 0), (1, 2.0, 0, 0)], seed=s).picked(Momentum(1, noise)) for s in range(4000)]
    expected = (1 - 1 / noise) ** 2 / 2
    assert abs(np.mean(np.array(firsts) == 0) - expected) <= 4 * np.sqrt(expected * (1 - expected) / 4000)


# ----------------------------------------------------------------------------------------- the random order


def excited(n: int, *, children: bool = False) -> Network:
    """n neurons that all fire at once; with children, each excites one neuron of its own."""
    weights = [np.ones((n, 1)), np.eye(n)] if children else [np.ones((n, 1))]
    return Network.feedforward(weights, CubaParams(1, 1, 0.5))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_every_order_of_delivery_is_equally_likely(engine):
    """All 24 orders of 4 neurons over many samples; 0.999 quantile of chi-square with 23 degrees of freedom: 49.7."""
    n = 2400 if engine == "compiled" else 480
    batch = simulate_batch(excited(4), np.ones((n, 1, 1), int), schedule=Random(1), record="groups", engine=engine)
    orders = [tuple(group[0] for _, _, group in groups) for groups in batch.groups]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    assert ((counts - n / 24) ** 2 / (n / 24)).sum() < 49.7


@pytest.mark.parametrize("order", [Random(1), Momentum(1, noise=1e6)])
@pytest.mark.parametrize(("engine", "n"), [("compiled", 4000), ("reference", 400)])
def test_a_newcomer_and_one_that_was_passed_over_are_equally_likely(order, engine, n):
    """Keys are drawn again at each forward step; with one key per spike the newcomer would win 2 times of 3."""
    net = excited(2, children=True)
    batch = simulate_batch(net, np.ones((n, 1, 1), int), schedule=order, record="groups", engine=engine)
    newcomers = [groups[1][2][0] >= 2 for groups in batch.groups]
    assert abs(np.mean(newcomers) - 0.5) < 4 * 0.5 / np.sqrt(n)


def test_the_random_order_depends_on_seed_and_sample_and_on_nothing_else():
    net, spikes = excited(6), np.ones((1, 3), int)

    def order(**key):
        return simulate(net, spikes, schedule=Random(2), record="groups", **key).groups

    assert order(seed=1, sample=2) == order(seed=1, sample=2)
    assert len({str(order(seed=s, sample=b)) for s in range(4) for b in range(4)}) == 16
    by_time_step = [[group for t, _, group in order() if t == step] for step in range(3)]
    assert by_time_step[0] != by_time_step[1] != by_time_step[2]


# -------------------------------------------------------------------------------------------------- replay


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize(
    ("groups", "where", "neuron"),
    [
        ([(0, 0, [0, 1]), (0, 1, [1])], "t=0, k=1", 1),
        ([(0, 0, [-1])], "t=0, k=0", -1),
        ([(0, 0, [0, 7])], "t=0, k=0", 7),
        ([(0, 0, [-9])], "t=0, k=0", -9),
        ([(0, 0, [0, 1, 2]), (1, 0, [3])], "t=1, k=0", 3),
    ],
)
def test_replaying_what_is_not_pending_is_an_error_that_names_it(engine, groups, where, neuron):
    complains(
        lambda: simulate(excited(3), [[1, 1]], schedule=Replay(groups), engine=engine),
        f"Replay.groups[{where}] = {neuron}: must be a neuron that is pending in this forward step",
    )


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_groups_of_forward_steps_that_never_come_are_left_over(engine):
    result = simulate(excited(3), [[1]], schedule=Replay([(0, 0, [0, 1, 2]), (0, 1, [2]), (5, 0, [1])]), engine=engine)
    assert result.forward_steps.tolist() == [2]


@given(runs(layered=False, refractory=True, until=st.just(Quiescence())), st.data())
def test_any_order_that_delivers_what_waits_may_be_replayed(run, data):
    """A recorded run cut into single deliveries runs as well, and both engines agree on it."""
    groups = execute(run, record="groups").groups
    first = [g for g in groups if g[0] == 0 and g[1] == 0]
    alone = [(0, k, [i]) for k, i in enumerate(first[0][2])] if first else []
    rules = {"schedule": Replay(alone), "until": MaxForwardSteps(data.draw(st.integers(1, 6)), truncate=True)}
    assert differences(execute(run, "compiled", **rules), execute(run, "reference", **rules)) == []


def test_a_replay_may_be_written_by_hand_in_any_order():
    assert Replay([(0, 1, [3, 2]), (0, 0, (1,))]) == Replay([[0, 0, [1]], [0, 1, [2, 3]]])
    assert Replay([(np.int64(0), 1, np.array([3, 2]))]).groups == ((0, 1, (2, 3)),)


# ------------------------------------------------------------------------------------- the registry and plain data


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_plain_data_and_back(name):
    for options in ({}, {"group_size": 3}, {"group_size": None}, {"group_size": np.int16(3)}):
        if name == "replay":
            options = {"groups": [[0, 1, [2, 3]], [1, 0, [-1]]]}
        elif "group_size" not in SCHEDULES[name].options() and options.get("group_size") is not None:
            continue
        rule = schedule(name, **options)
        assert rule.name == name
        assert schedule(**json.loads(json.dumps(rule.config()))) == rule
        assert hash(rule) == hash(schedule(**rule.config()))
    assert type(schedule("momentum", group_size=2, noise=np.float32(2)).noise) is float


@pytest.mark.parametrize("member", QUEUES)
def test_the_group_size_is_the_number_delivered_while_enough_wait(member):
    result = simulate(excited(10), [[1]], schedule=member(3), record="groups")
    assert [len(group) for _, _, group in result.groups] == [3, 3, 3, 1]
    everything = simulate(excited(10), [[1]], schedule=member(), record="groups")
    assert everything.groups == [[0, 0, list(range(10))]]


@pytest.mark.parametrize("member", QUEUES)
@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_input_that_queues_is_ranked_with_its_payload(member, engine):
    """`input_first=False`: input is older than every network spike, comes first for momentum, has layer -1."""
    net = Network(
        (2,), (Layer((2,)),), (Dense(-1, 0, np.eye(2)), Dense(0, 0, [[0, 0], [1, 0]])), CubaParams(1, 1, [0.5, 9]), [1]
    )
    result = simulate(net, [[3], [2]], schedule=member(1), input_first=False, record="groups", engine=engine)
    order = [group[0] for _, _, group in result.groups]
    if member in (Momentum, Fifo, Shallow):
        assert order == [-2, -1, 0]
    if member in (Lifo, Deep):
        assert order == [-2, 0, -1]
    assert sorted(order) == [-2, -1, 0]
    assert result.current.tolist() == [3, 3], "a payload of 3 counts thrice, one of 2 twice, a spike once"
    assert result.forward_steps.tolist() == [4]


@dataclass(frozen=True)
class MiddleFirst(Schedule):
    """A schedule of one's own that no `Order` describes: the median of those that wait."""

    name: ClassVar[str] = "middle"

    def pick(self, pending: Pending) -> np.ndarray:
        return np.array([len(pending.source) // 2])


@dataclass(frozen=True)
class OldLast(Schedule):
    """A schedule of one's own in one line: newest layer first, then at random."""

    name: ClassVar[str] = "old last"
    order: ClassVar[Order] = Order(-Term.LAYER, Term.DRAW)


def test_a_schedule_of_ones_own_runs_on_the_reference_and_with_an_order_on_both():
    result = simulate(excited(5), [[1]], schedule=MiddleFirst(), record="groups", engine="reference")
    assert [group for _, _, group in result.groups] == [[2], [3], [1], [4], [0]]
    with pytest.raises(InvalidType, match="schedule = 'MiddleFirst': must be ranked by an Order; engine='reference'"):
        simulate(excited(5), [[1]], schedule=MiddleFirst())
    run = Run(excited(5, children=True), np.ones((1, 3), int), OldLast(2), Quiescence(), True, True, 5, 6)
    assert differences(execute(run, "compiled"), execute(run, "reference")) == []
    with pytest.raises(NotImplementedError, match="Nothing needs an order or its own pick"):
        simulate(excited(5), [[1]], schedule=Nothing(), engine="reference")


@dataclass(frozen=True)
class Nothing(Schedule):
    """A schedule that says nothing."""

    name: ClassVar[str] = "nothing"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Random(0), "Random.group_size = 0: must be >= 1"),
        (lambda: Fifo(-3), "Fifo.group_size = -3: must be >= 1"),
        (lambda: Deep(2.0), "Deep.group_size = 2.0: must be an integer >= 1"),
        (lambda: Lifo(True), "Lifo.group_size = True: must be an integer >= 1"),
        (lambda: Shallow(2**40), "Shallow.group_size = 1099511627776: must be <= 2147483647"),
        (lambda: Momentum(1, -1), "Momentum.noise = -1: must be one number >= 0"),
        (lambda: Momentum(1, np.nan), "Momentum.noise = nan: must be finite"),
        (lambda: Momentum(1, "a"), "Momentum.noise = 'a': must be numbers, not <U1"),
        (
            lambda: schedule("rand"),
            f"schedule.name = 'rand': must be one of {', '.join(SCHEDULES)}; did you mean 'random'?",
        ),
        (lambda: schedule(None), "schedule.name = None: must be one of " + ", ".join(SCHEDULES)),
        (
            lambda: schedule("random", size=3),
            "schedule('random') options = {'size': 3}: must be options of its own: group_size",
        ),
        (
            lambda: schedule("layered", group_size=3),
            "schedule('layered') options = {'group_size': 3}: must be options of its own: chip",
        ),
        (lambda: schedule("momentum", group_size=0), "Momentum.group_size = 0: must be >= 1"),
        (lambda: Replay(5), "Replay.groups = 5: must be a list of (t, k, neurons)"),
        (lambda: Replay([(0, 0, [1.5])]), "Replay.groups = [(0, 0, [1.5])]: must be a list of (t, k, neurons)"),
        (lambda: Replay([(0, 0, [1, 1])]), "Replay.groups[t=0, k=0] = [1, 1]: must be different neurons"),
        (lambda: Replay([(0, 2, [1]), (0, 2, [3])]), "Replay.groups (t, k) = (0, 2): must be given once"),
        (
            lambda: Replay([(0, 2, [2**40])]),
            "Replay.groups[t=0, k=2] = 1099511627776: must be in -2147483648 .. 2147483647",
        ),
        (
            lambda: simulate(excited(2), [[1]], schedule="random"),
            "schedule = 'random': must be a Schedule, such as Random(group_size=8); "
            "lava_async.schedules.schedule('random') makes one by its name",
        ),
        (
            lambda: simulate(excited(2), [[1]], schedule=Random),
            "schedule = <class 'lava_async.schedules.random_order.Random'>: "
            "must be a Schedule, such as Random(group_size=8)",
        ),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_errors_name_object_field_value_and_what_is_allowed(call, message):
    complains(call, message)


def test_layered_takes_no_group_size():
    assert Layered() == schedule("layered") == schedule("layered", group_size=None)
    assert Layered().config() == {"name": "layered"}
