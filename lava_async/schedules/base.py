"""What every schedule is: the pending neurons that it sees, an order of them, and the base class."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from inspect import signature
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.display import Brief
from lava_async.draws import MOMENTUM_NOISE, RANDOM_SCHEDULE, unit
from lava_async.errors import InvalidType
from lava_async.records import check_int


class Term(IntEnum):
    """What pending neurons can be ranked by; ``-Term.X`` ranks descending.

    Examples
    --------
    >>> from lava_async.schedules import Order, Term
    >>> Order(Term.EMITTED)  # the oldest first
    Order(first=<Term.EMITTED: 3>, second=<Term.NONE: 0>, noise=0.0)
    >>> Order(-Term.EMITTED).first  # the youngest first
    -3
    """

    NONE = 0
    DRAW = 1
    """A random key, drawn again at each forward step."""
    MOMENTUM = 2
    """Voltage just before the reset, of the first pending spike."""
    EMITTED = 3
    """Forward step in which the first pending spike was emitted."""
    LAYER = 4
    """Layer of the neuron; input spikes: -1."""


class Order(NamedTuple):
    """A ranking of the pending neurons: by the first term, then the second, then the index.

    Examples
    --------
    >>> from lava_async.schedules import Order, Term
    >>> Order(first=-Term.MOMENTUM, second=Term.LAYER)
    Order(first=-2, second=<Term.LAYER: 4>, noise=0.0)
    """

    first: int
    second: int = Term.NONE
    noise: float = 0.0
    """Momentum only: each forward step adds ``noise * unit(draw)``."""


class Pending(NamedTuple):
    """The P neurons that wait, ascending by index (input spikes: channel - n_inputs, so they come first).

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.schedules import Order, Pending, Term
    >>> index, momentum, emitted, layer = np.arange(3), np.array([0.5, 2.0, 1.0]), np.zeros(3, int), np.array([0, 0, 1])
    >>> pending = Pending(index, momentum, emitted, layer, t=0, k=1, draw=lambda stream: np.zeros(3, np.uint64))
    >>> pending.source[pending.ranked(Order(-Term.MOMENTUM))]
    array([1, 2, 0])
    """

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

    def ranked(self, order: Order, *outer: NDArray[Any]) -> NDArray[np.int64]:
        """Return all positions in an order; with `outer`, a number per neuron, those of each number by themselves."""
        keys = [self.key(term, order.noise) for term in (order.second, order.first) if term != Term.NONE]
        positions: NDArray[np.int64] = np.lexsort((self.source, *keys, *outer))
        return positions


class Lowered(NamedTuple):
    """A kind of execution as the compiled engine reads it.

    Examples
    --------
    >>> from lava_async import Layered, Momentum
    >>> Layered().lower().layered, Momentum(group_size=8).lower().group_size
    (True, 8)
    """

    order: Order = Order(Term.NONE)
    """Of the queue, if there is one."""
    layered: bool = False
    group_size: int | None = None
    groups: tuple[tuple[int, int, tuple[int, ...]], ...] | None = None
    """Time step, forward step and neurons of each group of a recorded run, ascending."""


class ExecutionKind(Brief, ABC):
    """How spikes reach their targets: layer by layer, through a queue (:class:`Schedule`), or at the speed of a chip.

    What others need to know of a kind they read from its capabilities, never from its type or name.

    Attributes
    ----------
    name : str
        What commands, configs and files call it.
    queued : bool
        One queue serves the whole network, a group of neurons in each forward step.
    timed : bool
        The cores of a chip run by themselves, one message after another; results have times.
    trainable : bool
        Runs can be differentiated.
    replayable : bool
        A recorded run can be replayed, from ``Result.groups`` or, if timed, ``Result.messages``.
    recorded : bool
        It is the record of one run: made from a result, not chosen by name.

    Examples
    --------
    >>> from lava_async import Layered, Random, Timed
    >>> for kind in (Layered(), Random(group_size=8), Timed()):
    ...     print(kind.name, kind.queued, kind.timed, kind.trainable, kind.replayable)
    ...
    layered False False True False
    random True False True True
    timed False True True True
    """

    name: ClassVar[str]
    queued: ClassVar[bool] = False
    timed: ClassVar[bool] = False
    trainable: ClassVar[bool] = False
    replayable: ClassVar[bool] = False
    recorded: ClassVar[bool] = False

    @property
    def layered(self) -> bool:
        """Whether each layer is checked once per time step, after all its input arrived."""
        return not (self.queued or self.timed)

    @property
    def group_size(self) -> int | None:
        """Most neurons delivered in a forward step; None: no limit, or no queue."""
        return None

    @property
    def title(self) -> str:
        """What tables call it, as in "random, F = 8"."""
        if self.recorded:
            return self.name
        parts = [f"F = {self.group_size or 'all'}"] if "group_size" in self.options() else []
        for name, option in signature(type(self)).parameters.items():
            if name != "group_size" and getattr(self, name) != option.default:
                parts.append(f"{name} = {getattr(self, name)}")
        return ", ".join([self.name, *parts])

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Return the names of its options: what its constructor takes, and what commands, configs and files may say."""
        return tuple(signature(cls).parameters)

    def forward_steps(self, n_layers: int) -> int | None:
        """Return how many forward steps a time step has at most, None if that depends on the spikes."""
        return None

    def ends(self, t: int, k: int) -> bool:
        """Return whether time step t ends after forward step k, whatever is still pending."""
        return False

    def lower(self) -> Lowered | None:
        """Return the kind as the compiled engine reads it; None: only the reference engine can run it."""
        return Lowered()

    def for_voltages(self, factor: float) -> ExecutionKind:
        """Return the kind that does the same if all voltages are `factor` times as large."""
        return self

    def config(self) -> dict[str, Any]:
        """Return the kind as plain data, as :func:`lava_async.schedule` takes it."""
        return {"name": self.name, **{name: getattr(self, name) for name in self.options()}}


@dataclass(frozen=True)
class Schedule(ExecutionKind):
    """A policy that picks the group of neurons to deliver.

    Parameters
    ----------
    group_size : int or None
        F, the most pending neurons delivered per forward step, >= 1; None: everything pending.

    Examples
    --------
    >>> from lava_async import Momentum, Random
    >>> [isinstance(s, Schedule) for s in (Random(8), Momentum(8))]
    [True, True]
    """

    group_size: int | None = None

    order: ClassVar[Order | None] = None
    queued: ClassVar[bool] = True
    trainable: ClassVar[bool] = True
    replayable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.group_size is not None:
            size = check_int(f"{type(self).__name__}.group_size", self.group_size, least=1)
            object.__setattr__(self, "group_size", size)

    def ranking(self) -> Order | None:
        """Return how pending neurons are ranked; None: only :meth:`pick` knows, the compiled engine cannot."""
        return self.order

    def pick(self, pending: Pending) -> NDArray[np.int64]:
        """Return the positions in `pending` of at most `group_size` neurons to deliver next."""
        order = self.ranking()
        if order is None:
            raise NotImplementedError(f"{type(self).__name__} needs an order or its own pick()")
        return pending.ranked(order)[: self.group_size]

    def lower(self) -> Lowered | None:  # noqa: D102
        order = self.ranking()
        picks_itself = (type(self).pick, type(self).ends) != (Schedule.pick, Schedule.ends)
        return None if order is None or picks_itself else Lowered(order, group_size=self.group_size)


def checked(where: str, value: object) -> ExecutionKind:
    """Return a kind of execution, or raise InvalidType, naming `where`, if a value is something else.

    Raises
    ------
    InvalidType
        If it is something else.

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.schedules import checked
    >>> checked("my_function.schedule", Random(group_size=8))
    Random(group_size=8)
    >>> checked("my_function.schedule", "random")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidType: my_function.schedule = 'random': must be a Schedule, such as Random(group_size=8);
    lava_async.schedules.schedule('random') makes one by its name
    """
    if not isinstance(value, ExecutionKind):
        named = f"; lava_async.schedules.schedule({value!r}) makes one by its name" if isinstance(value, str) else ""
        raise InvalidType(where, value, f"a Schedule, such as Random(group_size=8){named}")
    return value


def no_single_queue(where: str, kind: ExecutionKind) -> InvalidType:
    """Return the error of those who need one queue for the whole network, or layers.

    Examples
    --------
    >>> from lava_async import Timed
    >>> from lava_async.schedules import no_single_queue
    >>> print(no_single_queue("my_function.schedule", Timed()))
    my_function.schedule = 'Timed': must be a schedule with one queue for all neurons, or Layered(); timed runs in
    simulate, simulate_batch, Stepper and the engine of AsyncNetwork
    """
    return InvalidType(
        where,
        type(kind).__name__,
        "a schedule with one queue for all neurons, or Layered(); "
        f"{kind.name} runs in simulate, simulate_batch, Stepper and the engine of AsyncNetwork",
    )
