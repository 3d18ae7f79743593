"""What is saved is what is loaded, and the file appears whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import h5py
import limits
import netx_files
import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_async import (
    CubaParams,
    Execution,
    Fifo,
    FirstOutput,
    LoihiParams,
    Momentum,
    Network,
    Random,
    __version__,
    netx,
    schedule,
    simulate,
)
from lava_async.network import Layer
from lava_async.schedules import Order, Schedule, Term
from lava_async.stopping import stop_rule
from lava_async.synapses import INPUT, Dense, Sparse

CHAIN = Network.feedforward(
    [[[30, -20], [64, 8], [-7, 9]], [[50, -60, 90]]], LoihiParams(du=1023, dv=128, vth=[8, 9, 7, 5])
)


@given(strategies.networks())
def test_any_network_is_loaded_as_it_was_saved(tmp_path_factory, network):
    path = tmp_path_factory.getbasetemp() / "any.net"
    netx.save(network, path)
    assert netx.load(path) == network


@given(strategies.sayable_chains(), st.data())
def test_what_stock_netx_can_read_says_everything_that_matters(tmp_path_factory, network, data):
    path = tmp_path_factory.getbasetemp() / "chain.net"
    netx.save(network, path)
    assert "stock_reason" not in netx.metadata(path)
    with h5py.File(path, "a") as file:
        del file["async"]
    bare = netx.load(path)
    spikes = data.draw(strategies.spikes(network.n_inputs))
    a, b = (simulate(net, spikes, schedule=Random(2), seed=5) for net in (network, bare))
    assert np.array_equal(a.counts, b.counts)
    assert np.array_equal(a.voltage, b.voltage)
    assert np.array_equal(a.current, b.current)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Network.feedforward([[[0.5]]], CubaParams(1, 1, 1)), "float"),
        (
            Network.from_matrix([[9], [0]], [[0, 0], [9, 0]], LoihiParams(0, 0, 1), layer_of=[0, 1], outputs=[0]),
            "outputs",
        ),
        (
            Network.from_matrix([[9], [9]], [[0, 0], [9, 0]], LoihiParams(0, 0, 1), layer_of=[0, 1]),
            "layer 1 receives from",
        ),
        (Network.feedforward([[[9]]], LoihiParams(0, 0, 1, bias_mant=3)), "layer 0: a bias is no multiple of 2^6"),
        (Network.feedforward([[[100]]], LoihiParams(0, 0, 1, weight_exp=2)), "weight_exp"),
        (Network.feedforward([[[-64]]], LoihiParams(0, 0, 1)), "Lava runs 0 for the weight -64"),
        (
            # Dense takes the sign of its weights from each of the two parts alone; inhibiting ones end at -255.
            Network((1,), (Layer((1,)),), (Dense(INPUT, 0, [[1]]), Dense(0, 0, [[-64]])), LoihiParams(0, 0, 1), [0]),
            "layer 0: Lava runs -63.5 for the weight -64",
        ),
        (Network.feedforward([[[255, -1]]], LoihiParams(0, 0, 1)), "netx clips 255"),
        (Network.feedforward([[[0]]], LoihiParams(0, 0, 1)), "all 0"),
        (Network((1,), (Layer((1,)),), (Dense(INPUT, 0, [[9]], 63),), LoihiParams(0, 0, 1), [0]), "delay of 63"),
    ],
)
def test_what_stock_netx_would_not_run_exactly_is_kept_from_it_with_the_reason(tmp_path, caplog, network, reason):
    path = tmp_path / "ours.net"
    netx.save(network, path)
    noted = netx.metadata(path)
    assert not noted["stock_readable"]
    assert reason in noted["stock_reason"]
    assert reason in caplog.text
    assert "layer" not in h5py.File(path)
    assert netx.load(path) == network


def test_weights_are_stored_once(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net") as file:
        assert file["async/network/synapses/0/weights"] == file["layer/1/weight"]


def test_an_exponent_of_the_weights_is_multiplied_out_for_stock_netx(tmp_path):
    network = Network.feedforward([[[30, -20]]], LoihiParams(0, 0, 1, weight_exp=2))
    netx.save(network, tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net") as file:
        assert file["layer/1/weight"][()].tolist() == [[120, -80]]
    assert netx.load(tmp_path / "a.net") == network


def test_a_layer_that_was_edited_after_saving_decides(tmp_path, caplog):
    netx.save(CHAIN, tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net", "a") as file:
        file["layer/1/neuron/iDecay"][()] = 4096
    assert netx.load(tmp_path / "a.net").params.du.tolist() == [4095, 4095, 4095, 1023]
    assert "changed after the file was saved" in caplog.text


def test_weights_that_were_edited_count_in_both_descriptions(tmp_path, caplog):
    netx.save(CHAIN, tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net", "a") as file:
        file["layer/2/weight"][0, 0] = 51
    assert netx.load(tmp_path / "a.net").synapses[1].weights.tolist() == [[51, -60, 90]]
    assert not caplog.text


def test_neurons_that_turn_values_into_spikes_repeat_the_input(tmp_path):
    path = netx_files.write(
        tmp_path / "a.net", layer0__weight=[36.0], layer0__bias=[34.0], **neuron("layer0", iDecay=4096)
    )
    network = netx.load(path)
    assert network.layers[0] == Layer((2, 2, 1), "input 0")
    assert isinstance(network.synapses[0], Sparse)
    assert set(network.synapses[0].weights.tolist()) == {36}
    assert network.params.bias_mant[:4].tolist() == [34] * 4
    netx.save(network, tmp_path / "b.net")
    assert netx.load(tmp_path / "b.net") == network
    assert netx.metadata(tmp_path / "b.net")["stock_readable"]


def neuron(layer, **changes):
    return {f"{layer}__neuron__{name}": value for name, value in (netx_files.CUBA | changes).items()}


# ----------------------------------------------------------------------------------------------- metadata


def test_metadata_comes_back_as_plain_data(tmp_path):
    config = {"epochs": 3, "lr": 2e-3, "data": Path("digits"), "scores": np.array([0.5, 1.0])}
    netx.save(
        CHAIN,
        tmp_path / "a.net",
        schedule=Momentum(8, noise=0.5),
        until=FirstOutput(2),
        refractory=True,
        input_first=False,
        training=config,
        accuracy=np.float64(0.75),
        seed=None,
    )
    noted = netx.metadata(tmp_path / "a.net")
    assert schedule(**noted["schedule"]) == Momentum(8, noise=0.5)
    assert stop_rule(**noted["until"]) == FirstOutput(2)
    assert noted["training"] == {"epochs": 3, "lr": 2e-3, "data": "digits", "scores": [0.5, 1.0]}
    assert (noted["refractory"], noted["input_first"], noted["accuracy"], noted["seed"]) == (True, False, 0.75, None)
    assert noted["schema_version"] == 1
    assert noted["versions"]["lava-async"] == __version__


def test_a_file_from_elsewhere_has_no_metadata(tmp_path):
    assert netx.metadata(netx_files.write(tmp_path / "a.net")) == {}


def test_metadata_can_be_passed_on(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net", accuracy=0.9)
    netx.save(CHAIN, tmp_path / "b.net", **netx.metadata(tmp_path / "a.net"))
    assert netx.metadata(tmp_path / "b.net") == netx.metadata(tmp_path / "a.net")


def test_metadata_can_be_added_to_a_file_that_slayer_wrote(tmp_path):
    path = netx_files.write(tmp_path / "a.net")
    before = netx.load(path)
    with h5py.File(path, "a") as file:
        netx.write_metadata(file, {"seed": 1})
        netx.write_metadata(file, {"seed": 2})
    assert netx.metadata(path)["seed"] == 2
    assert netx.load(path) == before


def test_a_file_of_a_newer_schema_is_refused(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net", "a") as file:
        file["async/schema_version"][()] = 2
    for read in (netx.load, netx.metadata):
        with pytest.raises(netx.NetxError, match=r"/async/schema_version = 2: must be at most 1; .* update"):
            read(tmp_path / "a.net")


def test_metadata_that_json_cannot_say_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(netx.NetxError, match=r"metadata training\.model = .*must be JSON data"):
        netx.save(CHAIN, tmp_path / "a.net", training={"model": object()})
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------- files


def test_scalars_of_numpy_may_say_how_a_network_runs(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net", seed=np.int64(3), refractory=np.bool_(False), accuracy=np.float32(0.5))
    found = netx.load(tmp_path / "a.net").execution
    assert (found.seed, found.refractory) == (3, False)
    assert netx.metadata(tmp_path / "a.net")["accuracy"] == 0.5


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net", seed=1)
    with pytest.raises(netx.NetxError):
        netx.save(CHAIN, tmp_path / "a.net", seed=object())
    assert netx.metadata(tmp_path / "a.net")["seed"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.net"]


def test_a_file_that_is_open_elsewhere_can_be_replaced(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net", seed=1)
    with h5py.File(tmp_path / "a.net"):  # as stock netx, which never closes
        netx.save(CHAIN, tmp_path / "a.net", seed=2)
        assert netx.metadata(tmp_path / "a.net")["seed"] == 2


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(netx.NetxError, match=r"nowhere/a\.net: cannot be written: No such file or directory"):
        netx.save(CHAIN, tmp_path / "nowhere" / "a.net")


def test_loading_leaves_nothing_open(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net")
    netx.load(tmp_path / "a.net")
    before = set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else set()
    netx.load(tmp_path / "a.net")
    netx.metadata(tmp_path / "a.net")
    after = set(os.listdir("/proc/self/fd")) if before else set()
    assert len(after) == len(before)
    with h5py.File(tmp_path / "a.net", "w"):
        pass


def note(path, **noted):
    """Write a network and, as others may, anything about it."""
    netx.save(CHAIN, path)
    with h5py.File(path, "a") as file:
        netx.write_metadata(file, noted)


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        ({"until": 5}, r"until = 5: must be a table with a name"),
        ({"until": {"name": "FirstOutput", "extra_steps": "two"}}, r"until: .*extra_steps"),
        ({"schedule": None}, r"schedule = None: must be a table with a name"),
        ({"schedule": {"name": ["random"]}}, r"schedule: schedule\.name = \['random'\]: must be one of"),
        ({"schedule": {"name": "random", "group_size": 10**30}}, r"schedule: .*group_size"),
        ({"schedule": {"name": "replay", "groups": {"a": 1}}}, r"schedule: "),
        ({"seed": "abc"}, r"seed = 'abc': must be an integer in 0 \.\."),
        ({"seed": -1}, r"seed = -1: must be an integer in 0 \.\."),
        ({"seed": 2**63}, r"seed = 9223372036854775808: must be an integer in 0 \.\."),
        ({"refractory": "no"}, r"refractory = 'no': must be true or false"),
    ],
)
def test_notes_that_say_no_execution_are_an_error_that_names_the_file(tmp_path, noted, said):
    """Whether a file is loaded or only asked; what is overridden is not looked at."""
    path = tmp_path / "a.net"
    with pytest.raises(netx.NetxError, match=rf"a\.net: metadata {said}"):
        netx.save(CHAIN, path, **noted)
    note(path, **noted)
    name = next(iter(noted))
    for read in (netx.load, netx.load_execution):
        with pytest.raises(netx.NetxError, match=rf"a\.net: /async/metadata: {said}.*; to run .* give {name}"):
            read(path)
    other = Execution(Fifo(2), FirstOutput(), refractory=False, input_first=False, seed=9)
    assert netx.load(path, **{name: getattr(other, name)}).execution == Execution().but(**{name: getattr(other, name)})
    assert netx.load(path, execution=other).execution == other


@settings(max_examples=40)
@given(run=strategies.runs())
def test_what_a_file_notes_is_what_runs(tmp_path_factory, run):
    """Every field comes back, whoever notes it: `save(execution=...)`, its fields, or the network itself."""
    path, how = tmp_path_factory.getbasetemp() / "how.net", Execution(**run.rules)
    known = replace(run.network, execution=how)
    for network, noted in ((run.network, {"execution": how}), (run.network, how.fields()), (known, {})):
        netx.save(network, path, **noted)
        assert netx.load_execution(path) == how
        loaded = netx.load(path)
        assert loaded == network
        assert loaded.execution == how
        netx.save(loaded, path, accuracy=0.5)
        assert netx.load(path).execution == how
        assert netx.metadata(path)["accuracy"] == 0.5


def test_a_file_without_such_notes_leaves_it_open(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net", accuracy=0.5)
    assert netx.load_execution(tmp_path / "a.net") is netx.load(tmp_path / "a.net").execution is None
    netx.save(CHAIN, tmp_path / "b.net", seed=3)
    assert netx.load_execution(tmp_path / "b.net") == Execution(seed=3)


def test_metadata_override_what_a_network_knows(tmp_path):
    known = replace(CHAIN, execution=Execution(Random(8), seed=3))
    netx.save(known, tmp_path / "a.net", schedule=Fifo(2))
    assert netx.load_execution(tmp_path / "a.net") == Execution(Fifo(2), seed=3)


@dataclass(frozen=True)
class Mine(Schedule):
    """A schedule of one's own, of which nobody else knows."""

    name: ClassVar[str] = "mine"
    order: ClassVar[Order] = Order(Term.EMITTED)


def test_a_network_with_a_schedule_of_ones_own_is_not_lost(tmp_path, caplog):
    netx.save(CHAIN, tmp_path / "a.net", schedule=Mine(2), seed=3)
    assert "cannot make the schedule Mine again" in caplog.text
    with pytest.raises(
        netx.NetxError, match=r"schedule\.name = 'mine': must be one of .* give schedule, as in netx.load"
    ):
        netx.load(tmp_path / "a.net")
    assert netx.load(tmp_path / "a.net", schedule=Mine(2)).execution == Execution(Mine(2), seed=3)


def test_the_former_function_reads_the_fields_that_are_asked_for(tmp_path):
    note(tmp_path / "a.net", until=5, seed=3, schedule=Random(8).config())
    noted = netx.metadata(tmp_path / "a.net")
    with pytest.warns(DeprecationWarning, match="netx.load_execution"):
        found = netx.execution(noted, "a.net", ("schedule", "seed", "input_first"))
    assert found == {"schedule": Random(8), "seed": 3}


def test_integers_of_too_many_digits_are_an_error(tmp_path):
    netx.save(CHAIN, tmp_path / "a.net")
    with h5py.File(tmp_path / "a.net", "a") as file:
        del file["async/metadata"]
        file["async/metadata"] = np.bytes_(b'{"seed": ' + b"1" * 5000 + b"}")
    with pytest.raises(netx.NetxError, match="/async/metadata: must be JSON"):
        netx.metadata(tmp_path / "a.net")


def test_a_network_that_compresses_very_well_is_read_again(tmp_path):
    """A reader believes of a file what its size allows, so nothing is compressed beyond that."""
    weights = np.zeros((1024, 18 * 1024), np.float32)
    network = Network.feedforward([weights], CubaParams(1, 1, 1))
    netx.save(network, tmp_path / "a.net")
    assert netx.load(tmp_path / "a.net") == network


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_on_a_full_disk_the_old_file_stays_and_an_error_says_why(tmp_path, share):
    path = tmp_path / "a.net"
    netx.save(CHAIN, path)
    before = path.read_bytes()
    with limits.file_size(int(len(before) * share)), pytest.raises(netx.NetxError, match="cannot be written: File too"):
        netx.save(CHAIN, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_outputs_that_can_never_fire_are_said(tmp_path, caplog):
    netx.save(Network.feedforward([[[3, 4], [5, 6]]], LoihiParams(0, 0, [2**17, 9])), tmp_path / "a.net")
    netx.load(tmp_path / "a.net")
    assert "a.net: 1 of 2 outputs can never fire: the answer is their voltage" in caplog.text
