"""slayer's grid of 8-bit weights, in the few passes over all weights that a training step needs for it.

Weights in half precision are on the same grid, and everything behind it runs in single precision (:func:`wide`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lava_async.training.gradient import WEIGHT_SCALE

_PER_UNIT = WEIGHT_SCALE // 2
"""Grid points are even multiples of 1/64."""
_LEAST, _MOST = -128, 127


class _EightBits(torch.autograd.Function):
    """Straight through where no weight is clipped; most often none is, and then nothing is left to do."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor) -> Tensor:
        grid = (weight * _PER_UNIT).round_()
        least, most = torch.aminmax(grid) if grid.numel() else (grid.new_zeros(()),) * 2
        inside = bool(least >= _LEAST and most <= _MOST)
        ctx.inside = None if inside else (grid >= _LEAST) & (grid <= _MOST)
        if not inside:
            grid.clamp_(_LEAST, _MOST)
        return grid.mul_(1 / _PER_UNIT)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad if ctx.inside is None else torch.where(ctx.inside, grad, 0)


def eight_bits(weight: Tensor) -> Tensor:
    """Return what slayer's ``neuron.quantize_8bit`` returns, values and derivative alike, in half the time."""
    grid: Tensor = _EightBits.apply(weight)
    return grid


def is_eight_bits(hook: object) -> bool:
    """Tell whether the hook of a synapse is ``neuron.quantize_8bit`` of slayer's neurons."""
    from lava.lib.dl.slayer.neuron.base import Neuron

    neuron: Any = getattr(hook, "__self__", None)
    return getattr(hook, "__func__", None) is Neuron.quantize_8bit and neuron.w_scale == WEIGHT_SCALE


def wide(x: Tensor) -> Tensor:
    """Return numbers in single precision if they are in half: decays of 1/4096 need more."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
