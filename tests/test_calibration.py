"""Calibration: thresholds times factors, the metrics of a point of the search, what the search and the command keep."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stock import run_stock
from strategies import networks

from lava_async import (
    CubaParams,
    Execution,
    FirstOutput,
    Layered,
    LoihiParams,
    Margin,
    Network,
    Quiescence,
    Random,
    Timed,
    cli,
    netx,
    simulate_batch,
)
from lava_async.calibration import (
    Objective,
    calibrate,
    groups_of,
    objective_of,
    scale_thresholds,
    search_numbering,
)
from lava_async.calibration.calibrate import HIDDEN, OUTPUT
from lava_async.data import registry
from lava_async.data.digits import digits
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.measure import measure
from lava_async.hardware import renumber

MODELS = Path(__file__).parents[1] / "netx_models"
DIGITS = MODELS / "digits_long_robust" / "network.net"


@pytest.fixture(scope="module")
def validation():
    return digits("validation").subset(range(80))


@pytest.fixture(scope="module")
def found(validation):
    return calibrate(netx.load(DIGITS), validation, Timed(), samples=60)


# ------------------------------------------------------------------------------------------------------ factors


@given(networks(), st.data())
def test_thresholds_are_multiplied_layer_by_layer_and_nothing_else_changes(network, data):
    factors = data.draw(st.lists(st.floats(0.1, 10), min_size=len(network.layers), max_size=len(network.layers)))
    scaled = scale_thresholds(network, factors)
    for here, factor in zip(network.layer_slices, factors, strict=True):
        before, after = (np.asarray(n.params.vth)[here] for n in (network, scaled))
        if isinstance(network.params, LoihiParams):
            assert after.dtype.kind == "i"
            assert (np.abs(after - before * factor) <= 0.5 + 1e-9).all()
        else:
            np.testing.assert_allclose(after, before * np.float32(factor), rtol=1e-5)
    assert replace(scaled, params=network.params) == network


@given(networks())
def test_factors_of_1_change_nothing(network):
    assert scale_thresholds(network, np.ones(len(network.layers))) == network


@pytest.mark.parametrize("factors", [[1.0], [1.0, 0.0], [1.0, np.nan], [1.0, -2.0], "ab", [[1.0, 1.0]]], ids=str)
def test_what_is_no_factor_per_layer_is_refused(factors):
    network = Network.feedforward([[[1]], [[1]]], LoihiParams(4095, 0, 10))
    with pytest.raises((InvalidValue, InvalidType), match=r"scale_thresholds\.factors"):
        scale_thresholds(network, factors)


def test_layers_that_the_input_alone_reaches_are_left_alone_by_the_quick_search():
    chain = Network.feedforward([[[1.0]]] * 4, CubaParams(1, 1, 1))
    assert groups_of(chain) == {"hidden": (1, 2), "output": (3,)}
    assert groups_of(Network.feedforward([[[1.0]]], CubaParams(1, 1, 1))) == {"output": (0,)}
    assert [*groups_of(chain, "layers").values()] == [(0,), (1,), (2,), (3,)]


# ------------------------------------------------------------------------------------------------------- points


@pytest.mark.parametrize("until", [Quiescence(), FirstOutput()], ids=str)
def test_a_point_is_worth_what_measure_says(validation, until):
    found = calibrate(netx.load(DIGITS), validation, Timed(), objective=Objective(until=until), samples=60)
    few = validation.subset(range(60))
    for point, network in ((found.before, netx.load(DIGITS)), (found.after, found.network)):
        end, first, at = (
            measure(network, few, schedule=Timed(), until=rule)["numbers"]
            for rule in (Quiescence(), FirstOutput(), until)
        )
        assert (point.accuracy, point.at_first_output) == (end["accuracy"], first["accuracy"])
        assert point.spikes == end["spikes"]
        assert point.operations == at["synaptic_operations_to_decision"]
        assert point.nanoseconds == at["nanoseconds_to_decision"]
        assert point.score[0] == at["accuracy"]


def test_executions_that_are_not_timed_have_no_nanoseconds(validation):
    found = calibrate(netx.load(DIGITS), validation, Execution(Random(4), seed=3), samples=20)
    assert found.after.nanoseconds is None
    with pytest.raises(InvalidValue, match="Timed"):
        calibrate(netx.load(DIGITS), validation, Random(4), objective=Objective("nanoseconds", at_least=0.1), samples=9)


# ------------------------------------------------------------------------------------------------------- search


def test_no_single_factor_of_the_lists_is_better(found, validation):
    network, few = netx.load(DIGITS), validation.subset(range(60))
    for name, factors in (("hidden", HIDDEN), ("output", OUTPUT)):
        for factor in factors:
            tried = list(found.factors)
            for layer in found.groups[name]:
                tried[layer] = factor
            numbers = measure(scale_thresholds(network, tried), few, schedule=Timed(), until=Quiescence())["numbers"]
            assert (numbers["accuracy"], -numbers["synaptic_operations_to_decision"]) <= found.after.score


def test_the_best_of_all_points_is_returned_and_thresholds_stay_integers(found):
    assert found.after.score == max(point.score for point in found.tried)
    assert found.before.factors == (1.0, 1.0, 1.0)
    assert found.network == scale_thresholds(netx.load(DIGITS), found.factors)
    assert np.asarray(found.network.params.vth).dtype.kind == "i"
    assert found.after.at_first_output > found.before.at_first_output + 0.2


def test_the_search_per_layer_is_no_worse_than_the_quick_one(validation, found):
    layers = calibrate(netx.load(DIGITS), validation, Timed(), search="layers", samples=60)
    assert layers.after.score >= found.after.score
    assert len(layers.groups) == 3


def test_a_search_is_repeatable_and_tells_its_points(validation):
    seen = []
    runs = [calibrate(netx.load(DIGITS), validation, samples=20, on_point=seen.append) for _ in range(2)]
    assert runs[0].tried == runs[1].tried
    assert tuple(seen) == runs[0].tried * 2


def test_costs_count_from_the_accuracy_on_that_is_wanted(validation, found):
    cheap = calibrate(
        netx.load(DIGITS), validation, objective=objective_of("operations", at_least=0.95), samples=60
    ).after
    assert cheap.accuracy >= 0.95
    enough = [point for point in found.tried if point.accuracy >= 0.95]
    assert cheap.operations <= min(point.operations for point in enough)


def test_thresholds_do_not_leave_the_17_bits_of_loihi(validation):
    network = netx.load(DIGITS)
    high = replace(network, params=replace(network.params, vth=np.full(network.n_neurons, 2**17 - 1)))
    assert calibrate(high, validation, samples=2).factors == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"objective": "speed"}, "objective"),
        ({"objective": Objective}, r"calibrate\.objective"),
        ({"search": "all"}, "search"),
        ({"samples": 0}, r"calibrate\.samples"),
        ({"execution": "timed"}, r"calibrate\.execution"),
        ({"network": None}, r"calibrate\.network"),
        ({"data": ([], [])}, "at least 1"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(wrong, words, validation):
    given = {"network": netx.load(DIGITS), "data": validation, **wrong}
    with pytest.raises((InvalidValue, InvalidType), match=words):
        calibrate(**given)


@pytest.mark.parametrize(
    "wrong",
    [
        {"goal": "speed"},
        {"goal": "operations"},
        {"at_least": 0.5},
        {"goal": "nanoseconds", "at_least": 2},
        {"until": 3},
    ],
    ids=str,
)
def test_an_objective_is_complete(wrong):
    with pytest.raises((InvalidValue, InvalidType), match="Objective"):
        Objective(**wrong)


# -------------------------------------------------------------------------------------------------- numbering


def test_a_search_of_numbers_makes_nothing_worse_and_changes_nothing_under_layers(validation):
    network = netx.load(DIGITS)
    found = search_numbering(network, validation, Timed(neurons_per_core=16), moves=25, samples=40)
    assert found.after.score >= found.before.score
    assert 0 < found.kept <= found.moves == 25
    assert found.network == renumber(network, found.order)
    spikes = validation.dense()[:20]
    one, two = (simulate_batch(n, spikes, schedule=Layered()) for n in (network, found.network))
    np.testing.assert_array_equal(one.output, two.output)
    np.testing.assert_array_equal(one.counts[:, found.order], two.counts)
    outputs = network.outputs
    np.testing.assert_array_equal(found.order[outputs], outputs)


def test_networks_whose_order_cannot_change_come_back_as_they_are(validation):
    network = Network.feedforward([np.ones((10, 200), int)], LoihiParams(4095, 0, 300))
    found = search_numbering(network, validation, moves=5, samples=3)
    assert (found.network, found.moves) == (network, 0)


# --------------------------------------------------------------------------------------------- reference points


def on(network, data, factors):
    scaled = scale_thresholds(network, factors)
    numbers = measure(scaled, data, schedule=Timed(), until=Quiescence(), threads=2)["numbers"]
    first = measure(scaled, data, schedule=Timed(), until=FirstOutput(), threads=2)["numbers"]["accuracy"]
    return numbers, first


def test_the_digits_reach_what_was_found_before_there_was_a_package():
    numbers, first = on(netx.load(DIGITS), digits("test"), (1, 1.7, 6))
    assert (round(100 * numbers["accuracy"], 1), round(100 * first, 1)) == (97.2, 96.9)
    assert round(numbers["spikes"]) == 194


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "end", "first", "spikes", "us", "operations"),
    [("small_groups_robust", 96.14, 94.98, 191, 55.9, 11.0), ("layered", 93.90, 91.17, 222, 80.0, 15.3)],
)
def test_mnist_reaches_what_was_found_before_there_was_a_package(name, end, first, spikes, us, operations):
    try:
        data = registry.load("mnist", "test")
    except InvalidValue as error:
        pytest.skip(str(error))
    numbers, at_first = on(netx.load(MODELS / f"mnist_{name}" / "network.net"), data, (1, 1.4, 1.4, 6))
    assert (round(100 * numbers["accuracy"], 2), round(100 * at_first, 2)) == (end, first)
    assert round(numbers["spikes"]) == spikes
    assert round(numbers["nanoseconds_to_decision"] / 1000, 1) == us
    assert round(numbers["synaptic_operations_to_decision"] / 1000, 1) == operations


# ------------------------------------------------------------------------------------------------ command, file


def command(tmp_path, *more):
    out = tmp_path / "calibrated.net"
    return out, cli.main(["calibrate", str(DIGITS), "--data", "digits", "--out", str(out), "--samples", "40", *more])


def test_the_command_writes_what_was_found_and_how_the_network_runs(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "factors.png"
    out, code = command(tmp_path, "--picture", str(picture), "--json")
    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert picture.stat().st_size > 1000
    noted, network = netx.metadata(out), netx.load(out)
    assert network == scale_thresholds(netx.load(DIGITS), shown["factors"])
    assert noted["calibration"]["factors"] == shown["factors"]
    assert noted["calibration"]["after"] == shown["after"]
    assert noted["schedule"]["name"] == "timed"
    assert noted["stock_readable"]
    assert noted["config"] == netx.metadata(DIGITS)["config"]
    assert next(point["factors"] for point in shown["tried"]) == [1.0, 1.0, 1.0]


def test_the_command_shows_a_table_of_the_search(tmp_path, capsys):
    _, code = command(tmp_path, "--objective", "operations", "--at-least", "0.9", "--schedule", "random")
    shown = capsys.readouterr().out
    assert code == 0
    assert "operations to decision at an accuracy of at least 90 %" in shown
    assert shown.splitlines()[1].split()[:3] == ["hidden", "output", "accuracy"]
    assert "Before: " in shown
    assert "After: " in shown


def test_the_command_calibrates_for_a_margin(tmp_path, capsys):
    out, code = command(tmp_path, "--margin", "2", "--at", "step", "--json")
    assert code == 0
    assert netx.metadata(out)["calibration"]["objective"]["until"] == Margin(2, at="step").config()
    capsys.readouterr()
    _, code = command(tmp_path, "--margin", "2", "--objective", "first output")
    assert code == 1
    assert "--margin = 2: must be left out with --objective 'first output'" in capsys.readouterr().err


def test_costs_without_an_accuracy_end_in_a_sentence(tmp_path, capsys):
    out, code = command(tmp_path, "--objective", "operations")
    assert code == 1
    assert not out.exists()
    assert "Objective.at_least" in capsys.readouterr().err


@pytest.mark.lava
def test_stock_netx_runs_a_calibrated_file(tmp_path, validation, found):
    path = tmp_path / "calibrated.net"
    netx.save(found.network, path, calibration=found.notes())
    spikes = validation.dense()[0]
    output, depth = run_stock(path, spikes)
    ours = simulate_batch(found.network, spikes[None], schedule=Layered()).output[0]
    assert output[:, depth:].any()
    np.testing.assert_array_equal(output[:, depth:], ours[:, :-depth])
