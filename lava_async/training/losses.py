"""Losses: what training makes small, as functions of spike counts.

A loss takes the output counts (B, n_out, T) and the labels (B,), and returns the mean over the B samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lava_async import defaults
from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.records import array_of
from lava_async.registry import Registry
from lava_async.training.blocks import slayer

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class CrossEntropy:
    """``cross_entropy(scale * sum_t counts, label)``.

    Parameters
    ----------
    scale : float
        Of the counts: 0.5 for samples of 10 time steps, less for longer ones, which spike more.
    """

    scale: float = 0.5

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        return cross_entropy(self.scale * output.sum(2), labels)


@dataclass(frozen=True)
class AnytimeCrossEntropy:
    """Cross-entropy of the counts so far, after every time step: the network is to be right as early as it can.

    ``mean_t cross_entropy(scale * sum_(s <= t) counts[s], label) + mixed * cross_entropy(5 / T * sum counts, label)``

    Compared with :class:`CrossEntropy` it takes about half the spikes, which pays off where decisions are made early.

    Parameters
    ----------
    scale : float, optional
        Of the counts so far; default: 20 / time steps, four times that of all counts, since there are fewer of them.
    mixed : float
        Weight of the cross-entropy of all counts besides, 0 or more: it keeps the accuracy at the end.

    Raises
    ------
    InvalidValue
        If a number is below 0 or not finite.

    Examples
    --------
    >>> early, late = torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)
    >>> early[0, 1, 0] = late[0, 1, 3] = 1.0
    >>> loss, label = AnytimeCrossEntropy(), torch.tensor([1])
    >>> bool(loss(early, label) < loss(late, label))
    True
    """

    scale: float | None = None
    mixed: float = 0.0

    def __post_init__(self) -> None:
        for name in ("scale", "mixed"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise InvalidValue(f"AnytimeCrossEntropy.{name}", value, "a number of at least 0")

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        n_classes, n_steps = output.shape[1:]
        scale = defaults.ANYTIME_SCALE / n_steps if self.scale is None else self.scale
        so_far = output.cumsum(2).transpose(1, 2).reshape(-1, n_classes)
        loss = cross_entropy(scale * so_far, labels.repeat_interleave(n_steps, dim=0))
        if self.mixed:
            loss = loss + self.mixed * cross_entropy(defaults.SCALE / n_steps * output.sum(2), labels)
        return loss


@dataclass(frozen=True)
class SpikeRate:
    """Slayer's ``SpikeRate``: squared distance of the rates to those that are wanted, summed over the outputs.

    Parameters
    ----------
    true_rate, false_rate : float
        Spikes per time step, in 0 .. 1, of the output of the label, and of all others.
    """

    true_rate: float = 0.5
    false_rate: float = 0.02

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        total: Tensor = slayer().loss.SpikeRate(self.true_rate, self.false_rate, reduction="sum")(output, labels)
        return total / len(labels)


@dataclass(frozen=True)
class SpikeMax:
    """Slayer's ``SpikeMax``: negative log likelihood of the label.

    Parameters
    ----------
    mode : {"softmax", "probability"}
        How rates become probabilities. With "probability" an output that is silent has probability 0, so its loss is
        infinite: for networks that spike already.
    """

    mode: str = "softmax"

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        total: Tensor = slayer().loss.SpikeMax(mode=self.mode, reduction="sum")(output, labels)
        return total / len(labels)


LOSSES: Registry[Callable[..., Loss]] = Registry(
    "losses", {"cross_entropy": CrossEntropy, "spike_rate": SpikeRate, "spike_max": SpikeMax}
)
"""By the names of configs; each is called with the options of the config and returns the loss."""


def activity_weights(network: Network, penalty: float | Sequence[float]) -> Tensor:
    """Return the weight (N,) of the spikes of each neuron in the loss.

    Parameters
    ----------
    network : Network
        Its layers count.
    penalty : float or list of float
        One number for all neurons that are no outputs, or one per layer, for all its neurons.

    Raises
    ------
    InvalidType, InvalidValue
        If these are no numbers, or there are not as many of them as layers.
    """
    weights = torch.zeros(network.n_neurons)
    numbers = array_of("penalty", penalty, "iuf", "numbers").astype(np.float64)
    if numbers.ndim == 0:
        weights += float(numbers)
        weights[torch.from_numpy(network.outputs.copy())] = 0
        return weights
    if numbers.shape != (len(network.layers),):
        allowed = f"{len(network.layers)}, one per layer, or one for all"
        raise InvalidValue("penalty: numbers in it", numbers.size, allowed)
    for rows, value in zip(network.layer_slices, numbers.tolist(), strict=True):
        weights[rows] = value
    return weights
