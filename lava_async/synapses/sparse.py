"""Synapses given one by one."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async import _core
from lava_async.errors import InvalidValue
from lava_async.records import array_of, check_int, check_range, integer_array, read_only, short_array
from lava_async.synapses.base import MAX_DELAY, Fan, OnWeights, Synapses


@dataclass(frozen=True, eq=False)
class Sparse(Synapses):
    """A list of synapses, at most one per pair of neurons; what is not in the list is no synapse.

    Parameters
    ----------
    source, target : int
        As in :class:`Synapses`.
    pre, post : (K,) int
        Source and target neuron of each synapse.
    weights : (K,) float or int
        Weight of each synapse.
    size : (int, int)
        Number of target and of source neurons.
    delay : (K,) int
        Delay of each synapse in time steps; default 0.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.synapses import Sparse
    >>> synapses = Sparse(-1, 0, pre=[0, 2], post=[1, 0], weights=[0.5, 1.0], size=(2, 3))
    >>> synapses.fan_out(2).target, synapses.n_source, synapses.n_target
    (array([0]), 3, 2)
    """

    pre: NDArray[np.integer[Any]]
    post: NDArray[np.integer[Any]]
    weights: NDArray[Any]
    size: tuple[int, int]
    delay: NDArray[np.integer[Any]] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        size = tuple(check_int("Sparse.size", n) for n in np.atleast_1d(self.size))
        pre, post = short_array("Sparse.pre", self.pre), short_array("Sparse.post", self.post)
        weights = _numbers(self.weights)
        delay = np.int32(0) if self.delay is None else short_array("Sparse.delay", self.delay)
        delay = np.broadcast_to(delay, pre.shape) if np.ndim(delay) == 0 else np.asarray(delay)
        if pre.ndim != 1 or len(size) != 2:
            raise InvalidValue("Sparse.pre.shape, Sparse.size", (pre.shape, self.size), "(K,), (targets, sources)")
        for name, array in (("post", post), ("weights", weights), ("delay", delay)):
            if array.shape != pre.shape:
                raise InvalidValue(f"Sparse.{name}.shape", array.shape, f"{pre.shape}, as Sparse.pre")
        check_range("Sparse.post", post, 0, size[0] - 1)
        check_range("Sparse.pre", pre, 0, size[1] - 1)
        check_range("Sparse.delay", delay, 0, MAX_DELAY)
        # One delay of all as one number: large networks are lists of synapses before all.
        if delay.size and delay.strides[0] and (delay == delay[0]).all():
            delay = np.broadcast_to(delay[:1].copy(), delay.shape)
        pre, post = np.ascontiguousarray(pre), np.ascontiguousarray(post)
        in_order: Any = _core.synapse_order(pre, post, size[1], size[0])
        if in_order is not None:
            order, twice = in_order
            if twice >= 0:
                raise InvalidValue("Sparse synapse (post, pre)", (int(post[twice]), int(pre[twice])), "given once")
            pre, post, weights = pre[order], post[order], weights[order]
            delay = delay[order] if delay.strides[0] else delay
            for array in (pre, post, weights, delay):  # nobody else has them
                array.flags.writeable = False
        for name, array in (("pre", pre), ("post", post), ("weights", weights), ("delay", delay)):
            object.__setattr__(self, name, array if not array.flags.writeable else read_only(array))
        object.__setattr__(self, "size", size)

    @classmethod
    def from_matrix(cls, source: int, target: int, weights: ArrayLike, delay: ArrayLike | None = None) -> Sparse:
        """Return the non-zero entries of a (post, pre) matrix as synapses; `delay` has the same shape."""
        matrix = array_of("Sparse.weights", weights, "biufc", "numbers")
        if matrix.ndim != 2:
            raise InvalidValue("Sparse.weights.shape", matrix.shape, "(post, pre)")
        pre, post = (x.astype(np.int32) for x in np.nonzero(matrix.T))  # In the order in which synapses are kept.
        each = None if delay is None else integer_array("Sparse.delay", delay)
        if each is not None:
            if each.shape not in ((), matrix.shape):
                raise InvalidValue("Sparse.delay.shape", each.shape, f"() or {matrix.shape}, as Sparse.weights")
            each = np.broadcast_to(each, matrix.shape)[post, pre]
        return cls(source, target, pre, post, matrix[post, pre], matrix.shape, each)  # type: ignore[arg-type]

    @property
    def n_source(self) -> int:  # noqa: D102
        return self.size[1]

    @property
    def n_target(self) -> int:  # noqa: D102
        return self.size[0]

    @property
    def max_delay(self) -> int:  # noqa: D102
        return int(self.delay.max(initial=0))

    def fan_out(self, j: int) -> Fan:  # noqa: D102
        here = slice(*np.searchsorted(self.pre, (j, j + 1)))
        post, delay = (x[here].astype(np.int64) for x in (self.post, self.delay))
        return Fan(post, self.weights[here], delay)

    def map_weights(self, function: OnWeights) -> Sparse:  # noqa: D102
        weights = function("Sparse.weights", self.weights)
        if weights is self.weights:
            return self
        if not isinstance(weights, np.ndarray) or weights.shape != self.weights.shape:
            return replace(self, weights=weights)
        found = copy(self)  # the synapses are the same ones, checked already
        object.__setattr__(found, "weights", read_only(_numbers(weights)))
        return found


def _numbers(weights: object) -> NDArray[Any]:
    return array_of("Sparse.weights", weights, "biufc", "numbers")
