"""Running what the strategies draw, saying where two results differ, checking what errors say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from lava_async import simulation
from lava_async.engine import Result, Setup, StepRecord
from lava_async.errors import ForwardStepLimit, InvalidType, InvalidValue
from lava_async.execution import Execution
from lava_async.spikes import SpikeTrain


def execute(run: Any, engine: str = "compiled", *, record: str = "trace", **changes: Any) -> Result | None:
    """Run a drawn `strategies.Run`, with some rules changed; None: its stop rule raised `ForwardStepLimit`."""
    spikes = SpikeTrain.from_dense(changes.pop("spikes", run.spikes))
    setup = setup_of(run, record=record, **changes)
    try:
        return simulation.engine_of(engine, setup.execution).run(setup, spikes, run.sample)
    except ForwardStepLimit:
        return None


def setup_of(run: Any, *, record: str = "counts", **changes: Any) -> Setup:
    """Return what the engines take for a drawn `strategies.Run`, with some rules or dropouts changed."""
    fields_of = {**run.rules, **run.dropout, **changes}
    dropout = {name: fields_of.pop(name) for name in ("refractory_dropout", "input_dropout") if name in fields_of}
    return simulation.setup_of(run.network, Execution(**fields_of), record, **dropout)


def differences(a: Any, b: Any, *, but: tuple[str, ...] = ()) -> list[str]:
    """Name the fields in which two results (or one and None) differ in any bit."""
    if a is None or b is None:
        return [] if a is b else ["one of the two reached the limit"]
    names = [f.name for f in fields(Result) if f.name not in but]
    return [name for name in names if not same(getattr(a, name), getattr(b, name))]


def same(a: Any, b: Any) -> bool:
    """Tell whether two fields are equal: values, shapes, types; traces check by check."""
    if isinstance(a, StepRecord):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(StepRecord))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, list) and a and isinstance(a[0], StepRecord):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def complains(call: Callable[[], Any], message: str) -> None:
    """Check that a call raises an error of the package that says exactly this, as ValueError or TypeError."""
    with pytest.raises((InvalidValue, InvalidType)) as caught:
        call()
    assert str(caught.value) == message
