"""Parameters in the words of Lava's Processes as those of neuron models, in fixed or floating point.

Each function takes ``fixed`` (whether the arithmetic is Loihi's), the parameters that are Vars, each a number or an
array, and the options of its Process.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lava_async.errors import InvalidValue
from lava_async.neurons import (
    AlifParams,
    CubaParams,
    DeltaParams,
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    NeuronModel,
    ResonateParams,
    SigmaDeltaParams,
)
from lava_async.neurons.loihi import DECAY_BITS, STATE_SHIFT
from lava_async.records import check_int


def lif_params(
    fixed: bool,
    *,
    du: ArrayLike,
    dv: ArrayLike,
    vth: ArrayLike,
    bias_mant: ArrayLike,
    bias_exp: ArrayLike,
    refractory_steps: int = 0,
) -> CubaParams | LoihiParams:
    """Return parameters in the words of Lava's LIF as those of one arithmetic; floats have no exponent of the bias."""
    if fixed:
        return LoihiParams(du, dv, vth, bias_mant, bias_exp, refractory_steps=refractory_steps)
    return CubaParams(du, dv, vth, bias_mant, refractory_steps=refractory_steps)


def lif_refractory_params(fixed: bool, *, refractory_period: int, **numbers: ArrayLike) -> NeuronModel:
    """Return the parameters of Lava's LIFRefractory."""
    return lif_params(fixed, **numbers, refractory_steps=refractory_period)


def atrlif_params(
    fixed: bool,
    *,
    delta_i: ArrayLike,
    delta_v: ArrayLike,
    delta_theta: ArrayLike,
    delta_r: ArrayLike,
    theta_0: ArrayLike,
    theta_step: ArrayLike,
    bias_mant: ArrayLike,
    bias_exp: ArrayLike,
) -> NeuronModel:
    """Return the parameters of Lava's ATRLIF; in fixed point, decays are multiples of 1/4096."""
    if not fixed:
        return AlifParams(delta_i, delta_v, delta_theta, delta_r, theta_0, theta_step, bias_mant)
    decays = {"delta_i": delta_i, "delta_v": delta_v, "delta_theta": delta_theta, "delta_r": delta_r}
    whole = {name: np.asarray(delta, np.float64) * (1 << DECAY_BITS) for name, delta in decays.items()}
    for name, delta in whole.items():
        if (delta != np.rint(delta)).any():
            raise InvalidValue(name, decays[name], f"multiples of 1/{1 << DECAY_BITS} in fixed point")
    du, dv, dth, drho = (delta.astype(np.int64) for delta in whole.values())
    return LoihiAlifParams(du, dv, dth, drho, theta_0, theta_step, bias_mant, bias_exp)


def sigma_delta_params(
    fixed: bool, *, vth: ArrayLike, bias: ArrayLike, act_mode: int, spike_exp: int, state_exp: int
) -> NeuronModel:
    """Return the parameters of Lava's SigmaDelta."""
    activation = ("unit", "relu")[act_mode]
    if not fixed:
        return SigmaDeltaParams(vth, bias, activation=activation)
    exponent = exponent_of(spike_exp, state_exp)
    return LoihiSigmaDeltaParams(np.asarray(vth) << exponent, bias, exponent, activation=activation)


def delta_params(fixed: bool, *, vth: ArrayLike, spike_exp: int, state_exp: int) -> NeuronModel:
    """Return the parameters of Lava's Delta."""
    if not fixed:
        return DeltaParams(vth)
    exponent = exponent_of(spike_exp, state_exp)
    return LoihiDeltaParams(np.asarray(vth) << exponent, weight_exp=exponent)


def rf_params(
    fixed: bool, *, period: ArrayLike, alpha: ArrayLike, vth: ArrayLike, state_exp: int, decay_bits: int, variant: str
) -> NeuronModel:
    """Return the parameters of Lava's RF, or of RF_IZ."""
    if not fixed:
        return ResonateParams(alpha, period, vth, variant=variant)
    for name, value, wanted in (("state_exp", state_exp, STATE_SHIFT), ("decay_bits", decay_bits, DECAY_BITS)):
        if value != wanted:
            raise InvalidValue(name, value, f"{wanted} in fixed point")
    return LoihiResonateParams(alpha, period, vth, variant=variant)


def exponent_of(spike_exp: int, state_exp: int) -> int:
    """Return by how much thresholds of sigma-delta neurons are shifted in fixed point."""
    if state_exp != STATE_SHIFT:
        raise InvalidValue("state_exp", state_exp, f"{STATE_SHIFT} in fixed point")
    return check_int("spike_exp", spike_exp, most=9) + state_exp
