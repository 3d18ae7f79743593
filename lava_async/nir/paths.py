"""From one layer of neurons to the next: what the nodes between them do to spikes, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.nir.equations import Floats
from lava_async.nir.errors import NirError
from lava_async.synapses import Conv, Dense, Sparse, Synapses

Pair = tuple[int, int]


@dataclass
class Path:
    """A chain of nodes that starts at neurons, as far as it was followed.

    Parameters
    ----------
    nodes : str
        Names of the nodes, for errors.
    source, shape : tuple of int
        Shape at the start and here.
    delay : (n_source,) int or None
        In time steps.
    pool : (int, int)
        Windows that are summed, height and width; (1, 1): none.
    weights : array or None
        (post, pre) or of a convolution (out, in / groups, height, width); None: each neuron reaches its like.
    geometry : dict
        Of a convolution: stride, padding, dilation, groups.
    listed : bool
        Whether weights of 0 are no synapses.
    bias : float or (n,) float
        Constant input that is added here.
    """

    nodes: str
    source: tuple[int, ...]
    shape: tuple[int, ...]
    delay: Any = None
    pool: Pair = (1, 1)
    weights: NDArray[Any] | None = None
    geometry: dict[str, Any] | None = None
    listed: bool = False
    bias: Any = 0.0

    def synapses(self, source: int, target: int, gain: Floats) -> Synapses:
        """Return the path as synapses between layers; `gain` (n,) multiplies what reaches each target neuron."""
        n_source = int(np.prod(self.source))
        try:
            if self.weights is None and self.pool == (1, 1):
                each = np.arange(n_source)
                return Sparse(source, target, each, each, gain, (n_source, n_source), self.delay)
            if self.weights is None or self.weights.ndim == 4:
                return self._conv(source, target, gain)
            matrix = self.weights * gain[:, None]
            if not self.listed:
                return Dense(source, target, matrix, self.delay)
            delays = None if self.delay is None else np.broadcast_to(self.delay, matrix.shape)
            return Sparse.from_matrix(source, target, matrix, delays)
        except (InvalidValue, InvalidType) as error:
            raise NirError(f"{self.nodes}: {error}") from error

    def _conv(self, source: int, target: int, gain: Floats) -> Synapses:
        channels = self.source[0]
        kernel, geometry = self.weights, dict(self.geometry or {})
        if kernel is None:  # windows alone: one channel each
            kernel, geometry = np.ones((channels, 1, *self.pool)), {"stride": self.pool, "groups": channels}
        elif self.pool != (1, 1):  # a kernel over sums is a larger kernel over what is summed
            kernel = _spread(kernel, geometry["dilation"], self.pool)
            scaled = {key: tuple(np.multiply(geometry[key], self.pool).tolist()) for key in ("stride", "padding")}
            geometry |= scaled | {"dilation": (1, 1)}
        each = gain.reshape(len(kernel), -1)
        if not np.allclose(each, each[:, :1], rtol=1e-9, atol=0):
            raise NirError(f"{self.nodes}: neurons of a channel differ in w_in, r or tau: must be equal")
        weights = kernel * each[:, 0].reshape(-1, 1, 1, 1)
        return Conv(source, target, weights, self.source, delay=self.delay, **geometry)  # type: ignore[arg-type]


def follow(nodes: Mapping[str, Any], names: list[str], shape: tuple[int, ...], dt: float) -> Path:
    """Return what a chain of nodes does.

    Parameters
    ----------
    nodes : mapping of str to node
        Nodes of the graph.
    names : list of str
        The chain: neurons or the input first, of `shape`; the neurons that it leads to are not in it.
    shape : tuple of int
        Shape of the source.
    dt : float
        Length of a time step in seconds.

    Raises
    ------
    NirError
        If the nodes do not fit, or do together what synapses cannot.
    """
    path = Path("nodes " + ", ".join(names[1:]), shape, shape)
    for name in names[1:]:
        node = nodes[name]
        step = _STEPS.get(type(node).__name__)
        if step is not None:
            step(path, f"node {name}", node, dt)
    return path


def _flatten(path: Path, where: str, node: Any, dt: float) -> None:
    path.shape = (int(np.prod(path.shape)),)


def _delay(path: Path, where: str, node: Any, dt: float) -> None:
    if path.weights is not None or path.pool != (1, 1) or path.delay is not None:
        raise NirError(f"{where}: Delay: must directly follow neurons: axons are delayed here")
    steps = np.broadcast_to(np.asarray(node.delay, np.float64), path.shape).reshape(-1) / dt
    path.delay = np.rint(steps).astype(np.int64)
    if (np.abs(steps - path.delay) > 1e-6 * np.maximum(1, steps)).any():
        raise NirError(
            f"{where}: delay = {steps[steps != path.delay][0] * dt:g} s: must be a multiple of dt = {dt:g} s"
        )


def _pool(path: Path, where: str, node: Any, dt: float) -> None:
    kernel, stride, padding = (_pair(where, name, getattr(node, name)) for name in ("kernel_size", "stride", "padding"))
    if path.weights is not None or len(path.shape) != 3:
        raise NirError(f"{where}: SumPool2d of shape {path.shape}: must follow neurons of (channels, height, width)")
    if stride != kernel or padding != (0, 0) or any(n % k for n, k in zip(path.shape[1:], kernel, strict=True)):
        found = f"kernel_size = {kernel}, stride = {stride}, padding = {padding}"
        raise NirError(f"{where}: {found}: must be windows side by side that fill {path.shape[1:]}")
    path.pool = (path.pool[0] * kernel[0], path.pool[1] * kernel[1])
    path.shape = (path.shape[0], path.shape[1] // kernel[0], path.shape[2] // kernel[1])


def _linear(path: Path, where: str, node: Any, dt: float) -> None:
    weights = np.asarray(node.weight)
    if path.weights is not None:
        raise NirError(f"{where}: {type(node).__name__}: must be the only one between neurons")
    n = int(np.prod(path.shape))
    if weights.ndim != 2 or weights.shape[1] != n or len(path.shape) != 1:
        raise NirError(f"{where}: weight.shape = {weights.shape}: must be (neurons, {n}), after Flatten if they have "
                       f"shape {path.shape}")  # fmt: skip
    if path.pool != (1, 1):
        channels, height, width = path.source
        grid = weights.reshape(len(weights), channels, height // path.pool[0], width // path.pool[1])
        weights = np.kron(grid, np.ones((1, 1, *path.pool))).reshape(len(weights), -1)
        path.pool = (1, 1)
    path.weights, path.shape = weights, (len(weights),)
    path.listed = node.metadata.get("synapses") == "listed"
    path.bias = np.asarray(getattr(node, "bias", 0.0), np.float64)


def _conv(path: Path, where: str, node: Any, dt: float) -> None:
    weights = np.asarray(node.weight)
    if path.weights is not None:
        raise NirError(f"{where}: Conv2d: must be the only one between neurons")
    if weights.ndim != 4 or len(path.shape) != 3:
        raise NirError(f"{where}: weight.shape = {weights.shape} on shape {path.shape}: must be (out, in, height, "
                       "width) on (channels, height, width)")  # fmt: skip
    stride, dilation = (_pair(where, name, getattr(node, name)) for name in ("stride", "dilation"))
    reach = [d * (k - 1) for d, k in zip(dilation, weights.shape[2:], strict=True)]
    if isinstance(node.padding, str):
        if node.padding == "same" and (stride != (1, 1) or any(r % 2 for r in reach)):
            raise NirError(f"{where}: padding = same: must be with a stride of 1 and as much on both sides")
        padding = (reach[0] // 2, reach[1] // 2) if node.padding == "same" else (0, 0)
    else:
        padding = _pair(where, "padding", node.padding)
    path.geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": int(node.groups)}
    try:
        path.shape = Conv(-1, 0, weights, path.shape, **path.geometry).output_shape
    except (InvalidValue, InvalidType) as error:
        raise NirError(f"{where}: {error}") from error
    bias = np.broadcast_to(np.asarray(node.bias, np.float64).reshape(-1, 1, 1), path.shape)
    path.weights, path.bias = weights, bias.reshape(-1)


_STEPS = {
    "Flatten": _flatten,
    "Delay": _delay,
    "SumPool2d": _pool,
    "Linear": _linear,
    "Affine": _linear,
    "Conv2d": _conv,
}
"""Nodes that do something; the source itself and Identity do not."""


def _pair(where: str, name: str, value: Any) -> Pair:
    numbers = np.ravel(value)
    if numbers.size not in (1, 2) or numbers.dtype.kind not in "iu":
        raise NirError(f"{where}: {name} = {value}: must be one or two whole numbers")
    return int(numbers[0]), int(numbers[-1])


def _spread(kernel: NDArray[Any], dilation: Pair, pool: Pair) -> NDArray[Any]:
    """Return a kernel over windows as one over what is in them: each tap repeated, taps `dilation` windows apart."""
    out, per_group, *size = kernel.shape
    apart = np.zeros((out, per_group, *((n - 1) * d + 1 for n, d in zip(size, dilation, strict=True))))
    apart[:, :, :: dilation[0], :: dilation[1]] = kernel
    return np.asarray(np.kron(apart, np.ones((1, 1, *pool))))
