"""Averages of groups of outputs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from lava_async.errors import InvalidValue
from lava_async.training.blocks.readout import ReadOut
from lava_async.training.blocks.stream import SpikeStream


class AverageBlock(ReadOut):
    """``slayer.block.cuba.Average``: the mean over equal, consecutive groups of what the block before sends.

    It reads out and changes nothing about the spikes. In the middle of a network it would send fractions of spikes.
    """

    name = "block.cuba.Average"

    def __init__(self, where: str, block: nn.Module, sources: tuple[SpikeStream, ...], index: int) -> None:
        super().__init__(where, block, sources, index)
        size = sum(sent.size for sent in sources)
        if len(sources) > 1:
            raise InvalidValue(f"{where}.sources", len(sources), "1: connect skip connections before it")
        if block.num_outputs < 1 or size % block.num_outputs:
            raise InvalidValue(
                f"{where}.num_outputs", block.num_outputs, f"a divisor of {size}, the neurons of {sources[0].name}"
            )

    @property
    def n_answers(self) -> int:  # noqa: D102
        return int(self.block.num_outputs)

    @property
    def outputs(self) -> tuple[SpikeStream, ...]:  # noqa: D102
        return (self.sources[0]._replace(shape=(self.n_answers,)),)

    def read(self, before: Tensor, counts: Sequence[Tensor]) -> Tensor:  # noqa: D102
        return before.unflatten(1, (self.n_answers, -1)).mean(2)
