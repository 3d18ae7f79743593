"""Neuron models: what happens to current u and voltage v, and in which numbers.

A model is one file with a parameter class (what users write), a `NamedTuple` of arrays (what engines read) and two pure
functions of them:

``leak(p, i, u, v) -> u, v``
    A new time step opens: decay and bias, once per time step.
``integrate(p, i, u, v, arriving, refractory) -> u, v``
    A group was delivered: `arriving` is the sum of what reached the neuron.

A neuron that may fire emits where ``v > p.vth[i]`` (strictly, as on Loihi). `i` is an index or a slice.
To add a model, write such a file beside `cuba.py`, end it with `register(...)` and name it in the import below. It runs
on the reference engine; a header in ``lava_async/core/neurons`` makes the compiled engine run it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Dynamics(NamedTuple):
    """The two functions of a neuron model."""

    leak: Callable[..., Any]
    integrate: Callable[..., Any]


_DYNAMICS: dict[type, Dynamics] = {}


def register(arrays: type, *, leak: Callable[..., Any], integrate: Callable[..., Any]) -> None:
    """Make a model known: its class of arrays decides which functions the engines call."""
    _DYNAMICS[arrays] = Dynamics(leak, integrate)


def leak(p: Any, i: Any, u: Any, v: Any) -> Any:
    """Open a time step for neurons `i` of the model that `p` belongs to."""
    return _DYNAMICS[type(p)].leak(p, i, u, v)


def integrate(p: Any, i: Any, u: Any, v: Any, arriving: Any, refractory: Any) -> Any:
    """Add what arrived at neurons `i` of the model that `p` belongs to."""
    return _DYNAMICS[type(p)].integrate(p, i, u, v, arriving, refractory)


from lava_async.neurons.cuba import CubaParams  # noqa: E402
from lava_async.neurons.loihi import LoihiParams  # noqa: E402

Params = CubaParams | LoihiParams

__all__ = ["CubaParams", "Dynamics", "LoihiParams", "Params", "integrate", "leak", "register"]
