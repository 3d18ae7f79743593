"""Training steps of large networks: what a synaptic operation costs as they grow, and a convolutional network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lava_async.bench import Case, Contender
from lava_async.bench.training import OURS, on_cores, step_on
from lava_async.bench.workloads import SCHEDULE, torch_with
from lava_async.engine import Setup
from lava_async.network import Layer, Network
from lava_async.neurons import CubaParams
from lava_async.schedules import Random
from lava_async.simulation import simulate_batch
from lava_async.spikes import SpikeBatch
from lava_async.synapses import INPUT, Sparse

#: Neurons of the networks.
SIZES = (50_000, 10_000, 2_000, 200)
#: Synapses that each channel and neuron sends to.
FAN_OUT = 64
#: Neurons times samples: every network does the same synaptic operations.
WORK = 100_000
#: A synaptic operation of the largest network shall take at most so many times as long as one of any other.
FLAT = 3.0
N_STEPS, DENSITY = 10, 0.05


def cases(threads: int) -> Iterator[Case]:
    """Make the cases."""
    torch_with(threads)
    yield _by_size(threads)
    yield _convolution(threads)


def sparse_network(n_neurons: int) -> Network:
    """Return two layers, each a half of the neurons, behind as many channels, `FAN_OUT` random synapses from each."""
    half = n_neurons // 2
    rng = np.random.default_rng([n_neurons, 0])

    def synapses(source: int) -> Sparse:
        pre = np.repeat(np.arange(half), FAN_OUT)
        # Targets at even distances from a random first one: none twice.
        spread = np.tile(np.arange(FAN_OUT) * half // FAN_OUT, half)
        post = (np.repeat(rng.integers(0, half, half), FAN_OUT) + spread) % half
        return Sparse(source, source + 1, pre, post, rng.normal(0.06, 0.35, len(pre)), (half, half))

    layers = Layer((half,)), Layer((half,))
    outputs = np.arange(n_neurons - 10, n_neurons)
    return Network((half,), layers, (synapses(INPUT), synapses(0)), CubaParams(1.0, 1.0, 1.0), outputs)


def _by_size(threads: int) -> Case:
    contenders = []
    for n in SIZES:
        step, operations = _step(sparse_network(n), WORK // n)
        includes = f"forward and backward, the loss is the sum of all counts. {operations:,} synaptic operations"
        contenders.append(Contender(f"{n:,} neurons", on_cores(threads, step), includes))
    work = (f"{SIZES[-1]:,} to {SIZES[0]:,} neurons, fan-out {FAN_OUT}, {N_STEPS} time steps, input density {DENSITY}, "
            f"random schedule, F = {SCHEDULE.group_size}, float; samples so that all do the same work")  # fmt: skip
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
    engine, setup = CompiledEngine(network), Setup(network, SCHEDULE)

    def step() -> None:
        for w in parameters.weights:
            w.grad = None
        engine.run(setup, Gradient(), parameters, spikes, np.arange(n_samples)).counts.sum().backward()

    return step, int(simulate_batch(network, spikes, schedule=SCHEDULE).synaptic_operations.sum())


def convolutional() -> list[Any]:
    """Return blocks of 47,094 neurons and 6.05 million parameters for 2 x 34 x 34 channels, as those of N-MNIST."""
    import torch

    from lava_async.training.blocks import slayer

    cuba = slayer().block.cuba
    params = {"threshold": 0.5, "current_decay": 0.4, "voltage_decay": 0.2}
    options = {"weight_scale": 4, "delay_shift": False}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [
            cuba.Conv(dict(params), 2, 20, 5, padding=2, **options), cuba.Pool(dict(params), 2, delay_shift=False),
            cuba.Conv(dict(params), 20, 32, 3, padding=1, **options), cuba.Pool(dict(params), 2, delay_shift=False),
            cuba.Conv(dict(params), 32, 64, 3, padding=1, **options), cuba.Flatten(),
            cuba.Dense(dict(params), 64 * 81, 1160, **options), cuba.Dense(dict(params), 1160, 10, **options),
        ]  # fmt: skip


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
