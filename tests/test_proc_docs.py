"""The examples in the documentation of the Lava Processes run and show what they give."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

pytest.importorskip("lava.magma")
pytestmark = pytest.mark.lava

PROCESSES = {
    "async_lif": "AsyncLIF",
    "async_network": "AsyncNetwork",
    "event_source": "EventSource",
    "network_synapses": "NetworkSynapses",
    "readout": "Readout",
    "spike_scheduler": "SpikeScheduler",
}


@pytest.mark.parametrize(("package", "name"), PROCESSES.items())
def test_the_example_of_a_process_runs(package, name):
    module = importlib.import_module(f"lava_async.proc.{package}.process")
    (test,) = doctest.DocTestFinder(recurse=False).find(getattr(module, name), name, globs=vars(module).copy())
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize(("package", "name"), PROCESSES.items())
def test_the_docstring_opens_with_the_dynamics_in_four_lines(package, name):
    module = importlib.import_module(f"lava_async.proc.{package}.process")
    _, colons, dynamics, *_ = getattr(module, name).__doc__.split("\n\n")
    assert colons.strip() == "::"  # a block of code for Sphinx
    assert len(dynamics.splitlines()) == 4
    assert all("#" in line for line in dynamics.splitlines())


def test_the_page_for_users_of_lif_runs_and_shows_what_it_gives(capsys):
    page = (Path(__file__).parents[1] / "docs" / "from_lif_to_asynclif.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```\n(?:\s*^```text\n(.*?)^```)?", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    names: dict[str, object] = {}
    for code, shown in blocks:
        exec(compile(code, "from_lif_to_asynclif.md", "exec"), names)
        assert capsys.readouterr().out == shown
