"""Compile the kernels that the tests share: ``python warm_up.py float`` or ``fixed``, at the same time.

One process makes what runs and what differentiates in float32, the other what does in float64; then each makes the
forward kernels that the other did not, and loads the rest from the cache.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from lava_async import CubaParams, LoihiParams, Network
from lava_async.engine import Setup
from lava_async.training.compiled import CompiledEngine
from lava_async.training.gradient import Gradient, Parameters

ORDER = {"float": (torch.float32, torch.float64), "fixed": (torch.float64, torch.float32)}


def warm_up(kind: str) -> None:
    """Run, and differentiate, a network of one synapse."""
    params = {"float": CubaParams(1, 1, 0.5), "fixed": LoihiParams(4095, 4096, 10)}[kind]
    network = Network.feedforward([[[20]]], params)
    for dtype in ORDER[kind]:
        parameters = Parameters.of(network, dtype)
        for w in parameters.weights:
            w.requires_grad_()
        spikes = torch.ones((1, 1, 1), dtype=torch.uint8 if dtype == torch.float32 else torch.float32)
        # Under refractory dropout, fixed point may need 64 bits: a kernel of its own.
        for dropout in (0.0, 0.5) if kind == "fixed" else (0.0,):
            setup = Setup(network, refractory_dropout=dropout)
            run = CompiledEngine(network, 1).run(setup, Gradient(), parameters, spikes, np.arange(1))
            run.counts.sum().backward()


if __name__ == "__main__":
    warm_up(sys.argv[1])
