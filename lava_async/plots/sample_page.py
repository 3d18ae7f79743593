"""One sample as a page for browsers: queue, voltages and thresholds in each forward step, runs side by side."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.engine import Result, StepRecord
from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.plots.template import as_json, fill, fragment
from lava_async.plots.wavefront_page import network_data, wave_data
from lava_async.plots.waves import Wave, wave

#: A page of more bytes is refused: it would be slow on a phone and too large for an e-mail.
MOST_BYTES = 2_000_000


def sample_html(
    network: Network,
    runs: Mapping[str, Result],
    spikes: ArrayLike | None = None,
    *,
    steps: Iterable[int] | None = None,
    title: str = "One sample",
    text: str = "",
) -> str:
    """Return a page that shows a sample under several schedules side by side, to step through forward steps.

    Parameters
    ----------
    network : Network
        What ran.
    runs : dict from str to Result
        What is shown under each heading: runs of the same sample, each recorded with ``record="trace"``.
    spikes : (C, T) int, optional
        What the network was given, to show its input as well.
    steps : iterable of int, optional
        Time steps that are shown; default: all of them.
    title : str
        Of the page.
    text : str
        A paragraph below it.

    Returns
    -------
    str
        HTML of one file that loads nothing, smaller than 2 MB. Each run shows the network, the spikes that wait in the
        queue in the order in which they will be delivered, and the voltage of each neuron beside its threshold, after
        the check of the forward step; of a chosen neuron also their course. Arrow keys step, space plays.

    Raises
    ------
    InvalidValue
        If there is no run, a run was not recorded or is of another network, a time step was not run, or the page would
        be larger than 2 MB.

    Examples
    --------
    >>> from lava_async import CubaParams, Layered, Momentum, Network, simulate
    >>> from lava_async.plots import sample_html
    >>> net = Network.feedforward([[[1.0], [0.9]], [[0.5, 0.4]]], CubaParams(du=1, dv=1, vth=0.6))
    >>> runs = {s.title: simulate(net, [[1, 0]], schedule=s, record="trace") for s in (Layered(), Momentum(1))}
    >>> page = sample_html(net, runs, [[1, 0]])
    >>> page.startswith("<!DOCTYPE html>")
    True
    """
    if not runs:
        raise InvalidValue("sample_html.runs", runs, "at least one run")
    for name, run in runs.items():
        if len(run.counts) != network.n_neurons:
            raise InvalidValue(f"sample_html.runs[{name!r}], neurons", len(run.counts), f"{network.n_neurons}")
    last = max(run.counts.shape[1] for run in runs.values())
    times = list(range(last)) if steps is None else sorted({int(t) for t in steps})
    if not times:
        raise InvalidValue("sample_html.steps", times, "at least one time step")
    shown = [_run(network, name, run, times, spikes) for name, run in runs.items()]
    data = {**network_data(network), "runs": shown, "chosen": _most_active_output(network, runs)}
    page = fill(
        "wavefront_page.html",
        {
            "TITLE": html.escape(title),
            "TEXT": html.escape(text),
            "DATA": as_json(data),
            "MORE": fragment("sample_page.html"),
        },
    )
    size = len(page.encode())
    if size > MOST_BYTES:
        fits = max(1, 9 * len(times) * MOST_BYTES // (10 * size))
        raise InvalidValue(
            "sample_html.steps", f"{len(times)} time steps", f"fewer: the page has {size / 1e6:.1f} MB, try {fits}"
        )
    return page


def _most_active_output(network: Network, runs: Mapping[str, Result]) -> int:
    """Return the output neuron with the most spikes in all runs, whose voltage is shown first; 0 if there is none."""
    if not len(network.outputs):
        return 0
    return int(network.outputs[np.argmax(sum(run.output.sum(axis=1) for run in runs.values()))])


def _run(network: Network, name: str, run: Result, times: list[int], spikes: ArrayLike | None) -> dict[str, Any]:
    """Return a run as data: its waves, and the states after each of their forward steps."""
    if run.trace is None:
        raise InvalidValue(f"sample_html.runs[{name!r}].trace", None, 'recorded: simulate(..., record="trace")')
    ran = {check.t for check in run.trace}
    ended = run.decided or None
    waves = [
        # A stop rule may have ended this sample before the others.
        Wave(network, t, 0, []) if ended is not None and t >= ended else wave(network, run, t, spikes)
        for t in times
    ]
    checks = [check for check in run.trace if check.t in set(times) & ran]
    voltages, thresholds = zip(*(_membrane(network, check) for check in checks), strict=True) if checks else ((), ())
    threshold = np.array(thresholds).reshape(-1, network.n_neurons)
    # Thresholds that stay as they are take one row.
    constant = len(threshold) == 0 or np.array_equal(threshold, np.broadcast_to(threshold[:1], threshold.shape))
    return {
        "name": name,
        "steps": [wave_data(w) for w in waves],
        "voltages": _numbers(np.array(voltages).reshape(-1, network.n_neurons)),
        "thresholds": _numbers(threshold[:1] if constant else threshold),
    }


def _membrane(network: Network, check: StepRecord) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what each neuron compares with its threshold, and that threshold, after the check of a forward step."""
    values, thresholds = [], []
    for here, model in network.models:
        p = model.arrays()
        state: dict[str, NDArray[Any]] = {
            key: check.state[key][here].astype(model.dtype) for key in model.state if key in check.state
        }
        values.append(model.momentum(p, state))
        thresholds.append(state["theta"] if "theta" in state else np.broadcast_to(p.vth, values[-1].shape))
    return np.concatenate(values), np.concatenate(thresholds)


def _numbers(array: NDArray[Any]) -> dict[str, str]:
    """Return an array as base64 of little-endian numbers, in the narrowest type that holds its values exactly."""
    kind = "f4"
    if array.dtype.kind in "iu":
        most = int(np.abs(array).max(initial=0))
        kind = "i2" if most < 2**15 else "i4" if most < 2**31 else "f8"
    return {"type": kind, "data": base64.b64encode(array.astype(f"<{kind}").tobytes()).decode()}
