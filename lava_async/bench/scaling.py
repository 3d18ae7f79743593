"""Training steps of large networks: what a synaptic operation costs as they grow, and a convolutional network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from lava_async.bench import Case, Contender
from lava_async.bench.training import OURS, on_cores
from lava_async.bench.workloads import SCHEDULE, torch_with
from lava_async.engine import Setup
from lava_async.network import Layer, Network
from lava_async.neurons import CubaParams
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
    from lava_async.simulation import simulate_batch
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
    """Return the blocks of a network of 47,006 neurons and 6.1 million weights for 2 x 34 x 34 channels (N-MNIST)."""
    import torch

    from lava_async.training.blocks import dense_blocks, slayer

    cuba = slayer().block.cuba
    params = {"threshold": 0.3, "current_decay": 1.0, "voltage_decay": 1.0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        conv = [cuba.Conv(dict(params), a, b, 3, padding=1, weight_scale=2, delay_shift=False)
                for a, b in pairwise((2, 16, 24))]  # fmt: skip
    # Weights of less than a half of slayer's grid, 1/32, would all be 0.
    wide = dense_blocks((24 * 34 * 34, 216), threshold=0.3, gain=15)
    narrow = dense_blocks((216, 540, 10), threshold=0.3, gain=1.5)
    return [*conv, cuba.Flatten(), *wide, *narrow]


def _convolution(threads: int) -> Case:
    import torch

    from lava_async.training import UnlayeredNetwork

    network = UnlayeredNetwork(convolutional(), schedule=SCHEDULE, input_shape=(2, 34, 34))
    spikes = SpikeBatch.from_dense((np.random.default_rng(2).random((2, 2312, N_STEPS)) < 0.01).astype(np.uint8))

    def step() -> None:
        network.zero_grad()
        torch.nn.functional.cross_entropy(0.5 * network(spikes).sum(2), torch.arange(2)).backward()

    deployed = network.to_network()
    work = f"{deployed.n_neurons:,} neurons, {sum(p.numel() for p in network.parameters()):,} parameters, 2 samples"
    return Case("convolutional training step", work, [Contender("unlayered", on_cores(threads, step), OURS)])
