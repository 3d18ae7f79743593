"""Synapses given one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.records import array_of, count, frozen, integer_array, within
from lava_async.synapses import MAX_DELAY, Fan, Lists, Lowered, Synapses


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
    """

    pre: NDArray[np.int64]
    post: NDArray[np.int64]
    weights: NDArray[Any]
    size: tuple[int, int]
    delay: NDArray[np.int64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        pre, post = integer_array("Sparse.pre", self.pre), integer_array("Sparse.post", self.post)
        weights = array_of("Sparse.weights", self.weights, "biuf", "numbers")
        delay = np.zeros(pre.shape, np.int64) if self.delay is None else integer_array("Sparse.delay", self.delay)
        size = tuple(count("Sparse.size", n) for n in np.atleast_1d(self.size))
        if pre.ndim != 1 or len(size) != 2:
            raise InvalidValue("Sparse.pre.shape, Sparse.size", (pre.shape, self.size), "(K,), (targets, sources)")
        for name, array in (("post", post), ("weights", weights), ("delay", delay)):
            if array.shape != pre.shape:
                raise InvalidValue(f"Sparse.{name}.shape", array.shape, f"{pre.shape}, as Sparse.pre")
        within("Sparse.post", post, 0, size[0] - 1)
        within("Sparse.pre", pre, 0, size[1] - 1)
        within("Sparse.delay", delay, 0, MAX_DELAY)
        order = np.lexsort((post, pre))
        pre, post = pre[order], post[order]
        twice = (np.diff(pre) == 0) & (np.diff(post) == 0)
        if twice.any():
            pair = (int(post[1:][twice][0]), int(pre[1:][twice][0]))
            raise InvalidValue("Sparse synapse (post, pre)", pair, "given once")
        for name, array in (("pre", pre), ("post", post), ("weights", weights[order]), ("delay", delay[order])):
            object.__setattr__(self, name, frozen(array))
        object.__setattr__(self, "size", size)

    @classmethod
    def from_matrix(cls, source: int, target: int, weights: ArrayLike, delay: ArrayLike | None = None) -> Sparse:
        """Return the non-zero entries of a (post, pre) matrix as synapses; `delay` has the same shape."""
        matrix = array_of("Sparse.weights", weights, "biuf", "numbers")
        if matrix.ndim != 2:
            raise InvalidValue("Sparse.weights.shape", matrix.shape, "(post, pre)")
        post, pre = np.nonzero(matrix)
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
        return Fan(self.post[here], self.weights[here], self.delay[here])

    def lower(self) -> Iterator[tuple[Lowered, NDArray[np.int32] | None]]:  # noqa: D102
        for delay in np.unique(self.delay):
            part = self.delay == delay
            start = np.searchsorted(self.pre[part], np.arange(self.n_source + 1))
            lists = Lists(start.astype(np.int64), self.post[part].astype(np.int32), self.weights[part])
            yield lists, np.full(self.n_source, delay, np.int32) if delay else None

    def map_weights(self, function: Any) -> Sparse:  # noqa: D102
        return replace(self, weights=function("Sparse.weights", self.weights))
