"""What each kind of node between two layers of neurons does to a path: one function per kind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lava_async.nir.equations import Floats
from lava_async.nir.graph import Node, as_text, brief
from lava_async.nir.paths import MOST_NEURONS, NAMED, Grid, Matrix, Pair, Path


def step(path: Path, node: Node, dt: float) -> Path:
    """Return a path continued by a node.

    Raises
    ------
    NirError
        If the node does not fit there.
    """
    does = _STEPS.get(node.kind)
    path = replace(path, nodes=(*path.nodes, node.name)[-NAMED:])
    return path if does is None else does(path, node, dt)


def _flatten(path: Path, node: Node, dt: float) -> Path:
    return replace(path, shape=(math.prod(path.shape),))


def _delay(path: Path, node: Node, dt: float) -> Path:
    if path.parts or path.delay is not None:
        raise node.error("Delay: must directly follow neurons: axons are delayed here")
    values = np.asarray(node.numbers("delay"), np.float64)
    try:
        steps = np.broadcast_to(values, path.shape).reshape(-1) / dt
    except ValueError:
        raise node.error(f"delay.shape = {values.shape}: must be {path.shape}") from None
    if np.abs(steps).max(initial=0) > 2**31:
        raise node.error(f"delay = {values.flat[np.abs(values).argmax()]:g} s: is too long")
    delay = np.rint(steps).astype(np.int64)
    wrong = np.abs(steps - delay) > 1e-6 * np.maximum(1, steps)
    if wrong.any():
        raise node.error(f"delay = {steps[wrong][0] * dt:g} s: must be a multiple of dt = {dt:g} s")
    return replace(path, delay=delay)


def _pool(path: Path, node: Node, dt: float) -> Path:
    kernel, stride, padding = (_pair(node, name) for name in ("kernel_size", "stride", "padding"))
    shape = _grid_shape(path, node)
    beyond = any(not 0 <= 2 * p <= k for p, k in zip(padding, kernel, strict=True))
    if min(kernel) < 1 or min(stride) < 1 or beyond:
        given = f"kernel_size = {kernel}, stride = {stride}, padding = {padding}"
        raise node.error(f"{given}: must be positive, the padding at most half of the window")
    share = 1 / math.prod(kernel) if node.kind == "AvgPool2d" else 1.0
    return _add(path, node, Grid(shape, kernel, stride, padding, share=share))


def _linear(path: Path, node: Node, dt: float) -> Path:
    weights = node.numbers("weight")
    n = math.prod(path.shape)
    if weights.ndim != 2 or weights.shape[1] != n or path.shape[-1] != n or not len(weights):
        raise node.error(
            f"weight.shape = {weights.shape}: must be (neurons, {n}), after Flatten if they have shape {path.shape}"
        )
    listed = as_text(node.metadata.get("synapses")) == "listed"
    return _add(path, node, Matrix(weights, _bias(node, len(weights)), listed))


def _conv(path: Path, node: Node, dt: float) -> Path:
    weights, shape = node.numbers("weight"), _grid_shape(path, node)
    if weights.ndim != 4 or not weights.size:
        raise node.error(f"weight.shape = {weights.shape} on shape {path.shape}: must be (out, in, height, width)")
    stride, dilation = (_pair(node, name) for name in ("stride", "dilation"))
    groups = _one(node, "groups")
    if groups < 1 or len(weights) % groups or weights.shape[1] * groups != shape[0]:
        raise node.error(
            f"groups = {groups}: must divide the {len(weights)} output channels, and {weights.shape[1]} "
            f"channels per group must be the {shape[0]} that arrive"
        )
    if min(stride) < 1 or min(dilation) < 1:
        raise node.error(f"stride = {stride}, dilation = {dilation}: must be positive")
    reach = [d * (k - 1) for d, k in zip(dilation, weights.shape[2:], strict=True)]
    text = node.text("padding")
    if text is None:
        padding = _pair(node, "padding")
    elif text == "same" and stride == (1, 1) and not any(r % 2 for r in reach):
        padding = (reach[0] // 2, reach[1] // 2)
    elif text == "valid":
        padding = (0, 0)
    else:
        raise node.error(
            f"padding = {brief(text)}: must be numbers, 'valid', or 'same' with a stride of 1 and as much on both sides"
        )
    if min(padding) < 0:
        raise node.error(f"padding = {padding}: must be at least 0")
    kernel, bias = (weights.shape[2], weights.shape[3]), _bias(node, len(weights))
    return _add(path, node, Grid(shape, kernel, stride, padding, dilation, groups, weights, bias=bias))


def _add(path: Path, node: Node, part: Matrix | Grid) -> Path:
    if min(part.output_shape) < 1:
        raise node.error(f"on shape {path.shape}: the window is larger than the grid")
    if math.prod(part.output_shape) > MOST_NEURONS:
        raise node.error(f"leads to shape {part.output_shape}: must be at most {MOST_NEURONS:,} neurons")
    if isinstance(part, Grid) and part.padded_size > 4 * MOST_NEURONS:
        raise node.error(f"padding = {part.padding}: must leave a grid of at most {4 * MOST_NEURONS:,} places")
    return replace(path, parts=(*path.parts, part), shape=part.output_shape)


def _grid_shape(path: Path, node: Node) -> tuple[int, int, int]:
    if len(path.shape) != 3:
        raise node.error(f"{node.kind} on shape {path.shape}: must follow neurons of (channels, height, width)")
    channels, height, width = path.shape
    return channels, height, width


def _bias(node: Node, n: int) -> Floats:
    """Return what a node adds to each of n neurons or channels."""
    bias = np.asarray(node.numbers("bias") if node.has("bias") else 0.0, np.float64)
    if bias.shape not in ((), (1,), (n,)):
        raise node.error(f"bias.shape = {bias.shape}: must be ({n},)")
    return np.broadcast_to(bias, n)


_STEPS: Mapping[str, Any] = {
    "Affine": _linear,
    "AvgPool2d": _pool,
    "Conv2d": _conv,
    "Delay": _delay,
    "Flatten": _flatten,
    "Linear": _linear,
    "SumPool2d": _pool,
}
"""Nodes that do something; the source itself and Identity do not."""


def _one(node: Node, name: str) -> int:
    numbers = np.ravel(node.integers(name))
    if numbers.size != 1:
        raise node.error(f"{name} = {brief(str(numbers.tolist()))}: must be an integer")
    return int(numbers[0])


def _pair(node: Node, name: str) -> Pair:
    numbers = np.ravel(node.integers(name))
    if numbers.size not in (1, 2):
        raise node.error(f"{name} = {brief(str(numbers.tolist()))}: must be one or two integers")
    return int(numbers[0]), int(numbers[-1])
