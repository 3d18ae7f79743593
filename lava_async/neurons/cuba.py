"""Current-based leaky integrate-and-fire neuron in floating point (tag ``floating_pt``).

As `lava.proc.lif.LIF` in float, split into the part that happens once per time step and the part per forward step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.neurons import register
from lava_async.records import ArrayRecord, frozen, real_array, within

LARGEST = float(np.finfo(np.float32).max)


class Cuba(NamedTuple):
    """Arrays of N neurons: the factors that decay leaves of u and v, threshold, bias."""

    keep_u: NDArray[np.float32]
    keep_v: NDArray[np.float32]
    vth: NDArray[np.float32]
    bias: NDArray[np.float32]


def leak(p: Any, i: Any, u: Any, v: Any) -> Any:
    """Return ``u (1 - du)`` and ``v (1 - dv) + u + bias``."""
    u = u * p.keep_u[i]
    return u, v * p.keep_v[i] + u + p.bias[i]


def integrate(p: Any, i: Any, u: Any, v: Any, arriving: Any, refractory: Any) -> Any:
    """Return ``u + arriving`` and, unless refractory, ``v + arriving``."""
    return u + arriving, np.where(refractory, v, v + arriving)


register(Cuba, leak=leak, integrate=integrate)


@dataclass(frozen=True, eq=False)
class CubaParams(ArrayRecord):
    """Parameters of float neurons, dimensionless as in Lava's float LIF.

    Parameters
    ----------
    du, dv : float or (N,) float
        Decay of current and voltage per time step, in [0, 1]; 1 forgets at once.
    vth : float or (N,) float
        Threshold, >= 0; a neuron emits when v > vth.
    bias : float or (N,) float
        Added to v when a time step opens.

    Raises
    ------
    InvalidValue, InvalidType
        If a value is not a finite number or out of range.
    """

    du: ArrayLike
    dv: ArrayLike
    vth: ArrayLike
    bias: ArrayLike = 0.0

    tag: ClassVar[str] = "floating_pt"
    dtype: ClassVar[type] = np.float32
    weight_dtype: ClassVar[type] = np.float32

    def __post_init__(self) -> None:
        for name, low, high in (("du", 0, 1), ("dv", 0, 1), ("vth", 0, LARGEST), ("bias", -LARGEST, LARGEST)):
            array = real_array(f"CubaParams.{name}", getattr(self, name))
            within(f"CubaParams.{name}", array, low, high)
            object.__setattr__(self, name, frozen(array))

    def arrays(self, dtype: Any = np.float32) -> Cuba:
        """Return what the engines read; of type float32 unless gradients are checked in float64."""
        keep_u, keep_v = 1 - np.asarray(self.du), 1 - np.asarray(self.dv)
        return Cuba(*(np.ascontiguousarray(x, dtype=dtype) for x in (keep_u, keep_v, self.vth, self.bias)))

    @staticmethod
    def check_weights(where: str, weights: ArrayLike) -> NDArray[np.float32]:
        """Return weights as float32 after checking that they are finite."""
        if isinstance(weights, np.ndarray) and weights.dtype == np.float32 and np.isfinite(weights).all():
            return weights
        array = real_array(where, weights)
        within(where, array, -LARGEST, LARGEST)
        return array.astype(np.float32)

    def arriving(self, weights: NDArray[Any], target: Any) -> NDArray[np.float32]:
        """Return what a single spike adds through `weights` to neurons `target`: the weights themselves."""
        return np.asarray(weights, dtype=np.float32)
