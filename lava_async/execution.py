"""Execution: how a network runs - in which order, until when, with which seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from lava_async.display import Brief
from lava_async.errors import InvalidType, InvalidValue, unknown_argument
from lava_async.records import check_int
from lava_async.schedules import ExecutionKind, Layered, checked, schedule
from lava_async.stopping import Quiescence, StopRule, stop_rule

if TYPE_CHECKING:
    from typing_extensions import Unpack

LARGEST_KEY = 2**63 - 1
"""Of seeds and sample numbers: 63 bits, so that they survive JSON, HDF5 and numpy alike."""


class Fields(TypedDict, total=False):
    """Fields of an execution as keywords; None: not given."""

    schedule: ExecutionKind | None
    until: StopRule | None
    refractory: bool | None
    input_first: bool | None
    seed: int | None


class RunOptions(Fields, total=False):
    """What :func:`lava_async.simulate` and its like take besides network and spikes, as keywords."""

    execution: Execution | None
    record: str
    engine: str


class BatchOptions(RunOptions, total=False):
    """What :func:`lava_async.simulate_batch` takes besides network, spikes and their numbers, as keywords."""

    threads: int | None


@dataclass(frozen=True)
class Execution(Brief):
    """How a network runs; what :func:`lava_async.simulate`, training, Lava and .net files take and hold.

    The input of a run, the number of its sample and what is recorded are no part of it.

    Parameters
    ----------
    schedule : Schedule, Layered or Timed
        Which pending neurons are delivered next.
    until : StopRule
        When a time step ends.
    refractory : bool
        At most one spike per neuron and time step.
    input_first : bool
        Deliver the input of a time step at once, not counted against the group size; False: it queues like any spike.
    seed : int
        Keys what is random, together with the number of the sample, in 0 .. 2^63 - 1.

    Raises
    ------
    InvalidValue, InvalidType
        If a field cannot be used, naming it, its value and what is allowed.

    Examples
    --------
    >>> from lava_async import CubaParams, Execution, Network, Random, simulate
    >>> deployed = Execution(Random(group_size=8), seed=3)
    >>> net = Network.feedforward([[[1.0], [0.4]], [[0.6, 0.6]]], CubaParams(du=1, dv=1, vth=0.5))
    >>> simulate(net, [[1, 0]], execution=deployed).counts.tolist()
    [[1, 0], [0, 0], [1, 0]]

    A keyword of a run overrides one field; :meth:`but` makes another execution.

    >>> deployed.but(seed=4).seed
    4
    """

    schedule: ExecutionKind = Layered()  # noqa: RUF009 (frozen)
    until: StopRule = Quiescence()  # noqa: RUF009 (frozen)
    refractory: bool = True
    input_first: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        checked("schedule", self.schedule)
        if not isinstance(self.until, StopRule):
            raise InvalidType("until", self.until, "a StopRule, such as Quiescence()")
        for name in ("refractory", "input_first"):
            switch = getattr(self, name)
            if not isinstance(switch, (bool, np.bool_)):
                raise InvalidType(name, switch, "True or False")
            if not isinstance(switch, bool):
                object.__setattr__(self, name, bool(switch))
        object.__setattr__(self, "seed", check_int("seed", self.seed, most=LARGEST_KEY))

    def but(self, **fields: Unpack[Fields]) -> Execution:
        """Return this execution with other fields; None leaves a field as it is.

        Parameters
        ----------
        **fields
            Of the class, by name.

        Raises
        ------
        InvalidType
            If there is no such field; with the nearest one.
        """
        given = _given(fields)
        for name, value in given.items():
            if name not in FIELDS:
                raise unknown_argument("execution", name, value, FIELDS)
        return Execution(**{**self.fields(), **given}) if given else self

    @property
    def title(self) -> str:
        """What it says in words, defaults left out, as in "random, F = 8; FirstOutput(extra_steps=0); seed 3"."""
        usual = type(self)()
        parts = [self.schedule.title]
        parts += [repr(self.until)] if self.until != usual.until else []
        parts += [] if self.refractory else ["any number of spikes per time step"]
        parts += [] if self.input_first else ["input queues"]
        parts += [f"seed {self.seed}"] if self.seed else []
        return "; ".join(parts)

    def fields(self) -> Fields:
        """Return its fields by name, as keywords."""
        return {
            "schedule": self.schedule,
            "until": self.until,
            "refractory": self.refractory,
            "input_first": self.input_first,
            "seed": self.seed,
        }

    def config(self) -> dict[str, Any]:
        """Return the execution as plain data, as files note it."""
        return {
            "schedule": self.schedule.config(),
            "until": self.until.config(),
            "refractory": self.refractory,
            "input_first": self.input_first,
            "seed": self.seed,
        }


FIELDS = ("schedule", "until", "refractory", "input_first", "seed")
MAKERS: dict[str, Callable[..., Any]] = {"schedule": schedule, "until": stop_rule}
DEFAULT = Execution()
"""Layer by layer, until nothing is pending."""


def chosen(execution: Execution | None, noted: Execution | None = None, **fields: Unpack[Fields]) -> Execution:
    """Return how a network runs: as an execution says, else as is noted about the network, else as by default.

    Parameters
    ----------
    execution : Execution or None
        What an argument says.
    noted : Execution or None
        What is noted about the network.
    **fields
        Fields that override it; None: not given.

    Raises
    ------
    InvalidValue, InvalidType
        If one of them is something else.
    """
    if execution is None:
        return (DEFAULT if noted is None else noted).but(**fields)
    if not isinstance(execution, Execution):
        raise InvalidType("execution", execution, "an Execution, such as Execution(Random(8), seed=3)")
    return execution.but(**fields)


def noted_fields(noted: Mapping[str, object], names: tuple[str, ...] = FIELDS) -> dict[str, Any]:
    """Return the fields of an execution that plain data hold, as :meth:`Execution.config` gives them.

    Parameters
    ----------
    noted : mapping
        Anybody may have written it; what is no field of an execution is passed over.
    names : tuple of str
        The fields that are wanted.

    Returns
    -------
    dict
        Those that are there: a schedule, a stop rule, booleans, an integer.

    Raises
    ------
    InvalidValue, InvalidType
        If one of them cannot be that.
    """
    found: dict[str, Any] = {}
    for name in names:
        value = noted.get(name)
        if name not in noted or (value is None and name == "seed"):
            continue
        if name in MAKERS:
            if not isinstance(value, Mapping) or "name" not in value:
                raise InvalidValue(name, value, 'a table with a name, as {"name": "random", "group_size": 8}')
            try:
                value = MAKERS[name](**value)
            except (InvalidValue, InvalidType) as error:
                raise type(error)(f"{name}: {error.where}", error.value, error.allowed) from None
            except (ValueError, TypeError, OverflowError) as error:
                raise InvalidValue(name, dict(value), f"a table that makes one ({error})") from None
        elif name == "seed":
            if type(value) is not int or not 0 <= value <= LARGEST_KEY:
                raise InvalidValue(name, value, f"an integer in 0 .. {LARGEST_KEY}")
        elif not isinstance(value, bool):
            raise InvalidValue(name, value, "true or false")
        found[name] = value
    return found


def noted_execution(
    noted: Mapping[str, object], execution: Execution | None = None, **fields: Unpack[Fields]
) -> Execution | None:
    """Return the execution that plain data note, overridden by what is given; None if neither says anything.

    Parameters
    ----------
    noted : mapping
        As in :func:`noted_fields`. What is overridden is not looked at.
    execution, **fields
        As in :func:`chosen`.

    Raises
    ------
    InvalidValue, InvalidType
        If a field cannot be used.
    """
    given = _given(fields)
    if execution is not None:
        return chosen(execution, **fields)
    found = noted_fields(noted, tuple(name for name in FIELDS if name not in given))
    return Execution(**found, **given) if found or given else None


def _given(fields: Fields) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
