"""Loss functions of spike counts.

A loss takes the output counts (B, n_out, T) and the labels, and returns the mean over the B samples. Those that have
``classes = True`` need classes (B,), integers. Any other, a function of yours too, gets labels as they are, integers
(B,) as int64, all else as float32. A method ``score(output, labels)`` says how good each sample is: (B,) numbers, the
larger the better. One file per loss.
"""

from __future__ import annotations

from collections.abc import Callable

from lava_async.errors import InvalidType, not_among
from lava_async.registry import Registry
from lava_async.training.losses.anytime import AnytimeCrossEntropy
from lava_async.training.losses.base import Loss, needs_classes, score
from lava_async.training.losses.cross_entropy import CrossEntropy, balanced, with_class_weights
from lava_async.training.losses.multi_label import MultiLabel
from lava_async.training.losses.penalty import activity_weights
from lava_async.training.losses.regression import Regression
from lava_async.training.losses.spike_max import SpikeMax
from lava_async.training.losses.spike_rate import SpikeRate

__all__ = [
    "LOSSES",
    "AnytimeCrossEntropy",
    "CrossEntropy",
    "Loss",
    "MultiLabel",
    "Regression",
    "SpikeMax",
    "SpikeRate",
    "activity_weights",
    "balanced",
    "named_loss",
    "needs_classes",
    "score",
    "with_class_weights",
]

LOSSES: Registry[Callable[..., Loss]] = Registry(
    "losses",
    {"cross_entropy": CrossEntropy, "anytime": AnytimeCrossEntropy, "spike_rate": SpikeRate, "spike_max": SpikeMax},
)
"""By the names of configs; each is called with the options of the config and returns the loss."""


def named_loss(where: str, loss: Loss | str | None) -> Loss:
    """Return a loss that is given as such, by its name, or not at all: the cross-entropy.

    Parameters
    ----------
    where : str
        What errors call it.
    loss : Loss, str or None
        A function, or a name of :data:`LOSSES`, "regression" or "multi_label".

    Raises
    ------
    InvalidType, InvalidValue
        If there is no loss of that name, or it is no function.

    Examples
    --------
    >>> from lava_async.training.losses import named_loss
    >>> named_loss("loss", "regression")
    Regression(scale=1.0)
    """
    if loss is None:
        return CrossEntropy()
    if isinstance(loss, str):
        known: dict[str, Callable[..., Loss]] = {**LOSSES, "regression": Regression, "multi_label": MultiLabel}
        if loss not in known:
            raise not_among(where, loss, known)
        return known[loss]()
    if isinstance(loss, type) or not callable(loss):
        raise InvalidType(where, loss, "a function of output counts (B, n_out, T) and labels, such as CrossEntropy()")
    return loss
