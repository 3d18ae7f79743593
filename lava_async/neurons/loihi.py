"""The same neuron in Loihi's integers (tag ``fixed_pt``), bit for bit as Lava's ``PyLifModelBitAcc``.

The only home of unit conversions: thresholds and weights are stored as the user writes them (Lava's words) and shifted
here. Sources: `lava.proc.lif.models`, `lava.proc.dense.models`; ranges: Davies et al., IEEE Micro 38(1), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.neurons.base import Fields, NeuronModel, P, Training
from lava_async.neurons.cuba import RESETS, Leaking, check_subtract
from lava_async.records import check_range, whole_array

if TYPE_CHECKING:
    from lava_async.neurons.base import Index

DECAY_BITS = 12
ONE = 1 << DECAY_BITS
STATE_SHIFT = 6
"""Thresholds and arriving weights are shifted left by 6 bits into the units of the state."""
LIMIT = 1 << 23
WRAP = 1 << 24
MIN_WEIGHT, MAX_WEIGHT = -256, 255
INT32 = 2**31 - 1
BIAS_RANGES = {"bias_mant": (-INT32, INT32), "bias_exp": (-31, 31)}


class Loihi(NamedTuple):
    """Arrays of n neurons in the units of the state: decay complements out of 4096, threshold << 6, shifted bias."""

    keep_u: NDArray[np.int64]
    keep_v: NDArray[np.int64]
    vth: NDArray[Any]
    bias: NDArray[Any]


def decay(x: NDArray[Any], keep: NDArray[Any]) -> NDArray[Any]:
    """Return ``sign(x) ((abs(x) keep) >> 12)``."""
    kept = (np.abs(x) * keep) >> DECAY_BITS
    found: NDArray[Any] = np.where(x < 0, -kept, kept)
    return found


def leak(p: Leaking, s: Fields) -> Fields:
    """Return u and v after their decay; v also gains u and bias."""
    u = decay(s["u"], p.keep_u)
    return {**s, "u": u, "v": decay(s["v"], p.keep_v) + u + p.bias}


def integrate(s: Fields, arriving: NDArray[Any], kept: NDArray[np.bool_] | bool) -> Fields:
    """Add what arrived; then u wraps at 24 bits, taking v along, and v saturates. The voltage of `kept` stays."""
    u = s["u"] + arriving
    wrap = np.where(u > LIMIT, -WRAP, np.where(u <= -LIMIT, WRAP, 0))
    v = s["v"] + np.where(kept, 0, arriving + wrap)
    return {**s, "u": u + wrap, "v": clip(v)}


def clip(v: NDArray[Any]) -> NDArray[Any]:
    """Return v saturated at 24 bits."""
    return np.where(v >= LIMIT, LIMIT - 1, np.where(v <= -LIMIT, 1 - LIMIT, v))


class LoihiArithmetic(NeuronModel[P]):
    """What all models in Loihi's integers share: parameters are integers, weights have 9 bits and an exponent."""

    tag: ClassVar[str] = "fixed_pt"
    dtype: ClassVar[type] = np.int64
    weight_dtype: ClassVar[type] = np.int32
    weight_shift: ClassVar[int] = STATE_SHIFT
    """Bits by which arriving weights are shifted besides their exponent."""

    bias_mant: ArrayLike
    bias_exp: ArrayLike
    weight_exp: ArrayLike

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {np.size(getattr(self, name)) for name in self.names() if name not in self.choices} - {1}
        if len(sizes) > 1:
            raise InvalidValue(f"{type(self).__name__} lengths", sorted(sizes), "one length N, or scalars")

    def shifted_bias(self) -> NDArray[np.int64]:
        """Return ``bias_mant << bias_exp``, an arithmetic shift to the right where the exponent is negative."""
        mant, exp = np.asarray(self.bias_mant), np.asarray(self.bias_exp)
        bias = np.asarray(np.where(exp < 0, mant >> np.maximum(-exp, 0), mant << np.maximum(exp, 0)))
        check_range(f"{type(self).__name__}.bias_mant << bias_exp", bias, -INT32, INT32)
        return bias

    @staticmethod
    def check_weights(where: str, weights: ArrayLike) -> NDArray[Any]:
        """Return weights as int32 after checking that they are integers of 9 bits."""
        if isinstance(weights, np.ndarray) and weights.dtype == np.int32:
            check_range(where, weights, MIN_WEIGHT, MAX_WEIGHT)
            return weights
        return whole_array(where, weights, MIN_WEIGHT, MAX_WEIGHT).astype(np.int32)

    def arriving(self, weights: NDArray[Any], target: Index) -> NDArray[np.int64]:
        """Return what a payload of 1 adds through `weights` to neurons `target`: ``(w << weight_exp) << 6``."""
        exponent = np.asarray(self.weight_exp)
        exponent = exponent if exponent.size == 1 else exponent[target]
        shifted: NDArray[np.int64] = np.left_shift(np.asarray(weights, dtype=np.int64), exponent + self.weight_shift)
        return shifted


@dataclass(frozen=True, eq=False)
class LoihiParams(LoihiArithmetic[Loihi]):
    """Parameters of fixed-point neurons: integers, in the words and units of Lava's LIF and Dense.

    Parameters
    ----------
    du : int or (N,) int
        Current decay, -1 .. 4095; du + 1 of 4096 is lost per time step (-1: nothing is).
    dv : int or (N,) int
        Voltage decay, 0 .. 4096; dv of 4096 is lost per time step.
    vth : int or (N,) int
        Threshold before the shift by 6 bits, 0 .. 2^25 - 1 (Loihi holds 17 bits).
    bias_mant, bias_exp : int or (N,) int
        The bias is ``bias_mant << bias_exp`` (arithmetic >> when negative), 32 bits (Loihi: 13 and 3 bits).
    weight_exp : int or (N,) int
        Exponent of the weights into a neuron, 0 .. 15: a spike adds ``(w << weight_exp) << 6``.
    reset : {"zero", "subtract"}
        As in :class:`~lava_async.CubaParams`.

    Raises
    ------
    InvalidType
        If a value is not an integer: Lava's own fixed-point models hang on floats.
    InvalidValue
        If a value is out of range.

    Examples
    --------
    >>> from lava_async import Network, simulate
    >>> net = Network.feedforward([[[5]]], LoihiParams(du=4095, dv=0, vth=9))  # nothing of the voltage is lost
    >>> simulate(net, [[1, 1, 1]]).counts.tolist()
    [[0, 1, 0]]
    """

    du: ArrayLike
    dv: ArrayLike
    vth: ArrayLike
    bias_mant: ArrayLike = 0
    bias_exp: ArrayLike = 0
    weight_exp: ArrayLike = 0
    reset: str = "zero"

    core: ClassVar[str] = "CUBA"
    derivatives: ClassVar[Training | None] = Training(("keep_u", "keep_v"), ONE)
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "du": (-1, 4095),
        "dv": (0, 4096),
        "vth": (0, 2**25 - 1),
        **BIAS_RANGES,
        "weight_exp": (0, 15),
    }
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset": RESETS}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.shifted_bias()
        check_subtract(self, self.vth, self.reset)

    def arrays(self, dtype: DTypeLike | None = np.int64) -> Loihi:
        """Return what the engines read."""
        values = ONE - 1 - np.asarray(self.du), ONE - np.asarray(self.dv), np.asarray(self.vth) << STATE_SHIFT
        return Loihi(*(np.ascontiguousarray(x, dtype=dtype) for x in (*values, self.shifted_bias())))

    def open(self, p: Loihi, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        leaked = leak(p, s)
        if self.reset == "zero":
            leaked["v"] = np.where(held, s["v"], leaked["v"])
        return leaked

    def integrate(self, p: Loihi, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return integrate(s, arriving, refractory & (self.reset == "zero"))

    def fires(self, p: Loihi, s: Fields) -> NDArray[np.bool_]:  # noqa: D102
        found: NDArray[np.bool_] = s["v"] > p.vth
        return found

    def momentum(self, p: Loihi, s: Fields) -> NDArray[Any]:  # noqa: D102
        return s["v"]

    def fire(self, p: Loihi, s: Fields, once: bool) -> tuple[Fields, NDArray[Any]]:  # noqa: D102
        if self.reset == "zero":
            return {**s, "v": np.zeros_like(s["v"])}, np.ones_like(s["v"])
        n = np.ones_like(s["v"]) if once else (s["v"] - 1) // p.vth  # the lowest n with v - n vth <= vth
        return {**s, "v": s["v"] - n * p.vth}, n
