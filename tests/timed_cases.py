"""A timed network that is computed by hand, for the tests of timed execution."""

from __future__ import annotations

import numpy as np

from lava_async import CubaParams, Network, Timed

ENGINES = ["compiled", "reference"]


def chain_by_hand():
    """One input channel, neurons 0 and 1 in a core that both fire at once, neuron 2 a tile further east."""
    network = Network.feedforward([np.ones((2, 1)), [[0.3, 0.3]]], CubaParams(du=1, dv=1, vth=0.5))
    return network, Timed(preset="sanafe", mapping=[0, 0, 4])


def replace_messages(order, messages):
    return Timed(order.target, order.preset, order.mapping, messages)
