"""A loss of targets that are numbers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lava_async.training.losses.base import labels_like


@dataclass(frozen=True)
class Regression:
    """Mean squared error of ``scale * counts``, summed over time for targets (B, n_out), else for each time step.

    Parameters
    ----------
    scale : float
        Value of a spike in units of the targets.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import Regression
    >>> counts = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    >>> Regression(scale=0.5)(counts, torch.tensor([[1.0, 0.5]]))
    tensor(0.1250)
    """

    scale: float = 1.0

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        return self._squares(output, labels).mean()

    def score(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return minus the mean squared error of each sample, (B,)."""
        return -self._squares(output, labels).flatten(1).mean(1)

    def _squares(self, output: Tensor, labels: Tensor) -> Tensor:
        found = self.scale * (output if labels.ndim == 3 else output.sum(2))
        return (found - labels_like(found, labels)) ** 2
