"""Convolutions: one kernel for all places of a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.records import array_of, check_int, read_only
from lava_async.synapses.base import Fan, OnWeights, Synapses, axonal
from lava_async.synapses.geometry import Axis, Pair, axes, neurons


@dataclass(frozen=True, eq=False)
class Conv(Synapses):
    """A convolution as in torch and slayer (the kernel is not flipped); a spike reaches one patch of each channel.

    Neurons are numbered in the order channel, row, column. ``out[o, y, x]`` receives
    ``weights[o, c, i, j] * in[c, stride * y - padding + dilation * i, ...]``, the sum over c running over its group.

    Parameters
    ----------
    source, target : int
        As in :class:`Synapses`.
    weights : (out channels, in channels / groups, kernel height, kernel width) float or int
        The kernel.
    input_shape : (int, int, int)
        Channels, height, width of the source layer.
    stride, padding, dilation : int or (int, int)
        Height first.
    groups : int
        Groups of channels that see each other only.
    delay : None, int or (n_source,) int
        Axonal delay of each source neuron, in time steps.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.synapses import Conv
    >>> synapses = Conv(-1, 0, np.ones((4, 2, 3, 3)), input_shape=(2, 8, 8), stride=2, padding=1)
    >>> synapses.output_shape, synapses.n_source, synapses.n_target, synapses.fan_out(0).target
    ((4, 4, 4), 128, 64, array([ 0, 16, 32, 48]))
    """

    weights: NDArray[Any]
    input_shape: tuple[int, int, int]
    stride: int | Pair = 1
    padding: int | Pair = 0
    dilation: int | Pair = 1
    groups: int = 1
    delay: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        weights = array_of("Conv.weights", self.weights, "biufc", "numbers")
        if weights.ndim != 4 or not weights.size:
            raise InvalidValue(
                "Conv.weights.shape", weights.shape, "(out channels, in channels / groups, height, width)"
            )
        shape = tuple(check_int("Conv.input_shape", n, least=1) for n in self.input_shape)
        if len(shape) != 3:
            raise InvalidValue("Conv.input_shape", self.input_shape, "(channels, height, width)")
        groups = check_int("Conv.groups", self.groups, least=1)
        if weights.shape[0] % groups or weights.shape[1] * groups != shape[0]:
            raise InvalidValue(
                "Conv.groups",
                groups,
                f"a divisor of {weights.shape[0]} output channels that makes "
                f"{weights.shape[1]} channels per group out of {shape[0]}",
            )
        object.__setattr__(self, "weights", read_only(weights))
        object.__setattr__(self, "input_shape", shape)
        for name, least in (("stride", 1), ("padding", 0), ("dilation", 1)):
            value: Any = getattr(self, name)
            pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
            if len(pair) != 2:
                raise InvalidValue(f"Conv.{name}", value, "one number, or one for height and one for width")
            object.__setattr__(self, name, tuple(check_int(f"Conv.{name}", n, least=least) for n in pair))
        if min(self.output_shape) < 1:
            raise InvalidValue("Conv.output_shape", self.output_shape, "positive: the kernel is larger than the input")
        object.__setattr__(self, "delay", axonal("Conv.delay", self.delay, self.n_source))

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Channels, height, width of the target layer."""
        height, width = (axis.size(n) for axis, n in zip(self.axes, self.input_shape[1:], strict=True))
        return (self.weights.shape[0], height, width)

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The convolution along the height and along the width."""
        return axes(self.weights.shape[2:], *self._pairs)

    @property
    def _pairs(self) -> tuple[Pair, Pair, Pair]:
        """Stride, padding, dilation: each a pair after checking."""
        return self.stride, self.padding, self.dilation  # type: ignore[return-value]

    @property
    def n_source(self) -> int:  # noqa: D102
        return int(np.prod(self.input_shape))

    @property
    def n_target(self) -> int:  # noqa: D102
        return int(np.prod(self.output_shape))

    @property
    def max_delay(self) -> int:  # noqa: D102
        return 0 if self.delay is None else int(self.delay.max())

    def fan_out(self, j: int) -> Fan:  # noqa: D102
        channel, y, x = np.unravel_index(j, self.input_shape)
        per_group = self.weights.shape[1]
        outputs = self.weights.shape[0] // self.groups
        first = channel // per_group * outputs
        _, height, width = self.output_shape
        (i, row), (k, column) = self.axes[0].reached(int(y), height), self.axes[1].reached(int(x), width)
        o = np.arange(first, first + outputs)
        target = neurons(o, row, column, (0, height, width))
        weight = self.weights[o[:, None, None], channel % per_group, i[:, None], k]
        delay = 0 if self.delay is None else int(self.delay[j])
        return Fan(target, weight.ravel(), np.full(target.size, delay))

    @property
    def geometry(self) -> tuple[int, ...]:
        """(16,) source and target (C, H, W), channels per group, kernel, stride, padding, dilation (H, W), groups."""
        return (*self.input_shape, *self.output_shape, *self.weights.shape[1:], *sum(self._pairs, ()), self.groups)

    def map_weights(self, function: OnWeights) -> Conv:  # noqa: D102
        weights = function("Conv.weights", self.weights)
        return self if weights is self.weights else replace(self, weights=weights)
