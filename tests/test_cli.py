"""The command line: what it prints where, and what it says when something is wrong."""

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import lava_async
from lava_async import bench, cli
from lava_async.bench.workloads import W3, W4, Workload
from lava_async.commands import COMMANDS, Command, Report, table
from lava_async.commands import bench as bench_command
from lava_async.engine.config import show_config
from lava_async.errors import InvalidValue
from lava_async.files import as_json, replacing


def command(run):
    return Command("try", "s", "d", "e", lambda parser: None, run)


@pytest.fixture
def trying(monkeypatch):
    """Call the command line with a command that does what the test says."""

    def call(run, *options):
        monkeypatch.setitem(COMMANDS, "try", command(run))
        return cli.main(["try", *options])

    return call


@pytest.mark.parametrize("argv", [[], *[[name] for name in COMMANDS]], ids=lambda a: " ".join(a) or "lava-async")
def test_help_needs_no_torch_and_no_lava(argv):
    code = (
        "import sys; from lava_async.cli import build_parser; p = build_parser();"
        f"sys.argv[1:] = {[*argv, '--help']};\n"
        "try: p.parse_args()\n"
        "finally: assert not {'torch', 'lava', 'matplotlib', 'sklearn', 'tqdm'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: lava-async" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_examples(name, capsys):
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert f"lava-async {name}" in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_what_a_command_does_is_said_in_80_columns():
    for name, parser in cli.build_parser().commands.items():
        assert parser.description, name
        assert max(map(len, parser.description.splitlines())) <= 80, name


def test_the_version_is_shown(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"lava-async {lava_async.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["demo", "--seed", "-1"], "argument --seed: '-1' must be an integer of at least 0"),
        (["demo", "--seed", "1.5"], "'1.5' must be an integer"),
        (["demo", "--seed", str(2**63)], "must be an integer"),
        (["demo", "extra"], "lava-async demo: unrecognized arguments: extra"),
        (
            ["calibrate", "a.net", "--out", "b.net", "--sample", "3", "--limits", "4"],
            "(see lava-async calibrate --help)",
        ),
        (["models", "--jsn"], "did you mean '--json'?"),
        (["export", "a.net", "--csv"], "lava-async export: unrecognized arguments: --csv (see"),
        (["bench", "--suite", "all of them"], "argument --suite: invalid choice"),
        (["bench", "--repeats", "0"], "argument --repeats: '0' must be an integer of at least 1"),
    ],
    ids=" ".join,
)
def test_bad_arguments_give_one_clear_line(argv, said, capsys):
    with pytest.raises(SystemExit) as exit_:
        cli.main(argv)
    shown = capsys.readouterr()
    assert exit_.value.code == 2
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out


def test_results_go_to_stdout_and_all_else_to_stderr(trying, capsys):
    def run(args):
        sys.stdout.write("noise of a library\n")
        return Report("the result", {"value": 1})

    assert trying(run) == 0
    assert capsys.readouterr() == ("the result\n", "noise of a library\n")


def test_json_is_the_standards(trying, capsys):
    assert trying(lambda args: Report("text", {"latency": float("nan"), "rows": [(1, float("inf"))]}), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"latency": None, "rows": [[1, None]]}


def test_what_does_not_hold_gives_exit_code_1(trying, capsys):
    assert trying(lambda args: Report("Lava = training: 1 of 2 samples", {}, ok=False)) == 1
    assert "1 of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InvalidValue("Random.group_size", 0, ">= 1"), "Random.group_size = 0: must be >= 1"),
        (PermissionError(13, "Permission denied", "out"), "out: Permission denied"),
    ],
)
def test_errors_that_say_what_is_wrong_give_one_line(trying, capsys, error, sentence):
    def run(args):
        raise error

    assert trying(run) == 1
    shown = capsys.readouterr()
    assert shown.err == f"lava-async try: {sentence}\n"
    assert not shown.out
    with pytest.raises(type(error)):
        trying(run, "--verbose")


def test_errors_of_the_system_begin_with_the_file(trying, capsys, tmp_path):
    def rename():
        (tmp_path / "results.json").mkdir()
        (tmp_path / ".results.1.json").touch()
        os.replace(tmp_path / ".results.1.json", tmp_path / "results.json")

    def folder():
        (tmp_path / "file").touch()
        (tmp_path / "file").mkdir(exist_ok=True)

    said = {
        rename: f"{tmp_path}/results.json cannot be written: Is a directory",
        folder: f"{tmp_path}/file: must be a folder",
        lambda: (tmp_path / "none").read_bytes(): f"{tmp_path}/none: No such file or directory",
    }
    for fail, sentence in said.items():
        assert trying(lambda args, fail=fail: fail()) == 1
        assert capsys.readouterr().err == f"lava-async try: {sentence}\n"


def test_bugs_keep_their_trace(trying):
    def run(args):
        raise KeyError("oversight")

    with pytest.raises(KeyError):
        trying(run)


def test_interruption_gives_one_line(trying, capsys):
    def run(args):
        raise KeyboardInterrupt

    assert trying(run) == 130
    assert capsys.readouterr().err == "lava-async try: interrupted\n"


@pytest.mark.parametrize("name", ["train", "study"])
def test_interruption_of_what_is_kept_says_how_to_go_on(name, monkeypatch, capsys):
    def run(args):
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, name, replace(COMMANDS[name], run=run))
    assert cli.main([name, "digits"]) == 130
    assert capsys.readouterr().err.startswith(f"lava-async {name}: interrupted; the same command goes on")


def test_a_reader_that_goes_away_is_no_error():
    code = (
        "import sys, lava_async.cli as c; from lava_async.commands import *;"
        "COMMANDS['try'] = Command('try', '', '', '', lambda p: None, lambda a: Report('x' * 10**7, {}));"
        "sys.exit(c.main(['try']))"
    )
    done = subprocess.run(f'{sys.executable} -c "{code}" | head -c 5', shell=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("xxxxx", "")


def test_an_output_folder_that_cannot_be_made_gives_one_line(tmp_path, capfd):
    (tmp_path / "file").write_text("")
    assert cli.main(["demo", "--fast", "--out", str(tmp_path / "file" / "out")]) == 1
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("lava-async demo: ")
    assert "Not a directory" in last


def test_ctrl_c_ends_a_command_at_once(tmp_path):
    argv = [sys.executable, "-m", "lava_async", "demo", "--out", str(tmp_path)]
    # What a shell starts in the background ignores Ctrl-C, and so do its children; a user's terminal does not.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    signal.signal(signal.SIGINT, before)
    seen = ""
    while "train layered" not in seen and process.poll() is None:
        seen += process.stderr.read(1)
    os.killpg(process.pid, signal.SIGINT)
    try:
        out, err = process.communicate(timeout=200)  # a kernel that is being compiled is finished first
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "lava-async demo: interrupted"
    assert not out
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".json"]


def test_tables_align_numbers_to_the_right():
    text = table([["name", "value"], ["a", "1.50 ms"], ["long name", "12.00 ms"]])
    assert text.splitlines()[2:] == ["a           1.50 ms", "long name  12.00 ms"]


def test_files_appear_whole_or_not_at_all(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("before")
    with contextlib.suppress(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    with replacing(path) as temporary:
        temporary.write_text("after")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["after"]


def test_a_file_that_only_its_owner_may_read_stays_one(tmp_path):
    path = tmp_path / "private.json"
    path.touch(0o600)
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_nan_becomes_null():
    assert json.loads(as_json({"a": [float("nan"), 1.0]})) == {"a": [None, 1.0]}


# Benchmarks ----------------------------------------------------------------------------------------------------------

SMALL = Workload("S", (6, 5, 3), n_steps=4, batch=3, density=0.5, voltage_decay=1.0)


def case(calls, *names, closed=None):
    contenders = [bench.Contender(name, partial(calls.append, name), "all") for name in names]
    return bench.Case(
        "case",
        "work",
        contenders,
        targets={"b": 2.0},
        close=lambda: closed.append(True),
        figures=lambda seconds: [bench.Figure("contenders", len(seconds), "of them", 3.0)],
    )


def test_contenders_take_turns_after_a_warm_up_and_are_closed(monkeypatch):
    monkeypatch.setattr(bench, "TURN", 0.0)
    calls, closed = [], []
    measured = bench.measure(case(calls, "a", "b", closed=closed), 2)
    assert calls[-4:] == ["a", "b", "a", "b"]
    assert closed == [True]
    assert [r["contender"] for r in measured["results"]] == ["a", "b"]
    assert measured["results"][0]["ratio"] == 1.0
    assert measured["results"][1]["target"] == 2.0
    assert measured["figures"] == [{"name": "contenders", "value": 2, "unit": "of them", "most": 3.0}]
    json.loads(as_json(measured))


def test_what_is_short_runs_several_times_in_a_turn():
    measured = bench.measure(case([], "a", closed=[]), 1)
    (result,) = measured["results"]
    assert result["runs"] > 1
    assert result["seconds"] < bench.TURN


def test_contenders_are_closed_when_one_fails():
    closed = []
    failing = bench.Case("case", "", [bench.Contender("a", lambda: 1 / 0, "")], close=lambda: closed.append(True))
    with pytest.raises(ZeroDivisionError):
        bench.measure(failing, 1)
    assert closed == [True]


def test_peak_memory_is_that_of_the_work():
    peak = bench.memory.peak_bytes(lambda: bytearray(b"x" * 200_000_000))
    assert peak is None or 1.9e8 < peak < 5e8


def test_workloads_are_the_same_everywhere():
    assert SMALL.spikes().sum() == 39
    assert [round(float(w.sum()), 6) for w in SMALL.weights()] == [1.522243, 0.266633]
    again = Workload(**vars(SMALL))
    assert (again.spikes() == SMALL.spikes()).all()
    assert again.network() == SMALL.network()
    assert again.loihi_network() == SMALL.loihi_network()


@pytest.mark.parametrize("pictures", [W3, W4], ids=lambda pictures: pictures.name)
def test_convolutional_workloads_take_what_slayers_blocks_take(pictures):
    import torch

    few = replace(pictures, batch=1, n_steps=2)
    spikes = torch.from_numpy(few.spikes()).float()
    layered = torch.nn.Sequential(*few.blocks())(spikes)
    network = few.unlayered()
    assert network(spikes).shape == layered.shape == (1, few.layers[-1][1], 2)
    assert network.to_network().n_neurons == {"W3": 15_435, "W4": 426}[pictures.name]
    assert few.labels().max() < few.layers[-1][1]


def test_memory_that_is_kept_is_that_of_what_was_made():
    grown = bench.memory.growth(lambda: (bytearray(b"x" * 200_000_000), b"x" * len(bytearray(100_000_000)))[:1])
    assert grown is None or 1.9e8 < grown < 2.5e8


def test_suites_are_the_files_that_have_cases():
    sources = {path.stem: path.read_text() for path in Path(bench.__file__).parent.glob("*.py")}
    assert set(bench_command.SUITES) == {name for name, text in sources.items() if "\ndef cases(threads" in text}


def test_bench_says_where_it_is_when_it_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(bench_command, "find_spec", lambda name: None)
    assert cli.main(["bench"]) == 1
    said = "lava-async bench: benchmarks are not installed: run 'make bench' in a checkout of the repository\n"
    assert capsys.readouterr().err == said


def test_bench_prints_text_csv_and_json(monkeypatch, capsys):
    monkeypatch.setattr(bench, "cases", lambda suite, threads: iter([case([], "a", "b", closed=[])]))
    assert cli.main(["bench", "--repeats", "1"]) == 0
    printed = capsys.readouterr().out
    assert ">= 2" in printed
    assert "contenders: 2 of them, wanted: <= 3" in printed
    assert show_config()["instruction set"] in printed.splitlines()[0]
    assert cli.main(["bench", "--repeats", "1", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["suite"], row["contender"]) for row in rows] == [("forward", "a"), ("forward", "b")]
    assert cli.main(["bench", "--repeats", "1", "--json", "--suite", "all"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [c["suite"] for c in data["cases"]] == list(bench_command.SUITES)
    assert data["machine"]["cores"] == os.cpu_count()
    assert data["machine"]["instruction set"] == show_config()["instruction set"]


@pytest.mark.parametrize("suite", bench_command.SUITES)
def test_every_suite_is_there(suite):
    assert (Path(bench.__file__).parent / f"{suite}.py").is_file()
