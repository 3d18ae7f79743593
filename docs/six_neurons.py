"""The example of the first page: one input event runs through six neurons, layered and by momentum.

With layers the inhibition of neuron 3 comes in time, by momentum too late.
"""

from __future__ import annotations

from lava_async import CubaParams, Layered, Momentum, Network, plots, simulate

NETWORK = Network.feedforward(
    [[[1.0], [0.9], [0.8]], [[0.5, 0.4, -0.6], [0.3, 0.4, 0.5]], [[1.0, -0.4]]], CubaParams(du=1, dv=1, vth=0.6)
)


SCHEDULES = {"layered": Layered(), "momentum, F = 1": Momentum(1)}
RUNS = {name: simulate(NETWORK, [[1]], schedule=s, record="trace") for name, s in SCHEDULES.items()}


def waves() -> dict[str, plots.Wave]:
    """Return the spikes of its one time step under both schedules."""
    return {name: plots.wave(NETWORK, run, 0, [[1]]) for name, run in RUNS.items()}


def page() -> str:
    """Return it as a page to step through."""
    text = "One input event, six neurons, two schedules: layer by layer the output stays silent, by momentum it fires."
    return plots.sample_html(NETWORK, RUNS, [[1]], title="One input event", text=text)
