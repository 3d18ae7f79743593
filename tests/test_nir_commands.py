"""A .nir file is taken wherever a .net file is."""

import json
from pathlib import Path

import numpy as np
import pytest

from lava_async import CubaParams, Layered, Network, cli, netx, nir, simulate_batch
from lava_async.data.digits import digits
from lava_async.errors import InvalidValue
from lava_async.model_files import load_model

rng = np.random.default_rng(0)
LIF = Network.feedforward([rng.normal(0, 0.3, (12, 200)), rng.normal(0, 0.5, (10, 12))], CubaParams(1, 0.5, 0.6))
COPY = Path(__file__).with_name("nir_files")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    netx.save(LIF, folder / "lif.net")
    nir.write(LIF, folder / "lif.nir")
    nir.write(LIF, folder / "UPPER.NIR", dt=1e-3)
    return folder


def found(capsys, *argv):
    code = cli.main([*map(str, argv), "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    return json.loads(shown.out)


def complaint(capsys, *argv):
    assert cli.main([*map(str, argv)]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "evaluate", "inspect"])
def test_both_kinds_of_files_of_a_network_give_the_same(files, capsys, command):
    if command == "evaluate":
        pytest.importorskip("torch")
    limit = {"run": ("--samples", "3"), "evaluate": ("--data", "digits", "--limit", "20"), "inspect": ()}[command]
    results = [found(capsys, command, files / name, *limit) for name in ("lif.net", "lif.nir", "UPPER.NIR")]
    for result in results:
        del result["model"]
        result.pop("metadata", None)
    assert results[0] == results[1] == results[2]


def test_the_framework_that_wrote_a_file_is_an_option_of_commands(tmp_path, capsys):
    path, net = COPY / "rockpool_lifneuron.nir", tmp_path / "rockpool.net"
    assert found(capsys, "inspect", path, "--framework", "rockpool")["layers"]
    assert cli.main(["export", str(path), "--net", str(net), "--framework", "rockpool"]) == 0
    capsys.readouterr()
    # The .net file notes that its neurons may emit several spikes in a time step.
    ours = nir.read(path, framework="rockpool")
    assert ours.execution.refractory is netx.load(net).execution.refractory is False
    assert "given for files of NIR (.nir) only" in complaint(
        capsys, "run", net, "--random", "0.1", "--framework", "rockpool"
    )


@pytest.mark.parametrize("command", ["run", "evaluate", "inspect"])
def test_dt_and_decay_are_options_of_commands_for_files_that_do_not_note_them(tmp_path, capsys, command):
    path = COPY / "norse_lifbox.nir"
    options = () if command == "inspect" else ("--random", "0.1") if command == "run" else ("--data", "digits")
    assert "node 1: tau = 5e-06: must be at least dt = 0.0001 s" in complaint(capsys, command, path, *options)
    if command != "evaluate":  # no data set has 20 channels
        assert cli.main([command, str(path), *options, "--dt", "1e-6"]) == 0
        capsys.readouterr()
        assert cli.main([command, str(path), *options, "--dt", "1e-6", "--decay", "exponential"]) == 0


@pytest.mark.parametrize("option", [("--dt", "1e-3"), ("--decay", "euler")])
def test_net_files_count_in_time_steps_and_take_neither(files, capsys, option):
    name = option[0][2:]
    assert f"{name} = " in (said := complaint(capsys, "run", files / "lif.net", "--samples", "1", *option))
    assert "given for files of NIR (.nir) only" in said
    with pytest.raises(InvalidValue, match=f"{name} = "):
        load_model(files / "lif.net", **{name: 1e-3})


def test_a_dt_is_a_positive_number_of_seconds(files, capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", str(files / "lif.nir"), "--dt", "0"])
    assert "must be a positive number of seconds" in capsys.readouterr().err


def filtered(tmp_path, n_inputs, n_outputs):
    """Return a file of neurons whose current filters a bias, from another framework."""
    package = pytest.importorskip("nir")
    values = {
        "tau_syn": 3e-4,
        "tau_mem": 4e-4,
        "r": 4.0,
        "v_threshold": 0.5,
        "w_in": 3.0,
        "v_leak": 0.0,
        "v_reset": 0.0,
    }
    fields = {name: np.full(n_outputs, value) for name, value in values.items()}
    weights, bias = rng.normal(0, 0.1, (n_outputs, n_inputs)), rng.normal(0.1, 0.1, n_outputs)
    nodes = {
        "in": package.Input(np.array([n_inputs])),
        "w": package.Affine(weights, bias),
        "n": package.CubaLIF(**fields),
        "out": package.Output(np.array([n_outputs])),
    }
    package.write(str(tmp_path / "filtered.nir"), package.NIRGraph(nodes, [("in", "w"), ("w", "n"), ("n", "out")]))
    return tmp_path / "filtered.nir"


def test_commands_feed_the_bias_channel_themselves_also_of_a_net_file_made_from_it(tmp_path, capsys):
    pytest.importorskip("torch")  # for evaluate
    path = filtered(tmp_path, 200, 10)
    network, noted = load_model(path)
    assert noted == {"bias_channel": True}
    spikes = digits("test").spikes[:3]
    expected = simulate_batch(network, nir.add_bias_channel(spikes), schedule=Layered()).output.sum(axis=2).tolist()
    assert cli.main(["export", str(path), "--net", str(tmp_path / "filtered.net")]) == 0
    capsys.readouterr()
    for name in ("filtered.nir", "filtered.net"):
        runs = found(capsys, "run", tmp_path / name, "--data", "digits", "--samples", "3")["runs"]
        assert [run["output"] for run in runs] == expected
        (row,) = found(capsys, "evaluate", tmp_path / name, "--data", "digits", "--limit", "3")["rows"]
        labels = digits("test").labels[:3]
        assert row["accuracy"] == np.mean([np.argmax(run["output"]) == y for run, y in zip(runs, labels, strict=True)])
        assert found(capsys, "run", tmp_path / name, "--random", "0.1", "--samples", "1")["samples"] == 1


@pytest.mark.lava
def test_a_process_takes_a_file_of_nir(files):
    from lava_async.proc.async_network.process import AsyncNetwork

    process = AsyncNetwork(net_config=files / "lif.nir")
    assert process.network == load_model(files / "lif.nir").network


def test_the_reset_of_a_file_can_be_said(tmp_path, capsys):
    network = Network.feedforward([np.eye(3)], CubaParams(1, 0.25, 0.5))
    nir.write(network, tmp_path / "theirs.nir", dt=1.0)
    for reset in ("zero", "subtract", "subtract_delayed"):
        assert load_model(tmp_path / "theirs.nir", reset=reset).network.params.reset == reset.partition("_")[0]
    inspected = found(capsys, "inspect", tmp_path / "theirs.nir", "--reset", "subtract_delayed")
    assert inspected["synapses"] == 9 + 3
    with pytest.raises(InvalidValue, match=r"reset = 'zero': must be given for files of NIR"):
        load_model("digits_robust", reset="zero")
