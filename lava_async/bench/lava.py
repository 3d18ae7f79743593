"""Runs in Lava: AsyncNetwork against stock netx, and what Lava adds to a plain simulation."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from lava.lib.dl.netx.hdf5 import Network as StockNetwork
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from numpy.typing import NDArray

from lava_async import netx
from lava_async.bench import Case, Contender
from lava_async.bench.workloads import SCHEDULE, W1
from lava_async.network import Network
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.runtime import running
from lava_async.simulation import simulate_batch

SAMPLES = 10
#: How many times as long stock netx shall take at least.
NETX_TARGET = 3.0
RUN_IN_LAVA = ("run(RunSteps({0})) from frames in a RingBuffer to frames in one; neither compile() nor the start of "
               "processes nor reading the sink")  # fmt: skip


def cases(threads: int) -> Iterator[Case]:
    """Make the cases; Lava decides itself about processes, so `threads` is for the simulation alone."""
    network, spikes = W1.loihi_network(), W1.spikes()[:SAMPLES]
    steps = SAMPLES * W1.n_steps
    frames = np.concatenate(list(spikes), axis=1)
    open_runs = ExitStack()
    ours = start(AsyncNetwork(net_config=network, schedule=SCHEDULE, reset_interval=W1.n_steps), frames, open_runs)
    stock = start(stock_network(network, open_runs), frames, open_runs)
    includes = RUN_IN_LAVA.format(steps)
    yield Case(
        f"{W1.name} in Lava",
        f"{SAMPLES} samples, {steps} time steps, of {W1}; fixed point",
        [
            Contender("AsyncNetwork in Lava", lambda: ours(steps), includes, in_process=False),
            Contender("stock netx in Lava", lambda: stock(steps), f"{includes}; by layers", in_process=False),
            Contender("simulate_batch", lambda: simulate_batch(network, spikes, schedule=SCHEDULE, threads=threads),
                      "the whole call on a dense (B, C, T) array; numba has compiled"),
        ],
        targets={"stock netx in Lava": NETX_TARGET},
        close=open_runs.close,
    )  # fmt: skip


def stock_network(network: Network, open_runs: ExitStack) -> Any:
    """Return the network as stock netx loads it, from a file that is removed in the end."""
    folder = Path(open_runs.enter_context(tempfile.TemporaryDirectory(prefix="lava-async-bench-")))
    netx.save(network, folder / "bench.net")
    return StockNetwork(net_config=str(folder / "bench.net"))


def start(process: Any, frames: NDArray[Any], open_runs: ExitStack) -> Callable[[int], None]:
    """Start a network process on frames (C, T), which repeat; return what runs it for so many time steps."""
    source, sink = Source(data=frames.astype(np.int32)), Sink(shape=process.out.shape, buffer=frames.shape[1])
    source.s_out.connect(process.inp)
    process.out.connect(sink.a_in)
    return open_runs.enter_context(running(process, Loihi2SimCfg(select_tag="fixed_pt"))).run
