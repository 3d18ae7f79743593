"""Sigma-delta and delta neurons: slayer's sigma_delta, Lava's SigmaDelta and Delta (semantics, section 8.3).

They send signed numbers: by how much their activation differs from what their receivers believe it to be.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from lava_async.neurons.base import LARGEST, Fields, NeuronModel, Training
from lava_async.neurons.loihi import BIAS_RANGES, ONE, STATE_SHIFT, LoihiArithmetic

ACTIVATIONS = ("relu", "unit")
_WIDEST = 2**62


class SigmaDelta(NamedTuple):
    """Arrays of n neurons: threshold and bias in the units of the state."""

    vth: NDArray[Any]
    bias: NDArray[Any]


class Delta(NamedTuple):
    """The thresholds of n neurons."""

    vth: NDArray[Any]


D = TypeVar("D", SigmaDelta, Delta)


class Difference(NeuronModel[D]):
    """What sigma-delta and delta neurons of both arithmetics share: the difference of their activation and `sent`."""

    graded: ClassVar[bool] = True
    payload_shift: ClassVar[int] = 0
    """Bits of a difference that the receivers do not get."""

    @abstractmethod
    def output(self, p: D, s: Fields) -> NDArray[Any]:
        """Return the activation a."""

    def fires(self, p: D, s: Fields) -> NDArray[np.bool_]:  # noqa: D102
        found: NDArray[np.bool_] = self.momentum(p, s) >= p.vth
        return found

    def momentum(self, p: D, s: Fields) -> NDArray[Any]:  # noqa: D102
        found: NDArray[Any] = np.abs(self.output(p, s) - s["sent"])
        return found

    def fire(self, p: D, s: Fields, once: bool) -> tuple[Fields, NDArray[Any]]:  # noqa: D102
        a = self.output(p, s)
        d = a - s["sent"]
        return {**s, "sent": a}, d >> self.payload_shift if self.payload_shift else d


class Sigma(Difference[SigmaDelta]):
    """Neurons that add up what they receive, over time steps."""

    activation: str
    state: ClassVar[tuple[str, ...]] = ("sigma", "sent")
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"activation": ACTIVATIONS}

    def output(self, p: SigmaDelta, s: Fields) -> NDArray[Any]:  # noqa: D102
        a = s["sigma"] + p.bias
        found: NDArray[Any] = np.maximum(a, 0) if self.activation == "relu" else a
        return found

    def open(self, p: SigmaDelta, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return s

    def integrate(self, p: SigmaDelta, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return {**s, "sigma": s["sigma"] + arriving}


class Encoder(Difference[Delta]):
    """Neurons whose activation is what arrived in the time step."""

    state: ClassVar[tuple[str, ...]] = ("x", "sent")

    def output(self, p: Delta, s: Fields) -> NDArray[Any]:  # noqa: D102
        return s["x"]

    def open(self, p: Delta, s: Fields, held: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return {**s, "x": np.zeros_like(s["x"])}

    def integrate(self, p: Delta, s: Fields, arriving: NDArray[Any], refractory: NDArray[np.bool_]) -> Fields:  # noqa: D102
        return {**s, "x": s["x"] + arriving}


class Integers(LoihiArithmetic[D]):
    """Integers of 64 bits that neither wrap nor clip; weights arrive without the shift by 6 bits."""

    weight_shift: ClassVar[int] = 0
    payload_shift: ClassVar[int] = STATE_SHIFT


@dataclass(frozen=True, eq=False)
class SigmaDeltaParams(Sigma):
    """Parameters of sigma-delta neurons in floating point.

    The activation is ``a = relu(sigma + bias)`` where sigma is the sum of all that arrived. When it differs by at least
    the threshold from what the neuron sent so far, the neuron sends the difference.

    Parameters
    ----------
    vth : float or (N,) float
        Threshold, >= 0; a neuron sends when ``abs(a - sent) >= vth``.
    bias : float or (N,) float
        Added to sigma.
    activation : {"relu", "unit"}
        Rectified, or linear.

    Raises
    ------
    InvalidValue, InvalidType
        If a value is not a finite number or out of range.

    Examples
    --------
    >>> from lava_async import Network, SigmaDeltaParams, simulate
    >>> net = Network.feedforward([[[0.5]]], SigmaDeltaParams(vth=1.0))
    >>> simulate(net, [[1, 1, 0, 4]]).emitted.tolist()
    [[0.0, 1.0, 0.0, 2.0]]
    """

    vth: ArrayLike
    bias: ArrayLike = 0.0
    activation: str = "relu"

    core: ClassVar[str] = "sigma-delta"
    derivatives: ClassVar[Training | None] = Training()
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"vth": (0, LARGEST), "bias": (-LARGEST, LARGEST)}

    def arrays(self, dtype: DTypeLike | None = np.float32) -> SigmaDelta:
        """Return what the engines read."""
        return SigmaDelta(*(np.ascontiguousarray(x, dtype=dtype) for x in (self.vth, self.bias)))


@dataclass(frozen=True, eq=False)
class LoihiSigmaDeltaParams(Integers[SigmaDelta], Sigma):
    """Parameters of sigma-delta neurons in integers, as Lava's ``PySigmaDeltaModelFixed``.

    A payload is the difference shifted right by 6 bits; the bits below are lost to the receivers.

    Parameters
    ----------
    vth : int or (N,) int
        Threshold in the units of the state: compared as it is.
    bias_mant, bias_exp : int or (N,) int
        The bias is ``bias_mant << bias_exp``, 32 bits.
    weight_exp : int or (N,) int
        Exponent of the weights into a neuron: a payload p adds ``p (w << weight_exp)``.
    activation : {"relu", "unit"}
        Rectified, or linear.

    Raises
    ------
    InvalidType, InvalidValue
        If a value is not an integer, or out of range.

    Examples
    --------
    >>> from lava_async import LoihiSigmaDeltaParams, Network, simulate
    >>> net = Network.feedforward([[[64]]], LoihiSigmaDeltaParams(vth=64))
    >>> simulate(net, [[1, 0, 3, 0]]).counts.tolist()
    [[1, 0, 1, 0]]
    """

    vth: ArrayLike
    bias_mant: ArrayLike = 0
    bias_exp: ArrayLike = 0
    weight_exp: ArrayLike = 0
    activation: str = "relu"

    core: ClassVar[str] = "sigma-delta"
    derivatives: ClassVar[Training | None] = Training((), ONE << STATE_SHIFT, ONE)
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"vth": (0, _WIDEST), **BIAS_RANGES, "weight_exp": (0, 15)}

    def __post_init__(self) -> None:
        super().__post_init__()
        self.shifted_bias()

    def arrays(self, dtype: DTypeLike | None = np.int64) -> SigmaDelta:
        """Return what the engines read."""
        return SigmaDelta(*(np.ascontiguousarray(x, dtype=dtype) for x in (self.vth, self.shifted_bias())))


@dataclass(frozen=True, eq=False)
class DeltaParams(Encoder):
    """Parameters of delta neurons in floating point, the input of sigma-delta networks.

    A neuron sends the difference of what arrived in this time step and what it sent so far.

    Parameters
    ----------
    vth : float or (N,) float
        Threshold, >= 0; a neuron sends when ``abs(x - sent) >= vth``.

    Raises
    ------
    InvalidValue, InvalidType
        If a value is not a finite number or out of range.

    Examples
    --------
    >>> from lava_async import DeltaParams, Network, simulate
    >>> net = Network.feedforward([[[1.0]]], DeltaParams(vth=2))
    >>> simulate(net, [[5, 6, 8, 8]]).emitted.tolist()
    [[5.0, 0.0, 3.0, 0.0]]
    """

    vth: ArrayLike

    core: ClassVar[str] = "delta"
    derivatives: ClassVar[Training | None] = Training()
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"vth": (0, LARGEST)}

    def arrays(self, dtype: DTypeLike | None = np.float32) -> Delta:
        """Return what the engines read."""
        return Delta(np.ascontiguousarray(self.vth, dtype=dtype))


@dataclass(frozen=True, eq=False)
class LoihiDeltaParams(Integers[Delta], Encoder):
    """Parameters of delta neurons in integers, as Lava's ``PyDeltaModelFixed``.

    Parameters
    ----------
    vth : int or (N,) int
        Threshold in the units of the state: compared as it is.
    weight_exp : int or (N,) int
        Exponent of the weights into a neuron: a payload p adds ``p (w << weight_exp)``.

    Raises
    ------
    InvalidType, InvalidValue
        If a value is not an integer, or out of range.

    Examples
    --------
    >>> from lava_async import LoihiDeltaParams, Network, simulate
    >>> net = Network.feedforward([[[64]]], LoihiDeltaParams(vth=64))
    >>> simulate(net, [[1, 1, 3, 3]]).counts.tolist()  # it sends when the input has changed enough
    [[1, 0, 1, 0]]
    """

    vth: ArrayLike
    weight_exp: ArrayLike = 0

    core: ClassVar[str] = "delta"
    derivatives: ClassVar[Training | None] = Training((), ONE << STATE_SHIFT, ONE)
    ranges: ClassVar[dict[str, tuple[float, float]]] = {"vth": (0, _WIDEST), "weight_exp": (0, 15)}

    def arrays(self, dtype: DTypeLike | None = np.int64) -> Delta:
        """Return what the engines read."""
        return Delta(np.ascontiguousarray(self.vth, dtype=dtype))
