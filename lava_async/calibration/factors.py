"""Thresholds times a factor per layer, and which layers share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue, not_among
from lava_async.network import Network
from lava_async.neurons.base import MixedParams, NeuronModel
from lava_async.records import array_of
from lava_async.synapses import INPUT

MOST_ON_LOIHI = 2**17 - 1
"""Thresholds of Loihi have 17 bits (vThMant)."""
SEARCHES = ("quick", "layers")


def scale_thresholds(network: Network, factors: Sequence[float]) -> Network:
    """Return the network with the thresholds of each layer multiplied by a factor.

    Parameters
    ----------
    network : Network
        Any whose neurons have thresholds; it stays as it is.
    factors : (L,) float
        One per layer, above 0. Integers are rounded to the nearest one: Loihi's stay Loihi's.

    Returns
    -------
    Network

    Raises
    ------
    InvalidValue, InvalidType
        If there is not a factor above 0 for each layer, or a threshold would leave the range of its type.

    Examples
    --------
    >>> from lava_async import LoihiParams
    >>> network = Network.feedforward([[[80]], [[60]]], LoihiParams(du=4095, dv=0, vth=19))
    >>> scale_thresholds(network, [1.4, 6]).params.vth
    array([ 27, 114])
    """
    numbers = array_of("scale_thresholds.factors", factors, "iuf", "numbers").astype(np.float64)
    if numbers.shape != (len(network.layers),):
        raise InvalidValue("scale_thresholds.factors, shape", numbers.shape, f"({len(network.layers)},), one per layer")
    if not (np.isfinite(numbers) & (numbers > 0)).all():
        raise InvalidValue("scale_thresholds.factors", numbers.tolist(), "numbers above 0")
    params = network.params
    if isinstance(params, MixedParams):
        parts = [_scaled(part, factor) for part, factor in zip(params.parts, numbers.tolist(), strict=True)]
        return replace(network, params=MixedParams(tuple(parts)))
    return replace(network, params=_scaled(params, numbers[network.layer_of]))


def _scaled(params: NeuronModel, factor: NDArray[np.float64] | float) -> NeuronModel:
    if "vth" not in params.names():
        raise InvalidType("Network.params", params.describe(), "of neurons with a threshold vth")
    vth: NDArray[Any] = getattr(params, "vth") * factor  # noqa: B009 (not every model has one)
    changed: dict[str, Any] = {"vth": np.rint(vth).astype(np.int64) if params.dtype is np.int64 else vth}
    return replace(params, **changed)


def thresholds_of(network: Network) -> NDArray[Any]:
    """Return the thresholds of all neurons, (N,); those that have none count as 0.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.calibration.factors import thresholds_of
    >>> thresholds_of(Network.feedforward([[[1.0]], [[1.0]]], CubaParams(du=1, dv=1, vth=0.5)))
    array([0.5, 0.5])
    """
    return np.concatenate(
        [
            np.asarray(getattr(model, "vth", np.zeros(rows.stop - rows.start, model.dtype)))
            for rows, model in network.models
        ]
    )


def fits_loihi(network: Network) -> bool:
    """Return whether the thresholds of integer neurons are within the 17 bits of Loihi; floats always are.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.calibration.factors import fits_loihi
    >>> [fits_loihi(Network.feedforward([[[1]]], LoihiParams(du=4095, dv=0, vth=vth))) for vth in (131_071, 131_072)]
    [True, False]
    """
    return network.params.dtype is not np.int64 or int(thresholds_of(network).max()) <= MOST_ON_LOIHI


def groups_of(network: Network, search: str = "quick") -> dict[str, tuple[int, ...]]:
    """Return the layers that share a factor, by name.

    Parameters
    ----------
    network : Network
        Whose layers.
    search : {"quick", "layers"}
        "quick": a factor for all hidden layers that neurons reach, and one for the layers with outputs; layers that
        the input alone reaches are left as they are, since their input arrives at once. "layers": a factor per layer.

    Returns
    -------
    dict of tuple of int
        Layers, ascending; names as "hidden", "output", or of the layers.

    Raises
    ------
    InvalidValue
        If the search is unknown.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> groups_of(Network.feedforward([[[1.0]], [[1.0]], [[1.0]]], CubaParams(du=1, dv=1, vth=1)))
    {'hidden': (1,), 'output': (2,)}
    """
    layers = range(len(network.layers))
    if search == "layers":
        return {f"{i} ({network.layers[i].name})" if network.layers[i].name else str(i): (i,) for i in layers}
    if search not in SEARCHES:
        raise not_among("search", search, SEARCHES)
    output = {int(i) for i in network.layer_of[network.outputs]}
    reached = {s.target for s in network.synapses if s.source != INPUT}
    found = {
        "hidden": tuple(i for i in layers if i in reached and i not in output),
        "output": tuple(i for i in layers if i in output),
    }
    return {name: members for name, members in found.items() if members}
