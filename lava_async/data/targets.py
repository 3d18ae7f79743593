"""Samples whose labels are no classes: several labels each, or numbers, for losses of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.data.samples import LabelledSpikes, pairs_of
from lava_async.errors import InvalidType, InvalidValue
from lava_async.forms import plain
from lava_async.spikes import SpikeBatch, SpikeTrain

__all__ = ["TargetDataset", "target_labels", "with_targets"]


@dataclass(frozen=True, eq=False)
class TargetDataset:
    """Spike counts of B samples, and what a loss compares the output with.

    Parameters
    ----------
    spikes : SpikeBatch
        B samples of C channels and T time steps.
    labels : (B, ...) float32, or (B,) int64
        Targets; integers (B,) are classes.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.targets import TargetDataset
    >>> from lava_async.spikes import SpikeBatch
    >>> data = TargetDataset(SpikeBatch.of(np.ones((2, 4, 5), int)), np.array([[0.5], [1.0]], np.float32))
    >>> data.spikes.shape, data.labels.shape
    ((2, 4, 5), (2, 1))
    """

    spikes: SpikeBatch
    labels: NDArray[Any]


def with_targets(data: object) -> LabelledSpikes:
    """Return what training with a loss of one's own reads.

    Parameters
    ----------
    data : LabelledSpikes, or Dataset or DataLoader of torch
        Samples, or pairs of (C, T) spike counts and a target, or of batches of them. What has `spikes` and `labels`
        stays, unless its spikes cannot be indexed by arrays.

    Raises
    ------
    InvalidType, InvalidValue
        If there is no sample, or a sample or its target has another shape than it must, naming the sample.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.targets import with_targets
    >>> pairs = [(np.ones((4, 5), int), np.array([0.5, 1.0])), (np.zeros((4, 5), int), np.array([0.0, 2.0]))]
    >>> data = with_targets(pairs)
    >>> data.spikes.shape, data.labels
    ((2, 4, 5), array([[0.5, 1. ],
           [0. , 2. ]], dtype=float32))
    """
    if hasattr(data, "spikes") and hasattr(data, "labels"):
        if not isinstance(data.spikes, (list, tuple)):
            return data
        return TargetDataset(SpikeBatch.of(data.spikes), target_labels("labels", data.labels))
    batches: list[SpikeBatch] = []
    targets: list[NDArray[Any]] = []
    for sample, target in pairs_of("samples", data):
        where, label = f"samples: sample {len(targets)}", np.asarray(plain("labels", target))
        if isinstance(sample, SpikeTrain):
            batch, batched = SpikeBatch.of([sample]), False
        else:
            array = np.asarray(plain(where, sample))
            if array.ndim not in (2, 3):
                raise InvalidValue(f"{where}: shape", array.shape, "(C, T), time last, or a batch (B, C, T)")
            batched = array.ndim == 3
            batch = SpikeBatch.from_dense(array if batched else array[None])
        if batched and label.shape[:1] != (len(batch),):
            raise InvalidValue(f"{where}: shape of its labels", label.shape, f"({len(batch)}, ...), one per sample")
        batches.append(batch)
        targets.append(label if batched else label[None])
    if not batches:
        raise InvalidValue("samples: number of samples", 0, "at least 1")
    if len({each.shape[1:] for each in targets}) != 1:
        raise InvalidValue("labels.shape", sorted({each.shape[1:] for each in targets}), "the same of all samples")
    return TargetDataset(SpikeBatch.concatenate(batches), target_labels("labels", np.concatenate(targets)))


def target_labels(where: str, labels: object) -> NDArray[Any]:
    """Return labels as a loss of one's own gets them: integers (B,) as int64, everything else as float32.

    Parameters
    ----------
    where : str
        What errors call them.
    labels : (B, ...) numbers
        Of any type.

    Raises
    ------
    InvalidType, InvalidValue
        If these are no finite numbers, or of different shapes.

    Examples
    --------
    >>> target_labels("labels", [[0.5, 1], [0, 0.25]]).dtype
    dtype('float32')
    """
    try:
        array = np.asarray(plain(where, labels))
    except ValueError:  # rows of different lengths
        raise InvalidType(where, labels, "numbers, (B,) or (B, ...), of one shape for all samples") from None
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise InvalidType(where, labels, "numbers, one or several for each sample")
    if array.ndim == 1 and array.dtype.kind != "f":
        return array.astype(np.int64)
    if not np.isfinite(array).all():
        raise InvalidValue(where, array[~np.isfinite(array)][0].item(), "finite numbers")
    return array.astype(np.float32)
