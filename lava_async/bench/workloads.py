"""The workloads of the benchmarks: seeded networks and Bernoulli input, so that every machine does the same work."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams
from lava_async.schedules import Random, Schedule
from lava_async.simulation import simulate_batch
from lava_async.spikes import Spikes

if TYPE_CHECKING:
    from torch import nn

    from lava_async.training import UnlayeredNetwork

#: F = 8, random order: how all workloads are run.
SCHEDULE = Random(group_size=8)


@dataclass(frozen=True)
class Workload:
    """A chain of dense layers on random spikes.

    Parameters
    ----------
    name : str
        For tables.
    sizes : tuple of int
        Input channels, then neurons per layer.
    n_steps, batch : int
        Time steps T and samples B.
    density : float
        Probability of a spike per channel and time step.
    voltage_decay : float
        dv; du is 1.
    threshold : float
        vth; weights are uniform in ``+- sqrt(6 / (fan_in + fan_out))`` (Glorot, Bengio, AISTATS 2010).
    seed : int
        Of weights and input.
    """

    name: str
    sizes: tuple[int, ...]
    n_steps: int
    batch: int
    density: float
    voltage_decay: float
    threshold: float = 0.3
    seed: int = 0

    def __str__(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        memory = "no memory between time steps" if self.voltage_decay == 1 else f"voltage decay {self.voltage_decay}"
        return (
            f"{sizes}, {self.n_steps} time steps, batch {self.batch}, input density {self.density}, {memory}, "
            f"random schedule, F = {SCHEDULE.group_size}"
        )

    @property
    def schedule(self) -> Random:
        """The schedule."""
        return SCHEDULE

    def spikes(self) -> NDArray[np.uint8]:
        """Return the input, (B, C, T)."""
        shape = (self.batch, self.sizes[0], self.n_steps)
        return (np.random.default_rng([self.seed, 1]).random(shape) < self.density).astype(np.uint8)

    def weights(self) -> list[NDArray[np.float64]]:
        """Return one matrix (post, pre) per layer."""
        rng = np.random.default_rng([self.seed, 0])
        bounds = [np.sqrt(6 / (n_in + n_out)) for n_in, n_out in pairwise(self.sizes)]
        return [rng.uniform(-b, b, (post, pre)) for b, (pre, post) in zip(bounds, pairwise(self.sizes), strict=True)]

    def labels(self) -> NDArray[np.int64]:
        """Return a class for each sample."""
        return np.random.default_rng([self.seed, 2]).integers(0, self.sizes[-1], self.batch)

    def blocks(self) -> list[nn.Module]:
        """Return the blocks of slayer."""
        from lava_async.training import dense_blocks

        return dense_blocks(
            self.sizes,
            threshold=self.threshold,
            voltage_decay=self.voltage_decay,
            gain=1 / self.threshold,
            seed=self.seed,
        )

    def unlayered(self, **options: object) -> UnlayeredNetwork:
        """Return the blocks as a network for unlayered training."""
        from lava_async.training import UnlayeredNetwork

        chosen: dict[str, Any] = {"schedule": self.schedule, "surrogate": "slayer", **options}
        return UnlayeredNetwork(self.blocks(), **chosen)

    def network(self) -> Network:
        """Return the network in floats."""
        return Network.feedforward(self.weights(), CubaParams(1.0, self.voltage_decay, self.threshold))

    def loihi_network(self) -> Network:
        """Return the network in Loihi's integers, weights and thresholds on slayer's 8-bit grid."""
        weights = [np.clip(2 * np.round(32 * w), -256, 254).astype(np.int64) for w in self.weights()]
        params = LoihiParams(4095, round(4096 * self.voltage_decay), round(64 * self.threshold))
        return Network.feedforward(weights, params)


@dataclass(frozen=True)
class Pictures:
    """A chain of convolutions and dense layers on random spikes of pictures, as they come from an event camera.

    Parameters
    ----------
    name : str
        For tables.
    layers : tuple of tuple
        ``(inputs, outputs, size, stride, padding)`` of a convolution, ``(inputs, outputs)`` of a dense layer.
    shape : tuple of int
        (C, H, W) of the input.
    n_steps, batch, density, voltage_decay, threshold
        As in :class:`Workload`.
    weight_scale : float
        Factor of the weights that slayer draws.
    group_size : int
        F of the random schedule.
    """

    name: str
    layers: tuple[tuple[int, ...], ...]
    shape: tuple[int, int, int]
    n_steps: int
    batch: int
    density: float
    threshold: float
    weight_scale: float
    group_size: int
    voltage_decay: float = 0.1

    def __str__(self) -> str:
        convolutions = sum(len(layer) > 2 for layer in self.layers)
        return (
            f"{'x'.join(map(str, self.shape))}, {convolutions} convolutions, {len(self.layers) - convolutions} "
            f"dense layers, {self.n_steps} time steps, batch {self.batch}, input density {self.density}, voltage "
            f"decay {self.voltage_decay}, random schedule, F = {self.group_size}"
        )

    @property
    def schedule(self) -> Random:
        """The schedule."""
        return Random(self.group_size)

    def spikes(self) -> NDArray[np.uint8]:
        """Return the input, (B, C, H, W, T)."""
        shape = self.batch, *self.shape, self.n_steps
        return (np.random.default_rng(0).random(shape) < self.density).astype(np.uint8)

    def labels(self) -> NDArray[np.int64]:
        """Return a class for each sample."""
        return np.random.default_rng(1).integers(0, self.layers[-1][1], self.batch)

    def blocks(self) -> list[nn.Module]:
        """Return the blocks of slayer; its own random weights, seeded."""
        import torch

        from lava_async.training.blocks import slayer

        cuba = slayer().block.cuba
        params = {"threshold": self.threshold, "current_decay": 1.0, "voltage_decay": self.voltage_decay}
        made: list[nn.Module] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            for layer, before in zip(self.layers, (None, *self.layers), strict=False):
                if len(layer) == 2 and before is not None and len(before) > 2:
                    made.append(cuba.Flatten())
                options = dict(zip(("stride", "padding"), layer[3:], strict=False))
                kind = cuba.Dense if len(layer) == 2 else cuba.Conv
                made.append(kind(dict(params), *layer[:3], weight_scale=self.weight_scale, **options))
        return made

    def unlayered(self, **options: object) -> UnlayeredNetwork:
        """Return the blocks as a network for unlayered training."""
        from lava_async.training import UnlayeredNetwork

        own = {"schedule": self.schedule, "input_shape": self.shape, "surrogate": "slayer"}
        chosen: dict[str, Any] = {**own, **options}
        return UnlayeredNetwork(self.blocks(), **chosen).train()


def activity(network: Network, batch: Spikes, schedule: Schedule) -> dict[str, float]:
    """Return what an input makes a network do, per sample."""
    result = simulate_batch(network, batch, schedule=schedule)
    n = len(result.counts)
    return {
        "spikes": float(result.counts.sum() / n),
        "forward steps": float(result.forward_steps.sum() / n),
        "synaptic operations": float(result.synaptic_operations.mean()),
    }


W1 = Workload("W1", (2312, 64, 64, 64, 10), n_steps=10, batch=256, density=0.03, voltage_decay=1.0)
W2 = Workload("W2", (700, 128, 128, 20), n_steps=100, batch=32, density=0.02, voltage_decay=0.1)
# The size of DVS Gesture networks, and asynctorch's own tutorial on N-MNIST.
W3 = Pictures(
    "W3",
    ((2, 8, 3, 1, 1), (8, 8, 2, 2, 0), (8, 16, 3, 1, 1), (16, 16, 2, 2, 0), (1024, 64), (64, 11)),
    (2, 32, 32),
    n_steps=20,
    batch=8,
    density=0.05,
    threshold=0.3,
    weight_scale=2.5,
    group_size=8,
)
W4 = Pictures(
    "W4",
    ((2, 4, 5, 4, 0), (4, 8, 3, 2, 1), (8, 32, 3, 2, 0), (32, 10)),
    (2, 34, 34),
    n_steps=10,
    batch=256,
    density=0.03,
    threshold=0.08,
    weight_scale=1.0,
    group_size=16,
)


def torch_with(threads: int) -> ModuleType:
    """Import torch and let it use so many threads."""
    import torch

    torch.set_num_threads(threads)
    return torch
