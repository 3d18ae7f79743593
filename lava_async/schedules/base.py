"""What every schedule is: the pending neurons that it sees, an order of them, and the base class."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.draws import MOMENTUM_NOISE, RANDOM_SCHEDULE, unit
from lava_async.records import count


class Term(IntEnum):
    """What pending neurons can be ranked by; ``-Term.X`` ranks descending."""

    NONE = 0
    DRAW = 1
    """A random key, drawn anew at each forward step."""
    MOMENTUM = 2
    """Voltage just before the reset, of the first pending spike."""
    EMITTED = 3
    """Forward step in which the first pending spike was emitted."""
    LAYER = 4
    """Layer of the neuron; input spikes: -1."""


class Order(NamedTuple):
    """A ranking of the pending neurons: by the first term, then the second, then the index."""

    first: int
    second: int = Term.NONE
    noise: float = 0.0
    """Momentum only: each forward step adds ``noise * unit(draw)``."""


class Pending(NamedTuple):
    """The P neurons that wait, ascending by index (input spikes: channel - n_inputs, so they come first)."""

    source: NDArray[np.int64]
    momentum: NDArray[np.float64]
    emitted: NDArray[np.int64]
    layer: NDArray[np.int64]
    t: int
    k: int
    draw: Callable[[int], NDArray[np.uint64]]
    """``draw(stream)`` gives one random 64-bit key per pending neuron for this forward step."""

    def key(self, term: int, noise: float) -> NDArray[Any]:
        """Return the ascending sort key of a term."""
        kind, down = abs(term), term < 0
        values: NDArray[Any]
        if kind == Term.DRAW:
            values = self.draw(RANDOM_SCHEDULE)
            return ~values if down else values
        if kind == Term.MOMENTUM:
            values = self.momentum + (noise * unit(self.draw(MOMENTUM_NOISE)) if noise else 0.0)
        else:
            values = self.emitted if kind == Term.EMITTED else self.layer
        return -values if down else values


@dataclass(frozen=True)
class Schedule(ABC):
    """A policy that picks the group of neurons to deliver.

    Parameters
    ----------
    group_size : int or None
        F, the most pending neurons delivered per forward step, >= 1; None: everything pending.
    """

    group_size: int | None = None

    name: ClassVar[str]
    order: ClassVar[Order | None] = None
    grouped: ClassVar[bool] = True
    """Whether it has a group size."""

    def __post_init__(self) -> None:
        if self.group_size is not None:
            size = count(f"{type(self).__name__}.group_size", self.group_size, least=1)
            object.__setattr__(self, "group_size", size)

    def ranking(self) -> Order | None:
        """Return how pending neurons are ranked; None: only :meth:`pick` knows, the compiled engine cannot."""
        return self.order

    def pick(self, pending: Pending) -> NDArray[np.int64]:
        """Return the positions in `pending` of at most `group_size` neurons to deliver next."""
        order = self.ranking()
        if order is None:
            raise NotImplementedError(f"{type(self).__name__} needs an order or its own pick()")
        keys = [pending.key(term, order.noise) for term in (order.second, order.first) if term != Term.NONE]
        ranked: NDArray[np.int64] = np.lexsort((pending.source, *keys))
        return ranked[: self.group_size]

    def ends(self, t: int, k: int) -> bool:
        """Return whether time step t ends after forward step k, whatever is still pending."""
        return False

    def config(self) -> dict[str, Any]:
        """Return the schedule as plain data, as :func:`schedule` takes it."""
        return {"name": self.name, **asdict(self)}
