"""Large networks: what a synaptic operation costs as they grow, what they take to build and to keep, a convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lava_async.bench import Case, Contender, Figure
from lava_async.bench.memory import growth
from lava_async.bench.training import OURS, on_cores, step_on
from lava_async.bench.workloads import SCHEDULE, torch_with
from lava_async.engine import Setup
from lava_async.execution import Execution
from lava_async.network import Layer, Network
from lava_async.neurons import CubaParams
from lava_async.schedules import SCHEDULES, Random, schedule
from lava_async.simulation import simulate, simulate_batch
from lava_async.spikes import SpikeBatch, SpikeTrain
from lava_async.synapses import INPUT, Sparse

if TYPE_CHECKING:
    from torch import nn

#: Neurons of the networks.
SIZES = (50_000, 10_000, 2_000, 200)
#: Synapses that each channel and neuron sends to.
FAN_OUT = 64
#: Neurons times samples: every network does the same synaptic operations.
WORK = 100_000
#: A synaptic operation of the largest network shall take at most so many times as long as one of any other.
FLAT = 3.0
N_STEPS, DENSITY = 10, 0.05
#: Nanoseconds that a synaptic operation of a forward run shall take at most, by neurons.
OPERATION_NS = {2_000: 8.0, 100_000: 30.0}
#: Neurons of the network that is built, bytes that each synapse shall take at most, and seconds until it has run.
LARGEST, SYNAPSE_BYTES, BUILD_SECONDS = 100_000, 24.0, 0.3


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    for n in OPERATION_NS:
        yield _by_schedule(n)
    yield _built()
    torch_with(threads)
    yield _by_size(threads)
    yield _convolution(threads)


Lists = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""Source, target and weight of each synapse."""


def synapses_of(n_neurons: int) -> list[Lists]:
    """Return the synapses from the input, and those from the first half of the neurons."""
    half = n_neurons // 2
    rng = np.random.default_rng([n_neurons, 0])
    found: list[Lists] = []
    for _ in range(2):
        pre = np.repeat(np.arange(half), FAN_OUT)
        # Targets at even distances from a random first one: none twice.
        spread = np.tile(np.arange(FAN_OUT) * half // FAN_OUT, half)
        post = (np.repeat(rng.integers(0, half, half), FAN_OUT) + spread) % half
        found.append((pre, post, rng.normal(0.06, 0.35, len(pre))))
    return found


def network_of(n_neurons: int, synapses: list[Lists]) -> Network:
    """Return two layers, each a half of the neurons, behind as many channels."""
    half = n_neurons // 2
    parts = tuple(
        Sparse(source, source + 1, *lists, (half, half)) for source, lists in zip((INPUT, 0), synapses, strict=True)
    )
    outputs = np.arange(n_neurons - 10, n_neurons)
    return Network((half,), (Layer((half,)), Layer((half,))), parts, CubaParams(1.0, 1.0, 1.0), outputs)


def sparse_network(n_neurons: int) -> Network:
    """Return two layers, each a half of the neurons, `FAN_OUT` random synapses from each channel and neuron."""
    return network_of(n_neurons, synapses_of(n_neurons))


def _train(n_channels: int, n_steps: int = 4) -> SpikeTrain:
    """Return random input in which as many channels spike in each time step."""
    rng = np.random.default_rng(1)
    spikes = np.zeros((n_channels, n_steps), np.uint8)
    for t in range(n_steps):
        spikes[rng.choice(n_channels, round(DENSITY * n_channels), replace=False), t] = 1
    return SpikeTrain.from_dense(spikes)


def _by_schedule(n_neurons: int) -> Case:
    """Forward runs under every schedule that has a queue."""
    network, spikes = sparse_network(n_neurons), _train(n_neurons // 2)
    contenders, operations = [], {}
    for name, member in SCHEDULES.items():
        if "group_size" in member.options():
            run = partial(simulate, network, spikes, schedule=schedule(name, group_size=SCHEDULE.group_size))
            operations[member.name] = run().synaptic_operations
            includes = f"the whole call on a SpikeTrain. {operations[member.name]:,} synaptic operations"
            contenders.append(Contender(member.name, run, includes))

    def figures(seconds: dict[str, float]) -> list[Figure]:
        each = {name: 1e9 * seconds[name] / n for name, n in operations.items()}
        return [Figure(f"{name}, an operation", ns, "ns", OPERATION_NS[n_neurons]) for name, ns in each.items()]

    work = (
        f"{n_neurons:,} neurons, fan-out {FAN_OUT}, one sample, {spikes.n_steps} time steps, input density "
        f"{DENSITY}, F = {SCHEDULE.group_size}, float; one thread"
    )
    return Case(f"schedules on {n_neurons:,} neurons", work, contenders, figures=figures)


def _built() -> Case:
    """What it takes to make and to keep a network of millions of synapses."""
    synapses = synapses_of(LARGEST)
    n_synapses = sum(len(lists[0]) for lists in synapses)
    spikes = _train(LARGEST // 2, 1)

    def build() -> Network:
        network = network_of(LARGEST, synapses)
        simulate(network, spikes, schedule=Random(None))
        return network

    def figures(seconds: dict[str, float]) -> list[Figure]:
        resident = growth(build)
        kept = [] if resident is None else [Figure("memory", resident / n_synapses, "bytes per synapse", SYNAPSE_BYTES)]
        return [Figure("built", seconds["build"], "s", BUILD_SECONDS), *kept]

    contender = Contender(
        "build",
        build,
        "Sparse from arrays that are there, Network, and a first simulate of one "
        "time step, which lays out the synapses for the engine",
    )
    work = f"{LARGEST:,} neurons, {n_synapses:,} synapses, float"
    return Case("a large network", work, [contender], figures=figures)


def _by_size(threads: int) -> Case:
    contenders = []
    for n in SIZES:
        step, operations = _step(sparse_network(n), WORK // n)
        includes = f"forward and backward, the loss is the sum of all counts. {operations:,} synaptic operations"
        contenders.append(Contender(f"{n:,} neurons", on_cores(threads, step), includes))
    work = (
        f"{SIZES[-1]:,} to {SIZES[0]:,} neurons, fan-out {FAN_OUT}, {N_STEPS} time steps, input density {DENSITY}, "
        f"random schedule, F = {SCHEDULE.group_size}, float; samples so that all do the same work"
    )
    targets = {f"{n:,} neurons": 1 / FLAT for n in SIZES[1:]}
    return Case("training step by size", work, contenders, targets=targets)


def _step(network: Network, n_samples: int) -> tuple[Callable[[], None], int]:
    """Return a training step of a network, and its synaptic operations."""
    from lava_async.training.compiled import CompiledEngine
    from lava_async.training.gradient import Gradient, Parameters

    shape = n_samples, network.n_inputs, N_STEPS
    spikes = SpikeBatch.from_dense((np.random.default_rng([n_samples, 1]).random(shape) < DENSITY).astype(np.uint8))
    parameters = Parameters.of(network)
    for w in parameters.weights:
        w.requires_grad_()
    engine, setup = CompiledEngine(network), Setup(network, Execution(SCHEDULE))

    def step() -> None:
        for w in parameters.weights:
            w.grad = None
        engine.run(setup, Gradient(), parameters, spikes, np.arange(n_samples)).counts.sum().backward()

    return step, int(simulate_batch(network, spikes, schedule=SCHEDULE).synaptic_operations.sum())


def convolutional() -> list[nn.Module]:
    """Return blocks of 47,094 neurons and 6.05 million parameters for 2 x 34 x 34 channels, as those of N-MNIST."""
    import torch

    from lava_async.training.blocks import slayer

    cuba = slayer().block.cuba
    params = {"threshold": 0.5, "current_decay": 0.4, "voltage_decay": 0.2}
    options = {"weight_scale": 4, "delay_shift": False}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [
            cuba.Conv(dict(params), 2, 20, 5, padding=2, **options),
            cuba.Pool(dict(params), 2, delay_shift=False),
            cuba.Conv(dict(params), 20, 32, 3, padding=1, **options),
            cuba.Pool(dict(params), 2, delay_shift=False),
            cuba.Conv(dict(params), 32, 64, 3, padding=1, **options),
            cuba.Flatten(),
            cuba.Dense(dict(params), 64 * 81, 1160, **options),
            cuba.Dense(dict(params), 1160, 10, **options),
        ]


def _convolution(threads: int) -> Case:
    import torch

    from lava_async.training import UnlayeredNetwork
    from lava_async.training.surrogates import ATan

    network = UnlayeredNetwork(convolutional(), schedule=Random(64), surrogate=ATan(), input_shape=(2, 34, 34))
    spikes = SpikeBatch.from_dense((np.random.default_rng(0).random((2, 2312, 4)) < 0.02).astype(np.uint8))
    step = step_on(network, spikes, torch.arange(2))
    sizes = f"{network.to_network().n_neurons:,} neurons, {sum(p.numel() for p in network.parameters()):,} parameters"
    work = f"{sizes}, 2 samples, 4 time steps, F = 64"
    return Case("convolutional training step", work, [Contender("unlayered", on_cores(threads, step), OURS)])
