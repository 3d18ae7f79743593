"""Weights as training has them, those of each set of synapses after one another, and as a plan has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine.alignment import aligned, aligned_empty
from lava_async.engine.plan import arriving_through
from lava_async.errors import InvalidValue
from lava_async.jit import apart, jit
from lava_async.network import Network

_LIMIT = 2.0**31


class FlatWeights:
    """The way between both orders.

    Parameters
    ----------
    network : Network
        Topology; its weights are not used.
    """

    def __init__(self, network: Network) -> None:
        order, place = [np.zeros(0, np.int64)], 0
        arriving: list[NDArray[Any]] = [np.zeros(0, network.params.dtype)]
        for s in network.synapses:
            sizes: list[int] = []

            def number(_: str, weights: NDArray[Any], first: int = place, sizes: list[int] = sizes) -> NDArray[Any]:
                sizes.append(weights.size)
                return first + np.arange(weights.size).reshape(weights.shape)

            for form, _ in s.map_weights(number).lower():
                ones = form._replace(weights=np.ones(form.weights.shape, np.int32))
                order.append(form.weights.ravel())
                arriving.append(arriving_through(network, s, ones).ravel())
            place += sum(sizes)
        # Without sign: the compiler need not count from the end.
        self.order = np.concatenate(order).astype(np.uint32 if place < 2**32 else np.uint64)
        """(W,) ``flat[order]`` are the weights in the order of the plan."""
        factors = np.concatenate(arriving)
        self.arriving = factors[:1].copy() if (factors == factors[:1]).all() else factors
        """(1,) or (W,) what a spike adds through each weight of the plan if the weight is 1."""

    def floating(self, flat: NDArray[Any], dtype: Any) -> NDArray[Any]:
        """Return weights of a plan in floating point."""
        return aligned(flat[self.order], dtype)

    def whole(self, flat: NDArray[Any], scale: int, unit: float) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """Return weights of a fixed-point plan, given in parts of `scale`, and the same times `unit` as floats.

        Raises
        ------
        InvalidValue
            If one is not a finite number, or brings more than 32 bits hold.
        """
        whole, floating = (aligned_empty(len(self.order), kind) for kind in (np.int32, flat.dtype))
        if not _take_whole(self.order, self.arriving, flat, scale, unit, whole, floating):
            brings = flat[self.order] * (scale * self.arriving)
            bad = brings[~(np.abs(brings) < _LIMIT)][0]
            raise InvalidValue("weights: what a spike brings", bad, "a number of 32 bits")
        return whole, floating

    def back(self, gradient: NDArray[Any], scale: float) -> NDArray[Any]:
        """Return a gradient by the weights of a fixed-point plan, times `scale`, as one by weights in our order."""
        flat = np.empty_like(gradient)
        _put_back(self.order, self.arriving, gradient, scale, flat)
        return flat


@apart
def _gather(order: Any, flat: Any, to: Any) -> None:
    for i in range(len(order)):
        to[i] = flat[order[i]]


@apart
def _make_whole(x: Any, scale: Any, arriving: Any, unit: Any, whole: Any) -> bool:
    fit = True
    for i in range(len(x)):
        brings = np.rint(x[i] * scale) * arriving  # exact, as what follows: the factors are powers of 2
        fit &= abs(brings) < x.dtype.type(_LIMIT)
        whole[i], x[i] = np.int32(brings), brings * unit
    return fit


@jit
def _take_whole(order: Any, arriving: Any, flat: Any, scale: int, unit: float, whole: Any, floating: Any) -> bool:
    """Fill in `whole` and `floating`; return False if a number does not fit, or is none."""
    _gather(order, flat, floating)
    kind, fit = flat.dtype.type, True
    size = len(whole) // max(len(arriving), 1)
    for place in range(len(arriving)):
        a, b = place * size, (place + 1) * size
        fit &= _make_whole(floating[a:b], kind(scale), kind(arriving[place]), kind(unit), whole[a:b])
    return fit


@jit
def _put_back(order: Any, arriving: Any, gradient: Any, scale: float, flat: Any) -> None:
    each = int(len(arriving) > 1)
    for i in range(len(order)):
        flat[order[i]] = gradient[i] * gradient.dtype.type(scale * arriving[i * each])
