"""Loss functions of spike counts.

A loss takes the output counts (B, n_out, T) and the labels, and returns the mean over the B samples. Those that have
``classes = True`` need classes (B,), integers. Any other, a function of yours too, gets labels as they are, integers
(B,) as int64, all else as float32. A method ``score(output, labels)`` says how good each sample is: (B,) numbers, the
larger the better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from lava_async import defaults
from lava_async.errors import InvalidType, InvalidValue, nearest, not_among
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
        _check_number("CrossEntropy.scale", self.scale, optional=True)

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        scale = defaults.SCALE / max(output.shape[2], 1) if self.scale is None else self.scale
        weight = None if self.class_weights is None else output.new_tensor(self.class_weights)
        return cross_entropy(scale * output.sum(2), labels, weight)


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
        _check_number("AnytimeCrossEntropy.scale", self.scale, optional=True)
        _check_number("AnytimeCrossEntropy.mixed", self.mixed)

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
    true_rate : float
        Spikes per time step, in 0 .. 1, of the output of the label.
    false_rate : float
        Spikes per time step, in 0 .. 1, of all others.

    Raises
    ------
    InvalidType, InvalidValue
        If a rate is no such number.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import SpikeRate
    >>> counts = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    >>> SpikeRate(true_rate=0.5, false_rate=0.0)(counts, torch.tensor([0]))
    tensor(0.)
    """

    true_rate: float = 0.5
    false_rate: float = 0.02
    classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_number("SpikeRate.true_rate", self.true_rate, most=1.0)
        _check_number("SpikeRate.false_rate", self.false_rate, most=1.0)

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

    Raises
    ------
    InvalidValue
        If there is no such mode.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training import SpikeMax
    >>> counts = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    >>> SpikeMax()(counts, torch.tensor([0]))
    tensor(0.3133)
    """

    mode: str = "softmax"
    classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        modes = ("softmax", "probability")
        if self.mode not in modes:
            raise InvalidValue("SpikeMax.mode", self.mode, f"'softmax' or 'probability'{nearest(self.mode, modes)}")

    def __call__(self, output: Tensor, labels: Tensor) -> Tensor:  # noqa: D102
        total: Tensor = slayer().loss.SpikeMax(mode=self.mode, reduction="sum")(output, labels)
        return total / len(labels)


LOSSES: Registry[Callable[..., Loss]] = Registry(
    "losses",
    {"cross_entropy": CrossEntropy, "anytime": AnytimeCrossEntropy, "spike_rate": SpikeRate, "spike_max": SpikeMax},
)
"""By the names of configs; each is called with the options of the config and returns the loss."""


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
        return binary_cross_entropy_with_logits(self.scale * self._margin(output), _like(output[..., 0], labels))

    def score(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the part of the outputs (B,) that say what the labels say."""
        return ((self._margin(output) > 0) == (_like(output[..., 0], labels) > 0.5)).double().mean(1)

    def _margin(self, output: Tensor) -> Tensor:
        return output.sum(2) - self.rate * output.shape[2]


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
        return (found - _like(found, labels)) ** 2


def _check_number(where: str, value: object, *, most: float = math.inf, optional: bool = False) -> None:
    """Raise an error unless a value is a finite number in 0 .. most, or None if it may be left out."""
    allowed = "a number >= 0" if most == math.inf else f"a number in 0 .. {most:g}"
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InvalidType(where, value, allowed)
    if not 0 <= value <= most or math.isinf(value):
        raise InvalidValue(where, value, allowed)


def _like(output: Tensor, labels: Tensor) -> Tensor:
    """Return labels after checking that they are of the shape of what they are compared with."""
    if labels.shape != output.shape:
        raise InvalidValue("labels.shape", tuple(labels.shape), f"{tuple(output.shape)}, a number per output")
    return labels.to(output)


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


def needs_classes(loss: Loss) -> bool:
    """Tell whether a loss needs classes, integers (B,), as labels.

    Examples
    --------
    >>> from lava_async.training import CrossEntropy, Regression
    >>> from lava_async.training.losses import needs_classes
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
    >>> from lava_async.training.losses import score
    >>> counts = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]])
    >>> score(CrossEntropy(), counts, torch.tensor([0, 0]))
    1.0
    """
    if hasattr(loss, "score"):
        return float(loss.score(output, labels).sum())
    if labels.ndim == 1 and not labels.is_floating_point():
        return float((output.sum(2).argmax(1) == labels).sum())
    return -float(loss(output, labels)) * len(labels)


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
    >>> from lava_async.training.losses import with_class_weights
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

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.training.losses import activity_weights
    >>> network = Network.feedforward([[[1.0], [1.0]], [[1.0, 1.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> activity_weights(network, 0.5), activity_weights(network, [0.5, 0.25])
    (tensor([0.5000, 0.5000, 0.0000]), tensor([0.5000, 0.5000, 0.2500]))
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
