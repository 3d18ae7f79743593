"""What a loss is, and what members of the kind have in common."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

from lava_async.errors import InvalidType, InvalidValue

Loss = Callable[[Tensor, Tensor], Tensor]


def check_number(where: str, value: object, *, most: float = math.inf, optional: bool = False) -> None:
    """Raise an error unless a value is a finite number in 0 .. most, or None if it may be left out."""
    allowed = "a number >= 0" if most == math.inf else f"a number in 0 .. {most:g}"
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InvalidType(where, value, allowed)
    if not 0 <= value <= most or math.isinf(value):
        raise InvalidValue(where, value, allowed)


def labels_like(output: Tensor, labels: Tensor) -> Tensor:
    """Return labels after checking that they are of the shape of what they are compared with."""
    if labels.shape != output.shape:
        raise InvalidValue("labels.shape", tuple(labels.shape), f"{tuple(output.shape)}, a number per output")
    return labels.to(output)


def needs_classes(loss: Loss) -> bool:
    """Tell whether a loss needs classes, integers (B,), as labels.

    Examples
    --------
    >>> from lava_async.training import CrossEntropy, Regression
    >>> from lava_async.training.losses.base import needs_classes
    >>> needs_classes(CrossEntropy()), needs_classes(Regression())
    (True, False)
    """
    return bool(getattr(loss, "classes", False))


def score(loss: Loss, output: Tensor, labels: Tensor) -> float:
    """Return how good outputs are, summed over the samples: the larger, the better.

    Parameters
    ----------
    loss : Loss
        Its method `score` decides if it has one.
    output : (B, n_out, T) float
        Spike counts.
    labels : Tensor
        Classes (B,) of integers: a sample scores 1 if the output of its class spiked most. Anything else, for a loss
        without method `score`: minus the loss.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import CrossEntropy
    >>> from lava_async.training.losses.base import score
    >>> counts = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]])
    >>> score(CrossEntropy(), counts, torch.tensor([0, 0]))
    1.0
    """
    if hasattr(loss, "score"):
        return float(loss.score(output, labels).sum())
    if labels.ndim == 1 and not labels.is_floating_point():
        return float((output.sum(2).argmax(1) == labels).sum())
    return -float(loss(output, labels)) * len(labels)
