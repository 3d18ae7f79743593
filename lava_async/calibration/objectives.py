"""What a calibration is to reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lava_async.errors import InvalidType, InvalidValue, not_among
from lava_async.stopping import FirstOutput, Quiescence, StopRule

GOALS = ("accuracy", "operations", "nanoseconds")
OBJECTIVES = ("accuracy", "first output", "operations", "nanoseconds")
"""Names that :func:`objective_of` knows."""


@dataclass(frozen=True)
class Objective:
    """The most accuracy, or the least cost of decisions at no less than a given accuracy.

    Parameters
    ----------
    goal : {"accuracy", "operations", "nanoseconds"}
        Accuracy is maximized. Synaptic operations, or nanoseconds of a chip, until the decision are minimized.
    until : StopRule
        When time steps end: at ``Quiescence()``, at ``FirstOutput()``, or at another rule.
    at_least : float, optional
        The accuracy, in 0 .. 1, below which no cost counts; needed for costs, and for nothing else.

    Raises
    ------
    InvalidValue, InvalidType
        If these are not as above.

    Examples
    --------
    >>> Objective("operations", at_least=0.95).title
    'operations to decision at an accuracy of at least 95 %, at Quiescence()'
    """

    goal: str = "accuracy"
    until: StopRule = Quiescence()  # noqa: RUF009 (frozen)
    at_least: float | None = None

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise not_among("Objective.goal", self.goal, GOALS)
        if not isinstance(self.until, StopRule):
            raise InvalidType("Objective.until", self.until, "a StopRule, such as Quiescence()")
        if self.goal == "accuracy":
            if self.at_least is not None:
                raise InvalidValue("Objective.at_least", self.at_least, "left out: it is for operations, nanoseconds")
        elif not isinstance(self.at_least, (int, float)) or not 0 <= self.at_least <= 1:
            raise InvalidValue("Objective.at_least", self.at_least, f"an accuracy in 0 .. 1, for {self.goal}")

    @property
    def title(self) -> str:
        """What reports call it."""
        if self.goal == "accuracy":
            return f"accuracy at {self.until}"
        return f"{self.goal} to decision at an accuracy of at least {100 * (self.at_least or 0):g} %, at {self.until}"

    def score(self, accuracy: float, operations: float, nanoseconds: float | None) -> tuple[float, ...]:
        """Return what is made large; of equal accuracies the one with fewer operations is better.

        Parameters
        ----------
        accuracy : float
            At `until`.
        operations, nanoseconds : float
            Until the decision; nanoseconds are None in runs that are not timed.

        Raises
        ------
        InvalidValue
            If nanoseconds are the goal of runs that are not timed.
        """
        if self.goal == "accuracy":
            return accuracy, -operations
        if self.goal == "nanoseconds" and nanoseconds is None:
            raise InvalidValue("Objective.goal", self.goal, "used with the timing of a chip: Timed()")
        cost = operations if self.goal == "operations" else nanoseconds
        return (1.0, -float(cost or 0)) if accuracy >= (self.at_least or 0) else (0.0, accuracy)

    def notes(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"goal": self.goal, "until": self.until.config(), "at_least": self.at_least}


def objective_of(name: str, *, until: StopRule | None = None, at_least: float | None = None) -> Objective:
    """Return the objective of a name.

    Parameters
    ----------
    name : {"accuracy", "first output", "operations", "nanoseconds"}
        "first output" is the accuracy at ``FirstOutput()``.
    until : StopRule, optional
        Another rule than that of the name.
    at_least : float, optional
        As in :class:`Objective`.

    Raises
    ------
    InvalidValue
        If there is none of that name.

    Examples
    --------
    >>> from lava_async.calibration import objective_of
    >>> objective_of("operations", at_least=0.95)
    Objective(goal='operations', until=Quiescence(), at_least=0.95)
    """
    if name not in OBJECTIVES:
        raise not_among("objective", name, OBJECTIVES)
    if name == "first output":
        return Objective("accuracy", until or FirstOutput(), at_least)
    return Objective(name, until or Quiescence(), at_least)
