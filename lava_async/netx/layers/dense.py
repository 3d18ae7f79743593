"""All-to-all layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.netx.builder import MOST_NEURONS, NetworkBuilder, dense_synapses
from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group, warn, write_dataset
from lava_async.netx.layers.base import LayerType
from lava_async.netx.neurons import INTEGRATOR, KINDS, NeuronKind, layer_params, read_bias, read_neuron
from lava_async.netx.weights import deviation
from lava_async.neurons.loihi import MAX_WEIGHT, MIN_WEIGHT
from lava_async.synapses import MAX_DELAY, Synapses

LONGEST = 62
"""Delay in time steps that netx clips to."""


@dataclass(frozen=True, eq=False)
class DenseLayer(LayerType):
    """All-to-all synapses into a vector of neurons.

    Parameters
    ----------
    weight : (n, inputs) int or complex
        Weights; of resonators complex, both parts integers.
    bias : (n,) int or None
        As the file says them: added to the voltage in units of 2^6, of sigma-delta neurons of 2^12.
    delay : None, () or (n,) or (inputs,) or (n, inputs) int
        Delays of the synapses. A vector counts for the neurons if it fits them, else for the inputs, as in netx.
        slayer writes the axonal delays of a layer this way; delaying what reaches the layer is the same without biases.
    neuron : NeuronKind or None
        None: netx's integrator.
    """

    weight: NDArray[Any]
    bias: NDArray[np.int64] | None = None
    delay: NDArray[np.int64] | None = None
    neuron: NeuronKind | None = None

    kind: ClassVar[str] = "dense"

    @classmethod
    def read(cls, node: H5Group) -> DenseLayer:  # noqa: D102
        layer = cls(**cls.fields_of(node))
        for part in parts(layer.weight):
            warn_of(deviation(part), node)
        return layer

    @classmethod
    def fields_of(cls, node: H5Group, kinds: tuple[type[NeuronKind], ...] = KINDS) -> dict[str, Any]:
        """Read what all dense layers have."""
        n = int(np.prod(node.shape("shape", MOST_NEURONS)))
        neuron = read_neuron(node.group("neuron"), n, kinds) if "neuron" in node else None
        weight: NDArray[Any]
        if neuron is not None and neuron.complex_weights:
            both = node.group("weight")
            weight = read_matrix(both, "real", n) + 1j * read_matrix(both, "imag", n)
            for name in ("bias", "delay"):
                if name in node:
                    raise node.fail(name, "must not be given: stock netx has none for resonators")
        else:
            weight = read_matrix(node, "weight", n)
        for name, expected in (("outFeatures", n), ("inFeatures", weight.shape[1])):
            if name in node and (found := node.integer(name, 0, MOST_NEURONS)) != expected:
                raise node.fail(name, f" = {found}: must be {expected}, as weight.shape = {weight.shape}")
        return {
            "shape": (n,),
            "weight": weight,
            "bias": read_bias(node, n),
            "delay": read_delay(node, weight.shape),
            "neuron": neuron,
        }

    def build(self, builder: NetworkBuilder) -> None:  # noqa: D102
        neuron = self.neuron or INTEGRATOR
        builder.add(self.kind, self.shape, neuron.params(self.shape[0], self.bias), self.synapses(builder))

    def synapses(self, builder: NetworkBuilder) -> list[Synapses]:
        """Return the synapses from the source of the layer, one set per part of it."""
        before = builder.before(self.weight.shape[1])
        for part in before:
            if part.layer >= 0 and max(part.shape) != part.size:
                raise builder.fail(
                    "type", f" = {self.kind}: needs a flatten layer before it, since {part.shape} neurons reach it"
                )
        sizes = [part.size for part in before]
        if sum(sizes) != self.weight.shape[1]:
            raise builder.fail(
                "weight",
                f".shape = {self.weight.shape}: must be {(self.shape[0], sum(sizes))}, since "
                f"{sum(sizes)} neurons or channels reach the layer",
            )
        delay = np.asarray(0 if self.delay is None else self.delay)
        delays = np.broadcast_to(delay[:, None] if delay.shape == self.shape else delay, self.weight.shape)
        columns = [slice(end - size, end) for size, end in zip(sizes, np.cumsum(sizes), strict=True)]
        return [
            dense_synapses(part.layer, builder.index, self.weight[:, here], delays[:, here])
            for part, here in zip(before, columns, strict=True)
        ]

    @property
    def neurons(self) -> tuple[int, ...]:  # noqa: D102
        return self.shape

    def write(self, group: h5py.Group) -> None:  # noqa: D102
        super().write(group)
        write_dataset(group, "inFeatures", self.weight.shape[1])
        write_dataset(group, "outFeatures", self.weight.shape[0])
        if np.iscomplexobj(self.weight):
            both = group.create_group("weight")
            write_dataset(both, "real", self.weight.real.astype(np.float32))
            write_dataset(both, "imag", self.weight.imag.astype(np.float32))
        else:
            write_dataset(group, "weight", self.weight.astype(np.float32))
        if self.bias is not None:
            write_dataset(group, "bias", self.bias.astype(np.float64))
        if self.delay is not None:
            write_dataset(group, "delay", self.delay.astype(np.float32))
        if self.neuron is not None:
            self.neuron.write(group)

    @classmethod
    def match(cls, view: LayerView) -> DenseLayer | None:  # noqa: D102
        if view.feedback is not None:
            return None
        n = view.layer.size
        neuron, bias = layer_params(view, n)
        weight, delays = view.matrix(view.incoming)
        if delays.max() > LONGEST:
            raise view.cannot(f"a delay of {delays.max()} time steps; netx allows {LONGEST}")
        if neuron.complex_weights and delays.any():
            raise view.cannot("delays into resonators")
        for part in parts(weight):
            check_weights(view, part)
        return cls((n,), weight, bias, shortest(delays), neuron)


def read_matrix(node: H5Group, name: str, n: int) -> NDArray[np.int64]:
    """Read weights (n, inputs); also flat, or with trailing axes of length 1 as in old files."""
    weight = node.integers(name, MIN_WEIGHT, MAX_WEIGHT)
    inputs = weight.size // n if weight.ndim == 1 else weight.shape[1] if weight.ndim > 1 else 0
    if inputs == 0 or weight.size != n * inputs or (weight.ndim > 1 and len(weight) != n):
        raise node.fail(name, f".shape = {weight.shape}: must be ({n}, inputs), since shape describes {n} neurons")
    return weight.reshape(n, inputs)


def parts(weight: NDArray[Any]) -> tuple[NDArray[np.int64], ...]:
    """Return the integers that weights are made of: themselves, or real and imaginary parts."""
    both = (weight.real, weight.imag) if np.iscomplexobj(weight) else (weight,)
    return tuple(part.astype(np.int64) for part in both)


def read_delay(node: H5Group, shape: tuple[int, ...]) -> NDArray[np.int64] | None:
    """Read delays of synapses (n, inputs), clipped as in netx; None if there are none."""
    if "delay" not in node:
        return None
    delay = node.integers("delay", 0, MAX_DELAY)
    if delay.max(initial=0) > LONGEST:
        warn(node, "delay", f"{delay.max()} is clipped to {LONGEST} time steps, as netx does")
    if delay.ndim > 2 and delay.size == max(delay.shape):
        delay = delay.reshape(-1)
    n, inputs = shape
    if delay.shape not in ((), (1,), (n,), (inputs,), shape):
        raise node.fail("delay", f".shape = {delay.shape}: must be one number, ({n},), ({inputs},) or {shape}")
    return np.minimum(delay, LONGEST)


def shortest(delays: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return a matrix of delays (n, inputs) as the least array that :func:`read_delay` reads."""
    if not delays.any():
        return None
    if (delays == delays[:, :1]).all():
        return delays[:, 0]
    if (delays == delays[:1]).all() and delays.shape[0] != delays.shape[1]:
        return delays[0]
    return delays


def check_weights(view: LayerView, *parts: NDArray[np.int64]) -> None:
    """Raise NotExportable unless stock netx runs exactly these weights."""
    if any(w.min() < MIN_WEIGHT or w.max() > MAX_WEIGHT for w in parts):
        raise view.cannot("weights << weight_exp leave the 9 bits of a weight")
    if reason := deviation(*parts):
        raise view.cannot(reason)


def warn_of(reason: str | None, node: H5Group) -> None:
    """Warn if Lava would run other weights than those of the file."""
    if reason:
        warn(node, "weight", f"{reason}; the network that was loaded has the weights of the file")
