"""Synapses: which neurons a spike reaches, with which weights.

A type is one file with a frozen dataclass. It says what it is twice: :meth:`Synapses.fan_out` for one source neuron,
for readers and the reference engine, and :meth:`Synapses.lower` as one of the forms below, for the compiled engine.
Indices are local: source neuron 0 is the first of its layer, target neuron 0 the first of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.records import ArrayRecord, frozen, integer_array, within

INPUT = -1
"""Source 'layer' of the input channels."""
MAX_DELAY = 2**15 - 1


class Fan(NamedTuple):
    """Synapses of one source neuron: K targets (local), weights, delays in time steps."""

    target: NDArray[np.int64]
    weight: NDArray[Any]
    delay: NDArray[np.int64]


class Rows(NamedTuple):
    """Lowered form: every source reaches all targets; weights (pre, post)."""

    weights: NDArray[Any]


class Lists(NamedTuple):
    """Lowered form: source j reaches ``target[start[j]:start[j + 1]]`` with these weights."""

    start: NDArray[np.int64]
    target: NDArray[np.int32]
    weights: NDArray[Any]


class Patches(NamedTuple):
    """Lowered form: a convolution; weights (in channels / groups, kernel height, kernel width, out channels)."""

    weights: NDArray[Any]
    geometry: NDArray[np.int64]
    """(16,) input (C, H, W), output (C, H, W), in channels per group, kernel (H, W), stride, padding, dilation (pairs),
    groups."""


Lowered = Rows | Lists | Patches
"""What the compiled engine walks; each part comes with a delay per source neuron, or None."""


@dataclass(frozen=True, eq=False)
class Synapses(ArrayRecord, ABC):
    """Synapses from the input or a layer to a layer.

    Parameters
    ----------
    source : int
        Index of the layer that emits; ``INPUT`` (-1) for the input channels.
    target : int
        Index of the layer that receives. At or before the source: a recurrent connection.
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
    def lower(self) -> Iterator[tuple[Lowered, NDArray[np.int32] | None]]:
        """Yield parts in a form that the compiled engine walks, each with the delay of its sources, or None."""

    @abstractmethod
    def map_weights(self, function: Any) -> Synapses:
        """Return the same synapses with ``function(where, weights)`` as weights."""


def axonal(where: str, delay: Any, n_source: int) -> NDArray[np.int32] | None:
    """Return a delay per source neuron, None if there is no delay at all."""
    if delay is None:
        return None
    array = integer_array(where, delay)
    within(where, array, 0, MAX_DELAY)
    if array.shape not in ((), (n_source,)):
        raise InvalidValue(f"{where}.shape", array.shape, f"() or ({n_source},), one per source neuron")
    if not array.any():
        return None
    return frozen(np.broadcast_to(array, (n_source,)).astype(np.int32))


from lava_async.synapses.conv import Conv  # noqa: E402
from lava_async.synapses.dense import Dense  # noqa: E402
from lava_async.synapses.sparse import Sparse  # noqa: E402

__all__ = ["INPUT", "Conv", "Dense", "Fan", "Lists", "Lowered", "Patches", "Rows", "Sparse", "Synapses"]
