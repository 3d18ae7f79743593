"""Forward runs: the compiled engine against dense torch, slayer's forward, and stock netx on Lava."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from lava_async.bench import Case, Contender, Figure
from lava_async.bench.workloads import SCHEDULE, W1, W2, W3, W4, Pictures, Workload, activity, torch_with
from lava_async.engine import Setup
from lava_async.execution import Execution
from lava_async.simulation import Stepper, simulate, simulate_batch
from lava_async.spikes import SpikeBatch

#: How many times as long the dense forward shall take at least.
TARGETS = {"W1": 15.0, "W2": 40.0}
#: Milliseconds that a batch, given as events, shall take at most.
BATCH_MS = {"W1": 2.5, "W2": 2.0}
#: What share of the time of slayer's forward ours shall take at most.
SLAYER_SHARE = {"W3": 0.4, "W4": 0.3}
#: And for one sample of W1: how many times as long stock netx shall take at least, and milliseconds of ours at most.
NETX_TARGET = 200.0
ONE_MS = {"simulate, events": 0.04, "simulate": 0.06, "Stepper.step": 0.02}


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    for workload in (W1, W2):
        yield _against_dense(workload, threads)
    for pictures in (W3, W4):
        yield _against_slayer(pictures, threads)
    yield _one_sample(W1)


def _against_dense(workload: Workload, threads: int) -> Case:
    torch = torch_with(threads)
    from lava_async.training.dense import DenseEngine
    from lava_async.training.gradient import Gradient, Parameters

    network, spikes = workload.network(), workload.spikes()
    events = SpikeBatch.from_dense(spikes)
    engine, parameters = DenseEngine(network), Parameters.of(network)
    setup, tensor, samples = Setup(network, Execution(SCHEDULE)), torch.from_numpy(spikes), np.arange(workload.batch)

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
            Contender(
                "simulate_batch",
                lambda: compiled(spikes),
                "the whole call on a dense (B, C, T) array, conversion to events included",
            ),
            Contender(
                "simulate_batch, events", lambda: compiled(events), "the whole call on a SpikeBatch, made before"
            ),
            Contender(
                "dense torch",
                dense,
                "the forward of the project's dense gradient engine without gradient, network prepared before",
            ),
        ],
        activity(network, events, SCHEDULE),
        {"dense torch": TARGETS[workload.name]},
        lambda seconds: [
            Figure("a batch, given as events", 1e3 * seconds["simulate_batch, events"], "ms", BATCH_MS[workload.name])
        ],
    )


def _against_slayer(pictures: Pictures, threads: int) -> Case:
    torch = torch_with(threads)
    unlayered, layered = pictures.unlayered(threads=threads).eval(), torch.nn.Sequential(*pictures.blocks())
    network, spikes = unlayered.to_network(), pictures.spikes()
    dense, floats = spikes.reshape(len(spikes), -1, spikes.shape[-1]), torch.from_numpy(spikes).float()
    events = SpikeBatch.from_dense(dense)

    def compiled(batch: Any) -> Any:
        return simulate_batch(network, batch, schedule=pictures.schedule, threads=threads).counts

    def in_torch(module: Any, batch: Any) -> Any:
        with torch.no_grad():
            return module(batch)

    share, name = SLAYER_SHARE[pictures.name], "UnlayeredNetwork, no gradient"
    return Case(
        f"{pictures.name} forward",
        f"{pictures}, on slayer's grid",
        [
            Contender(
                "simulate_batch, events",
                lambda: compiled(events),
                "the whole call on a SpikeBatch, made before; fixed point",
            ),
            Contender(
                "simulate_batch",
                lambda: compiled(dense),
                "the whole call on a dense (B, C, T) array, conversion to events included; fixed point",
            ),
            Contender(
                name,
                lambda: in_torch(unlayered, events),
                "the forward of the network that is trained, in eval mode, on a SpikeBatch, made before",
            ),
            Contender(
                "slayer, layered",
                lambda: in_torch(layered, floats),
                "the forward of slayer's blocks as they are, without gradient, one layer over all time steps at a time",
            ),
        ],
        activity(network, events, pictures.schedule),
        {"slayer, layered": 1 / share},
        lambda seconds: [Figure(f"{name} / slayer, layered", seconds[name] / seconds["slayer, layered"], "", share)],
    )


def _one_sample(workload: Workload) -> Case:
    """One sample, as stock netx runs it on Lava: by layers, one layer later each; ours by the random schedule."""
    from lava_async.bench.lava import RUN_IN_LAVA, start, stock_network

    network, spikes = workload.loihi_network(), np.ascontiguousarray(workload.spikes()[0])
    events, frame = SpikeBatch.from_dense(spikes[None])[0], np.ascontiguousarray(spikes[:, 0])
    stepper = Stepper(network, schedule=SCHEDULE)
    open_runs = ExitStack()
    stock = start(stock_network(network, open_runs), spikes, open_runs)

    def whole() -> None:
        with ExitStack() as runs:
            start(stock_network(network, runs), spikes, runs)(workload.n_steps)

    return Case(
        f"{workload.name}, one sample",
        f"sample 0 of {workload}; fixed point",
        [
            Contender(
                "simulate, events",
                lambda: simulate(network, events, schedule=SCHEDULE),
                "the whole call on a SpikeTrain, made before",
            ),
            Contender(
                "simulate",
                lambda: simulate(network, spikes, schedule=SCHEDULE),
                "the whole call on a dense (C, T) array",
            ),
            Contender("Stepper.step", lambda: stepper.step(frame), "one time step, again and again on its frame"),
            Contender(
                "stock netx in Lava",
                lambda: stock(workload.n_steps),
                RUN_IN_LAVA.format(workload.n_steps) + "; by layers",
                in_process=False,
            ),
            Contender(
                "stock netx, from file to end",
                whole,
                "write and load the file, compile(), start, run the same time steps, stop",
                in_process=False,
            ),
        ],
        targets={"stock netx in Lava": NETX_TARGET},
        figures=lambda seconds: [Figure(name, 1e3 * seconds[name], "ms", most) for name, most in ONE_MS.items()],
        close=open_runs.close,
    )
