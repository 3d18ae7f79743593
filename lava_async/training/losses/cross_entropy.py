"""Cross-entropy of the counts of all time steps, and weights of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from lava_async import defaults
from lava_async.errors import InvalidType, InvalidValue
from lava_async.records import array_of
from lava_async.training.losses.base import Loss, check_number


@dataclass(frozen=True)
class CrossEntropy:
    """``cross_entropy(scale * sum_t counts, label)``.

    Parameters
    ----------
    scale : float, optional
        Of the counts, 0 or more; default: 5 / time steps.
    class_weights : tuple of float, optional
        Weight of each class, of as many as outputs, as the argument ``weight`` of torch's; see :func:`balanced`.

    Raises
    ------
    InvalidType, InvalidValue
        If the scale is not a positive number.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import CrossEntropy
    >>> counts = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])  # one sample, two outputs, two time steps
    >>> CrossEntropy(scale=1.0)(counts, torch.tensor([0]))
    tensor(0.1269)
    """

    scale: float | None = None
    class_weights: tuple[float, ...] | None = None
    classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("CrossEntropy.scale", self.scale, optional=True)

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        scale = defaults.SCALE / max(output.shape[2], 1) if self.scale is None else self.scale
        weight = None if self.class_weights is None else output.new_tensor(self.class_weights)
        return cross_entropy(scale * output.sum(2), labels, weight)


def balanced(labels: NDArray[np.int64], n_classes: int) -> tuple[float, ...]:
    """Return class weights that let every class count the same: samples / (classes that there are * its samples).

    Examples
    --------
    >>> balanced(np.array([0, 0, 0, 1]), 2)
    (0.6666666666666666, 2.0)
    """
    counts = np.bincount(labels, minlength=n_classes)
    there = int(np.count_nonzero(counts))
    return tuple(len(labels) / (there * n) if n else 0.0 for n in counts.tolist())


def with_class_weights(loss: Loss, wanted: str | Sequence[float], labels: NDArray[Any], n_outputs: int) -> Loss:
    """Return a loss whose classes count differently.

    Parameters
    ----------
    loss : CrossEntropy
        The loss; no other has weights.
    wanted : "balanced", or list of float
        :func:`balanced`, or a weight >= 0 per output.
    labels : (B,) int
        Of the training samples.
    n_outputs : int
        Output neurons.

    Raises
    ------
    InvalidValue, InvalidType
        If the loss has none, or these are no such weights.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.training import CrossEntropy
    >>> from lava_async.training.losses.cross_entropy import with_class_weights
    >>> with_class_weights(CrossEntropy(), "balanced", np.array([0, 0, 0, 1]), n_outputs=2)
    CrossEntropy(scale=None, class_weights=(0.6666666666666666, 2.0))
    """
    if not isinstance(loss, CrossEntropy):
        raise InvalidType("fit.class_weights", wanted, "left out: they are for the cross-entropy; weight your own loss")
    if isinstance(wanted, str):
        if wanted != "balanced":
            raise InvalidValue("fit.class_weights", wanted, "'balanced', or a weight per output")
        return replace(loss, class_weights=balanced(labels, n_outputs))
    weights = array_of("fit.class_weights", wanted, "iuf", "numbers").astype(np.float64)
    if weights.shape != (n_outputs,) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise InvalidValue("fit.class_weights", wanted, f"'balanced', or {n_outputs} numbers >= 0, one per output")
    return replace(loss, class_weights=tuple(weights.tolist()))
