"""Fit and evaluate: the training loop, and what a network is worth under a schedule."""

from __future__ import annotations

import copy
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from lava_async import metrics
from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.progress import ProgressBar
from lava_async.records import count, within
from lava_async.schedules import Schedule
from lava_async.simulation import simulate_batch
from lava_async.stopping import FirstOutput, Quiescence, StopRule
from lava_async.training.unlayered import UnlayeredNetwork

log = logging.getLogger(__name__)


class LabelledSpikes(Protocol):
    """What is learned from; :class:`lava_async.data.SpikeDataset` is such."""

    @property
    def spikes(self) -> NDArray[Any]:
        """(B, C, T) spike counts."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(B,) classes, numbers of output neurons."""


@dataclass(frozen=True)
class Evaluation:
    """What a network is worth under one schedule; see :mod:`lava_async.metrics`.

    Parameters
    ----------
    accuracy : float
        With time steps that end as the stop rule says.
    accuracy_at_first_output : float
        With time steps that end at their first output spike (layered: the same as `accuracy`).
    spikes_per_sample, spike_density, synaptic_operations, reactivity : float
        With time steps that end as the stop rule says; synaptic operations per sample.
    steps_to_first_output : float
        Mean forward steps per time step until an output neuron emits.
    """

    accuracy: float
    accuracy_at_first_output: float
    spikes_per_sample: float
    spike_density: float
    steps_to_first_output: float
    synaptic_operations: float
    reactivity: float


@dataclass(frozen=True)
class Epoch:
    """What one epoch did.

    Parameters
    ----------
    number : int
        From 1.
    loss, accuracy, spikes_per_sample : float
        Means over the training samples while they were trained on.
    validation : float
        Accuracy on the validation samples after the epoch; NaN without any.
    """

    number: int
    loss: float
    accuracy: float
    spikes_per_sample: float
    validation: float


def evaluate(
    network: UnlayeredNetwork | Network, data: LabelledSpikes, *, schedule: Schedule, until: StopRule = Quiescence(),  # noqa: B008
    seed: int = 0, threads: int | None = None,
) -> Evaluation:  # fmt: skip
    """Return what a network is worth under a schedule, on the compiled engine.

    Parameters
    ----------
    network : UnlayeredNetwork or Network
        The first is evaluated as it is deployed, in fixed point.
    data : LabelledSpikes
        Samples are numbered 0 .. B - 1 for random draws.
    schedule, until, seed, threads
        As in :func:`lava_async.simulate_batch`.
    """
    deployed = network.to_network() if isinstance(network, UnlayeredNetwork) else network
    whole, cut = (
        simulate_batch(deployed, data.spikes, schedule=schedule, until=rule, seed=seed, threads=threads)
        for rule in (until, FirstOutput())
    )
    return Evaluation(
        accuracy=metrics.accuracy(whole.output, data.labels),
        accuracy_at_first_output=metrics.accuracy(cut.output, data.labels),
        spikes_per_sample=metrics.spikes_per_sample(whole.counts),
        spike_density=metrics.spike_density(whole.counts),
        steps_to_first_output=metrics.latency(whole.first_output),
        synaptic_operations=float(whole.synaptic_operations.mean()),
        reactivity=metrics.reactivity(whole.synaptic_operations, whole.counts),
    )


def fit(
    network: UnlayeredNetwork, train: LabelledSpikes, validation: LabelledSpikes | None = None, *, epochs: int,
    batch_size: int = 128, learning_rate: float = 2e-3, optimizer: torch.optim.Optimizer | None = None,
    cosine: bool = True, scale: float = 0.5, penalty: float = 0.0, seed: int = 0, checkpoint: str | Path | None = None,
    progress: bool = False, callback: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:  # fmt: skip
    """Train a network in place; it ends with the weights that were best on the validation samples, in eval mode.

    The loss is ``cross_entropy(scale * sum_t output counts, label) + penalty * (spikes of hidden neurons per sample)``.

    Parameters
    ----------
    network : UnlayeredNetwork
        Runs by its own schedule and stop rule, in training and validation.
    train, validation : LabelledSpikes
        Samples. Without validation samples the last weights stay.
    epochs, batch_size : int
        Passes over the training samples, and samples per optimizer step.
    learning_rate : float
        Of the Adam optimizer; unused if `optimizer` is given.
    optimizer : torch.optim.Optimizer, optional
        One made for parameters of `network`.
    cosine : bool
        Let the learning rate fall to 0 along half a cosine.
    scale : float
        Of the output counts in the loss; less for long samples.
    penalty : float
        Weight of the hidden spikes in the loss.
    seed : int
        Seed of the order of the samples. No global random state is read or changed.
    checkpoint : path, optional
        Where to keep the state_dict of the best weights so far (``torch.load`` reads it); written atomically.
    progress : bool
        Show a progress bar on stderr.
    callback : function of an Epoch, optional
        Called after each epoch.

    Returns
    -------
    list of Epoch

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.
    FloatingPointError
        If the loss is not finite.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        count(f"fit.{name}", value, least=1)
    labels = torch.from_numpy(np.asarray(train.labels, dtype=np.int64))
    if not len(labels) or len(labels) != len(train.spikes):
        raise InvalidValue("fit.train: number of labels", len(labels), f"{len(train.spikes)}, the samples, and not 0")
    within("fit.train.labels", labels.numpy(), 0, network.n_outputs - 1)
    optimizer = optimizer or torch.optim.Adam(network.parameters(), lr=learning_rate)
    n_batches = math.ceil(len(labels) / batch_size)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * n_batches) if cosine else None
    history: list[Epoch] = []
    best, kept = -1.0, None
    with ProgressBar(total=epochs * n_batches, disable=not progress, unit="batch") as bar:
        for number in range(1, epochs + 1):
            network.train()
            sums = np.zeros(3)
            order = np.random.default_rng([seed, number]).permutation(len(labels))
            for batch in np.array_split(order, n_batches):
                spikes, targets = torch.from_numpy(train.spikes[batch]), labels[batch]
                loss, correct, emitted = _losses(network, spikes, targets, scale, penalty)
                if not math.isfinite(loss.item()):
                    raise FloatingPointError(f"fit: the loss is {loss.item()} in epoch {number}")
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if falling:
                    falling.step()
                sums += len(batch) * np.array([loss.item(), correct, emitted])
                bar.update()
            network.eval()
            accuracy = float("nan")
            if validation is not None:
                accuracy = _validate(network, validation)
                if accuracy >= best:
                    best, kept = accuracy, copy.deepcopy(network.state_dict())
                    if checkpoint is not None:
                        _save(kept, Path(checkpoint))
            loss_mean, correct_mean, spikes_mean = (sums / len(labels)).tolist()
            history.append(Epoch(number, loss_mean, correct_mean, spikes_mean, accuracy))
            log.info("%s", history[-1])
            bar.set_postfix(loss=history[-1].loss, validation=accuracy, spikes=history[-1].spikes_per_sample)
            if callback:
                callback(history[-1])
    if kept is not None:
        network.load_state_dict(kept)
    elif checkpoint is not None:
        _save(network.state_dict(), Path(checkpoint))
    return history


def _losses(
    network: UnlayeredNetwork, spikes: torch.Tensor, labels: torch.Tensor, scale: float, penalty: float
) -> tuple[torch.Tensor, float, float]:
    """Return the loss of a batch, and its accuracy and spikes per sample."""
    counts = network.run(spikes).counts
    output = counts[:, -network.n_outputs :].sum(2)
    labels = labels.to(output.device)
    hidden = counts[:, : -network.n_outputs].sum() / len(counts)
    loss = cross_entropy(scale * output, labels) + penalty * hidden
    return loss, float((output.argmax(1) == labels).float().mean()), float(counts.detach().sum() / len(counts))


def _validate(network: UnlayeredNetwork, data: LabelledSpikes) -> float:
    how: dict[str, Any] = {"schedule": network.schedule, "until": network.until, "seed": network.seed}
    return metrics.accuracy(simulate_batch(network.to_network(), data.spikes, **how).output, data.labels)


def _save(state: dict[str, Any], path: Path) -> None:
    """Write a state_dict so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        torch.save(state, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
