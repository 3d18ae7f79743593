"""Adaptive leaky integrate-and-fire neurons: slayer's alif, Lava's ATRLIF (semantics, section 8.2).

The threshold theta rises with every spike and decays back to `vth`; rho is a refractory voltage that is taken from v.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async.neurons import cuba, loihi
from lava_async.neurons.base import LARGEST, Fields, NeuronModel, Training
from lava_async.neurons.loihi import BIAS_RANGES, ONE, STATE_SHIFT, LoihiArithmetic

_DECAYS = "keep_u", "keep_v", "keep_theta", "keep_rho"


class Alif(NamedTuple):
    """Arrays of n neurons: what decay leaves of u, v, theta and rho; threshold at rest, its step, bias."""

    keep_u: NDArray[Any]
    keep_v: NDArray[Any]
    keep_theta: NDArray[Any]
    keep_rho: NDArray[Any]
    vth: NDArray[Any]
    theta_step: NDArray[Any]
    bias: NDArray[Any]


class Adaptive(NeuronModel[Alif]):
    """What both arithmetics share."""

    state: ClassVar[tuple[str, ...]] = ("u", "v", "theta", "rho")

    def start(self, p: Alif) -> Fields:  # noqa: D102
        return {**super().start(p), "theta": p.vth.copy()}

    def fires(self, p: Alif, s: Fields) -> NDArray[np.bool_]:  # noqa: D102
        found: NDArray[np.bool_] = s["v"] - s["rho"] >= s["theta"]
        return found

    def momentum(self, p: Alif, s: Fields) -> NDArray[Any]:  # noqa: D102
        found: NDArray[Any] = s["v"] - s["rho"]
        return found

    def fire(self, p: Alif, s: Fields, once: bool) -> tuple[Fields, NDArray[Any]]:  # noqa: D102
        fired = {**s, "rho": s["rho"] + 2 * s["theta"], "theta": s["theta"] + p.theta_step}
        return fired, np.ones_like(s["v"])


@dataclass(frozen=True, eq=False)
class AlifParams(Adaptive):
    """Parameters of adaptive neurons in floating point.

    A neuron fires when ``v - rho >= theta``; then rho rises by ``2 theta`` and theta by `theta_step`. v is not reset.

    Parameters
    ----------
    du, dv, dth, drho : float or (N,) float
        Decay of current, voltage, threshold (towards `vth`) and refractory voltage per time step, in [0, 1].
    vth : float or (N,) float
        Threshold at rest, >= 0.
    theta_step : float or (N,) float
        What a spike adds to the threshold.
    bias : float or (N,) float
        Added to v when a time step opens.

    Raises
    ------
    InvalidValue, InvalidType
        If a value is not a finite number or out of range.

    Examples
    --------
    >>> from lava_async import AlifParams, Network, simulate
    >>> net = Network.feedforward([[[3.0]]], AlifParams(du=1, dv=0, dth=0.5, drho=1, vth=1, theta_step=4))
    >>> simulate(net, [[1, 0, 0, 0]]).counts.tolist()
    [[1, 1, 0, 1]]
    """

    du: ArrayLike
    dv: ArrayLike
    dth: ArrayLike
    drho: ArrayLike
    vth: ArrayLike
    theta_step: ArrayLike
    bias: ArrayLike = 0.0

    core: ClassVar[str] = "ALIF"
    derivatives: ClassVar[Training | None] = Training(_DECAYS)
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **dict.fromkeys(("du", "dv", "dth", "drho"), (0, 1)),
        "vth": (0, LARGEST),
        **dict.fromkeys(("theta_step", "bias"), (-LARGEST, LARGEST)),
    }

    def arrays(self, dtype: DTypeLike | None = np.float32) -> Alif:
        """Return what the engines read."""
        keep = [1 - np.asarray(getattr(self, name)) for name in ("du", "dv", "dth", "drho")]
        return Alif(*(np.ascontiguousarray(x, dtype=dtype) for x in (*keep, self.vth, self.theta_step, self.bias)))

    def open(self, p: Alif, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        theta = (s["theta"] - p.vth) * p.keep_theta + p.vth
        return {**cuba.leak(p, s), "theta": theta, "rho": s["rho"] * p.keep_rho}

    def integrate(self, p: Alif, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return {**s, "u": s["u"] + arriving, "v": s["v"] + arriving}


@dataclass(frozen=True, eq=False)
class LoihiAlifParams(Adaptive, LoihiArithmetic[Alif]):
    """Parameters of adaptive neurons in Loihi's integers; the equations are those of :class:`AlifParams`.

    Parameters
    ----------
    du : int or (N,) int
        Current decay, -1 .. 4095: du + 1 of 4096 is lost per time step (Lava's ``delta_i`` - 1).
    dv, dth, drho : int or (N,) int
        Decay of voltage, threshold and refractory voltage, 0 .. 4096.
    vth, theta_step : int or (N,) int
        Threshold at rest and its step, before the shift by 6 bits.
    bias_mant, bias_exp, weight_exp : int or (N,) int
        As in :class:`~lava_async.LoihiParams`.

    Raises
    ------
    InvalidType, InvalidValue
        If a value is not an integer, or out of range.

    Examples
    --------
    >>> from lava_async import LoihiAlifParams, Network, simulate
    >>> params = LoihiAlifParams(du=4095, dv=0, dth=2048, drho=4096, vth=1, theta_step=4)
    >>> simulate(Network.feedforward([[[3]]], params), [[1, 0, 0, 0]]).counts.tolist()
    [[1, 1, 0, 1]]
    """

    du: ArrayLike
    dv: ArrayLike
    dth: ArrayLike
    drho: ArrayLike
    vth: ArrayLike
    theta_step: ArrayLike
    bias_mant: ArrayLike = 0
    bias_exp: ArrayLike = 0
    weight_exp: ArrayLike = 0

    core: ClassVar[str] = "ALIF"
    derivatives: ClassVar[Training | None] = Training(_DECAYS, ONE)
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "du": (-1, 4095),
        **dict.fromkeys(("dv", "dth", "drho"), (0, 4096)),
        "vth": (0, 2**25 - 1),
        "theta_step": (1 - 2**25, 2**25 - 1),
        **BIAS_RANGES,
        "weight_exp": (0, 15),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        self.shifted_bias()

    def arrays(self, dtype: DTypeLike | None = np.int64) -> Alif:
        """Return what the engines read, in the units of the state."""
        keep = [ONE - np.asarray(x) for x in (np.asarray(self.du) + 1, self.dv, self.dth, self.drho)]
        shifted = [np.asarray(x) << STATE_SHIFT for x in (self.vth, self.theta_step)]
        return Alif(*(np.ascontiguousarray(x, dtype=dtype) for x in (*keep, *shifted, self.shifted_bias())))

    def open(self, p: Alif, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        theta = loihi.decay(s["theta"] - p.vth, p.keep_theta) + p.vth
        return {**loihi.leak(p, s), "theta": theta, "rho": loihi.decay(s["rho"], p.keep_rho)}

    def integrate(self, p: Alif, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return loihi.integrate(s, arriving, False)
