"""The families of slayer's neurons: here ``slayer.block.cuba``, ``alif``, ``rf``, ``rf_iz``, which send spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from lava_async.errors import InvalidValue
from lava_async.neurons import LoihiAlifParams, LoihiParams, LoihiResonateParams, NeuronModel
from lava_async.neurons.cuba import RESETS
from lava_async.training.blocks.family import Family, on_grid, quantized_keep
from lava_async.training.blocks.graded import SigmaDeltaFamily
from lava_async.training.blocks.grid import wide
from lava_async.training.blocks.stream import per_neuron
from lava_async.training.gradient import STATE_SCALE

#: Bias in a .net file is ``bias_mant << 6``, as netx reads it.
BIAS_EXP = 6


class CubaFamily(Family):
    """``slayer.block.cuba``: current-based leaky integrate and fire, reset to zero.

    slayer knows no other reset. An attribute ``reset = "subtract"`` of its neuron lets a spike take the threshold from
    the voltage instead.
    """

    name = "cuba"
    model = LoihiParams

    @property
    def reset(self) -> str:
        """What a spike does to the voltage: "zero" or "subtract"."""
        return str(getattr(self.neuron, "reset", RESETS[0]))

    def check(self, persistent: bool) -> None:
        super().check(persistent)
        if self.reset not in RESETS:
            raise InvalidValue(f"{self.where}.neuron.reset", self.reset, " or ".join(map(repr, RESETS)))

    def numbers(self, n: int) -> dict[str, Tensor]:
        self.neuron.clamp()
        keep = [quantized_keep(wide(per_neuron(x, n))) for x in (self.neuron.current_decay, self.neuron.voltage_decay)]
        threshold = self.neuron.threshold
        vth = keep[0].new_full((n,), 0.0 if threshold is None else float(threshold))  # None: Affine has its own
        return {"keep_u": keep[0], "keep_v": keep[1], "vth": vth, "bias": wide(self.bias(n))}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        du, dv = STATE_SCALE - numbers["keep_u"] - 1, STATE_SCALE - numbers["keep_v"]
        return LoihiParams(du, dv, numbers["vth"] >> BIAS_EXP, reset=self.reset, **_biased(numbers["bias"]))


class AlifFamily(Family):
    """``slayer.block.alif``: adaptive neurons, whose decays of threshold and refractory voltage do not learn."""

    name = "alif"
    model = LoihiAlifParams

    def numbers(self, n: int) -> dict[str, Tensor]:
        neuron = self.neuron
        neuron.clamp()
        learned = [quantized_keep(wide(per_neuron(x, n))) for x in (neuron.current_decay, neuron.voltage_decay)]
        fixed = [
            quantized_keep(wide(per_neuron(x.detach(), n))) for x in (neuron.threshold_decay, neuron.refractory_decay)
        ]
        vth, step = (fixed[0].new_full((n,), float(x)) for x in (neuron.threshold, neuron.threshold_step))
        names = "keep_u", "keep_v", "keep_theta", "keep_rho", "vth", "theta_step", "bias"
        return dict(zip(names, (*learned, *fixed, vth, step, wide(self.bias(n))), strict=True))

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        lost = [STATE_SCALE - numbers[name] for name in ("keep_u", "keep_v", "keep_theta", "keep_rho")]
        shifted = [numbers[name] >> BIAS_EXP for name in ("vth", "theta_step")]
        return LoihiAlifParams(lost[0] - 1, *lost[1:], *shifted, **_biased(numbers["bias"]))


class ResonatorFamily(Family):
    """What ``slayer.block.rf`` and ``slayer.block.rf_iz`` share."""

    complex = True
    model = LoihiResonateParams
    norms = "real_norm", "imag_norm"

    def numbers(self, n: int) -> dict[str, Tensor]:
        self.neuron.clamp()
        cos, sin = (on_grid(wide(per_neuron(x, n))) for x in (self.neuron.cos_decay, self.neuron.sin_decay))
        vth = cos.new_full((n,), float(self.neuron.threshold))
        return {"cos": cos, "sin": sin, "vth": vth, "after": vth - 1 / STATE_SCALE}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        # From the middle of the step that is rounded toward zero to these 4096ths.
        cos, sin = (np.where(x < 0, x - 0.5, x + 0.5) / STATE_SCALE for x in (numbers["cos"], numbers["sin"]))
        alpha, period = np.maximum(1 - np.hypot(cos, sin), 0), 2 * np.pi / np.arctan2(sin, cos)
        return LoihiResonateParams(alpha, period, numbers["vth"] >> BIAS_EXP, variant=self.name)


class PhaseFamily(ResonatorFamily):
    """``slayer.block.rf``: resonators that fire as their phase passes zero."""

    name = "rf"
    own_surrogate = True


class IzhikevichFamily(ResonatorFamily):
    """``slayer.block.rf_iz``: resonators that fire at a threshold and are reset."""

    name = "rf_iz"


def _biased(bias: NDArray[np.int64]) -> dict[str, Any]:
    return {"bias_mant": bias >> BIAS_EXP, "bias_exp": BIAS_EXP if bias.any() else 0}


_ALL = CubaFamily, AlifFamily, PhaseFamily, IzhikevichFamily, SigmaDeltaFamily
FAMILIES: dict[str, type[Family]] = {family.name: family for family in _ALL}
"""By the name of their module in slayer."""

__all__ = ["BIAS_EXP", "FAMILIES", "Family"]
