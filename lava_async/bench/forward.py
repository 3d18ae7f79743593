"""Forward runs: the compiled engine against the dense torch forward, and against stock netx on Lava."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from lava_async.bench import Case, Contender
from lava_async.bench.workloads import SCHEDULE, W1, W2, Workload, torch_with
from lava_async.engine import Setup
from lava_async.simulation import simulate, simulate_batch
from lava_async.spikes import SpikeBatch

#: How many times as long the dense forward shall take at least.
TARGETS = {"W1": 15.0, "W2": 40.0}
#: And stock netx, for one sample of W1.
NETX_TARGET = 100.0


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    for workload in (W1, W2):
        yield _against_dense(workload, threads)
    yield _against_netx(W1)


def _against_dense(workload: Workload, threads: int) -> Case:
    torch = torch_with(threads)
    from lava_async.training.dense import DenseEngine
    from lava_async.training.gradient import Gradient, Parameters

    network, spikes = workload.network(), workload.spikes()
    events = SpikeBatch.from_dense(spikes)
    engine, parameters = DenseEngine(network), Parameters.of(network)
    setup, tensor, samples = Setup(network, SCHEDULE), torch.from_numpy(spikes), np.arange(workload.batch)

    def dense() -> Any:
        with torch.no_grad():
            return engine.run(setup, Gradient(), parameters, tensor, samples).counts.numpy()

    def compiled(batch: Any) -> Any:
        return simulate_batch(network, batch, schedule=SCHEDULE, threads=threads).counts

    if not np.array_equal(dense(), compiled(spikes)):
        raise AssertionError(f"{workload.name}: the engines do not agree")
    return Case(
        f"{workload.name} forward",
        f"{workload}, float",
        [
            Contender("simulate_batch", lambda: compiled(spikes),
                      "the whole call on a dense (B, C, T) array, conversion to events included; numba has compiled"),
            Contender("simulate_batch, events", lambda: compiled(events),
                      "the whole call on a SpikeBatch, made before"),
            Contender("dense torch", dense,
                      "the forward of the project's dense gradient engine without gradient, network prepared before"),
        ],
        workload.activity(network),
        {"dense torch": TARGETS[workload.name]},
    )  # fmt: skip


def _against_netx(workload: Workload) -> Case:
    """One sample, as stock netx runs it on Lava: by layers, one layer later each; ours by the random schedule."""
    from lava_async.bench.lava import RUN_IN_LAVA, start, stock_network

    network, spikes = workload.loihi_network(), workload.spikes()[0]
    open_runs = ExitStack()
    stock = start(stock_network(network, open_runs), spikes, open_runs)

    def whole() -> None:
        with ExitStack() as runs:
            start(stock_network(network, runs), spikes, runs)(workload.n_steps)

    return Case(
        f"{workload.name}, one sample",
        f"sample 0 of {workload}; fixed point",
        [
            Contender("simulate", lambda: simulate(network, spikes, schedule=SCHEDULE),
                      "the whole call on a dense (C, T) array; numba has compiled"),
            Contender("stock netx in Lava", lambda: stock(workload.n_steps),
                      RUN_IN_LAVA.format(workload.n_steps) + "; by layers", in_process=False),
            Contender("stock netx, from file to end", whole,
                      "write and load the file, compile(), start, run the same time steps, stop", in_process=False),
        ],
        targets={"stock netx in Lava": NETX_TARGET},
        close=open_runs.close,
    )  # fmt: skip
