"""What commands print: tables that fit a terminal, and the same as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_async import cli
from lava_async.commands import COMMANDS
from lava_async.commands.base import table
from lava_async.files import as_csv

WORD = st.text("abcdefgh", min_size=1, max_size=9)
CELL = st.one_of(st.lists(WORD, min_size=1, max_size=4).map(" ".join), st.integers(-999, 10**6).map(str))


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=2, max_size=5)))
def test_a_table_shows_every_word_once_and_fits_where_its_words_do(rows):
    text = table(rows)
    shown = [word for line in text.splitlines() if line.strip("-") for word in line.split()]
    assert sorted(shown) == sorted(word for row in rows for cell in row for word in cell.split())
    least = sum(max(len(word) for row in rows for word in row[i].split()) for i in range(len(rows[0])))
    if least + len(rows[0]) - 1 <= 80:
        assert max(map(len, text.splitlines())) <= 80


def test_a_table_fits_a_narrow_terminal_or_else_80_columns(monkeypatch):
    rows = [["what it is", "a number"], ["some words that take more than a narrow terminal has, and then some", "1"]]
    for columns, most in ((40, 60), (60, 60), (70, 70), (200, 80)):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert max(map(len, table(rows).splitlines())) <= most
    monkeypatch.setenv("COLUMNS", "60")
    assert 60 < max(map(len, table([["x" * 30, "y" * 30], ["1", "2"]]).splitlines())) <= 80


def test_heads_are_broken_before_words():
    rows = [["what it is", "some long head"], ["some words here", "1"]]
    assert table(rows, 24) == "\n".join(
        [
            "                    some",
            "                    long",
            "what it is          head",
            "-" * 24,
            "some words here        1",
        ]
    )
    assert table(rows, 16).splitlines()[-2:] == ["some words     1", "here"]


def test_csv_is_read_as_it_was_meant():
    rows = [
        {"name": "a,b", "schedule": {"name": "layered"}, "sizes": [1, 2]},
        {"name": None, "schedule": {"name": "x", "F": 3}},
    ]
    read = list(csv.DictReader(io.StringIO("\n".join(as_csv(rows)))))
    assert read == [
        {"name": "a,b", "schedule.name": "layered", "schedule.F": "", "sizes": "1 2"},
        {"name": "", "schedule.name": "x", "schedule.F": "3", "sizes": ""},
    ]
    assert list(as_csv(iter([{"a": 1}, {"a": 2}]))) == ["a", "1", "2"]
    assert list(as_csv([])) == []


#: Commands that are quick, with the rows of their --json.
QUICK: dict[str, Callable] = {
    "models": lambda data: data,
    "data list": lambda data: data["data"],
    "data show digits": lambda data: [data],
    "evaluate digits_robust --data digits --limit 8 --schedule layered random timed": lambda data: data["rows"],
    "inspect digits_robust": lambda data: [source for layer in data["layers"] for source in layer["incoming"]],
    "run digits_robust --samples 2": None,
    "doctor": None,
    "view digits_robust --data digits --last 2 --out {tmp}/page.html": None,
    "calibrate digits_robust --data digits --samples 20 --out {tmp}/calibrated.net": None,
    "train {tmp}/train.toml --out {tmp}/trained": lambda data: data["history"],
    "study {tmp}/study.toml --out {tmp}/studied": lambda data: data["rows"],
}
#: Tested with what they do: they take longer.
ELSEWHERE = {"bench", "demo"}
TRAIN = """
[network]
sizes = [200, 8, 10]
[data]
name = "digits"
limit = 40
[training]
epochs = 2
"""
STUDY = """
seeds = [0]
trainings = [{name = "as it is"}]
executions = [{schedule = "layered"}, {schedule = "random", group_size = [8]}]
[base.network]
sizes = [200, 8, 10]
[base.data]
name = "digits"
limit = 40
[base.training]
epochs = 1
"""


@pytest.mark.parametrize("line", QUICK)
def test_tables_of_commands_fit_80_columns_and_come_as_csv(line, capsys, tmp_path):
    (tmp_path / "train.toml").write_text(TRAIN)
    (tmp_path / "study.toml").write_text(STUDY)
    rows, line = QUICK[line], line.format(tmp=tmp_path)
    assert cli.main(line.split()) == 0
    rules = [text for text in capsys.readouterr().out.splitlines() if text and not text.strip("-")]
    assert rules, "there is a table"
    assert max(map(len, rules)) <= 80
    assert cli.main([*line.split(), "--csv"]) == 0
    read = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert read
    assert all(None not in row and None not in row.values() for row in read)
    assert cli.main([*line.split(), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert rows is None or len(read) == len(rows(data))


def test_every_command_that_prints_a_table_has_csv():
    tabular = {name for name, command in COMMANDS.items() if command.rows}
    assert set(COMMANDS) - tabular == {"export"}
    assert tabular == {line.split()[0] for line in QUICK} | ELSEWHERE


def test_json_and_csv_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        cli.main(["models", "--csv", "--json"])
    assert "not allowed with" in capsys.readouterr().err


# --- Completion in the shell -----------------------------------------------------------------------------------------


def completions(line: str, file: Path) -> list[str]:
    """What argcomplete offers a shell for a command line."""
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(file)}
    asked |= {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = [sys.executable, "-c", "from lava_async import cli; cli.main()"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return [word.strip() for word in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lava-async ev", {"evaluate"}),
        ("lava-async run digits_r", {"digits_random", "digits_random_calibrated", "digits_robust"}),
        ("lava-async train dig", {"digits"}),
        ("lava-async models --j", {"--json"}),
    ],
)
def test_a_shell_completes_commands_options_and_names(line, offered, tmp_path):
    pytest.importorskip("argcomplete", reason="argcomplete is not installed: nothing is completed")
    assert set(completions(line, tmp_path / "offered")) == offered
