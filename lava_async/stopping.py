"""Stop rules: how long the forward steps of one time step go on.

A rule becomes a few numbers for the engines (:class:`Stop`), and a rule that they express needs no change elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lava_async.errors import ForwardStepLimit, InvalidType, not_among
from lava_async.records import check_int, from_registry
from lava_async.registry import Registry

#: No network that comes to rest needs as many; one that never does is reported instead of hanging.
ENDLESS = 1_000_000
MARGIN_AT = ("spike", "step")
MOST_MARGIN = 2**30


def not_ended(t: int, sample: int, limit: int) -> ForwardStepLimit:
    """Return the error of a time step that did not end within its limit.

    Examples
    --------
    >>> from lava_async.stopping import not_ended
    >>> print(not_ended(t=3, sample=0, limit=1000))
    time step 3 of sample 0 did not end in 1000 forward steps (MaxForwardSteps(limit, truncate=True) cuts it off)
    """
    return ForwardStepLimit(
        f"time step {t} of sample {sample} did not end in {limit} forward steps "
        "(MaxForwardSteps(limit, truncate=True) cuts it off)"
    )


class Stop(NamedTuple):
    """A stop rule as the engines read it.

    Examples
    --------
    >>> from lava_async import FirstOutput
    >>> FirstOutput(extra_steps=2).lower()
    Stop(extra_steps=2, limit=1000000, truncate=False, margin=0, at_step=False)
    """

    extra_steps: int
    """Forward steps after the one in which the first output neuron emitted; -1: do not stop at outputs."""
    limit: int
    """Most forward steps of one time step."""
    truncate: bool
    """What happens at the limit: drop what is pending (True) or raise (False)."""
    margin: int = 0
    """Spikes by which the best output leads the second one when the sample ends; 0: it does not end."""
    at_step: bool = False
    """Whether the margin counts at the ends of time steps only."""


class StopRule(ABC):
    """When the forward steps of one time step end.

    Examples
    --------
    >>> from lava_async import FirstOutput, Quiescence
    >>> Quiescence().config(), FirstOutput(extra_steps=2).config()
    ({'name': 'Quiescence'}, {'name': 'FirstOutput', 'extra_steps': 2})
    """

    ends_samples: ClassVar[bool] = False
    """Whether the rule may end a whole sample: such rules are for trained networks."""

    @abstractmethod
    def lower(self) -> Stop:
        """Return the rule as the engines read it."""

    def config(self) -> dict[str, Any]:
        """Return the rule as plain data, as :func:`stop_rule` takes it."""
        return {"name": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class Quiescence(StopRule):
    """Run until nothing is pending: the paper's 'on spiking done'.

    A network that never comes to rest (recurrent, without refractoriness) raises after a million forward steps.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> net = Network.feedforward([[[2.0]] * 3, [[2.0] * 3]], CubaParams(du=1, dv=1, vth=1))
    >>> simulate(net, [[1]], schedule=Random(1), until=Quiescence()).dropped
    0
    """

    def lower(self) -> Stop:  # noqa: D102
        return Stop(-1, ENDLESS, False)


@dataclass(frozen=True)
class FirstOutput(StopRule):
    """Stop after the forward step in which the first output neuron emitted, and drop what is pending.

    Parameters
    ----------
    extra_steps : int
        Forward steps that still run afterwards: the paper's 'forward steps after output' (0: its 'on output').

    Notes
    -----
    The layered schedule checks every layer once and ignores this rule.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> net = Network.feedforward([[[2.0]] * 3, [[2.0] * 3]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(net, [[1]], schedule=Random(1), until=FirstOutput())
    >>> run.first_output.tolist(), run.dropped  # two spikes of the hidden layer and that of the output
    ([2], 3)
    """

    extra_steps: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "extra_steps", check_int("FirstOutput.extra_steps", self.extra_steps))

    def lower(self) -> Stop:  # noqa: D102
        return Stop(self.extra_steps, ENDLESS, False)


@dataclass(frozen=True)
class MaxForwardSteps(StopRule):
    """Run until nothing is pending, but at most `limit` forward steps.

    Parameters
    ----------
    limit : int
        Most forward steps of one time step, at least 1.
    truncate : bool
        True: drop what is pending at the limit. False: raise :class:`~lava_async.errors.ForwardStepLimit`.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> net = Network.feedforward([[[2.0]] * 3, [[2.0] * 3]], CubaParams(du=1, dv=1, vth=1))
    >>> simulate(net, [[1]], schedule=Random(1), until=MaxForwardSteps(2, truncate=True)).forward_steps.tolist()
    [2]
    """

    limit: int
    truncate: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", check_int("MaxForwardSteps.limit", self.limit, least=1))
        if not isinstance(self.truncate, (bool, np.bool_)):
            raise InvalidType("MaxForwardSteps.truncate", self.truncate, "True or False")
        object.__setattr__(self, "truncate", bool(self.truncate))

    def lower(self) -> Stop:  # noqa: D102
        return Stop(-1, self.limit, self.truncate)


@dataclass(frozen=True)
class Margin(StopRule):
    """Run each time step until nothing is pending, and end the *sample* as soon as it is decided.

    A sample is decided where the best output neuron leads the second one by `margin` spikes, counted over all its time
    steps so far. What is pending is then dropped, and the time steps that would follow do not run: their counts and
    forward steps are 0. ``Result.decided`` tells after how many time steps that was.

    Parameters
    ----------
    margin : int
        Spikes by which the best output leads, at least 1. With one output, its spikes.
    at : {"spike", "step"}
        "spike": end after the forward step in which an output spike makes the margin. "step": end with the time step
        after which the margin is there.

    Notes
    -----
    The layered schedule checks every layer once and ends with the time step in either case.

    Examples
    --------
    >>> from lava_async import CubaParams, Margin, Network, Random, simulate
    >>> net = Network.feedforward([[[1.0], [-1.0]]], CubaParams(du=1, dv=1, vth=0.5))
    >>> result = simulate(net, [[1, 1, 1, 1]], schedule=Random(1), until=Margin(2))
    >>> result.output.tolist(), result.decided
    ([[1, 1, 0, 0], [0, 0, 0, 0]], 2)
    """

    margin: int
    at: str = "spike"

    ends_samples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "margin", check_int("Margin.margin", self.margin, least=1, most=MOST_MARGIN))
        if self.at not in MARGIN_AT:
            raise not_among("Margin.at", self.at, MARGIN_AT)

    def lower(self) -> Stop:  # noqa: D102
        return Stop(-1, ENDLESS, False, self.margin, self.at == "step")


STOP_RULES: Registry[type[StopRule]] = Registry(
    "stop_rules", {rule.__name__: rule for rule in (Quiescence, FirstOutput, MaxForwardSteps, Margin)}
)


def stop_rule(name: str, **options: object) -> StopRule:
    """Return the stop rule of that name, for example ``stop_rule("FirstOutput", extra_steps=2)``.

    Raises
    ------
    InvalidValue, InvalidType
        If there is no stop rule of that name, or it has no such options.

    Examples
    --------
    >>> from lava_async.stopping import stop_rule
    >>> stop_rule("FirstOutput", extra_steps=2)
    FirstOutput(extra_steps=2)
    """
    rule: StopRule = from_registry("stop_rule", STOP_RULES, name, options)
    return rule
