"""Training steps: unlayered backpropagation against slayer's layered one of the same shape, engine by engine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lava_async.bench import Case, Contender
from lava_async.bench.workloads import SCHEDULE, W1, W2, Workload, torch_with
from lava_async.spikes import SpikeBatch

#: How many times as long slayer's layered step, and the dense engine's unlayered one, shall take at least.
TARGETS = {
    "W1": {"slayer, layered": 1 / 0.5, "unlayered, dense torch": 20.0},
    "W2": {"slayer, layered": 1 / 0.15, "unlayered, dense torch": 60.0},
}
#: And one thread against two.
THREADS_TARGET = 1.7
STEP = "forward, cross-entropy of the summed output counts, backward; no optimizer"
OURS = f"{STEP}. Credit 'last', peak"


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    for workload in (W1, W2):
        yield _against_peers(workload, threads)
    if len(os.sched_getaffinity(0)) >= 2:
        yield _by_threads(W1)


def _against_peers(workload: Workload, threads: int) -> Case:
    torch = torch_with(threads)
    network, layered = unlayered(workload), torch.nn.Sequential(*blocks(workload))
    dense = torch.from_numpy(workload.spikes())
    contenders = [
        Contender("unlayered", training_step(workload, network, SpikeBatch.from_dense(workload.spikes())),
                  f"{OURS}. Input as events, as data sets give it: a SpikeBatch"),
        Contender("unlayered, dense input", training_step(workload, network, dense),
                  f"{OURS}. Input as slayer takes it, a (B, C, T) tensor, which is made events"),
        Contender("unlayered, dense torch", training_step(workload, unlayered(workload, engine="dense"), dense),
                  f"{OURS}. The dense gradient engine, in plain torch"),
        Contender("slayer, layered", training_step(workload, layered, dense.float()),
                  f"{STEP}. slayer's blocks as they are, one layer over all time steps at a time"),
    ]  # fmt: skip
    contenders = [replace(each, run=on_cores(threads, each.run)) for each in contenders]
    activity = workload.activity(network.to_network())
    name, work = f"{workload.name} training step", f"{workload}, on slayer's grid"
    return Case(name, work, contenders, activity, TARGETS[workload.name])


def _by_threads(workload: Workload) -> Case:
    step = training_step(workload, unlayered(workload), SpikeBatch.from_dense(workload.spikes()))
    halves = replace(workload, batch=workload.batch // 2)
    both, close = _in_processes(2, halves)
    contenders = [
        Contender("two threads", on_cores(2, step), f"{OURS}. The default engine on two cores"),
        Contender("one thread", on_cores(1, step), f"{OURS}. The same on one core"),
        Contender("two processes", both, "two steps on half the batch each, at the same time, by processes that share "
                  "nothing: what two cores of this machine can do at best", in_process=False),
    ]  # fmt: skip
    work = f"{workload}, on slayer's grid"
    targets = {"one thread": THREADS_TARGET}
    return Case(f"{workload.name} training step, threads", work, contenders, targets=targets, close=close)


def _in_processes(n: int, workload: Workload) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what lets n processes, each on a core of its own, take a training step at the same time; and their end."""
    context = multiprocessing.get_context("spawn")
    ends, processes = [], []
    for place in range(n):
        mine, its = context.Pipe()
        processes.append(context.Process(target=_steps_when_told, args=(workload, place, its), daemon=True))
        processes[-1].start()
        ends.append(mine)

    def run() -> None:
        for end in ends:
            end.send("step")
        for end in ends:
            end.recv()

    def close() -> None:
        for end, process in zip(ends, processes, strict=True):
            end.close()
            process.join()

    return run, close


def _steps_when_told(workload: Workload, place: int, end: Any) -> None:
    """Take a training step whenever the other end of a pipe says so, until it is closed."""
    torch_with(1)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[place : place + 1])
    step = training_step(workload, unlayered(workload), SpikeBatch.from_dense(workload.spikes()))
    while True:
        try:
            end.recv()
        except EOFError:
            return
        step()
        end.send("done")


def blocks(workload: Workload) -> list[Any]:
    """Return slayer's blocks of a workload."""
    from lava_async.training import dense_blocks

    return dense_blocks(workload.sizes, threshold=workload.threshold, voltage_decay=workload.voltage_decay,
                        gain=1 / workload.threshold, seed=workload.seed)  # fmt: skip


def unlayered(workload: Workload, **options: Any) -> Any:
    """Return the network of a workload for unlayered training."""
    from lava_async.training import UnlayeredNetwork

    return UnlayeredNetwork(blocks(workload), schedule=SCHEDULE, **options)


def training_step(workload: Workload, network: Any, spikes: Any) -> Callable[[], None]:
    """Return a function that does one training step on the whole batch, given as it is."""
    import torch

    labels = torch.from_numpy(np.random.default_rng([workload.seed, 2]).integers(0, workload.sizes[-1], workload.batch))
    return step_on(network, spikes, labels)


def step_on(network: Any, spikes: Any, labels: Any) -> Callable[[], None]:
    """Return a function that does one training step on a batch with these labels."""
    import torch

    def step() -> None:
        network.zero_grad()
        torch.nn.functional.cross_entropy(0.5 * network(spikes).sum(2), labels).backward()

    return step


def on_cores(n: int, run: Callable[[], None]) -> Callable[[], None]:
    """Return a function that runs on n cores; the compiled engine takes one thread per core that it may use."""

    def pinned() -> None:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(allowed)[:n])
        try:
            run()
        finally:
            os.sched_setaffinity(0, allowed)

    return pinned
