"""`lava-async doctor`: what is installed and found here, and what to do about the rest."""

import json
import platform
import sys
from types import ModuleType

import numpy as np
import pytest

import lava_async
from lava_async import cli, extras
from lava_async.commands import doctor
from lava_async.engine.config import processor


def call(capsys, *argv):
    code = cli.main(["doctor", *argv])
    return code, capsys.readouterr().out


@pytest.fixture
def everything_here(monkeypatch):
    monkeypatch.setattr(extras, "missing", lambda extra: [])


def test_versions_and_processor_are_shown(capsys):
    code, text = call(capsys)
    assert code == 0
    for word in (lava_async.__version__, platform.python_version(), np.__version__, platform.machine()):
        assert word in text


def test_the_instruction_set_is_the_one_that_is_used(capsys, monkeypatch):
    monkeypatch.setenv("LAVA_ASYNC_ISA", "baseline")
    found = json.loads(call(capsys, "--json")[1])["processor"]
    assert (found["instruction set"], found["processor"]) == ("baseline", processor())


def test_it_fits_80_columns(capsys, monkeypatch):
    monkeypatch.setattr(extras, "missing", lambda extra: list(extras.EXTRAS[extra]))
    _, text = call(capsys)
    assert all(len(line) <= 80 or "pip install" in line for line in text.splitlines())


def test_what_is_missing_comes_with_the_command_that_installs_it(capsys, monkeypatch):
    missing = {"plots": ["matplotlib"], "train": ["torch", "lava.lib.dl"]}
    monkeypatch.setattr(extras, "missing", lambda extra: missing.get(extra, []))
    _, text = call(capsys)
    assert "plots        without matplotlib" in text
    assert "train        without torch, lava-dl" in text
    assert "lava         yes" in text
    assert 'for plots: pip install "lava-async[plots]"' in text
    assert f"for train: {extras.command('train', 'lava.lib.dl')}" in text


def test_a_data_set_whose_files_are_here_is_found(capsys, monkeypatch, tmp_path):
    (tmp_path / "shd").mkdir()
    for name in ("shd_train.h5", "shd_test.h5"):
        (tmp_path / "shd" / name).touch()
    monkeypatch.setenv("LAVA_ASYNC_DATA", str(tmp_path))
    _, text = call(capsys, "--json")
    found = json.loads(text)["data"]
    assert found["shd"] == str(tmp_path / "shd")
    assert found["nmnist"] is None


def test_the_variable_is_named_where_no_data_are_found(capsys, monkeypatch, everything_here):
    monkeypatch.delenv("LAVA_ASYNC_DATA", raising=False)
    _, text = call(capsys)
    assert "Set LAVA_ASYNC_DATA to the folder that contains your data sets." in text


def test_another_version_of_lava_is_an_error(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: "0.9.0")
    code, text = call(capsys)
    assert code == 1
    assert "lava_async is written for lava-nc 0.10.0: pip install" in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 and later")
def test_lava_comes_after_lava_async_where_nothing_makes_lava_first_run(capsys, everything_here, monkeypatch):
    monkeypatch.delitem(sys.modules, doctor.STARTUP, raising=False)
    assert "Import lava_async before lava" in call(capsys)[1]
    monkeypatch.setitem(sys.modules, doctor.STARTUP, ModuleType(doctor.STARTUP))
    assert "before lava" not in call(capsys)[1]
