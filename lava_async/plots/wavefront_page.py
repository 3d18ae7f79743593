"""The wavefront as a page for browsers: one file, no network, no libraries."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.plots.template import as_json, fill
from lava_async.plots.wavefronts import layout
from lava_async.plots.waves import Wave


def wavefront_html(waves: Mapping[str, Wave | Sequence[Wave]], *, title: str = "Wavefront", text: str = "") -> str:
    """Return a page that shows time steps under several schedules, to step through, to play and to ask.

    Parameters
    ----------
    waves : dict from str to Wave or list of Wave
        What is shown under each heading; all of one network, and lists of the same time steps.
    title : str
        Of the page; empty in a frame that has one.
    text : str
        A paragraph below it.

    Returns
    -------
    str
        HTML. Arrow keys step, space plays; a spike tells its order and momentum when the pointer is on it, when it has
        the focus, or when it is tapped.

    Raises
    ------
    InvalidValue
        If there is nothing to show, or the waves do not belong together.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import wave, wavefront_html
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> page = wavefront_html({"random, F = 1": wave(network, run, 0, [[1]])})
    >>> Path("wavefront.html").write_text(page) == len(page)
    True
    """
    runs = {name: [w] if isinstance(w, Wave) else list(w) for name, w in waves.items()}
    every = [w for run in runs.values() for w in run]
    if not every:
        raise InvalidValue("wavefront_html.waves", waves, "at least one wave")
    network = every[0].network
    times = {tuple(w.t for w in run) for run in runs.values()}
    if any(w.network is not network for w in every) or len(times) != 1:
        raise InvalidValue("wavefront_html.waves", sorted(times), "waves of one network and of the same time steps")
    shown = [{"name": name, "steps": [wave_data(w) for w in run]} for name, run in runs.items()]
    parts = {"TITLE": html.escape(title), "TEXT": html.escape(text), "MORE": ""}
    return fill("wavefront_page.html", {**parts, "DATA": as_json({**network_data(network), "runs": shown})})


def network_data(network: Network) -> dict[str, Any]:
    """Return the layers of a network, where its neurons are drawn, and their thresholds, as plain data."""
    layers, start = [], 0
    names = ["input", *(layer.name or f"layer {i}" for i, layer in enumerate(network.layers))]
    for name, size in zip(names, [network.n_inputs, *(layer.size for layer in network.layers)], strict=True):
        layers.append({"name": name, "start": start, "size": size})
        start += size
    thresholds = np.concatenate(
        [np.broadcast_to(model.arrays().vth, at.stop - at.start) for at, model in network.models]
    )
    return {
        "inputs": network.n_inputs,
        "layers": layers,
        "outputs": network.outputs.tolist(),
        "places": layout(network).round(4).tolist(),
        "threshold": [_short(v) for v in thresholds.tolist()],
    }


def wave_data(wave: Wave) -> dict[str, Any]:
    """Return the spikes of a time step and the synapses that they passed, as plain data."""
    spikes = [[s.neuron, s.emitted, s.delivered, s.order, _short(s.momentum)] for s in wave.spikes]
    links = [
        [s.delivered, s.neuron, target]
        for s in wave.spikes
        if s.delivered is not None
        for target in wave.reached(s).tolist()
    ]
    return {"t": wave.t, "n": wave.n_steps, "spikes": spikes, "links": links}


def _short(number: float | None) -> float | None:
    """Return a number with four digits; integers stay as they are."""
    return float(f"{number:.4g}") if isinstance(number, float) else number
