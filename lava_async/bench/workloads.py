"""The workloads of the benchmarks: seeded networks and Bernoulli input, so that every machine does the same work."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams
from lava_async.schedules import Random
from lava_async.simulation import simulate_batch

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
        return (f"{sizes}, {self.n_steps} time steps, batch {self.batch}, input density {self.density}, {memory}, "
                f"random schedule, F = {SCHEDULE.group_size}")  # fmt: skip

    def spikes(self) -> NDArray[np.uint8]:
        """Return the input, (B, C, T)."""
        shape = (self.batch, self.sizes[0], self.n_steps)
        return (np.random.default_rng([self.seed, 1]).random(shape) < self.density).astype(np.uint8)

    def weights(self) -> list[NDArray[np.float64]]:
        """Return one matrix (post, pre) per layer."""
        rng = np.random.default_rng([self.seed, 0])
        bounds = [np.sqrt(6 / (n_in + n_out)) for n_in, n_out in pairwise(self.sizes)]
        return [rng.uniform(-b, b, (post, pre)) for b, (pre, post) in zip(bounds, pairwise(self.sizes), strict=True)]

    def network(self) -> Network:
        """Return the network in floats."""
        return Network.feedforward(self.weights(), CubaParams(1.0, self.voltage_decay, self.threshold))

    def loihi_network(self) -> Network:
        """Return the network in Loihi's integers, weights and thresholds on slayer's 8-bit grid."""
        weights = [np.clip(2 * np.round(32 * w), -256, 254).astype(np.int64) for w in self.weights()]
        params = LoihiParams(4095, round(4096 * self.voltage_decay), round(64 * self.threshold))
        return Network.feedforward(weights, params)

    def activity(self, network: Network) -> dict[str, float]:
        """Return what the input makes a network do, per sample."""
        result = simulate_batch(network, self.spikes(), schedule=SCHEDULE)
        return {
            "spikes": float(result.counts.sum() / self.batch),
            "forward steps": float(result.forward_steps.sum() / self.batch),
            "synaptic operations": float(result.synaptic_operations.mean()),
        }


W1 = Workload("W1", (2312, 64, 64, 64, 10), n_steps=10, batch=256, density=0.03, voltage_decay=1.0)
W2 = Workload("W2", (700, 128, 128, 20), n_steps=100, batch=32, density=0.02, voltage_decay=0.1)


def torch_with(threads: int) -> Any:
    """Import torch and let it use so many threads."""
    import torch

    torch.set_num_threads(threads)
    return torch
