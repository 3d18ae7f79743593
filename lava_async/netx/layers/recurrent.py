"""All-to-all layers that feed back to themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.netx.builder import NetworkBuilder
from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group, write_dataset
from lava_async.netx.layers.dense import DenseLayer, check_weights, read_matrix, warn_of
from lava_async.netx.neurons import REAL_KINDS, layer_params
from lava_async.netx.weights import deviation
from lava_async.synapses import Dense, Synapses


@dataclass(frozen=True, eq=False)
class RecurrentLayer(DenseLayer):
    """As :class:`DenseLayer`, with synapses from every neuron of the layer to every other and itself; no delays.

    Parameters
    ----------
    weight_rec : (n, n) int
        Weights of the feedback.
    """

    weight_rec: NDArray[np.int64] = field(kw_only=True)

    kind: ClassVar[str] = "dense_rec"

    @classmethod
    def read(cls, node: H5Group) -> RecurrentLayer:  # noqa: D102
        if "delay" in node:
            raise node.fail(
                "delay",
                "must not be given for dense_rec: slayer delays what the layer sends, stock netx "
                "what reaches it, and forgets the scale of the weights",
            )
        fields = cls.fields_of(node, REAL_KINDS)
        n = len(fields["weight"])
        feedback = read_matrix(node, "weight_rec", n)
        if feedback.shape != (n, n):
            raise node.fail("weight_rec", f".shape = {feedback.shape}: must be {(n, n)}")
        warn_of(deviation(fields["weight"], feedback), node)
        return cls(**fields, weight_rec=feedback)

    def synapses(self, builder: NetworkBuilder) -> list[Synapses]:  # noqa: D102
        return [*super().synapses(builder), Dense(builder.index, builder.index, self.weight_rec)]

    def write(self, group: h5py.Group) -> None:  # noqa: D102
        super().write(group)
        write_dataset(group, "weight_rec", self.weight_rec.astype(np.float32))

    @classmethod
    def match(cls, view: LayerView) -> RecurrentLayer | None:  # noqa: D102
        if view.feedback is None:
            return None
        (weight, delays), (feedback, more_delays) = view.matrix(view.incoming), view.matrix(view.feedback)
        if delays.any() or more_delays.any():
            raise view.cannot("delays in a recurrent layer; netx forgets the scale of its weights")
        n = view.layer.size
        neuron, bias = layer_params(view, n)
        if neuron.complex_weights:
            raise view.cannot("feedback between resonators")
        check_weights(view, weight, feedback)
        return cls((n,), weight, bias, None, neuron, weight_rec=feedback)
