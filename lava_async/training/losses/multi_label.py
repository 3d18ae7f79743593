"""A loss of samples that have any number of labels."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from lava_async.training.losses.base import labels_like


@dataclass(frozen=True)
class MultiLabel:
    """Binary cross-entropy of each output, for samples that have any number of labels.

    ``binary_cross_entropy_with_logits(scale * (sum_t counts - rate * T), labels)``, labels (B, n_out) of 0 and 1.

    Parameters
    ----------
    scale : float
        Of the counts.
    rate : float
        An output says yes when it emits more than this many spikes per time step.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import MultiLabel
    >>> counts = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    >>> MultiLabel()(counts, torch.tensor([[1.0, 0.0]]))
    tensor(0.4814)
    """

    scale: float = 0.5
    rate: float = 0.25

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        return binary_cross_entropy_with_logits(self.scale * self._margin(output), labels_like(output[..., 0], labels))

    def score(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the part of the outputs (B,) that say what the labels say."""
        return ((self._margin(output) > 0) == (labels_like(output[..., 0], labels) > 0.5)).double().mean(1)

    def _margin(self, output: Tensor) -> Tensor:
        return output.sum(2) - self.rate * output.shape[2]
