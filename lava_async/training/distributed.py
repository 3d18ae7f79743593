"""The processes that train one network together, on one machine or several: ``torchrun``.

Every process holds the whole network and runs its share of each batch; gradients are summed over the network (gloo), so
all take the same optimizer steps. Without torchrun there is one process, and nothing is sent.

torch before 2.8 ends gloo's threads with the GIL held. Such a thread needs the GIL itself to free the last tensor that
was sent, if Python has let go of it; both wait for ever then (2 of 60 trainings). So the last tensors are kept until
the group is destroyed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import ArrayLike, NDArray

from lava_async.training.checkpoint import packed, unpacked

_SENT: deque[torch.Tensor] = deque(maxlen=4)
"""What was sent last: more than gloo's two threads may be busy with."""


@dataclass(frozen=True)
class Ranks:
    """A group of processes, seen from one of them.

    Parameters
    ----------
    rank : int
        Number of this process; 0 writes the files.
    size : int
        Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def writes(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def share(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the part of a list that is this process's, which may be empty."""
        return np.array_split(indices, self.size)[self.rank]

    def sum(self, numbers: ArrayLike) -> NDArray[np.float64]:
        """Return numbers, summed over all processes."""
        total = torch.tensor(np.asarray(numbers, np.float64))
        if self.size > 1:
            _sent(total, dist.all_reduce)
        return total.numpy()

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter], factor: float) -> None:
        """Put ``factor * gradient``, summed over all processes, in place of each gradient.

        Every process gives the factor that its share has in the batch, so that the sum is the gradient of the mean.
        """
        if self.size == 1:
            return
        trained = [p for p in parameters if p.requires_grad]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad * factor).flatten() for p in trained])
        _sent(flat, dist.all_reduce)
        for p, gradient in zip(trained, flat.split([p.numel() for p in trained]), strict=True):
            p.grad = gradient.view_as(p)

    def from_first(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return what process 0 gave, tensors and plain data as in a checkpoint."""
        if self.size == 1:
            return state
        content = b"".join(packed(state)) if self.writes else b""
        size = torch.tensor([len(content)])
        _sent(size, dist.broadcast, 0)
        sent = torch.empty(int(size), dtype=torch.uint8)
        if self.writes:
            sent.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
        _sent(sent, dist.broadcast, 0)
        return unpacked(sent.numpy().tobytes())


def _sent(tensor: torch.Tensor, how: Callable[..., Any], *options: Any) -> None:
    """Let all processes send a tensor, in whose place comes what they agree on."""
    _SENT.append(tensor)
    how(tensor, *options)


@contextmanager
def ranks() -> Iterator[Ranks]:
    """Join the processes that torchrun started, and leave them at the end; without torchrun: this process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    dist.init_process_group("gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
        _SENT.clear()
