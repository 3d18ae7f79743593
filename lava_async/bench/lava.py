"""Runs in Lava: AsyncNetwork against stock netx, what Lava adds to a plain simulation, and 100,000 neurons."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from lava.lib.dl.netx.hdf5 import Network as StockNetwork
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from numpy.typing import NDArray

from lava_async import netx
from lava_async.bench import Case, Contender, Figure
from lava_async.bench.workloads import SCHEDULE, W1
from lava_async.network import Layer, Network
from lava_async.neurons import LoihiParams
from lava_async.proc.async_network.models import PyAsyncNetworkModelAsync
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.runtime import running
from lava_async.schedules import Random
from lava_async.simulation import simulate, simulate_batch
from lava_async.synapses import INPUT, Sparse

SAMPLES = 10
#: How many times as long stock netx shall take at least.
NETX_TARGET = 3.0
#: Milliseconds that a time step in Lava may take beyond a plain simulation and Lava's own way from source to sink.
OVERHEAD_MS = 0.05
MANY = 100_000
FIXED = Loihi2SimCfg(select_tag="fixed_pt")
#: Chooses the model that answers a frame when it comes.
AT_ONCE = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map={AsyncNetwork: PyAsyncNetworkModelAsync})
RUN_IN_LAVA = (
    "run(RunSteps({0})) from frames in a RingBuffer to frames in one; neither compile() nor the start of "
    "processes nor reading the sink"
)


def cases(threads: int) -> Iterator[Case]:
    """Make the cases; Lava decides itself about processes, so `threads` is for the simulation alone."""
    yield _against_netx(threads)
    yield _overhead()
    yield _many_neurons()


def _against_netx(threads: int) -> Case:
    network, spikes = W1.loihi_network(), W1.spikes()[:SAMPLES]
    steps = SAMPLES * W1.n_steps
    frames = np.concatenate(list(spikes), axis=1)
    open_runs = ExitStack()
    settings: dict[str, Any] = {"net_config": network, "schedule": SCHEDULE, "reset_interval": W1.n_steps}
    ours = start(AsyncNetwork(**settings), frames, open_runs)
    alone = start(AsyncNetwork(**settings), frames, open_runs, AT_ONCE)
    stock = start(stock_network(network, open_runs), frames, open_runs)
    plain = start_as_lava(stock_network(network, open_runs), frames, open_runs)
    includes = RUN_IN_LAVA.format(steps)
    return Case(
        f"{W1.name} in Lava",
        f"{SAMPLES} samples, {steps} time steps, of {W1}; fixed point",
        [
            Contender("AsyncNetwork in Lava", lambda: ours(steps), includes, in_process=False),
            Contender(
                "AsyncNetwork, AsyncProtocol",
                lambda: alone(steps),
                f"{includes}; source and sink in step with each other",
                in_process=False,
            ),
            Contender("stock netx in Lava", lambda: stock(steps), f"{includes}; by layers", in_process=False),
            Contender(
                "stock netx, Lava's runtime",
                lambda: plain(steps),
                f"{includes}; by layers; started by Process.run, not by lava_async.proc.runtime",
                in_process=False,
            ),
            Contender(
                "simulate_batch",
                lambda: simulate_batch(network, spikes, schedule=SCHEDULE, threads=threads),
                "the whole call on a dense (B, C, T) array",
            ),
        ],
        targets={"stock netx in Lava": NETX_TARGET},
        close=open_runs.close,
    )


def _overhead() -> Case:
    """What Lava adds to a time step: the first two differ by it, and the last is its floor."""
    network, frames = W1.loihi_network(), np.concatenate(list(W1.spikes()[:SAMPLES]), axis=1)
    steps = frames.shape[1]
    open_runs = ExitStack()
    ours = start(AsyncNetwork(net_config=network, schedule=SCHEDULE), frames, open_runs)
    alone = start(AsyncNetwork(net_config=network, schedule=SCHEDULE), frames, open_runs, AT_ONCE)
    source, sink = Source(data=frames.astype(np.int32)), Sink(shape=frames.shape[:1], buffer=steps)
    source.s_out.connect(sink.a_in)
    empty = open_runs.enter_context(running(sink, FIXED)).run
    includes = RUN_IN_LAVA.format(steps)

    def figures(seconds: dict[str, float]) -> list[Figure]:
        added, own = seconds["AsyncNetwork in Lava"] - seconds["simulate"], seconds["no network in Lava"]
        return [
            Figure("added to a time step", 1e3 * added / steps, "ms"),
            Figure("of that, Lava's own way from source to sink", 1e3 * own / steps, "ms"),
            Figure("the rest", 1e3 * (added - own) / steps, "ms", OVERHEAD_MS),
        ]

    return Case(
        f"{W1.name}, overhead of Lava",
        f"{steps} time steps of {W1}; fixed point",
        [
            Contender("AsyncNetwork in Lava", lambda: ours(steps), includes, in_process=False),
            Contender(
                "simulate",
                lambda: simulate(network, frames, schedule=SCHEDULE),
                "the whole call on a dense (C, T) array",
            ),
            Contender(
                "AsyncNetwork, AsyncProtocol",
                lambda: alone(steps),
                f"{includes}; source and sink in step with each other",
                in_process=False,
            ),
            Contender(
                "no network in Lava", lambda: empty(steps), f"{includes}; nothing between them", in_process=False
            ),
        ],
        figures=figures,
        close=open_runs.close,
    )


def _many_neurons() -> Case:
    """As many neurons as Lava's own Processes hold in one: two layers, linked at random."""
    rng = np.random.default_rng(0)
    half, steps, schedule = MANY // 2, 10, Random(1000)
    pairs = ((INPUT, 0, 1000, 100), (0, 1, half, 10))  # source, target, neurons there, synapses of each
    links = []
    for source, target, n, fan in pairs:
        pre = np.repeat(np.arange(n), fan)
        post = ((np.arange(fan) * (half // fan))[None] + rng.integers(0, half // fan, (n, fan))).ravel()
        links.append(Sparse(source, target, pre, post, rng.integers(1, 60, n * fan) * 2, (half, n)))
    network = Network((1000,), (Layer((half,)),) * 2, tuple(links), LoihiParams(4095, 1024, 60), np.arange(half, MANY))
    frames = (rng.random((1000, steps)) < 0.03).astype(np.int32)
    open_runs = ExitStack()
    ours = start(AsyncNetwork(net_config=network, schedule=schedule), frames, open_runs)
    return Case(
        f"{MANY:,} neurons in one Process",
        f"1000 inputs, {half:,} + {half:,} neurons, {sum(len(s.pre) for s in links):,} synapses, {steps} time steps, "
        f"input density 0.03, random schedule, F = {schedule.group_size}; fixed point",
        [
            Contender("AsyncNetwork in Lava", lambda: ours(steps), RUN_IN_LAVA.format(steps), in_process=False),
            Contender(
                "simulate",
                lambda: simulate(network, frames, schedule=schedule),
                "the whole call on a dense (C, T) array",
            ),
        ],
        close=open_runs.close,
    )


def stock_network(network: Network, open_runs: ExitStack) -> StockNetwork:
    """Return the network as stock netx loads it, from a file that is removed in the end."""
    folder = Path(open_runs.enter_context(tempfile.TemporaryDirectory(prefix="lava-async-bench-")))
    netx.save(network, folder / "bench.net")
    return StockNetwork(net_config=str(folder / "bench.net"))


def wire(process: AsyncNetwork | StockNetwork, frames: NDArray[Any]) -> None:
    """Put a network process between a source of frames (C, T), which repeat, and a sink."""
    source, sink = Source(data=frames.astype(np.int32)), Sink(shape=process.out.shape, buffer=frames.shape[1])
    source.s_out.connect(process.inp)
    process.out.connect(sink.a_in)


def start(
    process: AsyncNetwork | StockNetwork, frames: NDArray[Any], open_runs: ExitStack, run_cfg: Loihi2SimCfg = FIXED
) -> Callable[[int], None]:
    """Start a network process on frames (C, T); return what runs it for so many time steps."""
    wire(process, frames)
    return open_runs.enter_context(running(process, run_cfg)).run


def start_as_lava(
    process: AsyncNetwork | StockNetwork, frames: NDArray[Any], open_runs: ExitStack
) -> Callable[[int], None]:
    """Do the same with Lava's own runtime."""
    wire(process, frames)
    process.create_runtime(run_cfg=FIXED)
    open_runs.callback(process.stop)
    return lambda steps: process.run(RunSteps(num_steps=steps))
