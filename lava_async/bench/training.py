"""Training steps: unlayered backpropagation against slayer's layered one of the same shape, engine by engine."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from lava_async.bench import Case, Contender, Figure
from lava_async.bench.workloads import W1, W2, W3, W4, Pictures, Workload, activity, torch_with
from lava_async.schedules import Random
from lava_async.spikes import SpikeBatch, Spikes
from lava_async.threads import available

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from torch import Tensor

    from lava_async.training import UnlayeredNetwork

#: What share of the time of slayer's layered step ours shall take at most: input as events, and as a dense tensor.
SHARES = {"W1": (0.2, 0.3), "W2": (0.11, 0.15), "W3": (0.4, None), "W4": (0.3, None)}
#: The same for W3 if all pending neurons are delivered at once.
ALL_AT_ONCE_SHARE = 0.3
#: How many times as long the dense engine's unlayered step shall take at least.
DENSE_TARGETS = {"W1": 20.0, "W2": 60.0}
#: Milliseconds of a step of W4 with dropout: half of what asynctorch's notebook shows on a CUDA device.
NOTEBOOK_MS = 78 / 2
DROPOUT = 0.8
#: And one thread against two.
THREADS_TARGET = 1.8
STEP = "forward, cross-entropy of the summed output counts, backward; no optimizer"
OURS = f"{STEP}. Credit 'last', peak"
EVENTS = "Input as events, as data sets give it: a SpikeBatch"
log = logging.getLogger(__name__)
PINS = hasattr(os, "sched_setaffinity")
"""Whether the system lets a program choose on which cores it runs: Linux does, macOS does not."""
DENSE = "Input as slayer takes it, a tensor (B, C, T) or (B, C, H, W, T), which is made events"
LAYERED = f"{STEP}. slayer's blocks as they are, one layer over all time steps at a time"


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    for workload in (W1, W2):
        yield _dense_layers(workload, threads)
    yield _all_at_once(W3, threads)
    yield _with_dropout(W4, threads)
    if available() >= 2 and PINS:
        for each in (W1, W2, W3):
            yield _by_threads(each)


def _dense_layers(workload: Workload, threads: int) -> Case:
    dense = torch_with(threads).from_numpy(workload.spikes())
    torch_engine = Contender(
        "unlayered, dense torch",
        training_step(workload, workload.unlayered(engine="dense"), dense),
        f"{OURS}. The dense gradient engine, in plain torch",
    )
    case = _against_slayer(workload, threads, torch_engine, _shares(workload, {}))
    return replace(case, targets={**case.targets, "unlayered, dense torch": DENSE_TARGETS[workload.name]})


def _all_at_once(pictures: Pictures, threads: int) -> Case:
    name = "unlayered, F = all"
    step = training_step(pictures, pictures.unlayered(schedule=Random(None)), events_of(pictures))
    extra = Contender(name, step, f"{OURS}. {EVENTS}. All pending neurons are delivered at once")
    return _against_slayer(pictures, threads, extra, _shares(pictures, {name: ALL_AT_ONCE_SHARE}))


def _with_dropout(pictures: Pictures, threads: int) -> Case:
    name = f"unlayered, refractory dropout {DROPOUT}"
    step = training_step(pictures, pictures.unlayered(refractory_dropout=DROPOUT), events_of(pictures))
    shares = _shares(pictures, {name: None})

    def figures(seconds: dict[str, float]) -> list[Figure]:
        return [*shares(seconds), Figure(name, 1e3 * seconds[name], "ms", NOTEBOOK_MS)]

    return _against_slayer(pictures, threads, Contender(name, step, f"{OURS}. {EVENTS}"), figures)


def _against_slayer(
    workload: Workload | Pictures, threads: int, extra: Contender, figures: Callable[[dict[str, float]], list[Figure]]
) -> Case:
    """Return the case of a training step, with one more contender."""
    torch = torch_with(threads)
    network, layered = workload.unlayered(), torch.nn.Sequential(*workload.blocks())
    dense, events = torch.from_numpy(workload.spikes()), events_of(workload)
    contenders = [
        Contender("unlayered", training_step(workload, network, events), f"{OURS}. {EVENTS}"),
        Contender("unlayered, dense input", training_step(workload, network, dense), f"{OURS}. {DENSE}"),
        extra,
        Contender("slayer, layered", training_step(workload, layered, dense.float()), LAYERED),
    ]
    return Case(
        f"{workload.name} training step",
        f"{workload}, on slayer's grid",
        [replace(each, run=on_cores(threads, each.run)) for each in contenders],
        activity(network.to_network(), events, workload.schedule),
        {"slayer, layered": 1 / SHARES[workload.name][0]},
        figures,
    )


def _shares(workload: Workload | Pictures, most: dict[str, float | None]) -> Callable[[dict[str, float]], list[Figure]]:
    """Return what tells which share of the time of slayer's layered step contenders took."""
    wanted = {"unlayered, dense input": SHARES[workload.name][1], **most}

    def figures(seconds: dict[str, float]) -> list[Figure]:
        layered = seconds["slayer, layered"]
        return [Figure(f"{name} / slayer, layered", seconds[name] / layered, "", x) for name, x in wanted.items()]

    return figures


def _by_threads(workload: Workload | Pictures) -> Case:
    torch_with(1)
    step = training_step(workload, workload.unlayered(), events_of(workload))
    both, close = _in_processes(2, replace(workload, batch=workload.batch // 2))
    contenders = [
        Contender("two threads", on_cores(2, step), f"{OURS}. The default engine on two cores"),
        Contender("one thread", on_cores(1, step), f"{OURS}. The same on one core"),
        Contender(
            "two processes",
            both,
            "two steps on half the batch each, at the same time, by processes that share "
            "nothing: what two cores of this machine can do at best",
            in_process=False,
        ),
    ]
    work = f"{workload}, on slayer's grid"
    targets = {"one thread": THREADS_TARGET}
    return Case(f"{workload.name} training step, threads", work, contenders, targets=targets, close=close)


def _in_processes(n: int, workload: Workload | Pictures) -> tuple[Callable[[], None], Callable[[], None]]:
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


def _steps_when_told(workload: Workload | Pictures, place: int, end: Connection) -> None:
    """Take a training step whenever the other end of a pipe says so, until it is closed."""
    torch_with(1)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[place : place + 1])
    step = training_step(workload, workload.unlayered(), events_of(workload))
    while True:
        try:
            end.recv()
        except EOFError:
            return
        step()
        end.send("done")


def events_of(workload: Workload | Pictures) -> SpikeBatch:
    """Return the input of a workload as lists of events."""
    spikes = workload.spikes()
    return SpikeBatch.from_dense(spikes.reshape(len(spikes), -1, spikes.shape[-1]))


def training_step(workload: Workload | Pictures, network: UnlayeredNetwork, spikes: Spikes) -> Callable[[], None]:
    """Return a function that does one training step on the whole batch, given as it is."""
    import torch

    return step_on(network, spikes, torch.from_numpy(workload.labels()))


def step_on(network: UnlayeredNetwork, spikes: Spikes, labels: Tensor) -> Callable[[], None]:
    """Return a function that does one training step on a batch with these labels."""
    import torch

    def step() -> None:
        network.zero_grad()
        torch.nn.functional.cross_entropy(0.5 * network(spikes).sum(2), labels).backward()

    return step


def on_cores(n: int, run: Callable[[], object]) -> Callable[[], object]:
    """Return a function that runs on n cores; the compiled engine takes one thread per core that it may use."""
    if not PINS:
        if n < available():
            log.warning("this system lets no program choose its cores: measured on all %d, not on %d", available(), n)
        return run

    def pinned() -> None:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(allowed)[:n])
        try:
            run()
        finally:
            os.sched_setaffinity(0, allowed)

    return pinned
