"""Training steps: unlayered backpropagation against slayer's layered one of the same shape, engine by engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lava_async.bench import Case, Contender
from lava_async.bench.workloads import SCHEDULE, W1, W2, Workload, torch_with


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    for workload in (W1, W2):
        yield _case(workload, threads)


def _case(workload: Workload, threads: int) -> Case:
    torch = torch_with(threads)
    from lava_async.training import UnlayeredNetwork, dense_blocks
    from lava_async.training.unlayered import ENGINES

    spikes = torch.from_numpy(workload.spikes())
    dense_input = spikes.float()
    labels = torch.from_numpy(np.random.default_rng([workload.seed, 2]).integers(0, workload.sizes[-1], workload.batch))

    def blocks() -> list[Any]:
        return dense_blocks(workload.sizes, threshold=workload.threshold, voltage_decay=workload.voltage_decay,
                            gain=1 / workload.threshold, seed=workload.seed)  # fmt: skip

    def step(forward: Callable[[Any], Any], network: Any, data: Any) -> Callable[[], Any]:
        def run() -> None:
            network.zero_grad()
            torch.nn.functional.cross_entropy(0.5 * forward(data).sum(2), labels).backward()

        return run

    default = inspect.signature(UnlayeredNetwork).parameters["engine"].default
    contenders = []
    for engine in sorted(ENGINES, key=lambda name: name != default):
        network = UnlayeredNetwork(blocks(), schedule=SCHEDULE, engine=engine)
        contenders.append(Contender(
            f"unlayered, {engine}", step(network, network, spikes),
            "forward, cross-entropy of the summed output counts, backward; no optimizer. Credit 'last', peak",
        ))  # fmt: skip
    layered = torch.nn.Sequential(*blocks())
    contenders.append(Contender(
        "slayer, layered", step(layered, layered, dense_input),
        "the same with slayer's blocks as they are, one layer over all time steps at a time",
    ))  # fmt: skip
    activity = workload.activity(network.to_network())
    return Case(f"{workload.name} training step", f"{workload}, on slayer's grid", contenders, activity)
