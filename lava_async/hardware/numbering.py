"""The numbers of neurons inside their layers, which decide in which order a core lets them emit.

Under layers nothing depends on them. Under the timing of a chip much does: neurons of a core that fire together emit
one after another, by ascending number, and a core takes neighbours in number together.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Network
from lava_async.neurons.base import MixedParams
from lava_async.records import integer_array
from lava_async.synapses import INPUT, Dense, Sparse, Synapses

Indices = NDArray[np.int64]


def renumber(network: Network, order: ArrayLike) -> Network:
    """Return the same network with its neurons in another order inside their layers.

    Spikes are the same with layers: bit for bit with integers; with floats sums are added in another order, which may
    change their last bits. Outputs stay the same neurons, so that classes keep their numbers.

    Parameters
    ----------
    network : Network
        Of `Dense` and `Sparse` synapses where the order changes; it stays as it is.
    order : (N,) int
        Which neuron comes to each place: a permutation of the neurons of each layer.

    Raises
    ------
    InvalidValue, InvalidType
        If it is none, or convolutions or synapses of your own lead into or out of a layer whose order changes.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> network = Network.feedforward([[[1.0], [2.0]], [[3.0, 4.0]]], CubaParams(du=1, dv=1, vth=[1, 2, 3]))
    >>> other = renumber(network, [1, 0, 2])
    >>> other.synapses[0].weights.ravel().tolist(), other.synapses[1].weights.ravel().tolist()
    ([2.0, 1.0], [4.0, 3.0])
    """
    places = integer_array("renumber.order", order)
    if places.shape != (network.n_neurons,):
        raise InvalidValue("renumber.order, shape", places.shape, f"({network.n_neurons},), one place per neuron")
    for i, here in enumerate(network.layer_slices):
        if not np.array_equal(np.sort(places[here]), np.arange(here.start, here.stop)):
            raise InvalidValue(f"renumber.order of layer {i}", places[here].tolist(), "its own neurons, each once")
    local = {i: places[here] - here.start for i, here in enumerate(network.layer_slices)}
    local[INPUT] = np.arange(network.n_inputs)
    params = network.params
    if isinstance(params, MixedParams):
        params = MixedParams(tuple(part.at(local[i]) for i, part in enumerate(params.parts)))
    else:
        params = params.at(places)
    return replace(
        network,
        synapses=tuple(_renumbered(s, local[s.target], local[s.source]) for s in network.synapses),
        params=params,
        outputs=np.argsort(places)[network.outputs],
    )


@singledispatch
def _renumbered(s: Synapses, target: Indices, source: Indices) -> Synapses:
    """Return synapses between neurons in another order: `target` and `source` tell which comes to each place."""
    if any((order != np.arange(len(order))).any() for order in (target, source)):
        kind = type(s).__name__
        raise InvalidType("renumber.network, synapses", kind, "Dense or Sparse where the order of a layer changes")
    return s


@_renumbered.register
def _(s: Dense, target: Indices, source: Indices) -> Synapses:
    return replace(s, weights=s.weights[np.ix_(target, source)], delay=None if s.delay is None else s.delay[source])


@_renumbered.register
def _(s: Sparse, target: Indices, source: Indices) -> Synapses:
    return replace(s, pre=np.argsort(source)[s.pre], post=np.argsort(target)[s.post])
