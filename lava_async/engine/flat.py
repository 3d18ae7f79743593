"""Weights as whoever trains them has them, those of each synapse's tensor one after another, and as a plan has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine.alignment import aligned, aligned_empty
from lava_async.engine.plan import arriving_through
from lava_async.errors import InvalidValue
from lava_async.jit import jit
from lava_async.network import Network

_MOST = 2**31 - 1


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
        self.order = np.concatenate(order)
        """(W,) int64: ``flat[order]`` are the weights in the order of the plan."""
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
        whole, floating = aligned_empty(len(flat), np.int32), aligned_empty(len(flat), flat.dtype)
        if not _take_whole(self.order, self.arriving, flat, scale, unit, whole, floating):
            brings = flat[self.order] * (scale * self.arriving)
            bad = brings[~(np.abs(brings) <= _MOST)][0]
            raise InvalidValue("weights: what a spike brings", bad, f"a number in +- {_MOST}")
        return whole, floating

    def back(self, gradient: NDArray[Any], scale: float) -> NDArray[Any]:
        """Return a gradient by the weights of a fixed-point plan, times `scale`, as one by those that it has of us."""
        flat = np.empty_like(gradient)
        _put_back(self.order, self.arriving, gradient, scale, flat)
        return flat


@jit
def _take_whole(order: Any, arriving: Any, flat: Any, scale: int, unit: float, whole: Any, floating: Any) -> bool:
    """Fill in `whole` and `floating`; return False if a number does not fit, or is none."""
    kind, each, fit = flat.dtype.type, int(len(arriving) > 1), True
    for i in range(len(order)):
        x = np.rint(flat[order[i]] * kind(scale)) * kind(arriving[i * each])  # exact: factors are powers of 2
        fit &= abs(x) <= _MOST
        whole[i], floating[i] = np.int32(x), x * kind(unit)
    return fit


@jit
def _put_back(order: Any, arriving: Any, gradient: Any, scale: float, flat: Any) -> None:
    each = int(len(arriving) > 1)
    for i in range(len(order)):
        flat[order[i]] = gradient[i] * gradient.dtype.type(scale * arriving[i * each])
