"""The compiled engine: semantics.md event by event, in C++ (``lava_async/core``); only what a spike touches is work.

Equal to `reference` bit by bit, on every instruction set and for any number of threads: sums are added in one order.
What values mean is decided here; the core has loops.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import BatchResult, Result, Setup, State, check_payloads
from lava_async.engine.any_model import AnyCall, TimedAnyCall
from lava_async.engine.calls import Call, TimedCall
from lava_async.engine.compiled_network import compiled
from lava_async.spikes import SpikeBatch, SpikeTrain
from lava_async.threads import available


def run(setup: Setup, spikes: SpikeTrain, sample: int, state: State | None = None) -> Result:
    """Run one sample, from rest or from `state`, which is carried on in place."""
    call = _call_of(setup, SpikeBatch.of_one(spikes), np.array([sample]), 1, state)
    call.run()
    return call.one()


def run_batch(setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], threads: int | None = None) -> BatchResult:
    """Run the samples of a batch from rest, on `threads` threads (default: the cores that this process may use)."""
    call = _call_of(setup, batch, samples, threads or available())
    call.run()
    return call.result()


def _call_of(
    setup: Setup, batch: SpikeBatch, samples: NDArray[np.int64], threads: int, state: State | None = None
) -> Call:
    check_payloads(setup.network, batch.count)
    timed = setup.execution.schedule.timed
    whole = batch.count.dtype.kind == "i" and (state is None or state.inputs.dtype.kind == "i")
    if compiled(setup.network).plain and whole:
        return (TimedCall if timed else Call)(setup, batch, samples, threads, state)
    return (TimedAnyCall if timed else AnyCall)(setup, batch, samples, threads, state)
