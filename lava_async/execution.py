"""Execution: how a network runs - in which order, until when, with which seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lava_async.errors import InvalidType
from lava_async.records import count
from lava_async.schedules import Layered, Schedule
from lava_async.stopping import Quiescence, StopRule

LARGEST_KEY = 2**63 - 1
"""Of seeds and sample numbers: 63 bits, so that they survive JSON, HDF5 and numpy alike."""


@dataclass(frozen=True)
class Execution:
    """How a network runs; what :func:`lava_async.simulate`, training, Lava and .net files take and hold.

    The input of a run, the number of its sample and what is recorded are no part of it.

    Parameters
    ----------
    schedule : Schedule
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

    schedule: Schedule = Layered()  # noqa: RUF009 (frozen)
    until: StopRule = Quiescence()  # noqa: RUF009 (frozen)
    refractory: bool = True
    input_first: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in (("schedule", Schedule), ("until", StopRule)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InvalidType(name, value, f"a {kind.__name__}")
        for name in ("refractory", "input_first"):
            switch = getattr(self, name)
            if not isinstance(switch, (bool, np.bool_)):
                raise InvalidType(name, switch, "True or False")
            object.__setattr__(self, name, bool(switch))
        object.__setattr__(self, "seed", count("seed", self.seed, most=LARGEST_KEY))

    def but(
        self,
        *,
        schedule: Schedule | None = None,
        until: StopRule | None = None,
        refractory: bool | None = None,
        input_first: bool | None = None,
        seed: int | None = None,
    ) -> Execution:
        """Return this execution with other fields; None leaves a field as it is.

        Parameters
        ----------
        schedule, until, refractory, input_first, seed
            As of the class.
        """
        fields = {
            "schedule": schedule,
            "until": until,
            "refractory": refractory,
            "input_first": input_first,
            "seed": seed,
        }
        changes: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        return replace(self, **changes) if changes else self

    def config(self) -> dict[str, Any]:
        """Return the execution as plain data, as files note it."""
        return {
            "schedule": self.schedule.config(),
            "until": self.until.config(),
            "refractory": self.refractory,
            "input_first": self.input_first,
            "seed": self.seed,
        }


DEFAULT = Execution()
"""Layer by layer, until nothing is pending."""


def chosen(given: Execution | None, noted: Execution | None = None) -> Execution:
    """Return the execution that an argument says, else the one that is noted about a network, else the default.

    Raises
    ------
    InvalidType
        If the argument is something else.
    """
    if given is None:
        return DEFAULT if noted is None else noted
    if not isinstance(given, Execution):
        raise InvalidType("execution", given, "an Execution, such as Execution(Random(8), seed=3)")
    return given
