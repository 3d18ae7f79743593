"""The error of a training whose numbers are no longer finite, with what it takes to see it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lava_async.spikes import SpikeBatch


class NonFiniteError(FloatingPointError):
    """The loss, its gradient or the weights after a step are not finite.

    Parameters
    ----------
    message : str
        What is not finite, and where.
    batch : dict
        What it takes to see it again: the batch and the weights, as arrays.
    """

    def __init__(self, message: str, batch: Mapping[str, NDArray[Any]]) -> None:
        super().__init__(message)
        self.batch = batch


def non_finite(
    what: str,
    place: tuple[int, int, int],
    network: torch.nn.Module,
    rates: list[float],
    spikes: SpikeBatch,
    **arrays: NDArray[Any],
) -> NonFiniteError:
    """Return the error for a batch.

    Parameters
    ----------
    what : str
        What is not finite.
    place : (epoch, batch, batches of an epoch)
        Both counted from 1.
    network : Module
        Whose weights are kept with the batch.
    rates : list of float
        Learning rates at that step.
    spikes : SpikeBatch
        The batch.
    **arrays
        Labels, indices and numbers of its samples.
    """
    epoch, batch, batches = place
    kept = {f"weights/{name}": tensor.numpy(force=True) for name, tensor in network.state_dict().items()}
    kept |= {
        "channel": spikes.channel,
        "count": spikes.count,
        "start": spikes.start,
        "n_channels": np.array(spikes.n_channels),
        "epoch": np.array(epoch),
        "batch": np.array(batch),
        **arrays,
    }
    shown = ", ".join(f"{rate:.3g}" for rate in rates)
    remedy = f"try a smaller learning rate (now {shown}), a smaller scale of the loss, or reset = 'detached'"
    return NonFiniteError(f"fit: {what} in epoch {epoch}, batch {batch} of {batches}: {remedy}", kept)
