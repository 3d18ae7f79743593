"""Data sets for torch's DataLoader: batches of events, which never become an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lava_async.data import SpikeDataset
from lava_async.extras import needs
from lava_async.records import check_int
from lava_async.spikes import SpikeBatch, SpikeTrain

with needs("train", "lava_async.data.loading"):
    import torch
    from torch import Tensor
    from torch.utils.data import DataLoader, Dataset

__all__ = ["TorchSpikes", "collate", "data_loader"]


class TorchSpikes(Dataset[Any]):
    """A data set as torch's: item i is (SpikeTrain, label).

    Parameters
    ----------
    data : SpikeDataset
        What is read.

    Examples
    --------
    >>> from lava_async.data.digits import digits
    >>> from lava_async.data.loading import TorchSpikes
    >>> data = TorchSpikes(digits("test"))
    >>> spikes, label = data[0]
    >>> len(data), spikes.n_channels, spikes.n_steps, label
    (355, 200, 10, 5)
    """

    def __init__(self, data: SpikeDataset) -> None:
        self.events = data.events
        self.labels = torch.from_numpy(data.labels.copy())

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[SpikeTrain, int]:
        return self.events[int(index)], int(self.labels[index])

    def __getitems__(self, indices: list[int]) -> tuple[SpikeBatch, Tensor]:
        """Return a whole batch, which torch's loader asks for if it can."""
        return self.events[indices], self.labels[indices]


def collate(
    samples: tuple[SpikeBatch, Tensor] | Sequence[tuple[SpikeTrain, int]],
) -> tuple[SpikeBatch, Tensor]:
    """Return a batch of (SpikeTrain, label) as (SpikeBatch, (B,) int64); a batch as it is.

    Parameters
    ----------
    samples : list of (SpikeTrain, int), or a batch
        What :class:`TorchSpikes` gives.

    Examples
    --------
    >>> from lava_async.data.digits import digits
    >>> from lava_async.data.loading import TorchSpikes, collate
    >>> data = TorchSpikes(digits("test"))
    >>> spikes, labels = collate([data[0], data[1]])
    >>> spikes.shape, labels
    ((2, 200, 10), tensor([5, 0]))
    """
    if isinstance(samples, tuple) and isinstance(samples[0], SpikeBatch):
        return samples
    trains, labels = zip(*samples, strict=True)
    return SpikeBatch.from_trains(trains), torch.tensor(labels)


def data_loader(
    data: SpikeDataset, batch_size: int, *, shuffle: bool = False, seed: int = 0, drop_last: bool = False
) -> DataLoader[Any]:
    """Return a loader of (SpikeBatch, (B,) int64 labels), which UnlayeredNetwork and simulate_batch take.

    Parameters
    ----------
    data : SpikeDataset
        What is read.
    batch_size : int
        Samples per batch, at least 1.
    shuffle : bool
        In an order drawn again each time, from `seed` on.
    seed : int
        Of the order; no global random state is read or changed.
    drop_last : bool
        Leave out a last batch that is smaller.

    Examples
    --------
    >>> from lava_async.data.digits import digits
    >>> events, labels = next(iter(data_loader(digits("train"), 64, shuffle=True)))
    >>> events.shape, labels.shape
    ((64, 200, 10), torch.Size([64]))
    """
    return DataLoader(
        TorchSpikes(data),
        check_int("data_loader.batch_size", batch_size, least=1),
        shuffle=shuffle,
        drop_last=drop_last,
        collate_fn=collate,
        generator=torch.Generator().manual_seed(seed),
    )
