"""Breadth first and depth first through the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.schedules.base import Order, Schedule, Term


@dataclass(frozen=True)
class Shallow(Schedule):
    """Pick spikes of early layers first, then the oldest: the closest to layers that a queue comes."""

    name: ClassVar[str] = "shallow"
    order: ClassVar[Order] = Order(Term.LAYER, Term.EMITTED)


@dataclass(frozen=True)
class Deep(Schedule):
    """Pick spikes of late layers first, then the oldest: a wave runs ahead to the outputs."""

    name: ClassVar[str] = "deep"
    order: ClassVar[Order] = Order(-Term.LAYER, Term.EMITTED)
