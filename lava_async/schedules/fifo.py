"""First in, first out, and its mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.schedules.base import Order, Schedule, Term


@dataclass(frozen=True)
class Fifo(Schedule):
    """Pick the oldest spikes first (forward step of emission, then index), as a chip with a queue would."""

    name: ClassVar[str] = "fifo"
    order: ClassVar[Order] = Order(Term.EMITTED)


@dataclass(frozen=True)
class Lifo(Schedule):
    """Pick the newest spikes first."""

    name: ClassVar[str] = "lifo"
    order: ClassVar[Order] = Order(-Term.EMITTED)
