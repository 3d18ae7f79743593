"""Slayer's blocks in short, with parameters under which small networks are busy."""

from __future__ import annotations

import numpy as np
import torch

from lava_async.training.blocks import slayer

NEURON = {"threshold": 0.5, "current_decay": 0.4, "voltage_decay": 0.2}
FORGETFUL = {**NEURON, "current_decay": 1.0, "voltage_decay": 1.0}
GRID = (2, 6, 5)
STEPS = 12


def cuba(name, *args, neuron=NEURON, **options):
    return getattr(slayer().block.cuba, name)(dict(neuron), *args, delay_shift=False, **options)


def conv(*args, **options):
    return cuba("Conv", *args, weight_scale=4, **options)


def dense(*args, **options):
    return cuba("Dense", *args, weight_scale=4, **options)


def affine(*args, neuron=NEURON, **options):
    return slayer().block.cuba.Affine(dict(neuron), *args, weight_scale=4, **options)


def flatten():
    return slayer().block.cuba.Flatten()


def delays(block, *values):
    """Give a block axonal delays, as training would find them."""
    axon = block if isinstance(block, slayer().axon.Delay) else block.delay
    axon.delay.data, axon.init = torch.tensor(values), True
    return block


def spikes(seed=0, batch=3):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(
        rng.integers(1, 4, (batch, *GRID, STEPS)) * (rng.random((batch, *GRID, STEPS)) < 0.3)
    ).float()
