"""Blocks for a start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch

from lava_async.errors import InvalidValue
from lava_async.records import count
from lava_async.training.blocks.base import slayer


def dense_blocks(
    sizes: Sequence[int], *, threshold: float = 1.0, current_decay: float = 1.0, voltage_decay: float = 1.0,
    gain: float = 1.0, seed: int = 0, **neuron: Any,
) -> list[Any]:  # fmt: skip
    """Return a chain of ``slayer.block.cuba.Dense``, initialized by a seed of its own.

    Parameters
    ----------
    sizes : list of int
        Input channels, then neurons per layer.
    threshold, current_decay, voltage_decay : float
        As slayer's neuron; a decay of 1 keeps nothing from one time step to the next.
    gain : float
        Weights are uniform in ``+- gain * threshold * sqrt(6 / (fan_in + fan_out))`` (Glorot, Bengio, AISTATS 2010).
    seed : int
        Seed of the weights; the global random state stays as it is.
    **neuron
        Further arguments of slayer's neuron, such as ``tau_grad``.
    """
    if len(sizes) < 2:
        raise InvalidValue("dense_blocks.sizes", sizes, "the input channels, then one number of neurons per layer")
    for n in sizes:
        count("dense_blocks.sizes", n, least=1)
    dense = slayer().block.cuba.Dense
    generator = torch.Generator().manual_seed(seed)
    params = {"threshold": threshold, "current_decay": current_decay, "voltage_decay": voltage_decay, **neuron}
    blocks = []
    with torch.random.fork_rng(devices=[]):
        for n_in, n_out in pairwise(sizes):
            block = dense(dict(params), n_in, n_out, delay_shift=False)
            bound = gain * threshold * math.sqrt(6 / (n_in + n_out))
            with torch.no_grad():
                block.synapse.weight.uniform_(-bound, bound, generator=generator)
            blocks.append(block)
    return blocks
