"""Blocks behind the last spikes: what a network answers is made from the spike counts of its neurons."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from lava_async.training.blocks.base import Block


class ReadOut(Block):
    """A block that sends no spikes; with what stands behind it, it makes the answer of the network.

    Examples
    --------
    >>> from lava.lib.dl import slayer
    >>> from lava_async.training.blocks import ReadOut, adapt, dense_blocks
    >>> average = slayer.block.cuba.Affine({"threshold": 1, "current_decay": 1, "voltage_decay": 1}, 3, 2)
    >>> last = adapt([*dense_blocks([4, 3]), average], [], None)[-1]
    >>> isinstance(last, ReadOut), last.n_answers
    (True, 2)
    """

    @abstractmethod
    def read(self, before: Tensor, counts: Sequence[Tensor]) -> Tensor:
        """Return the answer so far, (B, m, T), differentiable.

        Parameters
        ----------
        before : (B, n, T) tensor
            What the block before answers: the spike counts of the last layer, or what another read-out made of them.
        counts : list of (B, n, T) tensors
            Spike counts of all neurons per time step, layer by layer.
        """

    @property
    @abstractmethod
    def n_answers(self) -> int:
        """Size m of the answer."""
