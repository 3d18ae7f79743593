"""Training steps: unlayered backpropagation against slayer's layered one of the same shape, engine by engine."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lava_async.bench import Case, Contender
from lava_async.bench.workloads import SCHEDULE, W1, W2, Workload, torch_with

#: How many times as long slayer's layered step, and the dense engine's unlayered one, shall take at least.
TARGETS = {
    "W1": {"slayer, layered": 1 / 0.5, "unlayered, dense": 20.0},
    "W2": {"slayer, layered": 1 / 0.15, "unlayered, dense": 60.0},
}
#: And one thread against two.
THREADS_TARGET = 1.7
STEP = "forward, cross-entropy of the summed output counts, backward; no optimizer"


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    for workload in (W1, W2):
        yield _against_peers(workload, threads)
    if len(os.sched_getaffinity(0)) >= 2:
        yield _by_threads(W1)


def _against_peers(workload: Workload, threads: int) -> Case:
    torch = torch_with(threads)
    from lava_async.training import UnlayeredNetwork
    from lava_async.training.unlayered import ENGINES

    default = inspect.signature(UnlayeredNetwork).parameters["engine"].default
    contenders = []
    for engine in sorted(ENGINES, key=lambda name: name != default):
        step = on_cores(threads, training_step(workload, unlayered(workload, engine=engine)))
        contenders.append(Contender(f"unlayered, {engine}", step, f"{STEP}. Credit 'last', peak"))
    layered = training_step(workload, torch.nn.Sequential(*blocks(workload)), torch.float32)
    includes = f"{STEP}. slayer's blocks as they are, one layer over all time steps at a time"
    contenders.append(Contender("slayer, layered", on_cores(threads, layered), includes))
    activity = workload.activity(unlayered(workload).to_network())
    name, work = f"{workload.name} training step", f"{workload}, on slayer's grid"
    return Case(name, work, contenders, activity, TARGETS[workload.name])


def _by_threads(workload: Workload) -> Case:
    step = training_step(workload, unlayered(workload))
    contenders = [
        Contender("two threads", on_cores(2, step), f"{STEP}. The default engine on two cores"),
        Contender("one thread", on_cores(1, step), f"{STEP}. The same on one core"),
    ]
    work = f"{workload}, on slayer's grid"
    return Case(f"{workload.name} training step, threads", work, contenders, targets={"one thread": THREADS_TARGET})


def blocks(workload: Workload) -> list[Any]:
    """Return slayer's blocks of a workload."""
    from lava_async.training import dense_blocks

    return dense_blocks(workload.sizes, threshold=workload.threshold, voltage_decay=workload.voltage_decay,
                        gain=1 / workload.threshold, seed=workload.seed)  # fmt: skip


def unlayered(workload: Workload, **options: Any) -> Any:
    """Return the network of a workload for unlayered training."""
    from lava_async.training import UnlayeredNetwork

    return UnlayeredNetwork(blocks(workload), schedule=SCHEDULE, **options)


def training_step(workload: Workload, network: Any, dtype: Any = None) -> Callable[[], None]:
    """Return a function that does one training step on the whole batch, with input of this type (default: as it is)."""
    import torch

    spikes = torch.from_numpy(workload.spikes()).to(dtype)
    labels = torch.from_numpy(np.random.default_rng([workload.seed, 2]).integers(0, workload.sizes[-1], workload.batch))

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
