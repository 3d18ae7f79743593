"""Cells of a study on several workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from lava_async.errors import InvalidValue
from lava_async.experiments.sweep import sweep

# ------------------------------------------------------------------------------------------------- sweeps


def worker(folder: Path):
    """Return work that notes its process; the cell "fails" fails, and the first worker at "kills" dies."""

    def work(cell: str) -> None:  # Nested, so that it is pickled as it is: workers know no tests.
        if cell == "fails":
            raise InvalidValue("cell", cell, "another")
        mark = folder / "killed"
        if cell == "kills" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / cell).write_text(str(os.getpid()))

    return work


def test_a_cell_that_fails_does_not_stop_the_others(tmp_path):
    seen = []
    failed = sweep(["a", "fails", "b"], worker(tmp_path), on_done=lambda cell, _: seen.append(cell))
    assert [(cell, type(error)) for cell, error in failed] == [("fails", InvalidValue)]
    assert seen == ["a", "fails", "b"]
    assert (tmp_path / "b").exists()


def test_a_lost_worker_costs_only_its_cell(tmp_path):
    cells = ["a", "kills", "b", "fails", "c"]
    failed = sweep(cells, worker(tmp_path), workers=2)
    assert [(cell, type(error)) for cell, error in failed] == [("fails", InvalidValue)]
    assert all((tmp_path / cell).exists() for cell in ("a", "kills", "b", "c"))
    assert str(os.getpid()) not in {(tmp_path / cell).read_text() for cell in ("a", "b", "c")}


def test_a_cell_that_loses_every_worker_fails(tmp_path):
    def work(cell):
        if cell == "kills":
            os._exit(3)
        (tmp_path / cell).touch()

    ((cell, error),) = sweep(["kills", "a", "b"], work, workers=2)
    assert (cell, str(error)) == ("kills", "its process ended with 3")
    assert (tmp_path / "b").exists()


def test_workers_have_no_sockets_and_end_with_the_sweep(tmp_path):
    def work(cell):
        import psutil

        (tmp_path / cell).write_text(f"{os.getpid()} {len(psutil.Process().net_connections('all'))}")

    assert sweep(["a", "b"], work, workers=2) == []
    for cell in ("a", "b"):
        pid, sockets = map(int, (tmp_path / cell).read_text().split())
        assert sockets == 0
        assert not psutil.pid_exists(pid)


def test_workers_end_with_the_process_that_started_them(tmp_path):
    code = """
import os, time
from lava_async.experiments.sweep import sweep

def work(cell):
    os.write(2, b"at work")
    time.sleep(600)

sweep([1, 2], work, workers=2)
"""
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        process.stderr.read(14)
        workers = psutil.Process(process.pid).children()
        process.kill()
    assert len(workers) == 2
    psutil.wait_procs(workers, timeout=20)
    assert not [each for each in workers if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_an_exception_that_cannot_be_passed_on_is_said():
    class StrangeError(Exception):
        def __init__(self, a, b):
            super().__init__(a)

    def work(cell):
        raise StrangeError("odd", 1)

    ((_, error),) = sweep([1], work, workers=2)
    assert "odd" in str(error)


def test_a_scheduler_that_does_not_answer_is_named():
    pytest.importorskip("distributed")
    with pytest.raises(InvalidValue, match="nowhere"):
        sweep(["a"], print, scheduler="nowhere://")
