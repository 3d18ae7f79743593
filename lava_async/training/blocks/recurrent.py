"""All-to-all layers that feed back to themselves."""

from __future__ import annotations

from torch import Tensor

from lava_async.training.blocks.dense import DenseBlock
from lava_async.training.blocks.stream import Delay, SpikeStream


class RecurrentBlock(DenseBlock):
    """``slayer.block.cuba.Recurrent``: as Dense, with synapses from each of its neurons to all of them.

    The feedback arrives at the next time step where layers are synchronous, as in slayer, and like any other spike
    where they are not. slayer's own Recurrent carries states of its neurons from batch to batch, and its gradient does
    not pass through them; here samples start from zero, and the gradient is whole. A delay is of the axons that leave
    the layer, not of the feedback.
    """

    name = "block.cuba.Recurrent"
    kind = "recurrent"
    persistent = True
    synapse = "input_synapse"

    def delays(self, learning: bool) -> list[tuple[SpikeStream, Delay]]:  # noqa: D102
        return [*super().delays(learning), (SpikeStream(self.index, self.layer.shape), None)]

    def weights(self, learning: bool) -> list[Tensor]:  # noqa: D102
        feedback = self.quantized(self.block.recurrent_synapse, "recurrent_synapse")
        return [*super().weights(learning), feedback.flatten(1)]
