"""Running .net files with what others wrote: stock netx on Lava, and finding the files that lava-dl ships."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest

#: What lava-dl's wheel holds for its own tests of netx; the environment variable names the folder if it is elsewhere.
SHIPPED = Path(os.environ.get("LAVA_DL_TESTS") or Path(sysconfig.get_path("purelib")) / "tests/lava/lib/dl/netx")


def shipped(name: str) -> Path:
    """Return a file of lava-dl's own tests, which its wheel installs."""
    path = SHIPPED / name
    if not path.exists():
        pytest.skip(f"this lava-dl does not ship {name}")
    return path


def run_stock(path: Path, spikes: np.ndarray, *, into: str = "inp", **options: object) -> tuple[np.ndarray, int]:
    """Run a .net file with stock netx, in fixed point; return its output, time last, and its number of layers.

    What goes in reaches its port, or with `into="in_layer"` the neurons of its input, which it does not connect.
    """
    from lava.lib.dl.netx import hdf5
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io

    from lava_async.proc import runtime

    network = hdf5.Network(net_config=str(path), **options)
    n_steps = spikes.shape[-1]
    source = io.source.RingBuffer(data=spikes)
    sink = io.sink.RingBuffer(shape=network.out.shape, buffer=n_steps)
    source.s_out.connect(network.inp if into == "inp" else network.in_layer.neuron.a_in)
    network.out.connect(sink.a_in)
    runtime.run(network, n_steps, Loihi2SimCfg(select_tag="fixed_pt"), timeout=120)
    output = np.asarray(sink.data.get()).astype(int)
    network.net_config.f.close()  # stock netx never does
    return output, len(network)


def arriving(seed: int, size: int, density: float = 0.3, shape: tuple[int, int] = (12, 60)) -> np.ndarray:
    """Return what arrives at neurons in time steps: integers of both signs, (n, T)."""
    rng = np.random.default_rng(seed)
    return rng.integers(-size // 3, size, shape) * (rng.random(shape) < density)


def run_process(process: Any, fixed: bool, **driven: np.ndarray) -> np.ndarray:
    """Run a Process whose ports are driven by arrays (n, T); return what it sends, (n, T)."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io

    from lava_async.proc import runtime

    n, steps = next(iter(driven.values())).shape
    for port, data in driven.items():
        io.source.RingBuffer(data=data if fixed else data.astype(float)).s_out.connect(getattr(process, port))
    sink = io.sink.RingBuffer(shape=(n,), buffer=steps)
    process.s_out.connect(sink.a_in)
    runtime.run(process, steps, Loihi2SimCfg(select_tag="fixed_pt" if fixed else "floating_pt"), timeout=60)
    return np.asarray(sink.data.get())
