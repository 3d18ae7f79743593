"""What a training makes small, and how good a network is by it: loss, labels, weights of the spikes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async import defaults
from lava_async.data.samples import LabelledSpikes, labelled
from lava_async.data.targets import target_labels, with_targets
from lava_async.errors import InvalidType, InvalidValue
from lava_async.forms import class_labels
from lava_async.neurons.loihi import ONE
from lava_async.simulation import simulate_batch
from lava_async.spikes import SpikeBatch
from lava_async.training.distributed import Ranks
from lava_async.training.losses import Loss, activity_weights, named_loss, needs_classes, score, with_class_weights
from lava_async.training.unlayered import UnlayeredNetwork

#: Samples that are validated at once.
_CHUNK = 1000


@contextmanager
def _of_other_losses() -> Iterator[None]:
    """Let an error about labels that are no classes name the losses for such labels."""
    try:
        yield
    except (InvalidValue, InvalidType) as error:
        if "labels" not in error.where or isinstance(error.value, int) or "number the classes" in error.allowed:
            raise
        allowed = f"{error.allowed}; for labels that are no classes give loss=Regression() or loss=MultiLabel()"
        raise type(error)(error.where, error.value, allowed) from None


class Objective:
    """A loss of the output, and the weighted spikes of all neurons, premature ones besides.

    Parameters
    ----------
    network : UnlayeredNetwork
        What is trained.
    train : LabelledSpikes, or Dataset or DataLoader of torch
        Training samples.
    loss, class_weights, penalty, premature_penalty
        As in :class:`~lava_async.training.trainer.Trainer`.

    Attributes
    ----------
    train : LabelledSpikes
        The training samples, as they are read.
    labels : (B, ...) array
        Their labels, as the loss takes them.
    classes : bool
        Whether labels are classes.
    """

    def __init__(
        self,
        network: UnlayeredNetwork,
        train: LabelledSpikes,
        *,
        loss: Loss | str | None,
        class_weights: str | Sequence[float] | None,
        penalty: float | Sequence[float] | None,
        premature_penalty: float = 0.0,
    ) -> None:
        self._loss = named_loss("fit.loss", loss)
        self.classes, self._network = needs_classes(self._loss), network
        self.train = self.read(train)
        self.labels = self.labels_of("fit.train", self.train)
        if not len(self.labels):
            raise InvalidValue("fit.train: number of samples", 0, "at least 1")
        if class_weights is not None:
            self._loss = with_class_weights(self._loss, class_weights, self.labels, network.n_outputs)
        if penalty is None:
            penalty = defaults.PENALTY / max(SpikeBatch.of(self.train.spikes[np.arange(1)]).n_steps, 1)
        self._activity = activity_weights(network.to_network(), penalty)
        if not 0 <= premature_penalty < math.inf:
            raise InvalidValue("fit.premature_penalty", premature_penalty, "a number of at least 0")
        self.premature_penalty = premature_penalty

    @property
    def asks_for_premature(self) -> bool:
        """Whether :meth:`of` wants to know which spikes are premature."""
        return self.premature_penalty > 0

    def read(self, data: object) -> LabelledSpikes:
        """Return samples in a form that can be indexed by arrays."""
        if not self.classes:
            return with_targets(data)
        with _of_other_losses():
            return labelled(data)

    def labels_of(self, where: str, data: LabelledSpikes) -> NDArray[Any]:
        """Return the labels of samples, which errors call `where`, as the loss takes them."""
        if self.classes:
            with _of_other_losses():
                labels: NDArray[Any] = class_labels(f"{where}.labels", data.labels, self._network.n_outputs)
        else:
            labels = target_labels(f"{where}.labels", data.labels)
        if len(labels) != len(data.spikes):
            raise InvalidValue(f"{where}: number of labels", len(labels), f"{len(data.spikes)}, as of samples")
        return labels

    def of(self, counts: Tensor, batch: NDArray[np.int64], premature: Tensor | None = None) -> tuple[Tensor, float]:
        """Return what is minimized, differentiable, and the summed score.

        Parameters
        ----------
        counts : (B, N, T) Tensor
            Spike counts of all neurons.
        batch : (B,) int
            Indices of the training samples that they are of.
        premature : (B, N, T) Tensor of bool, optional
            Which of these spikes are premature: see :class:`~lava_async.training.gradient.Run`.
        """
        output = self._network.read_out(counts)
        labels, activity = torch.from_numpy(self.labels[batch]).to(counts.device), self._activity.to(counts.device)
        loss = self._called(output, labels)
        if not isinstance(loss, Tensor) or loss.ndim != 0:
            shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise InvalidValue("fit.loss: what it returns", shape, "a tensor of shape (), the mean over the samples")
        if output.requires_grad and not loss.requires_grad:
            raise InvalidType(
                "fit.loss: what it returns", "a constant", "differentiable by the output that it is given"
            )
        good = score(self._loss, output.detach(), labels)
        loss = loss + (counts.sum((0, 2)) @ activity) / len(batch)
        if premature is not None:
            # Which spikes are premature is constant, so each adds its weight to what its check gets.
            loss = loss + self.premature_penalty * (counts * premature.to(counts)).sum() / len(batch)
        return loss, good

    def _called(self, output: Tensor, labels: Tensor) -> Any:
        """Return what the loss returns; those of torch expect other shapes than it is given."""
        try:
            return self._loss(output, labels)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            name = getattr(self._loss, "__name__", f"{type(self._loss).__name__}()")
            if not (getattr(self._loss, "__module__", None) or "").startswith("torch."):
                raise
            allowed = (
                "a function of output counts (B, n_out, T) and labels; for a loss of torch add up the time steps, as "
                f"loss=lambda output, labels: {name}(output.sum(2), labels) (torch: {str(error).splitlines()[0]})"
            )
            raise InvalidType("fit.loss", name, allowed) from None

    def validate(self, data: LabelledSpikes, ranks: Ranks, threads: int | None) -> float:
        """Return accuracy (or score) of the network as it is deployed; processes share the samples."""
        network, deployed, good = self._network, self._network.to_network(), 0.0
        labels = self.labels_of("fit.validation", data)
        mine = ranks.share(np.arange(len(labels)))
        for part in np.array_split(mine, math.ceil(len(mine) / _CHUNK)) if len(mine) else []:
            if network.reads_out or network.takes_numbers:
                with torch.no_grad():
                    output = network.read_out(network.run(SpikeBatch.of(data.spikes[part]), part).counts).cpu()
            else:
                run = simulate_batch(deployed, data.spikes[part], samples=part, threads=threads)
                unit = ONE if deployed.params_of(len(deployed.layers) - 1).graded else 1  # of payloads
                output = torch.from_numpy(run.emitted[:, deployed.outputs].astype(np.float32) / unit)
            good += score(self._loss, output, torch.from_numpy(labels[part]))
        return float(ranks.sum([good])[0]) / len(labels)
