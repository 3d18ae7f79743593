"""Resonate and fire neurons: slayer's rf and rf_iz, Lava's RF and RF_IZ (semantics, section 8.4).

The state is a complex number that turns by ``2 pi / period`` and shrinks in each time step; weights are complex.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.neurons.base import LARGEST, Fields, NeuronModel, Reader, Training
from lava_async.neurons.loihi import DECAY_BITS, ONE, STATE_SHIFT, LoihiArithmetic, clip
from lava_async.records import array_of, real_array

VARIANTS = ("rf", "rf_iz")


class Resonator(NamedTuple):
    """Arrays of n neurons: cosine and sine of a turn with its decay, threshold, and y after a reset of rf_iz."""

    cos: NDArray[Any]
    sin: NDArray[Any]
    vth: NDArray[Any]
    after: NDArray[Any]


class Resonating(NeuronModel[Resonator]):
    """What both arithmetics share. `before` is y as it was before the time step opened."""

    alpha: ArrayLike
    period: ArrayLike
    variant: str

    complex_weights: ClassVar[bool] = True
    state: ClassVar[tuple[str, ...]] = ("x", "y", "before")
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"variant": VARIANTS}

    def read(self, name: str, where: str, value: ArrayLike, usual: Reader) -> NDArray[Any]:  # noqa: D102
        if name not in ("alpha", "period"):
            return super().read(name, where, value, usual)
        array = real_array(where, value)
        if name == "period" and (array == 0).any():
            raise InvalidValue(where, 0, "a number of time steps other than 0")
        return array

    def turn(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return ``(1 - alpha) cos(2 pi / period)`` and the same of the sine."""
        angle = np.pi * 2 * 1 / np.asarray(self.period)
        return (1 - np.asarray(self.alpha)) * np.cos(angle), (1 - np.asarray(self.alpha)) * np.sin(angle)

    def fires(self, p: Resonator, s: Fields) -> NDArray[np.bool_]:  # noqa: D102
        if self.variant == "rf":
            return np.asarray((s["x"] >= p.vth) & (s["y"] >= 0) & (s["before"] < 0))
        return np.asarray(s["y"] >= p.vth)

    def momentum(self, p: Resonator, s: Fields) -> NDArray[Any]:  # noqa: D102
        return s["x" if self.variant == "rf" else "y"]

    def fire(self, p: Resonator, s: Fields, once: bool) -> tuple[Fields, NDArray[Any]]:  # noqa: D102
        reset = {} if self.variant == "rf" else {"x": np.zeros_like(s["x"]), "y": p.after}
        return {**s, **reset}, np.ones_like(s["x"])


@dataclass(frozen=True, eq=False)
class ResonateParams(Resonating):
    """Parameters of resonate and fire neurons in floating point.

    Parameters
    ----------
    alpha : float or (N,) float
        What the length of the state loses per time step, in [0, 1].
    period : float or (N,) float
        Time steps of a whole turn.
    vth : float or (N,) float
        Threshold.
    variant : {"rf", "rf_iz"}
        "rf": fires when x >= vth as y becomes positive, and nothing is reset. "rf_iz" (Izhikevich): fires when
        y >= vth, and the state becomes (0, vth - 1e-5).

    Raises
    ------
    InvalidValue, InvalidType
        If a value is not a finite number or out of range.

    Examples
    --------
    >>> from lava_async import Network, ResonateParams, simulate
    >>> net = Network.feedforward([[[1 + 0j]]], ResonateParams(alpha=0.1, period=4.5, vth=0.3))
    >>> simulate(net, [[1, 0, 0, 0, 0, 0]]).counts.tolist()
    [[0, 0, 0, 0, 0, 1]]
    """

    alpha: ArrayLike
    period: ArrayLike
    vth: ArrayLike
    variant: str = "rf"

    core: ClassVar[str] = "resonate"
    derivatives: ClassVar[Training | None] = Training(("cos", "sin"))
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"alpha": (0, 1), "vth": (-LARGEST, LARGEST)}

    def arrays(self, dtype: DTypeLike | None = np.float32) -> Resonator:
        """Return what the engines read."""
        values = (*self.turn(), np.asarray(self.vth), np.asarray(self.vth) - 1e-5)
        return Resonator(*(np.array(np.broadcast_to(x, np.shape(self.vth)), dtype) for x in values))

    def open(self, p: Resonator, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        x, y = s["x"], s["y"]
        return {"x": p.cos * x - p.sin * y, "y": p.sin * x + p.cos * y, "before": y.copy()}

    def integrate(self, p: Resonator, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return {**s, "x": s["x"] + arriving[0], "y": s["y"] + arriving[1]}

    @staticmethod
    def check_weights(where: str, weights: ArrayLike) -> NDArray[np.complex64]:
        """Return weights as complex64 after checking that they are finite."""
        array = array_of(where, weights, "biufc", "complex numbers")
        parts = NeuronModel.check_weights(where, array.real), NeuronModel.check_weights(where, array.imag)
        return _complex(*parts)


@dataclass(frozen=True, eq=False)
class LoihiResonateParams(Resonating, LoihiArithmetic[Resonator]):
    """Parameters of resonate and fire neurons in integers, as Lava's RF and RF_IZ with ``decay_bits=12, state_exp=6``.

    Parameters
    ----------
    alpha, period : float or (N,) float
        As in :class:`ResonateParams`; cosine and sine are rounded as Lava rounds them, to 4096ths toward zero.
    vth : int or (N,) int
        Threshold before the shift by 6 bits.
    weight_exp : int or (N,) int
        Exponent of the weights into a neuron; both parts of a weight are integers of 9 bits.
    variant : {"rf", "rf_iz"}
        As in :class:`ResonateParams`; "rf_iz" resets y to the shifted threshold minus 1.

    Raises
    ------
    InvalidType, InvalidValue
        If a value is not an integer, or out of range.

    Examples
    --------
    >>> from lava_async import LoihiResonateParams, Network, simulate
    >>> net = Network.feedforward([[[64 + 0j]]], LoihiResonateParams(alpha=0.1, period=4, vth=32))
    >>> simulate(net, [[1, 0, 0, 0, 0, 0]]).counts.tolist()
    [[0, 0, 0, 0, 1, 0]]
    """

    alpha: ArrayLike
    period: ArrayLike
    vth: ArrayLike
    weight_exp: ArrayLike = 0
    variant: str = "rf"

    core: ClassVar[str] = "resonate"
    derivatives: ClassVar[Training | None] = Training(("cos", "sin"), ONE)
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "alpha": (0, 1),
        "vth": (1 - 2**25, 2**25 - 1),
        "weight_exp": (0, 15),
    }

    def arrays(self, dtype: DTypeLike | None = np.int64) -> Resonator:
        """Return what the engines read, in the units of the state."""
        vth = np.asarray(self.vth) << STATE_SHIFT
        turn = [(x * ONE).astype(np.int64) for x in self.turn()]
        return Resonator(*(np.array(np.broadcast_to(x, np.shape(vth)), dtype) for x in (*turn, vth, vth - 1)))

    def open(self, p: Resonator, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        x, y = s["x"], s["y"]
        return {"x": scaled(p.cos, x) - scaled(p.sin, y), "y": scaled(p.sin, x) + scaled(p.cos, y), "before": y.copy()}

    def integrate(self, p: Resonator, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return {**s, "x": clip(s["x"] + arriving[0]), "y": clip(s["y"] + arriving[1])}

    @staticmethod
    def check_weights(where: str, weights: ArrayLike) -> NDArray[np.complex64]:
        """Return weights as complex64 after checking that both parts are integers of 9 bits."""
        array = array_of(where, weights, "biufc", "complex numbers")
        parts = LoihiArithmetic.check_weights(where, array.real), LoihiArithmetic.check_weights(where, array.imag)
        return _complex(*parts)


def scaled(factor: NDArray[Any], x: NDArray[Any]) -> NDArray[Any]:
    """Return factor x in 4096ths, rounded toward zero."""
    product = factor * x
    size = np.abs(product) >> DECAY_BITS
    found: NDArray[Any] = np.where(product < 0, -size, size)
    return found


def _complex(real: NDArray[Any], imag: NDArray[Any]) -> NDArray[np.complex64]:
    found: NDArray[np.complex64] = np.empty(real.shape, np.complex64)
    found.real, found.imag = real, imag
    return found
