"""Small engines of the core, and the instruction sets that there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from lava_async import _core

INSTRUCTION_SETS = _core.instruction_sets()


def ring(delay: Any = None) -> _core.NetworkSpec:
    """Return 3 inputs to 4 neurons, which reach one another."""
    spec = _core.NetworkSpec(3, [4], [0, 3])
    spec.add_dense(-1, 0, delay)
    spec.add_dense(0, 0, None)
    return spec


def engine(arithmetic: str = "float32") -> _core.Engine:
    made = _core.Engine(ring(), arithmetic, INSTRUCTION_SETS[0], False)
    made.set_neurons(*(np.full(4, x) for x in (0.5, 0.5, 1.0, 0.0, 1.0)))
    made.set_weights(0, np.ones((4, 3), np.float32))
    made.set_weights(1, np.ones((4, 4), np.float32))
    made.prepare()
    return made
