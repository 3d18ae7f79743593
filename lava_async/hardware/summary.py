"""What is in a network: per layer its neurons, synapses, weights and the bits that they use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.hardware.synapse_memory import list_lengths, weight_bits
from lava_async.network import Network
from lava_async.neurons import LoihiParams
from lava_async.synapses import INPUT, Synapses


@dataclass(frozen=True)
class Connection:
    """Synapses into a layer.

    Parameters
    ----------
    kind, source : str
        Type of the synapses; "input" or the name of the layer that they come from.
    synapses, weights : int
        Number of synapses, and of weights stored for them (a convolution shares them).
    low, high : float
        Least and largest weight.
    bits : int or None
        Bits that the weights use, a sign included if both occur; None in floating point.
    zeros : float
        Share of weights that are 0.
    longest_delay : int
        In time steps.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware.summary import summarize
    >>> network = Network.feedforward([[[80], [0]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> connection = summarize(network)[0].incoming[0]
    >>> connection.source, connection.synapses, connection.bits, connection.zeros
    ('input', 2, 3, 0.5)
    """

    kind: str
    source: str
    synapses: int
    weights: int
    low: float
    high: float
    bits: int | None
    zeros: float
    longest_delay: int


@dataclass(frozen=True)
class LayerSummary:
    """A layer: its name, shape, number of neurons, what leads into it, and its parameters as (least, largest).

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware.summary import summarize
    >>> layer = summarize(Network.feedforward([[[80], [0]]], LoihiParams(du=4095, dv=0, vth=70)))[0]
    >>> layer.name, layer.neurons, layer.parameters["vth"]
    ('dense 0', 2, (70, 70))
    """

    name: str
    shape: tuple[int, ...]
    neurons: int
    incoming: tuple[Connection, ...]
    parameters: dict[str, tuple[float, float]]


class Histogram(NamedTuple):
    """Numbers of stored weights between edges: from the lower one to below the upper one, in the last bin up to it.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware.summary import histogram
    >>> found = histogram(Network.feedforward([[[80], [0]]], LoihiParams(du=4095, dv=0, vth=70)), bins=2)
    >>> found.edges, found.counts, found.whole
    (array([ 0., 41., 82.]), array([1, 1]), True)
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    whole: bool
    """Whether the weights are integers: the upper edge is then in no bin."""


def summarize(network: Network) -> tuple[LayerSummary, ...]:
    """Return what is in each layer.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware.summary import summarize
    >>> network = Network.feedforward([[[80], [80]], [[80, 80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> [(layer.name, layer.neurons, layer.incoming[0].synapses) for layer in summarize(network)]
    [('dense 0', 2, 2), ('dense 1', 1, 2)]
    """
    return tuple(_layer(network, index) for index in range(len(network.layers)))


def _layer(network: Network, index: int) -> LayerSummary:
    layer, params = network.layers[index], network.params_of(index)
    values = {name: np.asarray(getattr(params, name)) for name in params.numbers()}
    return LayerSummary(
        layer.name or f"layer {index}",
        layer.shape,
        layer.size,
        tuple(_connection(network, s) for s in network.synapses if s.target == index),
        {name: (each.min().item(), each.max().item()) for name, each in values.items()},
    )


def _connection(network: Network, s: Synapses) -> Connection:
    weights = stored(s)
    source = "input" if s.source == INPUT else network.layers[s.source].name or f"layer {s.source}"
    low, high = (weights.min().item(), weights.max().item()) if weights.size else (0, 0)
    return Connection(
        type(s).__name__,
        source,
        int(list_lengths(s, np.arange(s.n_target)).sum()),
        weights.size,
        low,
        high,
        weight_bits(weights) if network.params.tag == LoihiParams.tag else None,
        float((weights == 0).mean()) if weights.size else 0.0,
        s.max_delay,
    )


def stored(s: Synapses) -> NDArray[Any]:
    """Return the weights that are stored for synapses; every type has them.

    Examples
    --------
    >>> from lava_async.hardware.summary import stored
    >>> from lava_async.synapses import Dense
    >>> stored(Dense(-1, 0, [[80, -3]]))
    array([[80, -3]])
    """
    weights: NDArray[Any] = s.weights  # type: ignore[attr-defined]
    return weights


def histogram(network: Network, bins: int = 16) -> Histogram:
    """Return how the weights of all synapses are distributed, in bins of equal width.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.hardware.summary import histogram
    >>> histogram(Network.feedforward([[[0.0, 0.25, 1.0]]], CubaParams(du=1, dv=1, vth=1)), bins=2).counts
    array([2, 1])
    """
    weights = np.concatenate([np.zeros(0), *(stored(s).ravel() for s in network.synapses)])
    if network.params.tag == LoihiParams.tag and weights.size:
        # Whole numbers: bins of a whole width, so that each holds equally many values.
        low, high = int(weights.min()), int(weights.max()) + 1
        width = max(1, -(-(high - low) // bins))
        edges = np.arange(low, high + width, width, dtype=float)
        counts = np.bincount(((weights - low) // width).astype(np.int64), minlength=len(edges) - 1)
        return Histogram(edges, counts[: len(edges) - 1], True)
    counts, edges = np.histogram(weights, bins)
    return Histogram(edges, counts, False)
