"""Fixed-point runs in 32 bits where no sum can leave them: half the memory, twice the neurons per instruction.

What reaches a neuron in a forward step is at most its weights, added up without sign, times the largest payload. Up to
2^24 a current of 24 bits comes back into its range at once, and no sum of it, a voltage and a bias reaches 2^31.
"""

from __future__ import annotations

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
    TARGET,
    TARGET_START,
    TARGETS,
    WEIGHTS,
    Plan,
)
from lava_async.neurons.loihi import LIMIT, WRAP

_LARGEST_BIAS = 1 << 30


class Widths:
    """A network as the kernels read it: in the numbers of its model and, if these are 64 bits wide, in 32 bits.

    Parameters
    ----------
    plan : Plan
        The network.
    p : NamedTuple
        Arrays of its neuron model.
    """

    def __init__(self, plan: Plan, p: Any) -> None:
        self.wide = self.narrow = plan, p
        self.largest_payload = 0
        if plan.weights.dtype == np.int64 and np.abs(p.bias).max(initial=0) <= _LARGEST_BIAS:
            self.largest_payload = int(WRAP // max(_reach(plan).max(initial=0), 1))
            short = {name: getattr(p, name).astype(np.int32) for name in ("vth", "bias")}
            self.narrow = plan._replace(weights=aligned(plan.weights, np.int32)), p._replace(**short)

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


def _reach(plan: Plan) -> NDArray[np.int64]:
    """Return, for each neuron, the sum of its weights without sign (N,)."""
    reach = np.zeros(plan.n_neurons, np.int64)
    for part in plan.part:
        n_sources = plan.n_inputs
        if part[SOURCE] >= 0:
            n_sources = plan.layer_start[part[SOURCE] + 1] - plan.layer_start[part[SOURCE]]
        weights = plan.weights[part[WEIGHTS] :]
        if part[KIND] == ROWS:
            rows = weights[: n_sources * part[N_TARGET]].reshape(n_sources, -1)
            reach[part[TARGET_START] :][: part[N_TARGET]] += np.abs(rows).sum(axis=0)
        elif part[KIND] == LISTS:
            size = plan.list_start[part[STARTS] + n_sources]
            targets = plan.list_target[part[TARGETS] :][:size]
            np.add.at(reach, targets, np.abs(weights[:size]))
        else:
            geometry = plan.geometry[part[GEOMETRY]]
            kernels = weights[: geometry[6] * geometry[7] * geometry[8] * geometry[3]].reshape(-1, geometry[3])
            start, end = plan.layer_start[part[TARGET] : part[TARGET] + 2]
            reach[start:end] += np.repeat(np.abs(kernels).sum(axis=0), (end - start) // geometry[3])
    return reach
