"""`lava-async evaluate`: a file, some data, some schedules, one table."""

import json

import numpy as np
import pytest

from lava_async import FirstOutput, LoihiParams, Network, Random, cli, netx
from lava_async.data.digits import digits
from lava_async.engine.config import machine
from lava_async.training import evaluate

rng = np.random.default_rng(0)
NETWORK = Network.feedforward(
    [2 * rng.integers(-20, 30, (12, 200)), 2 * rng.integers(-60, 60, (10, 12))], LoihiParams(4095, 4096, 40)
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    netx.save(NETWORK, folder / "plain.net")
    netx.save(NETWORK, folder / "noted.net", schedule=Random(3), until=FirstOutput(2), seed=7)
    netx.save(NETWORK, folder / "trained.net", config={"data": {"name": "mnist"}}, polarity="off_on")
    return folder


def call(capsys, *argv):
    code = cli.main(["evaluate", *map(str, argv)])
    return code, capsys.readouterr()


def test_every_schedule_asked_for_has_a_row_with_what_evaluate_finds(files, capsys):
    options = ("--data", "digits", "--schedule", "layered", "random", "--group-size", "2", "--limit", "40")
    code, shown = call(capsys, files / "plain.net", *options, "--json")
    found = json.loads(shown.out)
    assert code == 0
    assert [row["schedule"]["name"] for row in found["rows"]] == ["layered", "random"]
    expected = evaluate(NETWORK, digits("test").subset(np.arange(40)), schedule=Random(2))
    assert {name: found["rows"][1][name] for name in vars(expected)} == vars(expected)
    assert found["samples"] == 40
    assert found["machine"] == machine()


def test_the_file_says_how_it_is_run_unless_told_otherwise(files, capsys):
    _, shown = call(capsys, files / "noted.net", "--data", "digits", "--limit", "40", "--json")
    found = json.loads(shown.out)
    expected = evaluate(NETWORK, digits("test").subset(np.arange(40)), schedule=Random(3), until=FirstOutput(2), seed=7)
    assert [row["schedule"] for row in found["rows"]] == [{"name": "random", "group_size": 3}]
    assert found["seed"] == 7
    assert found["rows"][0]["spikes_per_sample"] == expected.spikes_per_sample
    _, shown = call(capsys, files / "noted.net", "--data", "digits", "--limit", "40", "--seed", "8", "--json")
    assert json.loads(shown.out)["seed"] == 8


def test_people_get_a_table(files, capsys):
    code, shown = call(capsys, files / "plain.net", "--data", "digits", "--limit", "5")
    assert code == 0
    assert "5 samples of digits test" in shown.out
    assert any(line.startswith("layered  ") for line in shown.out.splitlines())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["plain.net"], "--data = None: must be given: one of digits"),
        (["trained.net"], "; it was trained on mnist (--data-help tells more)"),
        (["missing.net"], "missing.net: cannot be read: No such file"),
        (["plain.net", "--data", "mnist"], "t10k-labels-idx1-ubyte[.gz] = None: must be put in a folder"),
        (["plain.net", "--data", "mnist", "--folder", "."], "missing"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_evaluated_gives_one_line(files, capsys, monkeypatch, argv, said):
    monkeypatch.chdir(files)
    monkeypatch.delenv("LAVA_ASYNC_DATA", raising=False)
    code, shown = call(capsys, *argv)
    assert code == 1
    assert said in shown.err
    assert shown.err.count("\n") == 1


def test_data_with_the_other_order_of_polarities_is_a_warning(files, capsys):
    options = ("--data", "digits", "--limit", "5")
    code, shown = call(capsys, files / "trained.net", *options)
    assert code == 0
    assert (
        "warning: the network was trained on polarities in the order off_on, those of digits test are on_off"
        in shown.err
    )
    assert shown.err.count("\n") == 1
    _, ours = call(capsys, files / "trained.net", *options, "--option", "polarity=off_on")
    assert ours.err == ""
    _, unknown = call(capsys, files / "plain.net", *options)
    assert unknown.err == ""


def test_data_that_are_no_data_are_named(files, capsys):
    with pytest.raises(SystemExit, match="2"):
        call(capsys, files / "plain.net", "--data", "digit")
    assert (
        "a folder of events, package.module:function; did you mean 'digits'? (--data-help)" in capsys.readouterr().err
    )
