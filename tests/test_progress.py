"""Progress bars do not stand in the way of Lava."""

import io
import subprocess
import sys

import pytest

from lava_async.progress import ProgressBar


@pytest.mark.parametrize("options", ["", "disable=True"])
def test_lava_can_be_imported_after_a_bar(options):
    code = (
        f"from lava_async.progress import ProgressBar\nwith ProgressBar(range(2), {options}) as bar: list(bar)\n"
        "import multiprocessing\nassert multiprocessing.get_start_method(allow_none=True) is None\n"
        "import lava.magma.core.run_configs"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def shown(clock, **options):
    """What a bar of ten steps writes after each, a second apart."""
    stream = io.StringIO()
    with ProgressBar(total=10, file=stream, ncols=60, mininterval=0, dynamic_ncols=False, **options) as bar:
        bar.say("epoch 1 of 2")
        for _ in range(3):
            clock[0] += 30.0
            bar.update()
    return stream.getvalue().replace("\n", "").split("\r")


def test_a_bar_says_what_is_being_done_and_how_long_it_will_take(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    lines = shown(clock, desc="load torch")
    assert any(line.startswith("load torch |") for line in lines), "nothing is known about the time yet"
    assert any(line.startswith("epoch 1 of 2, 4 min left |") for line in lines)
    assert not any("?" in line or "it/s" in line for line in lines)
    assert all(len(line) <= 60 for line in lines)


def test_a_bar_that_is_done_promises_nothing():
    stream = io.StringIO()
    with ProgressBar(total=1, file=stream, desc="read data") as bar:
        bar.update()
    assert "left" not in stream.getvalue()
