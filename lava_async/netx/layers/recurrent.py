"""All-to-all layers that feed back to themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.netx.chain import Chain
from lava_async.netx.h5 import Node, put
from lava_async.netx.layers.dense import DenseLayer, check_weights, read_matrix, warn_of
from lava_async.netx.neurons import REAL_KINDS, said
from lava_async.netx.plan import Stage
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
    def read(cls, node: Node) -> RecurrentLayer:  # noqa: D102
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

    def synapses(self, chain: Chain) -> list[Synapses]:  # noqa: D102
        return [*super().synapses(chain), Dense(chain.index, chain.index, self.weight_rec)]

    def write(self, group: h5py.Group) -> None:  # noqa: D102
        super().write(group)
        put(group, "weight_rec", self.weight_rec.astype(np.float32))

    @classmethod
    def plan(cls, stage: Stage) -> RecurrentLayer | None:  # noqa: D102
        if stage.feedback is None:
            return None
        (weight, delays), (feedback, more_delays) = stage.matrix(stage.incoming), stage.matrix(stage.feedback)
        if delays.any() or more_delays.any():
            raise stage.cannot("delays in a recurrent layer; netx forgets the scale of its weights")
        n = stage.layer.size
        neuron, bias = said(stage, n)
        if neuron.complex_weights:
            raise stage.cannot("feedback between resonators")
        check_weights(stage, weight, feedback)
        return cls((n,), weight, bias, None, neuron, weight_rec=feedback)
