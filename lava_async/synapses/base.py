"""What every kind of synapses is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.records import ArrayRecord, check_range, integer_array, read_only

INPUT = -1
"""Source 'layer' of the input channels."""
MAX_DELAY = 2**15 - 1


OnWeights = Callable[[str, NDArray[Any]], NDArray[Any]]
"""``function(where, weights)`` returns weights of the same shape."""


class Fan(NamedTuple):
    """Synapses of one source neuron: K targets (local), weights, delays in time steps.

    Examples
    --------
    >>> from lava_async.synapses import Dense
    >>> fan = Dense(-1, 0, [[80, 1], [90, 2]]).fan_out(0)
    >>> fan.target, fan.weight, fan.delay
    (array([0, 1]), array([80, 90]), array([0, 0]))
    """

    target: NDArray[np.int64]
    weight: NDArray[Any]
    delay: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Synapses(ArrayRecord, ABC):
    """Synapses from the input or a layer to a layer.

    Parameters
    ----------
    source : int
        Index of the layer that emits; ``INPUT`` (-1) for the input channels.
    target : int
        Index of the layer that receives. At or before the source: a recurrent connection.

    Examples
    --------
    >>> from lava_async.synapses import Dense, Sparse
    >>> for synapses in (Dense(-1, 0, [[80, 1], [90, 2]]), Sparse(-1, 0, [0], [1], [90], (2, 2))):
    ...     print(synapses.n_source, synapses.n_target, synapses.max_delay, synapses.fan_out(0).target)
    ...
    2 2 0 [0 1]
    2 2 0 [1]
    """

    source: int
    target: int

    @property
    @abstractmethod
    def n_source(self) -> int:
        """Number of source neurons."""

    @property
    @abstractmethod
    def n_target(self) -> int:
        """Number of target neurons."""

    @property
    @abstractmethod
    def max_delay(self) -> int:
        """Longest delay in time steps."""

    @abstractmethod
    def fan_out(self, j: int) -> Fan:
        """Return the synapses of source neuron j."""

    @abstractmethod
    def map_weights(self, function: OnWeights) -> Synapses:
        """Return the same synapses with ``function(where, weights)`` as weights."""


def weights_of(synapses: Synapses) -> NDArray[Any]:
    """Return the weights of a set of synapses, in its own shape.

    Examples
    --------
    >>> from lava_async.synapses import Dense, weights_of
    >>> weights_of(Dense(-1, 0, [[80, 1], [90, 2]])).shape
    (2, 2)
    """
    found: list[NDArray[Any]] = []

    def look(_: str, weights: NDArray[Any]) -> NDArray[Any]:
        found.append(weights)
        return weights

    synapses.map_weights(look)
    return found[0]


def axonal(where: str, delay: object, n_source: int) -> NDArray[np.int32] | None:
    """Return a delay per source neuron, None if there is no delay at all."""
    if delay is None:
        return None
    array = integer_array(where, delay)
    check_range(where, array, 0, MAX_DELAY)
    if array.shape not in ((), (n_source,)):
        raise InvalidValue(f"{where}.shape", array.shape, f"() or ({n_source},), one per source neuron")
    if not array.any():
        return None
    return read_only(np.broadcast_to(array, (n_source,)).astype(np.int32))
