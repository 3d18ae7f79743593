"""From one layer of neurons to the next: what the nodes between them do to spikes, put together as synapses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import CubaParams
from lava_async.nir.equations import Floats
from lava_async.nir.errors import NirError
from lava_async.nir.graph import brief
from lava_async.synapses import Conv, Dense, Sparse, Synapses
from lava_async.synapses.geometry import axes

Pair = tuple[int, int]
Shape = tuple[int, ...]

MOST_NEURONS = 2**22
"""Places of a grid, or neurons of a layer."""

NAMED = 8
"""Nodes of a path that errors name."""


@dataclass
class Budget:
    """What putting nodes together may still take, so that a small file does not become a large network.

    Parameters
    ----------
    weights : int
        Weights of all synapses.
    products : int
        Multiplications for joining nodes.
    """

    weights: int
    products: int = 2**31  # about a second

    @classmethod
    def of(cls, n_weights: int) -> Budget:
        """Return the budget of a graph with so many weights."""
        return cls(2**22 + 16 * n_weights)

    def take(self, where: str, weights: int = 0, products: int = 0) -> None:
        """Take from what is left, or raise an error that names the nodes."""
        self.weights -= weights
        self.products -= products
        if self.weights < 0:
            raise NirError(f"{where}: would become {weights:,} weights, more than a graph of this size may have")
        if self.products < 0:
            raise NirError(f"{where}: too much to be joined into one set of weights: put neurons between the nodes")


@dataclass(frozen=True)
class Matrix:
    """All-to-all weights (post, pre); `listed` if weights of 0 are no synapses."""

    weights: NDArray[Any]
    bias: Floats
    listed: bool = False

    @property
    def output_shape(self) -> Shape:
        """Shape behind it."""
        return (len(self.weights),)

    @property
    def products(self) -> int:
        """Multiplications that :meth:`apply` takes per column."""
        return int(self.weights.size)

    def apply(self, x: Floats) -> Floats:
        """Return what becomes of columns (pre, B), without the bias."""
        return np.asarray(self.weights @ x, np.float64)


@dataclass(frozen=True)
class Grid:
    """Weights that all places of a grid share: of a convolution (out, in / groups, height, width) or of pooling.

    Pooling has no weights but `share`, what each place of a window counts; its channels do not mix.
    """

    input_shape: tuple[int, int, int]
    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair = (1, 1)
    groups: int = 1
    weights: NDArray[Any] | None = None
    share: float = 1.0
    bias: Any = 0.0

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Shape behind it: channels, height, width."""
        sizes = zip(axes(self.kernel, self.stride, self.padding, self.dilation), self.input_shape[1:], strict=True)
        height, width = (axis.size(n) for axis, n in sizes)
        return (self.input_shape[0] if self.weights is None else len(self.weights), height, width)

    @property
    def padded_size(self) -> int:
        """Places of the grid with its padding, in all channels."""
        height, width = (n + 2 * p for n, p in zip(self.input_shape[1:], self.padding, strict=True))
        return self.input_shape[0] * height * width

    @property
    def tiles(self) -> bool:
        """Whether these are windows of pooling, side by side, that fill the grid."""
        fill = not any(n % k for n, k in zip(self.input_shape[1:], self.kernel, strict=True))
        return self.weights is None and self.stride == self.kernel and self.padding == (0, 0) and fill

    @property
    def products(self) -> int:
        """Multiplications that :meth:`apply` takes per column."""
        per_group = 1 if self.weights is None else self.weights.shape[1]
        return math.prod(self.output_shape) * per_group * math.prod(self.kernel)

    def apply(self, x: Floats) -> Floats:
        """Return what becomes of columns (pre, B), without the bias."""
        channels, height, width = self.output_shape
        around = [(0, 0), *((p, p) for p in self.padding), (0, 0)]
        grid = np.pad(x.reshape(*self.input_shape, -1), around)
        total = np.zeros((channels, height, width, x.shape[1]))
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                (top, left), (down, right) = np.multiply(self.dilation, (i, j)), self.stride
                rows = slice(top, top + down * (height - 1) + 1, down)
                part = grid[:, rows, left : left + right * (width - 1) + 1 : right]
                if self.weights is None:
                    total += self.share * part
                else:
                    tap = self.weights[:, :, i, j].reshape(self.groups, -1, self.weights.shape[1])
                    total += (tap @ part.reshape(self.groups, self.weights.shape[1], -1)).reshape(total.shape)
        return total.reshape(-1, x.shape[1])


@dataclass(frozen=True)
class Path:
    """A chain of nodes that starts at neurons or the input, as far as it was followed.

    Parameters
    ----------
    start : str
        Name of the node at the start.
    source, shape : tuple of int
        Shape at the start and here.
    nodes : tuple of str
        Names of the last nodes behind the start, for errors.
    delay : (n_source,) int or None
        In time steps.
    parts : tuple of Matrix and Grid
        What the nodes do.
    """

    start: str
    source: Shape
    shape: Shape
    nodes: tuple[str, ...] = ()
    delay: Any = None
    parts: tuple[Matrix | Grid, ...] = ()

    @property
    def where(self) -> str:
        """The nodes, for errors."""
        return "nodes " + ", ".join(map(brief, self.nodes)) if self.nodes else f"edge from {brief(self.start)}"

    @property
    def bias(self) -> Floats:
        """Constant input (n,) at the end."""
        total = np.zeros((math.prod(self.source), 1))
        for part in self.parts:
            n, channels = math.prod(part.output_shape), part.output_shape[0]
            total = part.apply(total) if total.any() else np.zeros((n, 1))
            total += np.repeat(np.broadcast_to(part.bias, channels), n // channels)[:, None]
        return total[:, 0]

    def later(self, steps: int) -> Path:
        """Return the path with so many more time steps of delay."""
        delay = np.zeros(math.prod(self.source), np.int64) if self.delay is None else self.delay
        return replace(self, delay=delay + steps) if steps else self

    def synapses(self, source: int, target: int, gain: Floats, budget: Budget) -> Synapses:
        """Return the path as synapses between layers; `gain` (n,) multiplies what reaches each target neuron."""
        try:
            return self._synapses(source, target, gain, budget).map_weights(CubaParams.check_weights)
        except (InvalidValue, InvalidType) as error:
            raise NirError(f"{self.where}: {error}") from error

    def _synapses(self, source: int, target: int, gain: Floats, budget: Budget) -> Synapses:
        n_source = math.prod(self.source)
        if not self.parts:
            each = np.arange(n_source)
            return Sparse(source, target, each, each, gain, (n_source, n_source), self.delay)
        pool, share, parts = (1, 1), 1.0, list(self.parts)
        while parts and isinstance(window := parts[0], Grid) and window.tiles:
            parts.pop(0)
            pool, share = (pool[0] * window.kernel[0], pool[1] * window.kernel[1]), share * window.share
        (last,) = parts if len(parts) == 1 else (None,)
        n_target = math.prod(self.shape)
        if not parts:
            channels, height, width = self.source
            last = Grid((channels, height, width), pool, pool, (0, 0), share=share)
            pool, share = (1, 1), 1.0
        if isinstance(last, Grid) and (last.weights is not None or pool == (1, 1)):
            conv = self._conv(source, target, gain, last, pool, share, budget)
            if conv is not None:
                return conv
        if isinstance(last, Matrix):
            budget.take(self.where, n_source * n_target)
            weights = last.weights if pool == (1, 1) else self._spread_columns(last.weights, pool) * share
        else:
            weights = self._joined(budget)
        matrix = weights * gain[:, None]
        matrices = [part for part in self.parts if isinstance(part, Matrix)]
        if matrices and not all(part.listed for part in matrices):
            return Dense(source, target, matrix, self.delay)
        delays = None if self.delay is None else np.broadcast_to(self.delay, matrix.shape)
        return Sparse.from_matrix(source, target, matrix, delays)

    def _conv(
        self, source: int, target: int, gain: Floats, last: Grid, pool: Pair, share: float, budget: Budget
    ) -> Synapses | None:
        """Return windows that are summed and what follows them as a convolution; None if gains differ in a channel."""
        each = gain.reshape(last.output_shape[0], -1)
        if not np.allclose(each, each[:, :1], rtol=1e-9, atol=0):
            return None
        geometry: dict[str, Any] = {name: getattr(last, name) for name in ("stride", "padding", "dilation", "groups")}
        if last.weights is None:  # one channel each
            budget.take(self.where, last.input_shape[0] * math.prod(last.kernel))
            kernel = np.full((last.input_shape[0], 1, *last.kernel), last.share)
            geometry["groups"] = last.input_shape[0]
        else:
            reach = [((k - 1) * d + 1) * p for k, d, p in zip(last.kernel, last.dilation, pool, strict=True)]
            size = last.weights.size if pool == (1, 1) else math.prod(last.weights.shape[:2]) * math.prod(reach)
            budget.take(self.where, size)
            kernel = last.weights
        if pool != (1, 1):  # a kernel over sums is a larger kernel over what is summed
            kernel = _spread(kernel, last.dilation, pool) * share
            for name in ("stride", "padding"):
                geometry[name] = tuple(np.multiply(geometry[name], pool).tolist())
            geometry["dilation"] = (1, 1)
        weights = kernel * each[:, 0].reshape(-1, 1, 1, 1)
        return Conv(source, target, weights, self.source, delay=self.delay, **geometry)  # type: ignore[arg-type]

    def _spread_columns(self, weights: NDArray[Any], pool: Pair) -> NDArray[Any]:
        """Return weights of sums over windows as weights of what is summed."""
        channels, height, width = self.source
        grid = weights.reshape(len(weights), channels, height // pool[0], width // pool[1])
        return np.asarray(np.kron(grid, np.ones((1, 1, *pool))).reshape(len(weights), -1))

    def _joined(self, budget: Budget) -> Floats:
        """Return the weights (post, pre) of all parts, one after the other: what becomes of each source alone."""
        n_source, sizes = math.prod(self.source), [math.prod(part.output_shape) for part in self.parts]
        budget.take(self.where, n_source * sizes[-1], n_source * sum(part.products for part in self.parts))
        largest = max(n_source, *sizes, *(part.padded_size for part in self.parts if isinstance(part, Grid)))
        columns = max(1, 2**20 // largest)
        found = np.zeros((sizes[-1], n_source))
        for first in range(0, n_source, columns):
            x = np.eye(n_source, min(columns, n_source - first), -first)
            for part in self.parts:
                x = part.apply(x)
            found[:, first : first + columns] = x
        return found


def _spread(kernel: NDArray[Any], dilation: Pair, pool: Pair) -> NDArray[Any]:
    """Return a kernel over windows as one over what is in them: each tap repeated, taps `dilation` windows apart."""
    out, per_group, *size = kernel.shape
    apart = np.zeros((out, per_group, *((n - 1) * d + 1 for n, d in zip(size, dilation, strict=True))))
    apart[:, :, :: dilation[0], :: dilation[1]] = kernel
    return np.asarray(np.kron(apart, np.ones((1, 1, *pool))))
