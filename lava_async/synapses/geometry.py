"""The geometry of convolutions, pooling and their transposes: which place of a grid meets which, axis by axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Pair = tuple[int, int]


class Taps(NamedTuple):
    """Connected places along one axis, L of them: by which place of the kernel, from which source to which target."""

    kernel: Places
    source: Places
    target: Places

    def reversed(self) -> Taps:
        """Return the same taps with source and target exchanged: those of the transposed convolution."""
        return Taps(self.kernel, self.target, self.source)


class Axis(NamedTuple):
    """One axis of a convolution: by k of the kernel, target t reads source ``t * stride - padding + dilation * k``."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def size(self, n_source: int) -> int:
        """Return how many targets `n_source` sources have."""
        return (n_source + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) // self.stride + 1

    def transposed_size(self, n_source: int) -> int:
        """Return how many targets `n_source` sources have in the transposed convolution."""
        return (n_source - 1) * self.stride - 2 * self.padding + self.dilation * (self.kernel - 1) + 1

    def read(self, target: Places) -> Places:
        """Return the sources that targets (L,) read, (L, kernel); some may lie outside."""
        return target[:, None] * self.stride - self.padding + self.dilation * np.arange(self.kernel)

    def reached(self, source: int, n_target: int) -> tuple[Places, Places]:
        """Return through which places of the kernel a source reaches targets, and which targets."""
        k = np.arange(self.kernel)
        at = source + self.padding - self.dilation * k
        inside = (at >= 0) & (at % self.stride == 0) & (at // self.stride < n_target)
        return k[inside], at[inside] // self.stride

    def taps(self, n_source: int, n_target: int) -> Taps:
        """Return all connections between so many sources and targets, ascending by place of the kernel, then target."""
        source = self.read(np.arange(n_target)).T
        k, target = np.nonzero((source >= 0) & (source < n_source))
        return Taps(k, source[k, target], target)


def axes(
    kernel: Iterable[int], stride: Iterable[int], padding: Iterable[int] = (0, 0), dilation: Iterable[int] = (1, 1)
) -> tuple[Axis, Axis]:
    """Return the axes of a kernel in two dimensions, height first.

    Parameters
    ----------
    kernel, stride, padding, dilation : (int, int)
        Height first.
    """
    height, width = (Axis(*each) for each in zip(kernel, stride, padding, dilation, strict=True))
    return height, width


def neurons(channel: Places, row: Places, column: Places, shape: tuple[int, ...]) -> Places:
    """Return the numbers of neurons at all rows and columns of some channels, in the order channel, row, column.

    Parameters
    ----------
    channel, row, column : (P,), (R,), (S,) int
        P channels, R rows, S columns.
    shape : (int, int, int)
        Channels, height, width of the grid.

    Returns
    -------
    (P * R * S,) int
    """
    return ((channel[:, None, None] * shape[1] + row[:, None]) * shape[2] + column).reshape(-1)
