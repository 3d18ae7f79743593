"""Cross-entropy after every time step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from lava_async import defaults
from lava_async.training.losses.base import check_number


@dataclass(frozen=True)
class AnytimeCrossEntropy:
    """Cross-entropy of the counts so far, after every time step: the network is to be right as early as it can.

    ``mean_t cross_entropy(scale * sum_(s <= t) counts[s], label) + mixed * cross_entropy(5 / T * sum counts, label)``

    Compared with :class:`CrossEntropy` it takes about half the spikes, which pays off where decisions are made early.

    Parameters
    ----------
    scale : float, optional
        Of the counts so far, 0 or more; default: 20 / time steps, four times that of all counts, since there are
        fewer of them.
    mixed : float
        Weight of the cross-entropy of all counts besides, 0 or more: it keeps the accuracy at the end.

    Raises
    ------
    InvalidType, InvalidValue
        If a number is below 0 or not finite.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training.losses import AnytimeCrossEntropy
    >>> early, late = torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)
    >>> early[0, 1, 0] = late[0, 1, 3] = 1.0
    >>> loss, label = AnytimeCrossEntropy(), torch.tensor([1])
    >>> bool(loss(early, label) < loss(late, label))
    True
    """

    scale: float | None = None
    mixed: float = 0.0
    classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("AnytimeCrossEntropy.scale", self.scale, optional=True)
        check_number("AnytimeCrossEntropy.mixed", self.mixed)

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        n_classes, n_steps = output.shape[1:]
        scale = defaults.ANYTIME_SCALE / n_steps if self.scale is None else self.scale
        so_far = output.cumsum(2).transpose(1, 2).reshape(-1, n_classes)
        loss = cross_entropy(scale * so_far, labels.repeat_interleave(n_steps, dim=0))
        if self.mixed:
            loss = loss + self.mixed * cross_entropy(defaults.SCALE / n_steps * output.sum(2), labels)
        return loss
