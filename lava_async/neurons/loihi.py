"""The same neuron in Loihi's integers (tag ``fixed_pt``), bit for bit as Lava's ``PyLifModelBitAcc``.

The only home of unit conversions: thresholds and weights are stored as the user writes them (Lava's words) and shifted
here. Sources: `lava.proc.lif.models`, `lava.proc.dense.models`; ranges: Davies et al., IEEE Micro 38(1), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.neurons import register
from lava_async.records import ArrayRecord, frozen, integer_array, whole_array, within

DECAY_BITS = 12
ONE = 1 << DECAY_BITS
STATE_SHIFT = 6
"""Thresholds and arriving weights are shifted left by 6 bits into the units of the state."""
LIMIT = 1 << 23
WRAP = 1 << 24
MIN_WEIGHT, MAX_WEIGHT = -256, 255
_INT32 = 2**31 - 1


class Loihi(NamedTuple):
    """Arrays of N neurons in the units of the state: decay complements out of 4096, threshold << 6, shifted bias.

    Threshold and bias may be of 32 bits, as the state may, where a run cannot leave them.
    """

    keep_u: NDArray[np.int64]
    keep_v: NDArray[np.int64]
    vth: NDArray[Any]
    bias: NDArray[Any]


def leak(p: Any, i: Any, u: Any, v: Any) -> Any:
    """Return u and v after ``x -> sign(x) ((abs(x) (4096 - d)) >> 12)``; v also gains u and bias."""
    kept_u = (np.abs(u) * p.keep_u[i]) >> DECAY_BITS
    kept_v = (np.abs(v) * p.keep_v[i]) >> DECAY_BITS
    u = np.where(u < 0, -kept_u, kept_u)
    return u, np.where(v < 0, -kept_v, kept_v) + u + p.bias[i]


def integrate(p: Any, i: Any, u: Any, v: Any, arriving: Any, refractory: Any) -> Any:
    """Add what arrived; then u wraps at 24 bits, taking v along, and v saturates."""
    u = u + arriving
    wrap = np.where(u > LIMIT, -WRAP, np.where(u <= -LIMIT, WRAP, 0))
    v = v + np.where(refractory, 0, arriving + wrap)
    return u + wrap, np.where(v >= LIMIT, LIMIT - 1, np.where(v <= -LIMIT, 1 - LIMIT, v))


register(Loihi, leak=leak, integrate=integrate)


@dataclass(frozen=True, eq=False)
class LoihiParams(ArrayRecord):
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

    Raises
    ------
    InvalidType
        If a value is not an integer: Lava's own fixed-point models hang on floats.
    InvalidValue
        If a value is out of range.
    """

    du: ArrayLike
    dv: ArrayLike
    vth: ArrayLike
    bias_mant: ArrayLike = 0
    bias_exp: ArrayLike = 0
    weight_exp: ArrayLike = 0

    tag: ClassVar[str] = "fixed_pt"
    dtype: ClassVar[type] = np.int64
    weight_dtype: ClassVar[type] = np.int32

    def __post_init__(self) -> None:
        ranges = {
            "du": (-1, 4095),
            "dv": (0, 4096),
            "vth": (0, 2**25 - 1),
            "bias_mant": (-_INT32, _INT32),
            "bias_exp": (-31, 31),
            "weight_exp": (0, 15),
        }
        for name, (low, high) in ranges.items():
            array = integer_array(f"LoihiParams.{name}", getattr(self, name))
            within(f"LoihiParams.{name}", array, low, high)
            object.__setattr__(self, name, frozen(array))
        sizes = {np.size(getattr(self, name)) for name in ranges} - {1}
        if len(sizes) > 1:
            raise InvalidValue("LoihiParams lengths", sorted(sizes), "one length N, or scalars")
        within("LoihiParams.bias_mant << bias_exp", self._bias(), -_INT32, _INT32)

    def _bias(self) -> NDArray[np.int64]:
        mant, exp = np.asarray(self.bias_mant), np.asarray(self.bias_exp)
        return np.asarray(np.where(exp < 0, mant >> np.maximum(-exp, 0), mant << np.maximum(exp, 0)))

    def arrays(self, dtype: Any = np.int64) -> Loihi:
        """Return what the engines read."""
        values = ONE - 1 - np.asarray(self.du), ONE - np.asarray(self.dv), np.asarray(self.vth) << STATE_SHIFT
        return Loihi(*(np.ascontiguousarray(x, dtype=dtype) for x in (*values, self._bias())))

    @staticmethod
    def check_weights(where: str, weights: ArrayLike) -> NDArray[np.int32]:
        """Return weights as int32 after checking that they are whole numbers of 9 bits."""
        if isinstance(weights, np.ndarray) and weights.dtype == np.int32:
            within(where, weights, MIN_WEIGHT, MAX_WEIGHT)
            return weights
        return whole_array(where, weights, MIN_WEIGHT, MAX_WEIGHT).astype(np.int32)

    def arriving(self, weights: NDArray[Any], target: Any) -> NDArray[np.int64]:
        """Return what a single spike adds through `weights` to neurons `target`: ``(w << weight_exp) << 6``."""
        exponent = np.broadcast_to(np.asarray(self.weight_exp), np.shape(self.vth))[target]
        shifted: NDArray[np.int64] = np.left_shift(np.asarray(weights, dtype=np.int64), exponent + STATE_SHIFT)
        return shifted
