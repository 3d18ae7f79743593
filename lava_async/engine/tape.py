"""The tape: what the forward kernels leave for the backward pass, forward step by forward step.

Everything is appended to flat arrays in the order in which it happens, so the backward pass walks them from the end. A
tape that is full raises a flag; Python makes a larger one and runs the slice again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.jit import apart, inner

ROW, STEP, FULL_LAYERS, GROUP_END, CHECK_END, TOUCHED_END = range(6)
"""Columns of `Tape.step`."""
N_COLUMNS = 6
AT_SAMPLE, AT_ROW, AT_STEP, AT_GROUP, AT_CHECK, AT_TOUCHED, OVERFLOW = range(7)
"""Places in `Tape.cursor`."""
CHECKED, FIRED, AT_PEAK, ABOVE_PEAK = 1, 2, 4, 8
"""Bits of `Tape.check`; the peak is that of the time step before the check. 0: not checked, since refractory, or, in
forward step 0, not touched."""
MAX_LAYERS = 62
"""The layers that a forward step touched are the bits of one integer."""


class Tape(NamedTuple):
    """What n samples did, for the backward pass; `on` is false for runs without."""

    on: NDArray[np.bool_]
    step: NDArray[np.int64]
    """(S, N_COLUMNS) forward steps: time step, k (-1: what was dropped at its end), layers of which all neurons were
    touched, and where what belongs to the step ends in the lists below."""
    source: NDArray[np.int32]
    payload: NDArray[np.int32]
    emission: NDArray[np.int32]
    """(G,) members of the groups that were delivered in the steps, and when they first emitted."""
    check: NDArray[np.uint8]
    """(V,) what the checks of the steps found."""
    voltage: NDArray[Any]
    """(V,) voltages at the checks, in units of the gradient; (0,) if nobody asks for them."""
    touched: NDArray[np.int32]
    """(H,) touched neurons of layers that were not touched as a whole."""
    peak: NDArray[Any]
    """(n, T, N) highest voltage at a check of each time step."""
    refractory: NDArray[np.bool_]
    """(n, T, N) who was refractory at the end of each time step."""
    open_u: NDArray[Any]
    open_v: NDArray[Any]
    """(n, T, N) state before each leak, in units of the gradient; (0, 0, 0) if not asked for."""
    end: NDArray[np.int64]
    """(n + 1, 4) places of step, group, voltage and touched lists where each sample ends; a first row of zeros."""
    cursor: NDArray[np.int64]
    always: NDArray[np.bool_]
    """(N,) neurons that may fire without input, so they count as touched in forward step 0."""
    unit: NDArray[Any]
    """(1,) what one unit of the state is in units of the gradient."""


def make_tape(
    n: int, n_steps: int, always: NDArray[np.bool_], unit: float, dtype: Any, room: tuple[int, int, int, int],
    states: bool, voltages: bool,
) -> Tape:  # fmt: skip
    """Return an empty tape for n samples of T time steps, with room for so many steps, spikes, checks, touches.

    `states`, `voltages`: whether it keeps the states before each leak, and the voltages at each check.
    """
    shape = (n, n_steps, len(always))
    state_shape = shape if states else (0, 0, 0)
    return Tape(
        np.array([True]), np.zeros((room[0], N_COLUMNS), np.int64), np.zeros(room[1], np.int32),
        np.zeros(room[1], np.int32), np.zeros(room[1], np.int32),
        np.zeros(room[2], np.uint8), np.zeros(room[2] if voltages else 0, dtype), np.zeros(room[3], np.int32),
        np.zeros(shape, dtype), np.zeros(shape, np.bool_), np.zeros(state_shape, dtype), np.zeros(state_shape, dtype),
        np.zeros((n + 1, 4), np.int64), np.zeros(7, np.int64), always, np.array([unit], dtype),
    )  # fmt: skip


def no_tape(dtype: Any = np.float32) -> Tape:
    """Return the tape of a run that needs none."""
    tape = make_tape(0, 0, np.zeros(0, np.bool_), 1.0, dtype, (0, 0, 0, 0), False, False)
    return tape._replace(on=np.array([False]))


@inner
def close_sample(tape: Any) -> None:
    """End a sample, begin the next."""
    tape.cursor[AT_SAMPLE] += 1
    for column in range(4):
        tape.end[tape.cursor[AT_SAMPLE], column] = tape.cursor[AT_STEP + column]


@inner
def open_row(tape: Any, row: int, u: Any, v: Any) -> bool:
    """Begin a time step, before its leak; return False if the tape is full."""
    tape.cursor[AT_ROW] = row
    peak = tape.peak[tape.cursor[AT_SAMPLE], row]
    for i in range(len(peak)):
        peak[i] = -np.inf
    if len(tape.open_u):
        to_u, to_v = tape.open_u[tape.cursor[AT_SAMPLE], row], tape.open_v[tape.cursor[AT_SAMPLE], row]
        for i in range(len(u)):
            to_u[i], to_v[i] = u[i] * tape.unit[0], v[i] * tape.unit[0]
    return bool(tape.cursor[OVERFLOW] == 0)


@inner
def close_row(tape: Any, refractory: Any) -> None:
    """End a time step."""
    to = tape.refractory[tape.cursor[AT_SAMPLE], tape.cursor[AT_ROW]]
    for i in range(len(to)):
        to[i] = refractory[i]


@inner
def _found(checked: bool, fires: Any, x: Any, peak: Any) -> Any:
    """Return what a check at voltage x found."""
    found = CHECKED | FIRED * fires | AT_PEAK * (x >= peak) | ABOVE_PEAK * (x > peak)
    return found if checked else 0


@apart
def _write_touched(marked: Any, always: Any, full: bool, fires: Any, v: Any, unit: Any, to: Any, peak: Any) -> None:
    """Keep the checks of a layer in forward step 0, before which nobody is refractory."""
    for i in range(len(to)):
        x, touched = peak.dtype.type(v[i]) * unit, full | marked[i] | always[i]
        to[i] = _found(touched, fires[i], x, peak[i])
        peak[i] = x if touched & (x > peak[i]) else peak[i]


@apart
def _write_checked(refractory: Any, fires: Any, v: Any, unit: Any, to: Any, peak: Any) -> None:
    for i in range(len(to)):
        x, checked = peak.dtype.type(v[i]) * unit, not refractory[i]
        to[i] = _found(checked, fires[i], x, peak[i])
        peak[i] = x if checked & (x > peak[i]) else peak[i]


@apart
def _write_voltages(v: Any, unit: Any, to: Any) -> None:
    for i in range(len(to)):
        to[i] = to.dtype.type(v[i]) * unit


@inner
def write_checks(tape: Any, plan: Any, work: Any, a: int, b: int, v: Any, everyone: bool) -> None:
    """Keep what a check of neurons a .. b - 1 found."""
    place = tape.cursor[AT_CHECK]
    if place + b - a > len(tape.check):
        tape.cursor[OVERFLOW] = 1
        return
    tape.cursor[AT_CHECK] = place + b - a
    to, peak = tape.check[place : place + b - a], tape.peak[tape.cursor[AT_SAMPLE], tape.cursor[AT_ROW], a:b]
    if len(tape.voltage):
        _write_voltages(v[a:b], tape.unit[0], tape.voltage[place : place + b - a])
    if everyone:
        for layer in range(len(work.full)):
            first, last, full = plan.layer_start[layer], plan.layer_start[layer + 1], work.full[layer]
            _write_touched(work.marked[first:last], tape.always[first:last], full, work.fires[first:last],
                           v[first:last], tape.unit[0], to[first:last], peak[first:last])  # fmt: skip
    else:
        _write_checked(work.refractory[a:b], work.fires, v[a:b], tape.unit[0], to, peak)


@inner
def write_group(tape: Any, queue: Any, group: Any) -> None:
    """Keep a group that was picked (or is dropped): sources, payloads, forward steps of emission."""
    place = tape.cursor[AT_GROUP]
    if place + len(group) > len(tape.source):
        tape.cursor[OVERFLOW] = 1
        return
    for m in range(len(group)):
        tape.source[place + m] = group[m]
        tape.payload[place + m] = queue.payload[group[m]]
        tape.emission[place + m] = queue.emission[group[m]]
    tape.cursor[AT_GROUP] = place + len(group)


@inner
def write_step(tape: Any, plan: Any, work: Any, k: int) -> None:
    """End forward step k: which layers and neurons were touched."""
    layers = np.int64(0)
    for layer in range(len(work.full)):
        if work.full[layer]:
            layers |= np.int64(1) << np.int64(layer)
    n, place = tape.cursor[AT_STEP], tape.cursor[AT_TOUCHED]
    n_touched = work.counter[0] if k > 0 else 0
    if n >= len(tape.step) or place + n_touched > len(tape.touched):
        tape.cursor[OVERFLOW] = 1
        return
    for m in range(n_touched):
        if not work.full[plan.layer_of[work.touched[m]]]:
            tape.touched[place] = work.touched[m]
            place += 1
    tape.cursor[AT_TOUCHED] = place
    tape.step[n, ROW], tape.step[n, STEP], tape.step[n, FULL_LAYERS] = tape.cursor[AT_ROW], k, layers
    for column in range(3):
        tape.step[n, GROUP_END + column] = tape.cursor[AT_GROUP + column]
    tape.cursor[AT_STEP] = n + 1
