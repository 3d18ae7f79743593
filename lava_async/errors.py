"""Errors that say which object, which field, which value, and what would be allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import numpy as np


class InvalidValue(ValueError):  # noqa: N818 (reads as what it says)
    """A value that cannot be used.

    Parameters
    ----------
    where : str
        Object and field, for example ``"Random.group_size"``.
    value : object
        What was given.
    allowed : str
        What is allowed, completing the sentence "must be ...".
    """

    def __init__(self, where: str, value: object, allowed: str) -> None:
        super().__init__(_sentence(where, value, allowed))
        self.where, self.value, self.allowed = where, value, allowed

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.value, self.allowed)


class InvalidType(TypeError):  # noqa: N818
    """A value of a type that cannot be used; parameters as in :class:`InvalidValue`."""

    def __init__(self, where: str, value: object, allowed: str) -> None:
        super().__init__(_sentence(where, value, allowed))
        self.where, self.value, self.allowed = where, value, allowed

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.value, self.allowed)


class DataWarning(UserWarning):
    """Something about data that is right to go on with, and worth a look."""


class ForwardStepLimit(RuntimeError):  # noqa: N818
    """A time step needed more forward steps than its stop rule allows."""


def nearest(name: object, known: Iterable[str]) -> str:
    """Return the words that point from an unknown name to the known one that is most like it.

    Parameters
    ----------
    name : object
        What was given.
    known : iterable of str
        Names that there are.

    Returns
    -------
    str
        To be put behind an error's sentence; empty if none is alike.

    Examples
    --------
    >>> nearest("schedul", ["until", "schedule", "seed"])
    "; did you mean 'schedule'?"
    """
    names = {each.lower(): each for each in known}
    found = get_close_matches(str(name).lower(), names, n=1)
    return f"; did you mean {names[found[0]]!r}?" if found else ""


def not_among(where: str, value: object, known: Iterable[str], more: str = "") -> InvalidValue:
    """Return the error that says which names there are, and which of them may be meant.

    Parameters
    ----------
    where : str
        Object and field.
    value : object
        What was given.
    known : iterable of str
        Names that there are.
    more : str
        What is said behind the names.

    Examples
    --------
    >>> str(not_among("record", "count", ["counts", "trace"]))
    "record = 'count': must be one of counts, trace; did you mean 'counts'?"
    """
    names = list(known)
    return InvalidValue(where, value, f"one of {', '.join(names)}{more}{nearest(value, names)}")


def unknown_argument(function: str, name: str, value: object, known: Iterable[str]) -> InvalidType:
    """Return the error that says that a function takes no argument of a name, and which it takes.

    Parameters
    ----------
    function, name, value
        Name of the function or class, name and value of the argument.
    known : iterable of str
        Names of the arguments that it takes.

    Examples
    --------
    >>> from lava_async.errors import unknown_argument
    >>> print(unknown_argument("Layered", "group_size", 3, ["seed"]))
    Layered.group_size = 3: must be left out: it takes seed
    """
    taken = list(known)
    listed = ", ".join(taken) or "nothing"
    return InvalidType(f"{function}.{name}", value, f"left out: it takes {listed}{nearest(name, taken)}")


def _sentence(where: str, value: Any, allowed: str) -> str:
    # Arrays print on several lines; NumPy 2 writes the type of a scalar, as in np.float64(nan).
    try:
        text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    except (ValueError, RecursionError):  # An integer of more digits than Python writes; tables in tables without end.
        text = f"an integer of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"
    if len(text) > 80:
        text = text[:77] + "..."
    where = where if len(where) <= 400 else where[:200] + "..." + where[-200:]
    return f"{where} = {text}: must be {allowed}"
