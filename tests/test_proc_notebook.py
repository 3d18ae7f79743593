"""In a notebook, what fails in a ProcessModel is shown in its cell, and the kernel goes on as before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("lava.magma")
nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")

pytestmark = pytest.mark.lava

SETTING = """
import multiprocessing
import numpy as np
import lava_async
from faulty.process import Faulty
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava_async import LoihiParams, Network, Random, simulate
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.runtime import run

rng = np.random.default_rng(0)
network = Network.feedforward([rng.integers(-20, 60, (6, 4)), rng.integers(-20, 60, (3, 6))], LoihiParams(2047, 0, 50))
spikes = rng.integers(0, 2, (4, 8))
"""
RUN = """
net = AsyncNetwork(net_config=network, schedule=Random(2))
source, sink = Source(data=spikes), Sink(shape=net.out.shape, buffer=8)
source.s_out.connect(net.inp)
net.out.connect(sink.a_in)
run(net, 8, Loihi2SimCfg(select_tag="fixed_pt"))
expected = simulate(network, spikes, schedule=Random(2)).output
print(expected.any(), (sink.data.get() == expected).all())
"""
FAIL = """
source, faulty = Source(data=np.ones((2, 10))), Faulty(fault="raise")
source.s_out.connect(faulty.inp)
run(faulty, 10, Loihi2SimCfg())
"""
LEFT = "print(multiprocessing.active_children())"


def test_a_run_a_fault_and_the_same_run_again():
    cells = [nbformat.v4.new_code_cell(code) for code in (SETTING, RUN, LEFT, FAIL, LEFT, RUN, LEFT)]
    client = nbclient.NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        timeout=120,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(Path(__file__).parent)}},
    )
    *_, before, left, fault, left_then, again, left_last = client.execute().cells
    assert said(before) == said(again) == "True True\n"
    assert said(left) == said(left_then) == said(left_last) == "[]\n"
    (error,) = [output for output in fault.outputs if output.output_type == "error"]
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "the model divided by zero")
    shown = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error.traceback))
    assert "run(faulty, 10, Loihi2SimCfg())" in shown
    assert re.search(r"faulty/models\.py.*in run_spk", shown)  # where it happened


def said(cell):
    """Return what a cell wrote to stdout."""
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout")
