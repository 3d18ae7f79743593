"""Classes by voltages, for networks whose outputs never fire."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import runs

from lava_async import FirstOutput, LoihiParams, Network, Quiescence, Random, cli, netx, simulate
from lava_async.data.digits import digits
from lava_async.errors import InvalidValue
from lava_async.readout import VoltageReadout
from lava_async.training import evaluate

NEVER = 2**17
rng = np.random.default_rng(0)
WEIGHTS = [2 * rng.integers(-20, 30, (12, 200)), 2 * rng.integers(-60, 60, (10, 12))]
VTH = np.repeat([40, NEVER], [12, 10])
NETWORK = Network.feedforward(WEIGHTS, LoihiParams(4095, 2048, VTH))
DATA = digits("test").subset(np.arange(40))


@settings(max_examples=30, deadline=None)
@given(runs(until=st.just(Quiescence()), refractory=True))
def test_sums_are_those_of_the_voltages_that_a_trace_ends_time_steps_with(run):
    trace = simulate(run.network, run.spikes, sample=run.sample, record="trace", **run.rules).trace
    last = {check.t: check.voltage[run.network.outputs] for check in trace}
    readout = VoltageReadout(run.network, **run.rules)
    for _ in range(2):  # Samples begin from rest.
        found = readout.sums(run.spikes[None], np.array([run.sample]))
        np.testing.assert_array_equal(found[0], np.sum([v.astype(float) for v in last.values()], axis=0))


@pytest.mark.parametrize("schedule", [Random(2), None], ids=str)
def test_evaluate_reads_classes_from_voltages(schedule, caplog):
    how = {"schedule": schedule} if schedule else {"schedule": Random(4), "until": FirstOutput()}
    found = evaluate(NETWORK, DATA, readout="voltage", **how)
    classes = VoltageReadout(NETWORK, **how).classes(DATA.dense(), np.arange(40))
    assert found.accuracy == found.accuracy_at_first_output == np.mean(classes == DATA.labels)
    assert not caplog.records


def test_outputs_that_cannot_fire_are_said_where_their_spikes_are_read(caplog):
    with caplog.at_level(logging.WARNING):
        evaluate(NETWORK, DATA, schedule=Random(2))
    assert "no output can ever fire" in caplog.text
    assert "readout='voltage'" in caplog.text


def test_spikes_of_outputs_are_said_where_their_voltages_are_read(caplog):
    firing = Network.feedforward(WEIGHTS, LoihiParams(4095, 2048, 40))
    with caplog.at_level(logging.WARNING):
        evaluate(firing, DATA, schedule=Random(2), readout="voltage")
    assert "and each spike resets the voltage that is read out" in caplog.text


def test_another_readout_is_an_error():
    with pytest.raises(InvalidValue, match="evaluate: readout = 'potential': must be one of spikes, voltage"):
        evaluate(NETWORK, SimpleNamespace(), schedule=Random(2), readout="potential")


def test_the_command_reads_voltages(tmp_path, capsys):
    netx.save(NETWORK, tmp_path / "a.net", schedule=Random(2))
    argv = ["evaluate", tmp_path / "a.net", "--data", "digits", "--limit", "40", "--readout", "voltage", "--json"]
    assert cli.main(list(map(str, argv))) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["readout"] == "voltage"
    assert found["rows"][0]["accuracy"] == evaluate(NETWORK, DATA, schedule=Random(2), readout="voltage").accuracy


def test_an_affine_block_is_evaluated_as_it_answers():
    torch = pytest.importorskip("torch")
    from lava_async.training import UnlayeredNetwork, dense_blocks
    from lava_async.training.blocks import slayer

    neuron = {"threshold": 1.0, "current_decay": 1.0, "voltage_decay": 0.1}
    for dynamics in (False, True):
        torch.manual_seed(3)
        affine = slayer().block.cuba.Affine(neuron, 12, 10, weight_scale=2, dynamics=dynamics)
        net = UnlayeredNetwork([*dense_blocks([200, 12], gain=3.0), affine], schedule=Random(2)).eval()
        said = net(torch.from_numpy(DATA.dense()).float()).sum(-1).argmax(1).numpy()
        found = evaluate(net, DATA, schedule=Random(2), readout="voltage")
        assert found.accuracy == np.mean(said == DATA.labels)
        with pytest.raises(InvalidValue, match="readout='voltage'"):
            evaluate(net, DATA, schedule=Random(2))
