"""Synapses given one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.errors import InvalidValue
from lava_async.records import array_of, count, frozen, integer_array, within
from lava_async.synapses import MAX_DELAY, Fan, Synapses


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

    pre: NDArray[np.integer[Any]]
    post: NDArray[np.integer[Any]]
    weights: NDArray[Any]
    size: tuple[int, int]
    delay: NDArray[np.integer[Any]] = None  # type: ignore[assignment]

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
        place = pre.astype(np.int64) * size[0] + post
        if (place[1:] <= place[:-1]).any():
            order = np.argsort(place, kind="stable")
            pre, post, weights, place = pre[order], post[order], weights[order], place[order]
            delay = delay[order] if delay.strides[0] else delay
            twice = place[1:] == place[:-1]
            if twice.any():
                pair = (int(post[1:][twice][0]), int(pre[1:][twice][0]))
                raise InvalidValue("Sparse synapse (post, pre)", pair, "given once")
        # Of 32 bits, and one delay of all as one number: large networks are lists of synapses before all.
        pre, post, delay = pre.astype(np.int32), post.astype(np.int32), delay.astype(np.int32)
        same_delay = delay.size > 0 and bool((delay == delay[0]).all())
        delay = np.broadcast_to(delay[:1].copy(), delay.shape) if same_delay else frozen(delay)
        for name, array in (("pre", frozen(pre)), ("post", frozen(post)), ("weights", frozen(weights)),
                            ("delay", delay)):  # fmt: skip
            object.__setattr__(self, name, array)
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
        post, delay = (x[here].astype(np.int64) for x in (self.post, self.delay))
        return Fan(post, self.weights[here], delay)

    def map_weights(self, function: Any) -> Sparse:  # noqa: D102
        return replace(self, weights=function("Sparse.weights", self.weights))
