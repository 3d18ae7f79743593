"""Credit rules: what a silent check is owed by the forward step that delivers its zero-valued spike (section 6)."""

from __future__ import annotations

from typing import Any

from lava_async.engine.deliver import delay_of
from lava_async.engine.deliver_back import add_products, turn, walk_back
from lava_async.engine.plan import (
    DELAYS,
    KIND,
    N_TARGET,
    NO_DELAY,
    ROWS,
    SOURCE,
    SOURCE_START,
    TARGET,
    TARGET_START,
    WEIGHTS,
)
from lava_async.jit import apart, inner

DELIVERED, ALL, KEEP, LAST = range(4)
"""The rules, in the order of ``lava_async.training.gradient.CREDITS``."""


@inner
def zero_spike(plan: Any, i: int, s: Any, w: Any, g: Any) -> Any:
    """Return what a silent check of neuron i is owed by the delivery of its zero spike (credit `all`, `keep`)."""
    total = w.weights.dtype.type(0)
    layer = plan.layer_of[i]
    for q in range(plan.outgoing[layer + 1], plan.outgoing[layer + 2]):
        row = i - plan.part[q, SOURCE_START]
        if s.valid[plan.part[q, TARGET]] and delay_of(plan, q, row) == 0:
            total += walk_back(plan, q, row, 0, s.later, w, g)
    return total


@inner
def turn_weights(plan: Any, s: Any, w: Any) -> None:
    """Fill in `Scratch.columns`, for credit `last`."""
    for q in range(len(plan.part)):
        source, start, m = plan.part[q, SOURCE], plan.part[q, WEIGHTS], plan.part[q, N_TARGET]
        if source >= 0 and plan.part[q, KIND] == ROWS:
            n = plan.layer_start[source + 1] - plan.layer_start[source]
            turn(w.weights[start : start + n * m], m, s.columns[start : start + n * m])


@inner
def _zero_spikes_into(plan: Any, layer: int, s: Any, w: Any, g: Any) -> None:
    """Note what all silent checks are owed by the last step that touches a layer (credit `last`)."""
    for q in range(len(plan.part)):
        source = plan.part[q, SOURCE]
        if plan.part[q, TARGET] != layer or source < 0:
            continue
        first, n = plan.layer_start[source], plan.layer_start[source + 1] - plan.layer_start[source]
        if plan.part[q, KIND] == ROWS and plan.part[q, DELAYS] == NO_DELAY:
            m, start, a = plan.part[q, N_TARGET], plan.part[q, WEIGHTS], plan.part[q, TARGET_START]
            add_products(s.columns[start : start + n * m], s.later[a : a + m], s.zero[first : first + n])
        else:
            for row in range(n):
                if delay_of(plan, q, row) == 0:
                    s.zero[first + row] += walk_back(plan, q, row, 0, s.later, w, g)


@apart
def _reaching(gu: Any, gv: Any, refractory: Any, to: Any) -> None:
    """Write the gI of a forward step."""
    nothing = to.dtype.type(0)
    for i in range(len(to)):
        to[i] = gu[i] + (nothing if refractory[i] else gv[i])


@inner
def keep_for_zero_spikes(plan: Any, rule: Any, s: Any, w: Any, g: Any) -> None:
    """Let earlier silent checks find the gI of this forward step, if it is the one that delivers their zero spikes."""
    for layer in range(len(plan.layer_start) - 1):
        if rule.credit == ALL:
            s.valid[layer] = s.touched[layer]
        if not s.touched[layer] or (rule.credit == LAST and s.valid[layer]):
            continue
        s.valid[layer] = True
        a, b = plan.layer_start[layer], plan.layer_start[layer + 1]
        _reaching(s.gu[a:b], s.gv[a:b], s.refractory[a:b], s.later[a:b])
        if rule.credit == LAST:
            _zero_spikes_into(plan, layer, s, w, g)
