"""All-to-all synapses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.records import array_of, read_only
from lava_async.synapses.base import Fan, OnWeights, Synapses, axonal


@dataclass(frozen=True, eq=False)
class Dense(Synapses):
    """Every source neuron reaches every target neuron; a weight of 0 is a synapse too.

    Parameters
    ----------
    source, target : int
        As in :class:`Synapses`.
    weights : (post, pre) float or int
        Weight of each synapse.
    delay : None, int or (pre,) int
        Axonal delay of each source neuron, in time steps.

    Examples
    --------
    >>> from lava_async import CubaParams, Layer, Network
    >>> from lava_async.synapses import Dense
    >>> synapses = Dense(source=-1, target=0, weights=[[0.5, 1.0, 0.0]], delay=[0, 2, 0])
    >>> synapses.n_source, synapses.n_target, synapses.max_delay
    (3, 1, 2)
    """

    weights: NDArray[Any]
    delay: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        weights = array_of("Dense.weights", self.weights, "biufc", "numbers")
        if weights.ndim != 2:
            raise InvalidValue("Dense.weights.shape", weights.shape, "(post, pre)")
        object.__setattr__(self, "weights", read_only(weights))
        object.__setattr__(self, "delay", axonal("Dense.delay", self.delay, self.n_source))

    @property
    def n_source(self) -> int:  # noqa: D102
        return int(self.weights.shape[1])

    @property
    def n_target(self) -> int:  # noqa: D102
        return int(self.weights.shape[0])

    @property
    def max_delay(self) -> int:  # noqa: D102
        return 0 if self.delay is None else int(self.delay.max())

    def fan_out(self, j: int) -> Fan:  # noqa: D102
        delay = 0 if self.delay is None else int(self.delay[j])
        return Fan(np.arange(self.n_target), self.weights[:, j], np.full(self.n_target, delay))

    def map_weights(self, function: OnWeights) -> Dense:  # noqa: D102
        weights = function("Dense.weights", self.weights)
        return self if weights is self.weights else replace(self, weights=weights)
