"""The schedule `Timed`: its times, its records, what it refuses, and who knows it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from compare import complains
from timed_cases import ENGINES, chain_by_hand, replace_messages

from lava_async import (
    Execution,
    Quiescence,
    Random,
    Timed,
    hardware,
    metrics,
    schedule,
    simulate,
)
from lava_async.data import SpikeDataset
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.cells import name_of
from lava_async.experiments.measure import measure
from lava_async.experiments.study import ExecutionConfig
from lava_async.schedules import by_name
from lava_async.schedules.timed import Times
from lava_async.simulation import Stepper


@pytest.mark.parametrize("name", hardware.PRESETS)
def test_times_are_those_of_the_preset_in_picoseconds_and_nothing_where_nothing_is_published(name):
    preset, found = hardware.PRESETS[name], hardware.machine.times_of(name, 2)
    for field in Times._fields[:-1]:
        price = getattr(preset, field).time
        assert getattr(found, field) == (0 if price is None else round(price * 1e12)), field
    assert found.barrier == round(preset.barrier_time(2) * 1e12)


def test_a_schedule_is_plain_data_and_back():
    own = Times(*range(10))
    for order in (Timed(), Timed(preset="davies2018", mapping=[0, 3]), Timed(preset=own, messages=[(0, 1, -1, 0)])):
        again = schedule(**json.loads(json.dumps(order.config())))
        assert again == order
        assert hash(again) == hash(order)
    assert Timed().config() == {
        "name": "timed",
        "target": "loihi1",
        "preset": "sanafe",
        "mapping": None,
        "messages": None,
    }
    assert schedule("timed", group_size=None) == Timed()


def broken_replay(messages):
    network, order = chain_by_hand()
    return [
        lambda engine=engine: simulate(network, [[1]], schedule=replace_messages(order, messages), engine=engine)
        for engine in ENGINES
    ]


@pytest.mark.parametrize(("source", "core"), [(2, 4), (0, 0), (0, 1), (7, 4), (-1, 4), (-9, 4)], ids=lambda x: str(x))
def test_replaying_what_is_not_under_way_is_an_error_that_names_it(source, core):
    for call in broken_replay([[0, 1, 1, 4], [0, 2, source, core]]):
        complains(
            call,
            f"Timed.messages[t=0, k=2] = ({source}, {core}): must be source and core of a message that is under way",
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_time_step_ends_where_its_record_ends(engine):
    network, order = chain_by_hand()
    result = simulate(network, [[1, 1]], schedule=replace_messages(order, [[0, 1, 1, 4]]), engine=engine)
    assert (result.forward_steps.tolist(), result.dropped) == ([2, 1], 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Timed("loihi2"),
            "Timed.target = 'loihi2': must be one of loihi1: of other chips no times are published",
        ),
        (
            lambda: Timed(preset="fast"),
            "hardware preset = 'fast': must be one of davies2018, sanafe; for Loihi 2 nothing is published",
        ),
        (lambda: Timed(preset=3), "Timed.preset = 3: must be the name of a preset, or Times"),
        (
            lambda: Timed(preset={"barrier": 3}),
            "Timed.preset, fields = ['barrier']: must be " + ", ".join(Times._fields),
        ),
        (lambda: Timed(preset=Times(*range(9), -1)), "Timed.preset.barrier = -1: must be >= 0"),
        (lambda: Timed(preset=Times(*range(9), 1.5)), "Timed.preset.barrier = 1.5: must be an integer >= 0"),
        (lambda: Timed(mapping=[0, -1]), "Timed.mapping [1] = -1: must be in 0 .. 1048576"),
        (lambda: Timed(mapping=[[0]]), "Timed.mapping.shape = (1, 1): must be (N,), a core for each neuron"),
        (lambda: Timed(mapping=[0.5]), "Timed.mapping = [0.5]: must be integers, not float64"),
        (lambda: Timed(messages=[(0, 1, 2)]), "Timed.messages = [(0, 1, 2)]: must be a list of (t, k, source, core)"),
        (
            lambda: Timed(messages=[(0, 2, 2, 0)]),
            "Timed.messages (t, k) = (0, 2): must be every forward step 1, 2, ... of a time step, once",
        ),
        (
            lambda: schedule("timed", group_size=8),
            "schedule('timed') options = {'group_size': 8}: must be options of its own: target, preset, "
            "mapping, messages, neurons_per_core, tiles",
        ),
        (
            lambda: simulate(chain_by_hand()[0], [[1]], schedule=Timed(mapping=[0])),
            "Timed.mapping, length = 1: must be 3, the neurons of the network",
        ),
    ],
)
def test_errors_name_object_field_value_and_what_is_allowed(call, message):
    complains(call, message)


def test_a_recorded_timed_run_is_not_trained():
    from lava_async.training import UnlayeredNetwork, dense_blocks

    complains(
        lambda: UnlayeredNetwork(dense_blocks([2, 2]), schedule=Timed(messages=[])),
        "UnlayeredNetwork.schedule: messages = 'given': must be left out: a recorded run is not trained",
    )
    assert "timed" in by_name(trainable=True)


@pytest.mark.lava
def test_a_scheduler_process_has_none_either_but_a_whole_network_has():
    from lava_async.proc.async_network.process import AsyncNetwork
    from lava_async.proc.spike_scheduler.process import SpikeScheduler

    with pytest.raises(InvalidType, match=r"SpikeScheduler\.schedule = 'Timed': must be a schedule with one queue"):
        SpikeScheduler(shape=(2,), schedule="timed")
    network, order = chain_by_hand()
    process = AsyncNetwork(net_config=network, schedule=order)
    assert Stepper(process.network, execution=process.execution).step([1]).step_ps.tolist() == [1_188_800]


def test_studies_and_commands_know_it_and_report_nanoseconds(capsys):
    each = ExecutionConfig("timed", extra_steps=(0,), options={"preset": "davies2018"})
    (order,) = each.schedules()
    assert (order, name_of(Execution(order))) == (Timed(preset="davies2018"), "timed davies2018")
    with pytest.raises(InvalidValue, match="group_size"):
        ExecutionConfig("timed", group_size=(8,))
    network, spikes = chain_by_hand()[0], np.array([[[1, 0]], [[0, 1]]])
    data = SpikeDataset(spikes.astype(np.uint8), np.zeros(2, np.int64), (1, 1, 1), "chain", 1)
    found = measure(network, data, schedule=Timed(mapping=[0, 0, 4]), until=Quiescence())["numbers"]
    assert found["nanoseconds_to_first_output"] == 188.8
    assert found["nanoseconds_per_time_step"] == (1188.8 + 1012) / 2
    # Of one class only, the class is right from the first time step on.
    assert found["nanoseconds_to_decision"] == pytest.approx((1188.8 + 1012) / 2)
    assert metrics.decision_time([[5000, 7000], [1000, 2000]], [2, 0]) == 12


def test_other_schedules_have_no_times():
    result = simulate(chain_by_hand()[0], [[1]], schedule=Random(1), record="groups")
    assert (result.step_ps, result.first_output_ps, result.messages) == (None, None, None)
