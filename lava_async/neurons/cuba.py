"""Current-based leaky integrate-and-fire neuron in floating point (tag ``floating_pt``).

As `lava.proc.lif.LIF` in float, split into the part that happens once per time step and the part per forward step;
semantics, sections 2, 3 and 8.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.neurons.base import LARGEST, Fields, NeuronModel, Training

RESETS = ("zero", "subtract")


class Cuba(NamedTuple):
    """Arrays of n neurons: the factors that decay leaves of u and v, threshold, bias."""

    keep_u: NDArray[np.float32]
    keep_v: NDArray[np.float32]
    vth: NDArray[np.float32]
    bias: NDArray[np.float32]


class Leaking(Protocol):
    """Parameters of neurons whose current and voltage leak."""

    @property
    def keep_u(self) -> NDArray[Any]:
        """What decay leaves of the current."""

    @property
    def keep_v(self) -> NDArray[Any]:
        """What decay leaves of the voltage."""

    @property
    def bias(self) -> NDArray[Any]:
        """What is added to the voltage."""


def leak(p: Leaking, s: Fields) -> Fields:
    """Return ``u (1 - du)`` and ``v (1 - dv) + u + bias``."""
    u = s["u"] * p.keep_u
    return {**s, "u": u, "v": s["v"] * p.keep_v + u + p.bias}


def subtract(where: str, v: NDArray[Any], step: NDArray[Any], once: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return v after `step` was taken from it, once or until v > step no longer holds, and how often it was.

    One subtraction follows another, since each one rounds in floating point.
    """
    rest, n = v - step, np.ones_like(v)
    while not once and (again := rest > step).any():
        if (stuck := again & (rest - step == rest)).any():
            raise too_small(where, step[np.flatnonzero(stuck)[0]].item())
        rest, n = np.where(again, rest - step, rest), n + again
    return rest, n


def too_small(where: str, vth: float) -> InvalidValue:
    """Return the error of a threshold that can be subtracted from a voltage for ever."""
    return InvalidValue(where, vth, "large enough to change the voltage that it is taken from")


@dataclass(frozen=True, eq=False)
class CubaParams(NeuronModel[Cuba]):
    """Parameters of float neurons, dimensionless as in Lava's float LIF.

    Parameters
    ----------
    du, dv : float or (N,) float
        Decay of current and voltage per time step, in [0, 1]; 1 forgets at once.
    vth : float or (N,) float
        Threshold, >= 0; a neuron emits when v > vth.
    bias : float or (N,) float
        Added to v when a time step opens.
    reset : {"zero", "subtract"}
        What firing does to v: v becomes 0, or the threshold (then > 0) is taken from it. A neuron that subtracts goes
        on integrating while it is refractory and, with refractoriness off, fires as often as its voltage allows.

    Raises
    ------
    InvalidValue, InvalidType
        If a value is not a finite number or out of range.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.5]]], CubaParams(du=1, dv=0, vth=1, reset="subtract"))
    >>> simulate(net, [[1, 0, 0]]).counts.tolist()
    [[1, 1, 0]]
    """

    du: ArrayLike
    dv: ArrayLike
    vth: ArrayLike
    bias: ArrayLike = 0.0
    reset: str = "zero"

    core: ClassVar[str] = "CUBA"
    derivatives: ClassVar[Training | None] = Training(("keep_u", "keep_v"))
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "du": (0, 1),
        "dv": (0, 1),
        "vth": (0, LARGEST),
        "bias": (-LARGEST, LARGEST),
    }
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset": RESETS}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_subtract(self, self.vth, self.reset)

    def arrays(self, dtype: DTypeLike | None = np.float32) -> Cuba:
        """Return what the engines read; of type float32 unless gradients are checked in float64."""
        keep_u, keep_v = 1 - np.asarray(self.du), 1 - np.asarray(self.dv)
        return Cuba(*(np.ascontiguousarray(x, dtype=dtype) for x in (keep_u, keep_v, self.vth, self.bias)))

    def open(self, p: Cuba, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        leaked = leak(p, s)
        if self.reset == "zero":
            leaked["v"] = np.where(held, s["v"], leaked["v"])
        return leaked

    def integrate(self, p: Cuba, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        kept = refractory & (self.reset == "zero")
        return {**s, "u": s["u"] + arriving, "v": np.where(kept, s["v"], s["v"] + arriving)}

    def fires(self, p: Cuba, s: Fields) -> NDArray[np.bool_]:  # noqa: D102
        found: NDArray[np.bool_] = s["v"] > p.vth
        return found

    def momentum(self, p: Cuba, s: Fields) -> NDArray[Any]:  # noqa: D102
        return s["v"]

    def fire(self, p: Cuba, s: Fields, once: bool) -> tuple[Fields, NDArray[Any]]:  # noqa: D102
        if self.reset == "zero":
            return {**s, "v": np.zeros_like(s["v"])}, np.ones_like(s["v"])
        v, n = subtract(f"{type(self).__name__}.vth", s["v"], p.vth, once)
        return {**s, "v": v}, n


def check_subtract(params: NeuronModel, vth: ArrayLike, reset: str) -> None:
    """Raise an error if a threshold of 0 is to be subtracted."""
    if reset == "subtract" and not np.all(np.asarray(vth) > 0):
        raise InvalidValue(f"{type(params).__name__}.vth", 0, "> 0 if reset='subtract' takes it from the voltage")
