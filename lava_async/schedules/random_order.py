"""Random order: 'RS' of Koopman et al. (TMLR 2025)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.schedules.base import Order, Schedule, Term


@dataclass(frozen=True)
class Random(Schedule):
    """Pick uniformly among the pending neurons, again at each forward step: ascending key(seed, 0, sample, t, k, i)."""

    name: ClassVar[str] = "random"
    order: ClassVar[Order] = Order(Term.DRAW)
