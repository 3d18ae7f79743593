"""The input, with or without neurons that turn values into spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import h5py
import numpy as np

from lava_async.netx.builder import MOST_NEURONS, LayerRef, NetworkBuilder
from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group, warn, write_dataset
from lava_async.netx.layers.base import LayerType
from lava_async.netx.neurons import ENTRIES, MOST_BIAS, CubaNeuron, DeltaNeuron, NeuronKind, input_params, read_neuron
from lava_async.netx.neurons.sigma_delta import EXP
from lava_async.neurons.loihi import MAX_WEIGHT, MIN_WEIGHT
from lava_async.synapses import INPUT, Sparse

UNITY = 64


@dataclass(frozen=True, eq=False)
class InputLayer(LayerType):
    """The input; with a neuron group, a layer of neurons that a value x reaches as ``weight * x + bias``.

    With neurons, layer 0 of the network repeats the input one to one through synapses of `weight`: a count (payload)
    of x is the value x. slayer does the same. Stock netx leaves it to its caller to set the neurons' bias to
    ``weight * x + bias``, which is the same thing if their current does not last (iDecay 4096).

    Parameters
    ----------
    neuron : NeuronKind or None
        Neurons of the input, if it has any.
    weight, bias : int
        Transform of the values.
    """

    neuron: NeuronKind | None = None
    weight: int = UNITY
    bias: int = 0

    kind: ClassVar[str] = "input"

    @classmethod
    def read(cls, node: H5Group) -> InputLayer:  # noqa: D102
        shape = node.shape("shape", MOST_NEURONS)
        if "neuron" not in node:
            for name in ("weight", "bias"):
                if name in node:
                    warn(
                        node,
                        name,
                        "without neurons: slayer transforms the input with it, stock netx and the network "
                        "that was loaded do not",
                    )
            return cls(shape)
        neuron = read_neuron(node.group("neuron"), shape[0], ENTRIES)
        if isinstance(neuron, DeltaNeuron):
            for name in ("weight", "bias"):
                if name in node:
                    warn(
                        node,
                        name,
                        "slayer transforms the input with it, stock netx leaves that to its caller, and so does the "
                        "network that was loaded",
                    )
            return cls(shape, neuron, 1)
        assert isinstance(neuron, CubaNeuron)
        if (neuron.i_decay != 4096).any():
            warn(
                node,
                "neuron/iDecay",
                "is not 4096: slayer feeds weight * x + bias through the current, stock netx "
                "past it, and the network that was loaded feeds weight * x through it, the bias past it",
            )
        weight = node.integer("weight", MIN_WEIGHT, MAX_WEIGHT) if "weight" in node else UNITY
        return cls(shape, neuron, weight, node.integer("bias", -MOST_BIAS, MOST_BIAS) if "bias" in node else 0)

    def write(self, group: h5py.Group) -> None:  # noqa: D102
        super().write(group)
        if self.neuron is not None:
            if isinstance(self.neuron, CubaNeuron):
                write_dataset(group, "weight", np.array([self.weight], np.float32))
                write_dataset(group, "bias", np.array([self.bias], np.float64))
            self.neuron.write(group)

    def build(self, builder: NetworkBuilder) -> None:  # noqa: D102
        if builder.here != 0:
            raise builder.fail("type", " = input: must be the first layer")
        builder.input_shape = self.shape
        if self.neuron is None:
            builder.send((LayerRef(INPUT, self.shape),))
        else:
            n = int(np.prod(self.shape))
            each = np.arange(n)
            repeat = Sparse(INPUT, 0, each, each, np.full(n, self.weight), (n, n))
            builder.add(self.kind, self.shape, self.neuron.params(n, np.full(n, self.bias)), [repeat])

    @property
    def neurons(self) -> tuple[int, ...] | None:  # noqa: D102
        return None if self.neuron is None else self.shape

    @classmethod
    def match(cls, view: LayerView) -> InputLayer | None:
        """Recognize a first layer that is called "input ..." and repeats the input one to one."""
        s, n = view.incoming, view.layer.size
        if view.before.layer != INPUT or not view.layer.name.startswith(cls.kind) or not isinstance(s, Sparse):
            return None
        if not np.array_equal(s.pre, range(n)) or not np.array_equal(s.post, range(n)):
            return None
        found = input_params(view)
        weights = view.scaled(s)
        if (
            view.feedback
            or s.max_delay
            or found is None
            or len({*found[1].tolist()}) > 1
            or len({*weights.tolist()}) > 1
            or view.layer.shape != view.before.shape
        ):
            raise view.cannot("neurons of the input must share one weight and one bias, and have no delays")
        neuron, bias = found
        if isinstance(neuron, CubaNeuron):
            if (neuron.i_decay != 4096).any():
                raise view.cannot("current of the input neurons lasts; stock netx feeds values past it")
            return cls(view.layer.shape, neuron, int(weights[0]), int(bias[0]))
        if weights[0] != 1 << EXP:
            raise view.cannot(
                f"a value of 1 brings {weights[0]} to delta neurons of the input, in stock netx {1 << EXP}"
            )
        return cls(view.layer.shape, neuron, 1)
