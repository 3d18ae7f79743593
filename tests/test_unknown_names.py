"""Arguments, keys, options and names that are not known are errors, which say the nearest one that is."""

from __future__ import annotations

import pytest
from compare import complains

from lava_async import LoihiParams, Network, Random, cli, netx
from lava_async.data import registry
from lava_async.errors import InvalidType, InvalidValue, nearest
from lava_async.experiments.config import Config, shipped
from lava_async.proc.async_lif.process import AsyncLIF
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.network_synapses.process import NetworkSynapses
from lava_async.proc.readout.process import Readout
from lava_async.proc.spike_scheduler.process import SpikeScheduler
from lava_async.schedules import schedule
from lava_async.stopping import stop_rule

NETWORK = Network.feedforward([[[10]]], LoihiParams(du=4095, dv=0, vth=5))
DIGITS = shipped()["digits"].read_text()


@pytest.mark.parametrize(
    ("make", "wrong", "meant"),
    [
        (lambda **wrong: AsyncNetwork(net_config=NETWORK, **wrong), {"schedul": Random(2)}, "schedule"),
        (lambda **wrong: AsyncLIF(shape=(1,), **wrong), {"dt": 1, "step_per_bin": 2}, None),
        (lambda **wrong: AsyncLIF(shape=(1,), **wrong), {"step_per_bin": 2}, "steps_per_bin"),
        (lambda **wrong: EventSource(spikes=[[1]], **wrong), {"ofset": 2}, "offset"),
        (lambda **wrong: NetworkSynapses(network=NETWORK, **wrong), {"input_frist": True}, "input_first"),
        (lambda **wrong: Readout(n_classes=2, reset_interval=3, n_samples=1, **wrong), {"rules": "x"}, "rule"),
        (lambda **wrong: SpikeScheduler(shape=(1,), schedule="random", **wrong), {"groupsize": 1}, "group_size"),
    ],
)
def test_a_process_refuses_an_argument_that_it_does_not_know(make, wrong, meant):
    name = next(iter(wrong))
    words = rf"\.{name} = .*: must be left out: it takes .*" + (f"; did you mean '{meant}'" if meant else "")
    with pytest.raises(InvalidType, match=words):
        make(**wrong)


@pytest.mark.parametrize(("wrong", "meant"), [("schedul", "schedule"), ("sed", "seed"), ("untill", "until")])
def test_a_part_of_an_execution_that_is_misspelled_is_no_note_and_no_part(tmp_path, wrong, meant):
    with pytest.raises(
        InvalidType, match=rf"netx\.save {wrong} = 3: must be {meant}, or a note of a name less like it"
    ):
        netx.save(NETWORK, tmp_path / "a.net", **{wrong: 3})
    netx.save(NETWORK, tmp_path / "a.net", author="me", sender="you")
    with pytest.raises(InvalidType, match=rf"execution\.{wrong} = 3: must be left out: .*did you mean '{meant}'\?"):
        netx.load(tmp_path / "a.net", **{wrong: 3})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (DIGITS + "\n[trainig]\nepochs = 3\n", "training"),
        (DIGITS + "\n[training]\nepoch = 3\n", "epochs"),
        (DIGITS.replace('name = "digits"', 'name = "digit"'), "digits"),
        (DIGITS.replace("[data]", '[loss]\nname = "crossentropy"\n[data]'), "cross_entropy"),
    ],
)
def test_a_key_or_a_name_in_a_config_is_named_with_the_nearest(text, meant):
    with pytest.raises((InvalidValue, InvalidType), match=rf"did you mean '{meant}'\?"):
        Config.from_toml(text)


@pytest.mark.parametrize(("key", "meant"), [("trainig.seed", "training"), ("training.sead", "seed")])
def test_a_setting_of_train_is_named_with_the_nearest(tmp_path, capsys, key, meant):
    assert cli.main(["train", "digits", "--set", f"{key}=1", "--out", str(tmp_path)]) == 1
    assert f"did you mean '{meant}'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: registry.load("digts", "test"),
            "data.name = 'digts': must be one of " + ", ".join(registry.names()) + "; did you mean 'digits'?",
        ),
        (
            lambda: registry.load("digits", "tset"),
            "digits.split = 'tset': must be 'train' or 'validation' or 'test', or "
            "several of them joined by '+'; did you mean 'test'?",
        ),
        (
            lambda: registry.load("digits", "test", polarty="off_on"),
            "data.options.polarty = 'off_on': must be left out: digits takes polarity; did you mean 'polarity'?",
        ),
        (
            lambda: schedule("randm"),
            "schedule.name = 'randm': must be one of layered, random, momentum, fifo, lifo, "
            "shallow, deep, timed, replay; did you mean 'random'?",
        ),
        (
            lambda: schedule("random", group=3),
            "schedule('random') options = {'group': 3}: must be options of its own: "
            "group_size; did you mean 'group_size'?",
        ),
        (
            lambda: stop_rule("quiescence"),
            "stop_rule.name = 'quiescence': must be one of Quiescence, FirstOutput, "
            "MaxForwardSteps, Margin; did you mean 'Quiescence'?",
        ),
    ],
    ids=lambda case: case[:30] if isinstance(case, str) else "",
)
def test_a_name_is_named_with_the_nearest(call, message):
    complains(call, message)


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["evaluat", "m.net"], "evaluate"),
        (["data", "show", "digits", "--sampel", "1"], "--sample"),
        (["data", "shw"], "show"),
        (["train", "digits", "--sett=1"], "--set"),
    ],
    ids=" ".join,
)
def test_a_word_of_the_command_line_is_named_with_the_nearest(capsys, argv, meant):
    with pytest.raises(SystemExit, match="2"):
        cli.main(argv)
    assert f"did you mean '{meant}'?" in capsys.readouterr().err


def test_what_is_like_nothing_gets_no_advice():
    assert nearest("xyz", ["seed", "schedule"]) == ""
    assert nearest("SEEDS", ["seed", "schedule"]) == "; did you mean 'seed'?"
