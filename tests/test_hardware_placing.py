"""Mappings that are asked for: neurons per core, tiles, one's own; numbers of neurons; what reports and limits say."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from compare import differences
from hypothesis import given
from hypothesis import strategies as st
from strategies import networks, orders, runs

from lava_async import (
    CubaParams,
    Layered,
    LoihiParams,
    Network,
    Quiescence,
    Timed,
    cli,
    hardware,
    netx,
    schedule,
    simulate,
)
from lava_async.chips.targets import LOIHI1
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.study import ExecutionConfig
from lava_async.hardware.machine import mapping_of
from lava_async.hardware.mapping import tile_axes
from lava_async.network import Layer
from lava_async.synapses import Conv


def network():
    rng = np.random.default_rng(0)
    weights = [rng.integers(-90, 99, shape) for shape in ((40, 12), (24, 40), (5, 24))]
    return Network.feedforward(weights, LoihiParams(du=4095, dv=410, vth=120))


# ----------------------------------------------------------------------------------------------- neurons per core


@given(networks(), st.integers(1, 5))
def test_no_core_has_more_neurons_and_all_limits_are_kept(net, most):
    mapping, default = hardware.place(net, neurons_per_core=most), hardware.place(net)
    for c, load in zip(mapping.cores, mapping.loads, strict=True):
        here = np.flatnonzero(mapping.core_of == c)
        assert load.neurons == len(here) <= most
        assert {*net.layer_of[here]} == {load.layer}
    assert mapping.n_cores >= default.n_cores
    assert sum(load.synapses for load in mapping.loads) == sum(load.synapses for load in default.loads)


def test_layers_have_numbers_of_their_own():
    mapping = hardware.place(network(), neurons_per_core=[8, None, 1])
    assert [load.neurons for load in mapping.loads] == [8] * 5 + [24] + [1] * 5


def test_tiles_share_the_cores_evenly():
    mapping = hardware.place(network(), neurons_per_core=8, tiles=5)
    tiles = tile_axes(LOIHI1, mapping.cores)[2]
    assert np.bincount(tiles).tolist() == [2, 2, 2, 2, 1]
    assert mapping.n_tiles == 5
    together = hardware.place(network(), neurons_per_core=8)
    assert (together.n_tiles, together.cores.tolist()) == (3, [*range(9)])
    assert [load.neurons for load in mapping.loads] == [load.neurons for load in together.loads]


@given(networks(), st.data())
def test_a_mapping_of_ones_own_counts_what_the_default_would(net, data):
    default = hardware.place(net)
    same = hardware.place(net, cores=default.core_of)
    assert same.loads == default.loads
    for name in ("source", "core", "synapses"):
        a, b = (np.lexsort((m.edges.source, m.edges.core)) for m in (same, default))
        np.testing.assert_array_equal(getattr(same.edges, name)[a], getattr(default.edges, name)[b])
    cores = data.draw(st.lists(st.integers(0, 300), min_size=net.n_neurons, max_size=net.n_neurons))
    own = hardware.place(net, cores=cores)
    assert own.core_of.tolist() == cores
    assert own.cores.tolist() == sorted(set(cores))
    assert sum(load.synapses for load in own.loads) == sum(load.synapses for load in default.loads)
    assert sum(load.neurons for load in own.loads) == net.n_neurons


def test_cores_of_several_layers_say_so_and_limits_are_named():
    net = network()
    mapping = hardware.place(net, cores=np.zeros(net.n_neurons, int))
    assert mapping.loads[0].layer == -1
    assert hardware.check(net, mapping=mapping).ok
    wide = Network.feedforward([np.ones((1500, 2), int)], LoihiParams(4095, 0, 10))
    fit = hardware.check(wide, mapping=hardware.place(wide, cores=np.zeros(1500, int)))
    assert [check.name for check in fit.broken] == ["neurons"]
    assert "neurons per core" in fit.verdict


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"neurons_per_core": 0}, "neurons_per_core = 0: must be >= 1"),
        ({"neurons_per_core": 2000}, "1 .. 1024, the neurons of a core of Loihi 1"),
        ({"neurons_per_core": [1, 2]}, "length = 2: must be 3, one number per layer"),
        ({"tiles": 33}, "1 .. 32, the tiles of Loihi 1"),
        ({"neurons_per_core": 1, "tiles": 2}, "at least 18: 69 cores, 4 to a tile"),
        ({"cores": [0]}, r"must be \(69,\), a core for each neuron"),
        ({"cores": [0] * 69, "tiles": 2}, "given alone"),
        ({"target": "loihi2", "tiles": 2}, "the mesh of Loihi 2 is not published"),
    ],
    ids=str,
)
def test_what_cannot_be_is_named(given, words):
    with pytest.raises((InvalidValue, InvalidType), match=words):
        hardware.place(network(), **given)


# -------------------------------------------------------------------------------------------- schedules, files, TOML


def test_timed_places_as_it_says():
    net, spikes = network(), np.random.default_rng(1).integers(0, 2, (12, 4))
    for placed in ({"neurons_per_core": 16}, {"neurons_per_core": [8, None, 1], "tiles": 6}):
        own = Timed(mapping=hardware.place(net, **placed).core_of)
        assert differences(simulate(net, spikes, schedule=Timed(**placed)), simulate(net, spikes, schedule=own)) == []
        assert schedule(**Timed(**placed).config()) == Timed(**placed)
        assert mapping_of(Timed(**placed), net).core_of.tolist() == list(own.mapping)
    assert Timed(neurons_per_core=16).title == "timed sanafe, 16 per core"
    assert "neurons_per_core" not in Timed().config()


def test_more_cores_take_less_time():
    net, spikes = network(), np.random.default_rng(1).integers(0, 2, (12, 6))
    took = [simulate(net, spikes, schedule=Timed(neurons_per_core=n)).step_ps.sum() for n in (64, 8)]
    assert took[1] < took[0]


def test_a_mapping_that_does_not_fit_is_an_error_of_the_schedule():
    with pytest.raises(InvalidValue, match=r"Timed\.tiles = 1: must be at least 5"):
        simulate(network(), np.ones((12, 1), int), schedule=Timed(neurons_per_core=4, tiles=1))
    with pytest.raises(InvalidValue, match=r"Timed\.mapping"):
        Timed(mapping=[0], neurons_per_core=2)


def test_studies_and_files_say_it(tmp_path):
    config = ExecutionConfig(schedule="timed", options={"neurons_per_core": 16, "tiles": 8})
    assert config.schedules() == [Timed(neurons_per_core=16, tiles=8)]
    netx.save(network(), tmp_path / "a.net", schedule=Timed(neurons_per_core=[8, None, 1]))
    assert netx.load(tmp_path / "a.net").execution.schedule == Timed(neurons_per_core=[8, None, 1])


def test_commands_say_it(tmp_path, capsys):
    file = tmp_path / "a.net"
    netx.save(network(), file)
    run = ["run", str(file), "--random", "0.3", "--steps", "3", "--samples", "2", "--schedule", "timed", "--json"]
    found = {}
    (tmp_path / "cores.json").write_text(json.dumps(hardware.place(network(), neurons_per_core=16).core_of.tolist()))
    for name, more in {
        "default": [],
        "16": ["--neurons-per-core", "16"],
        "own": ["--mapping", str(tmp_path / "cores.json")],
        "layers": ["--neurons-per-core", "8", "8", "1", "--tiles", "6"],
    }.items():
        assert cli.main([*run, *more]) == 0
        found[name] = [each["microseconds"] for each in json.loads(capsys.readouterr().out)["runs"]]
    assert found["16"] == found["own"] != found["default"]
    assert found["layers"] not in (found["16"], found["default"])


@pytest.mark.parametrize("kind", ["fifo", "nesting", "html", "missing", "fractions"])
def test_a_list_of_cores_that_is_none_is_one_sentence(tmp_path, capsys, kind):
    file, cores = tmp_path / "a.net", tmp_path / "cores.json"
    netx.save(network(), file)
    if kind == "fifo":
        os.mkfifo(cores)
    elif kind != "missing":
        cores.write_text({"nesting": "[" * 100_000, "html": "<html>", "fractions": "[0.5]"}[kind])
    with pytest.raises(SystemExit) as end:
        cli.main(["run", str(file), "--random", "0.3", "--schedule", "timed", "--mapping", str(cores)])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.count("\n") == 1
    assert f"--mapping: '{cores}'" in said


def test_inspect_shows_cores_and_ways(tmp_path, capsys):
    file = tmp_path / "a.net"
    netx.save(network(), file)
    assert cli.main(["inspect", str(file), "--neurons-per-core", "16"]) == 0
    shown = capsys.readouterr().out
    assert "This mapping fits Loihi 1: 6 of 128 cores" in shown
    assert "axons out" in shown
    assert "mean hops" in shown


# ------------------------------------------------------------------------------------------------------ reports


def test_reports_add_up():
    net = network()
    mapping = hardware.place(net, neurons_per_core=8, tiles=9)
    head, *cores = hardware.core_rows(mapping)
    assert sum(int(row[head.index("neurons")]) for row in cores) == net.n_neurons
    assert sum(int(row[head.index("synapses")].replace(",", "")) for row in cores) == 12 * 40 + 40 * 24 + 24 * 5
    _, *ways = hardware.hop_rows(net, mapping)
    assert [(row[0], row[1], row[2]) for row in ways] == [("0", "1", str(40 * 3)), ("1", "2", "24")]
    assert ways[0][5] != "0"


# ---------------------------------------------------------------------------------------------------- numbering


def convolved(net):
    return any(isinstance(s, Conv) for s in net.synapses)


@given(runs("fixed", members=(Layered,), until=st.just(Quiescence()), refractory=True), st.data())
def test_another_order_is_the_same_network_under_layers(run, data):
    net = run.network
    if convolved(net):
        return
    order = data.draw(orders(net))
    other = hardware.renumber(net, order)
    one, two = (simulate(n, run.spikes, schedule=Layered(), sample=run.sample, seed=run.seed) for n in (net, other))
    np.testing.assert_array_equal(two.counts, one.counts[order])
    np.testing.assert_array_equal(two.output, one.output)
    np.testing.assert_array_equal(two.voltage, one.voltage[order])


@given(networks(), st.data())
def test_going_back_gives_the_network_again(net, data):
    if convolved(net):
        return
    order = data.draw(orders(net))
    assert hardware.renumber(hardware.renumber(net, order), np.argsort(order)) == net
    assert hardware.renumber(net, np.arange(net.n_neurons)) == net


def test_at_the_times_of_a_chip_the_order_matters():
    """Two neurons of a core tell an output +1 and -1: the one with the lower number is heard first."""
    net = Network.feedforward([[[1], [1]], [[1, -1]]], CubaParams(du=1, dv=1, vth=0.5))
    rules = {"schedule": Timed()}
    assert simulate(net, [[1]], **rules).output.tolist() == [[1]]
    assert simulate(hardware.renumber(net, [1, 0, 2]), [[1]], **rules).output.tolist() == [[0]]


@pytest.mark.parametrize(
    ("order", "words"),
    [([0, 1], "one place per neuron"), ([1, 0, 2, 4], "of layer 1"), ([2, 1, 0, 3], "of layer 0")],
    ids=str,
)
def test_what_is_no_order_is_named(order, words):
    net = Network.feedforward([[[1], [1]], [[1, 1], [1, 1]]], CubaParams(1, 1, 1))
    with pytest.raises(InvalidValue, match=words):
        hardware.renumber(net, order)


def test_convolutions_keep_their_order():
    conv = Conv(-1, 0, np.ones((1, 1, 2, 2)), (1, 3, 3))
    net = Network((1, 3, 3), (Layer((1, 2, 2)),), (conv,), CubaParams(1, 1, 1), [0])
    with pytest.raises(InvalidType, match=r"Conv.*Dense or Sparse"):
        hardware.renumber(net, [1, 0, 2, 3])
    assert hardware.renumber(net, range(4)) == net
