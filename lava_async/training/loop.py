"""Fit and evaluate: the training loop, and the metrics of a network under a schedule."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lava_async import defaults
from lava_async.data.samples import LabelledSpikes, labelled
from lava_async.errors import InvalidValue, not_among
from lava_async.execution import Execution, chosen
from lava_async.files import replacing
from lava_async.forms import class_labels
from lava_async.metrics import predictions
from lava_async.network import Network
from lava_async.progress import ProgressBar
from lava_async.readout import READOUTS, VoltageReadout
from lava_async.records import check_int
from lava_async.schedules import ExecutionKind
from lava_async.silence import Activity
from lava_async.stopping import FirstOutput, StopRule
from lava_async.tally import Tally, in_parts, take
from lava_async.training.history import Batch, Epoch, check_callbacks
from lava_async.training.losses import CrossEntropy, Loss
from lava_async.training.trainer import Trainer
from lava_async.training.unlayered import UnlayeredNetwork

log = logging.getLogger(__name__)
__all__ = ["Epoch", "Evaluation", "LabelledSpikes", "evaluate", "fit"]


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a network under one schedule; see :mod:`lava_async.metrics`.

    Parameters
    ----------
    accuracy : float
        With time steps that end as the stop rule says, by the read-out that was asked for.
    accuracy_at_first_output : float
        With time steps that end at their first output spike (layered: the same as `accuracy`).
    spikes_per_sample, spike_density, synaptic_operations, reactivity : float
        With time steps that end as the stop rule says; synaptic operations per sample.
    steps_to_first_output : float
        Mean forward steps per time step until an output neuron emits.
    share_decided, time_steps_to_decision : float or None
        With ``Margin``: part of the samples that it ended, and mean number of time steps that ran. Synaptic operations
        are then those until the decision.
    nanoseconds_to_decision : float or None
        With ``Margin``, of timed runs: mean time until the decision, barriers included.
    nanoseconds_per_time_step, nanoseconds_to_first_output : float or None
        Means of timed runs: of a time step, its barrier included, and until its first output neuron emits.

    Examples
    --------
    >>> from lava_async.data.digits import digits
    >>> from lava_async.models import load
    >>> from lava_async.training import evaluate
    >>> found = evaluate(load("digits_robust"), digits("test"))
    >>> found.accuracy > 0.9, found.steps_to_first_output < 4, found.nanoseconds_per_time_step
    (True, True, None)
    """

    accuracy: float
    accuracy_at_first_output: float
    spikes_per_sample: float
    spike_density: float
    steps_to_first_output: float
    synaptic_operations: float
    reactivity: float
    share_decided: float | None = None
    time_steps_to_decision: float | None = None
    nanoseconds_to_decision: float | None = None
    nanoseconds_per_time_step: float | None = None
    nanoseconds_to_first_output: float | None = None


def evaluate(
    network: UnlayeredNetwork | Network,
    data: LabelledSpikes,
    *,
    execution: Execution | None = None,
    schedule: ExecutionKind | None = None,
    until: StopRule | None = None,
    refractory: bool | None = None,
    input_first: bool | None = None,
    seed: int | None = None,
    threads: int | None = None,
    readout: str = "spikes",
) -> Evaluation:
    """Return the metrics of a network under an execution, on the compiled engine.

    Samples run some at a time and are summed up, so that the memory that it takes does not grow with their number.

    Parameters
    ----------
    network : UnlayeredNetwork or Network
        The first is evaluated as it is deployed, in fixed point.
    data : LabelledSpikes, or Dataset or DataLoader of torch
        As in :func:`lava_async.data.samples.from_samples`. Samples are numbered 0 .. B - 1 for random draws.
    execution, schedule, until, refractory, input_first, seed, threads
        As in :func:`lava_async.simulate_batch`: by default, what is noted about the network, and an UnlayeredNetwork as
        it is trained.
    readout : {"spikes", "voltage"}
        What the class of a sample is: the output with the most spikes, or the one whose voltage, summed over the time
        steps, is highest (:mod:`lava_async.readout`), for networks whose outputs never fire.

    Raises
    ------
    InvalidType, InvalidValue
        If the read-out is unknown, the last block is not read out by counts, or there is not one label per sample.

    Examples
    --------
    >>> from lava_async import Layered
    >>> from lava_async.data.digits import digits
    >>> from lava_async.models import load
    >>> from lava_async.training import evaluate
    >>> evaluate(load("digits_robust"), digits("test"), schedule=Layered()).accuracy > 0.9
    True
    """
    if readout not in READOUTS:
        raise not_among("evaluate: readout", readout, READOUTS)
    data = labelled(data)
    by_voltage = readout == "voltage" and isinstance(network, UnlayeredNetwork) and network.answers_by_voltage
    if isinstance(network, UnlayeredNetwork) and network.reads_out and not by_voltage:
        allowed = (
            "a network whose answer is the spike counts of its last layer; for Affine, give readout='voltage'; of "
            "others, score net.eval()(spikes)"
        )
        raise InvalidValue("evaluate: last block", type(network.blocks[-1]).__name__, allowed)
    if isinstance(network, UnlayeredNetwork) and network.takes_numbers:
        allowed = "a network whose input is spikes; of others, score net.eval()(numbers)"
        raise InvalidValue("evaluate: first block", type(network.blocks[0]).__name__, allowed)
    deployed = network.to_network() if isinstance(network, UnlayeredNetwork) else network
    labels = class_labels("evaluate: labels", data.labels, len(deployed.outputs))
    if len(labels) != len(data.spikes):
        raise InvalidValue("evaluate: number of labels", len(labels), f"{len(data.spikes)}, one per sample")
    how = chosen(
        execution,
        deployed.execution,
        schedule=schedule,
        until=until,
        refractory=refractory,
        input_first=input_first,
        seed=seed,
    )
    whole, cut, activity = Tally(), Tally(), Activity(deployed, np.unique(labels))
    for tally, as_said in ((whole, how), (cut, how.but(until=FirstOutput()))):
        voltages = VoltageReadout(deployed, execution=as_said) if readout == "voltage" else None
        for part, run in in_parts(deployed, data.spikes, execution=as_said, threads=threads):
            if voltages is not None:
                classes = voltages.classes(take(data.spikes, part), part)
            else:
                classes = predictions(run.emitted[:, deployed.outputs])
            tally.add(run, labels[part], classes)
            if tally is whole:
                activity.add(run.counts.sum((0, 2)), run.counts.shape[0] * run.counts.shape[2])
    for _, sentence in [*activity.sentences(), *activity.about_readout(readout)]:
        log.warning("evaluated %s: %s", how.schedule.name, sentence)
    return Evaluation(
        accuracy=whole.accuracy,
        accuracy_at_first_output=cut.accuracy,
        spikes_per_sample=whole.spikes_per_sample,
        spike_density=whole.spike_density,
        steps_to_first_output=whole.steps_to_first_output,
        synaptic_operations=whole.synaptic_operations / whole.samples,
        reactivity=whole.reactivity,
        **whole.decisions,
        **whole.times,
    )


def fit(
    network: UnlayeredNetwork,
    train: LabelledSpikes,
    validation: LabelledSpikes | None = None,
    *,
    epochs: int = defaults.EPOCHS,
    batch_size: int = defaults.BATCH_SIZE,
    loss: Loss | str | None = None,
    learning_rate: float | None = None,
    optimizer: torch.optim.Optimizer | str | None = None,
    cosine: bool = True,
    scheduler: object | None = None,
    scheduler_options: Mapping[str, object] | None = None,
    scale: float | None = None,
    class_weights: str | Sequence[float] | None = None,
    penalty: float | Sequence[float] | None = None,
    premature_penalty: float = 0.0,
    max_grad_norm: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    progress: bool = False,
    callback: Callable[[Epoch], object] | None = None,
    on_batch: Callable[[Batch], object] | None = None,
) -> list[Epoch]:
    """Train a network in place; it ends with the weights that were best on the validation samples, in eval mode.

    By default the loss is ``cross_entropy(scale * sum_t output counts, label) + penalty * (spikes of hidden neurons per
    sample)``. To train further than `epochs`, or to go on after an interruption, there is :class:`Trainer`.

    Parameters
    ----------
    network : UnlayeredNetwork
        Runs by its own schedule and stop rule, in training and validation.
    train, validation : LabelledSpikes, or Dataset or DataLoader of torch
        Samples; see :func:`lava_async.data.samples.from_samples`. Without validation samples the last weights stay.
    epochs, batch_size : int
        Passes over the training samples, and samples per optimizer step.
    loss : function or str, optional
        ``loss(output counts (B, n_out, T), labels)`` returns the mean over the samples, in place of the cross-entropy:
        a function of yours or one of :mod:`lava_async.training.losses`, such as MultiLabel or Regression, or the
        name of one, such as "regression". A function of yours gets the labels of the data as they are.
    learning_rate : float, optional
        Unless `optimizer` is an object, which has one. Default:
        :func:`~lava_async.training.optimization.default_learning_rate`, 0.02 per threshold for new networks.
    optimizer : torch.optim.Optimizer, or str
        One made for parameters of `network`, or the name of one of torch; default: Adam.
    cosine : bool
        Without `scheduler`: let the learning rate fall to 0 along half a cosine, else keep it.
    scheduler, scheduler_options
        A scheduler of torch for `optimizer`, or the name of one, such as "StepLR", with its arguments; see
        :class:`~lava_async.training.optimization.Rates`.
    scale : float, optional
        Of the output counts in the cross-entropy; default: 5 / time steps.
    class_weights : "balanced" or list of float, optional
        Of the cross-entropy, a weight per output; "balanced": every class counts the same.
    penalty : float or list of float, optional
        Weight of the hidden spikes in the loss, or of those of each layer; default: 0.005 / time steps.
    premature_penalty : float
        Weight of each premature spike per sample in the loss; see :class:`~lava_async.training.trainer.Trainer`.
    max_grad_norm : float, optional
        Gradients are scaled down to this norm, of all parameters together.
    patience : int, optional
        End after so many epochs without a better result on the validation samples.
    seed : int
        Seed of the order of the samples. No global random state is read or changed.
    checkpoint : path, optional
        Where to keep the state_dict of the best weights so far (``torch.load`` reads it); written atomically.
    progress : bool
        Show a progress bar on stderr.
    callback, on_batch : function of an Epoch, and of a Batch, optional
        Called after each epoch, and after each batch. One that returns True ends the training with that epoch.

    Returns
    -------
    list of Epoch

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.
    FloatingPointError
        If the loss, its gradient or the weights are not finite.

    Notes
    -----
    Weights that were drawn by this package (`dense_blocks` without `gain`) and have not learned are first scaled by
    :meth:`UnlayeredNetwork.scale_to` with the first 128 samples of the first epoch. Your own blocks stay as they are.

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.data.digits import digits
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks
    >>> net = UnlayeredNetwork(dense_blocks([200, 64, 10]), schedule=Random(group_size=8))
    >>> history = fit(net, digits("train"), epochs=2)
    >>> history[-1].accuracy > 0.8
    True
    """
    check_int("fit.epochs", epochs, least=1)
    check_callbacks("fit", callback=callback, on_batch=on_batch)
    if scale is not None:
        if loss is not None:
            raise InvalidValue("fit.scale", scale, "left out: it is of the cross-entropy, and a loss is given")
        loss = CrossEntropy(scale)
    trainer = Trainer(
        network,
        train,
        validation,
        epochs=epochs,
        batch_size=batch_size,
        loss=loss,
        optimizer=optimizer,
        learning_rate=learning_rate,
        cosine=cosine,
        scheduler=scheduler,
        scheduler_options=scheduler_options,
        class_weights=class_weights,
        penalty=penalty,
        premature_penalty=premature_penalty,
        max_grad_norm=max_grad_norm,
        patience=patience,
        seed=seed,
    )
    with ProgressBar(total=epochs * trainer.n_batches, disable=not progress, desc=f"epoch 1 of {epochs}") as bar:

        def look(epoch: Epoch) -> object:
            bar.set_postfix(loss=epoch.loss, validation=epoch.validation, spikes=epoch.spikes_per_sample)
            best = trainer.best_weights
            if checkpoint is not None and best is not None and epoch.validation == trainer.best:
                _save(best, Path(checkpoint))
            return callback(epoch) if callback else None

        def step(batch: Batch) -> object:
            bar.set_description_str(f"epoch {batch.epoch} of {epochs}", refresh=False)
            bar.update()
            return on_batch(batch) if on_batch else None

        history = trainer.run(on_batch=step, on_epoch=look)
    if checkpoint is not None and validation is None:
        _save(network.state_dict(), Path(checkpoint))
    return history


def _save(state: dict[str, Any], path: Path) -> None:
    """Write a state_dict so that a reader never sees half of it."""
    with replacing(path) as temporary:
        torch.save(state, temporary)
