"""Surrogate derivatives of the threshold: what a spike's step function is taken to slope like, in the backward pass.

A surrogate is one frozen dataclass with ``derivative(x)`` of x = v - threshold, in the units of the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol

import torch
from torch import Tensor

from lava_async import defaults
from lava_async.errors import InvalidType, InvalidValue
from lava_async.registry import Registry


class Surrogate(Protocol):
    """What gradient engines ask of a surrogate.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import ATan
    >>> ATan().derivative(torch.tensor([0.0])), ATan(torch.tensor([1.0, 2.0])).part(slice(1, 2)).alpha
    (tensor([1.]), tensor([2.]))
    """

    def derivative(self, x: Tensor) -> Tensor:
        """Return the slope at x = v - threshold, of shape (..., N)."""

    def part(self, neurons: slice) -> Surrogate:
        """Return the surrogate of some of the N neurons."""


@dataclass(frozen=True)
class ATan:
    """Slope of an arctangent, ``1 / (1 + (pi alpha x / 2)^2)``: 1 at the threshold (Fang et al., ICCV 2021).

    Parameters
    ----------
    alpha : float or (N,) tensor
        Sharpness, > 0, per unit of the voltage; networks take 1.2 / threshold by default.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import ATan
    >>> ATan(alpha=2.0).derivative(torch.tensor([0.0, 0.5]))
    tensor([1.0000, 0.2884])
    """

    alpha: float | Tensor = 2.0

    def __post_init__(self) -> None:
        _positive("ATan.alpha", self.alpha)

    def derivative(self, x: Tensor) -> Tensor:  # noqa: D102
        alpha = torch.as_tensor(self.alpha, dtype=x.dtype, device=x.device)
        return 1 / (1 + (math.pi / 2 * alpha * x) ** 2)

    def part(self, neurons: slice) -> ATan:  # noqa: D102
        return ATan(_part(self.alpha, neurons))


@dataclass(frozen=True)
class Exponential:
    """Slayer's ``scale / (2 tau) exp(-abs(x) / tau)`` (Shrestha, Orchard, NeurIPS 2018).

    Parameters
    ----------
    tau : float or (N,) tensor
        Width, > 0, in units of the threshold. A slayer neuron has ``100 * neuron.tau_rho``.
    scale : float or (N,) tensor
        Area under the slope, > 0. A slayer neuron has ``0.1 * neuron.scale_rho``.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import Exponential
    >>> Exponential(tau=0.5).derivative(torch.tensor([0.0, 0.5]))
    tensor([1.0000, 0.3679])
    """

    tau: float | Tensor
    scale: float | Tensor = 1.0

    def __post_init__(self) -> None:
        _positive("Exponential.tau", self.tau)
        _positive("Exponential.scale", self.scale)

    def derivative(self, x: Tensor) -> Tensor:  # noqa: D102
        tau, scale = (torch.as_tensor(p, dtype=x.dtype, device=x.device) for p in (self.tau, self.scale))
        return scale / (2 * tau) * torch.exp(-x.abs() / tau)

    def part(self, neurons: slice) -> Exponential:  # noqa: D102
        return replace(self, tau=_part(self.tau, neurons), scale=_part(self.scale, neurons))


@dataclass(frozen=True)
class PerLayer:
    """Surrogates of layers that follow one another.

    Parameters
    ----------
    parts : tuple of (int, Surrogate)
        The number of neurons of each layer, and their surrogate.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training.surrogates import ATan, Exponential, PerLayer
    >>> PerLayer(((2, ATan()), (1, Exponential(tau=0.5)))).derivative(torch.zeros(1, 3))
    tensor([[1., 1., 1.]])
    """

    parts: tuple[tuple[int, Surrogate], ...]

    def derivative(self, x: Tensor) -> Tensor:  # noqa: D102
        sizes = [size for size, _ in self.parts]
        found = [s.derivative(part) for part, (_, s) in zip(x.split(sizes, -1), self.parts, strict=True)]
        return torch.cat(found, -1)

    def part(self, neurons: slice) -> Surrogate:
        """Return the surrogate of a layer."""
        start = 0
        for size, surrogate in self.parts:
            if (start, start + size) == (neurons.start, neurons.stop):
                return surrogate
            start += size
        raise InvalidValue("neurons", neurons, "those of one layer")


Choice = Surrogate | Callable[[Tensor], Surrogate] | Literal["slayer"]
"""What a network takes: a surrogate, a function of the thresholds (N,) that returns one, or the blocks' own."""


def atan(alpha: float = defaults.ALPHA, *, relative: bool = True) -> Choice:
    """Return a function of thresholds (N,) that returns arctangents as wide as these, or one width for all neurons.

    Parameters
    ----------
    alpha : float
        Sharpness per threshold, > 0; a threshold of 0 counts as 1.
    relative : bool
        False: `alpha` is per unit of the voltage instead, so that high thresholds have narrow slopes. Where layers have
        thresholds of their own and the reset is differentiated, the gradient then does not grow with the threshold.

    Examples
    --------
    >>> voltages, thresholds = torch.tensor([0.5, 3.5]), torch.tensor([1.0, 4.0])
    >>> [round(x, 2) for x in atan(1.0)(thresholds).derivative(voltages - thresholds).tolist()]
    [0.62, 0.96]
    >>> [round(x, 2) for x in atan(1.0, relative=False).derivative(voltages - thresholds).tolist()]
    [0.62, 0.62]
    """
    _positive("atan.alpha", alpha)
    return partial(_per_threshold, alpha) if relative else ATan(alpha)


def exponential(tau: float = 0.5, area: float = 1.0) -> Exponential:
    """Return slayer's surrogate with the same width for all neurons.

    Parameters
    ----------
    tau : float
        Width, > 0.
    area : float
        Area under it, > 0.

    Examples
    --------
    >>> from lava_async.training.surrogates import exponential
    >>> exponential(tau=0.25)
    Exponential(tau=0.25, scale=1.0)
    """
    _positive("exponential.area", area)
    return Exponential(tau, area)


def slayer() -> Literal["slayer"]:
    """Return what stands for the blocks' own surrogate.

    Examples
    --------
    >>> from lava_async.training.surrogates import slayer
    >>> slayer()
    'slayer'
    """
    return "slayer"


SURROGATES: Registry[Callable[..., Choice]] = Registry(
    "surrogates", {"atan": atan, "exponential": exponential, "slayer": slayer}
)
"""By the names of configs; each is called with the options of the config and returns what a network takes."""


def _per_threshold(alpha: float, thresholds: Tensor) -> ATan:
    return ATan(alpha / torch.where(thresholds > 0, thresholds, 1.0))


def default_surrogate(thresholds: Tensor) -> ATan:
    """Return the surrogate that networks take by default, as wide as the thresholds (N,) of their neurons.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training.surrogates import default_surrogate
    >>> default_surrogate(torch.tensor([0.5, 1.0])).alpha
    tensor([2.4000, 1.2000])
    """
    return _per_threshold(defaults.ALPHA, thresholds)


def _part(p: float | Tensor, neurons: slice) -> float | Tensor:
    return p[neurons] if isinstance(p, Tensor) and p.ndim else p


def _positive(where: str, value: object) -> None:
    try:
        array = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise InvalidType(where, value, "a number > 0") from None
    if not bool((torch.isfinite(array) & (array > 0)).all()):
        raise InvalidValue(where, value, "finite and > 0")
