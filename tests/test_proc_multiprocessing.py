"""Lava in a program that uses multiprocessing itself, before and at the same time, with any start method."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("lava.magma")
pytestmark = pytest.mark.lava

#: Neurons 0 and 2 fire at once, neuron 1 of two spikes of 80: [2, 2, 2] by hand, as in AsyncNetwork's example.
RUN = """
def lava():
    import numpy as np
    from lava_async import LoihiParams, Network
    from lava_async.proc.async_network.process import AsyncNetwork
    from lava_async.proc.runtime import run
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.io.source import RingBuffer as Source
    net = AsyncNetwork(net_config=Network.feedforward([[[80], [90]], [[60, 60]]], LoihiParams(du=4095, dv=0, vth=70)))
    Source(data=np.array([[1, 0, 1]])).s_out.connect(net.inp)
    run(net, 3, Loihi2SimCfg(select_tag="fixed_pt"))
    print(net.counts.get().tolist())
"""
USES = {
    "a DataLoader with workers": """
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    for _ in DataLoader(TensorDataset(torch.zeros(8, 1)), 2, num_workers=2):
        lava()
        break
    """,
    "a pool that is over": """
    import multiprocessing
    with multiprocessing.Pool(2) as pool:
        pool.map(abs, range(4))
    lava()
    """,
    "a pool that lives": """
    import multiprocessing
    with multiprocessing.Pool(2) as pool:
        pool.map(abs, range(4))
        lava()
        assert pool.map(abs, [-1]) == [1]
    """,
    "an executor": """
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(abs, range(4)))
        lava()
    """,
    **{
        method: f"""
    import multiprocessing
    multiprocessing.set_start_method("{method}")
    lava()
    assert multiprocessing.get_start_method() == "{method}"
    """
        for method in ("fork", "spawn", "forkserver")
    },
    "a process of another start method": """
    import multiprocessing
    multiprocessing.set_start_method("spawn")
    process = multiprocessing.Process(target=abs, args=(1,))
    process.start()
    lava()
    process.join()
    assert process.exitcode == 0
    """,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_lava_runs_after_and_beside(tmp_path, use):
    if "torch" in use:
        pytest.importorskip("torch")
    script = tmp_path / "script.py"
    script.write_text(f'{RUN}\n\nif __name__ == "__main__":{use}')
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "[2.0, 2.0, 2.0]\n"), done.stderr
