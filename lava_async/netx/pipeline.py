"""Stock Lava's timing: synapses are Processes that hand over what they receive one time step later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lava_async.errors import InvalidType
from lava_async.network import Network
from lava_async.netx.layers.input import InputLayer
from lava_async.synapses import INPUT, Synapses


def pipelined(network: Network) -> Network:
    """Return a network whose synapses take one more time step, as Lava's Processes do in stock netx.

    With the layered schedule it does in every time step what stock netx does on Lava, transients of biases and of
    sigma-delta neurons included. Feedback stays as it is, and neurons of the input (the first layer of a file that has
    an input layer with neurons) take the input at once.

    Parameters
    ----------
    network : Network
        Any network, as :func:`lava_async.netx.load` returns it.

    Returns
    -------
    Network
        Each synapse that leads to a later layer takes one more time step.

    Raises
    ------
    InvalidType
        If it is not a Network.

    Examples
    --------
    >>> from lava_async import CubaParams, Layered, simulate
    >>> chain = Network.feedforward([[[1.0]], [[1.0]]], CubaParams(du=1, dv=1, vth=0.5))
    >>> simulate(chain, [[1, 0, 0]], schedule=Layered()).counts.tolist()
    [[1, 0, 0], [1, 0, 0]]
    >>> simulate(pipelined(chain), [[1, 0, 0]], schedule=Layered()).counts.tolist()
    [[0, 1, 0], [0, 0, 1]]
    """
    if not isinstance(network, Network):
        raise InvalidType("pipelined.network", network, "a Network")
    entry = network.layers[0].name.startswith(InputLayer.kind)
    return replace(
        network,
        synapses=tuple(
            s if s.source >= s.target or (s.source == INPUT and entry) else _later(s) for s in network.synapses
        ),
    )


def _later(s: Synapses) -> Synapses:
    changed: Any = s
    late = np.zeros(s.n_source, np.int64) if changed.delay is None else np.asarray(changed.delay, np.int64)
    later: Synapses = replace(changed, delay=late + 1)
    return later
