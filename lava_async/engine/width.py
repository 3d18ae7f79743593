"""Fixed-point runs in 32 bits where no sum can leave them: half the memory, twice the neurons per instruction.

What reaches a neuron in a forward step is at most its weights, added up without sign, times the largest payload. Up to
2^24 a current of 24 bits comes back into its range at once, and no sum of it, a voltage and a bias reaches 2^31.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine.alignment import aligned
from lava_async.engine.plan import (
    GEOMETRY,
    KIND,
    LISTS,
    N_TARGET,
    ROWS,
    SOURCE,
    STARTS,
    TARGET_START,
    TARGETS,
    WEIGHTS,
    Plan,
)
from lava_async.jit import apart, jit
from lava_async.neurons.loihi import LIMIT, WRAP

_LARGEST_BIAS = 1 << 30


class Widths:
    """A network as the kernels read it: in the numbers of its model and, if these are 64 bits wide, in 32 bits.

    Parameters
    ----------
    plan : Plan
        The network, its weights as floats or integers of 32 or 64 bits.
    p : NamedTuple
        Arrays of its neuron model.
    """

    def __init__(self, plan: Plan, p: Any) -> None:
        self._given = plan, p
        self.largest_payload = 0
        if plan.weights.dtype.kind == "i" and np.abs(p.bias).max(initial=0) <= _LARGEST_BIAS:
            reach = np.zeros(plan.n_neurons, np.int64)
            _add_reach(plan, reach)
            self.largest_payload = int(WRAP // max(reach.max(initial=0), 1))

    @cached_property
    def wide(self) -> tuple[Plan, Any]:
        """Plan and arrays in the numbers of the model."""
        plan, p = self._given
        return (plan._replace(weights=aligned(plan.weights, np.int64)) if plan.weights.dtype == np.int32 else plan), p

    @cached_property
    def narrow(self) -> tuple[Plan, Any]:
        """Plan and arrays in 32 bits."""
        plan, p = self._given
        short = {name: getattr(p, name).astype(np.int32) for name in ("vth", "bias")}
        narrow = plan.weights if plan.weights.dtype == np.int32 else aligned(plan.weights, np.int32)
        return plan._replace(weights=narrow), p._replace(**short)

    def of(self, payload: int, u: NDArray[Any], v: NDArray[Any]) -> tuple[Plan, Any]:
        """Return plan and arrays for runs from a state, in which no spike has a larger payload."""
        if payload > self.largest_payload:
            return self.wide
        # A run of 32 bits leaves its states in range.
        inside = u.dtype == np.int32 or all(np.abs(x).max(initial=0) <= LIMIT for x in (u, v))
        return self.narrow if inside else self.wide


class OneWidth(Widths):
    """A network in the numbers of its model only."""

    def __init__(self, plan: Plan, p: Any) -> None:
        self.wide = self.narrow = plan, p
        self.largest_payload = 0


@jit
def _add_reach(plan: Any, reach: Any) -> None:
    """Add up, for each neuron, its weights without sign (N,)."""
    for q in range(len(plan.part)):
        part = plan.part[q]
        a, n_sources = part[TARGET_START], plan.n_inputs
        if part[SOURCE] >= 0:
            n_sources = plan.layer_start[part[SOURCE] + 1] - plan.layer_start[part[SOURCE]]
        weights = plan.weights[part[WEIGHTS] :]
        if part[KIND] == LISTS:
            for e in range(plan.list_start[part[STARTS] + n_sources]):
                reach[plan.list_target[part[TARGETS] + e]] += abs(np.int64(weights[e]))
            continue
        n = part[N_TARGET]
        if part[KIND] == ROWS:
            for row in range(n_sources):
                _add_without_sign(reach[a : a + n], weights[row * n : row * n + n])
            continue
        geo = plan.geometry[part[GEOMETRY]]
        places = n // geo[3]
        for row in range(geo[6] * geo[7] * geo[8]):
            for channel in range(geo[3]):
                for i in range(a + channel * places, a + (channel + 1) * places):
                    reach[i] += abs(np.int64(weights[row * geo[3] + channel]))


@apart
def _add_without_sign(to: Any, x: Any) -> None:
    for i in range(len(to)):
        to[i] += abs(np.int64(x[i]))
