"""Momentum: 'MS' of Koopman et al. (TMLR 2025)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from lava_async.errors import InvalidValue
from lava_async.records import real_array
from lava_async.schedules.base import Order, Schedule, Term


@dataclass(frozen=True)
class Momentum(Schedule):
    """Pick the neurons whose voltage was highest before the reset; input spikes come first.

    Parameters
    ----------
    group_size : int or None
        As in :class:`Schedule`.
    noise : float
        Each forward step ranks by ``m + noise * unit(key(seed, 3, sample, t, k, i))``, in units of the voltage, >= 0.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.0], [3.0]], [[1.0, 1.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> simulate(net, [[1]], schedule=Momentum(group_size=1), record="groups").groups[0]  # the higher voltage first
    [0, 0, [1]]
    """

    noise: float = 0.0

    name: ClassVar[str] = "momentum"

    def __post_init__(self) -> None:
        super().__post_init__()
        noise = real_array("Momentum.noise", self.noise)
        if noise.ndim or noise < 0:
            raise InvalidValue("Momentum.noise", self.noise, "one number >= 0")
        object.__setattr__(self, "noise", float(noise))

    def for_voltages(self, factor: float) -> Momentum:  # noqa: D102
        return replace(self, noise=self.noise * factor)

    def ranking(self) -> Order:  # noqa: D102
        return Order(-Term.MOMENTUM, noise=self.noise)
