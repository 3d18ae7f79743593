"""Errors that say which object, which field, which value, and what would be allowed."""

from __future__ import annotations

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

    def __init__(self, where: str, value: Any, allowed: str) -> None:
        super().__init__(_sentence(where, value, allowed))
        self.where, self.value, self.allowed = where, value, allowed

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.value, self.allowed)


class InvalidType(TypeError):  # noqa: N818
    """A value of a type that cannot be used; parameters as in :class:`InvalidValue`."""

    def __init__(self, where: str, value: Any, allowed: str) -> None:
        super().__init__(_sentence(where, value, allowed))
        self.where, self.value, self.allowed = where, value, allowed

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.value, self.allowed)


class ForwardStepLimit(RuntimeError):  # noqa: N818
    """A time step needed more forward steps than its stop rule allows."""


def _sentence(where: str, value: Any, allowed: str) -> str:
    try:
        # NumPy 2 writes the type of a scalar, as in np.float64(nan).
        text = repr(value.item() if isinstance(value, np.generic) else value)
    except ValueError:  # An integer of more digits than Python writes.
        text = f"an integer of {value.bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"
    if len(text) > 80:
        text = text[:77] + "..."
    where = where if len(where) <= 400 else where[:200] + "..." + where[-200:]
    return f"{where} = {text}: must be {allowed}"
