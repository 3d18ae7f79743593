"""The training loop as an object whose whole state can be saved at any batch and gone on from, bit for bit.

Nothing random has a state: the order of the samples is drawn from (seed, epoch), the schedule from (seed, step), and
what networks draw is keyed by the numbers of samples. So weights, optimizer and a few counters are all there is.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lava_async import defaults
from lava_async.data.own import labelled
from lava_async.errors import InvalidValue
from lava_async.forms import class_labels
from lava_async.neurons.loihi import LIMIT
from lava_async.records import count
from lava_async.schedules import Schedule
from lava_async.simulation import simulate_batch
from lava_async.spikes import SpikeBatch
from lava_async.training.blocks.base import is_drawn
from lava_async.training.checkpoint import check_alike
from lava_async.training.gradient import STATE_SCALE
from lava_async.training.losses import CrossEntropy, Loss, activity_weights
from lava_async.training.ranks import Ranks
from lava_async.training.unlayered import UnlayeredNetwork
from lava_async.training.watch import Watch, finite

log = logging.getLogger(__name__)
#: Samples that are validated at once.
_CHUNK = 1000


class LabelledSpikes(Protocol):
    """What is learned from; :class:`lava_async.data.SpikeDataset` is such."""

    @property
    def spikes(self) -> Any:
        """(B, C, T) spike counts, or what gives them, or a SpikeBatch, for an array of indices."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(B,) classes, numbers of output neurons."""


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
    seconds : float
        Time that it took, validation included.
    """

    number: int
    loss: float
    accuracy: float
    spikes_per_sample: float
    validation: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Batch:
    """Where training stands within an epoch.

    Parameters
    ----------
    epoch : int
        From 1.
    number, of : int
        Batches that are done, of all in the epoch.
    loss, accuracy, spikes_per_sample : float
        Means over the samples of the epoch so far.
    """

    epoch: int
    number: int
    of: int
    loss: float
    accuracy: float
    spikes_per_sample: float


class NonFiniteError(FloatingPointError):
    """The loss, its gradient or the weights after a step are not finite.

    Parameters
    ----------
    message : str
        What is not finite, and where.
    batch : dict
        What it takes to see it again: the batch and the weights, as arrays.
    """

    def __init__(self, message: str, batch: dict[str, Any]) -> None:
        super().__init__(message)
        self.batch = batch


class Trainer:
    """Trains a network in place.

    Parameters
    ----------
    network : UnlayeredNetwork
        Runs by its own stop rule; by its own schedule too, unless `schedule_at` says otherwise.
    train, validation : LabelledSpikes, or Dataset or DataLoader of torch
        Samples; see :func:`lava_async.data.own.from_samples`. Without validation samples the last weights stay.
    epochs, batch_size : int
        Passes over the training samples, and most samples per optimizer step, of all processes together.
    optimizer : torch.optim.Optimizer, optional
        One made for parameters of `network`; default: Adam, with :func:`default_learning_rate`.
    cosine : bool
        Let the learning rate fall to 0 along half a cosine.
    loss : Loss, optional
        Of the output; default: ``CrossEntropy(5 / time steps)``.
    penalty : float or list of float, optional
        As in :func:`~lava_async.training.losses.activity_weights`, of spikes per sample; default: 0.005 / time steps.
    seed : int
        Seed of the order of the samples.
    rate : float
        Firing rate that weights which were drawn and have not learned are scaled to before the first step; see
        :meth:`UnlayeredNetwork.scale_to`.
    schedule_at : function, optional
        ``schedule_at(step, steps)`` returns the schedule of an optimizer step.
    augment : function, optional
        ``augment(spikes, numbers)`` returns what is trained on instead of a SpikeBatch; the numbers tell apart all
        samples of all epochs.
    threads : int, optional
        Threads of validation; default: the cores that this process may use.
    keep_best : bool
        End with the weights that were best on the validation samples.
    ranks : Ranks
        The processes that share each batch.

    Attributes
    ----------
    history : list of Epoch
        The epochs that are done.
    best, best_weights : float, dict or None
        Best accuracy on the validation samples so far, and the state_dict of the network then.

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.
    """

    def __init__(
        self,
        network: UnlayeredNetwork,
        train: LabelledSpikes,
        validation: LabelledSpikes | None = None,
        *,
        epochs: int,
        batch_size: int = defaults.BATCH_SIZE,
        optimizer: torch.optim.Optimizer | None = None,
        cosine: bool = True,
        loss: Loss | None = None,
        penalty: Any = None,
        seed: int = 0,
        rate: float = defaults.RATE,
        schedule_at: Callable[[int, int], Schedule] | None = None,
        augment: Callable[[SpikeBatch, NDArray[np.int64]], SpikeBatch] | None = None,
        threads: int | None = None,
        keep_best: bool = True,
        ranks: Ranks = Ranks(),  # noqa: B008 (frozen)
    ) -> None:
        train, validation = labelled(train), labelled(validation)
        network.polarity = getattr(train, "polarity", None)
        self.epochs = count("fit.epochs", epochs)
        count("fit.batch_size", batch_size, least=1)
        self._labels = class_labels("fit.train.labels", train.labels, network.n_outputs)
        if not len(self._labels) or len(self._labels) != len(train.spikes):
            allowed = f"{len(train.spikes)}, the samples, and not 0"
            raise InvalidValue("fit.train: number of labels", len(self._labels), allowed)
        if validation is not None and not len(validation.labels):
            raise InvalidValue("fit.validation: number of samples", 0, "at least 1, or None: no validation samples")
        self.network, self.train, self.validation = network, train, validation
        self.n_batches = math.ceil(len(self._labels) / batch_size)
        self.seed, self.ranks = seed, ranks
        self._optimizer = optimizer or torch.optim.Adam(network.parameters(), lr=default_learning_rate(network))
        falling = torch.optim.lr_scheduler.CosineAnnealingLR
        steps = max(epochs * self.n_batches, 1)
        self._falling = falling(self._optimizer, steps) if cosine else None
        n_steps = max(SpikeBatch.of(train.spikes[np.arange(1)]).n_steps, 1)
        self._loss = CrossEntropy(defaults.SCALE / n_steps) if loss is None else loss
        self._schedule_at, self._threads, self._augment, self._rate = schedule_at, threads, augment, rate
        penalty = defaults.PENALTY / n_steps if penalty is None else penalty
        self._activity = activity_weights(network.to_network(), penalty)
        self._watch = Watch(network, self._labels)
        self._keep_best = keep_best and validation is not None
        self.history: list[Epoch] = []
        self._batch, self._sums, self._seconds = 0, np.zeros(3), 0.0
        self.best = -1.0
        self.best_weights: dict[str, Any] | None = None

    @property
    def step(self) -> int:
        """Optimizer steps that are done."""
        return len(self.history) * self.n_batches + self._batch

    def state_dict(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "falling": self._falling.state_dict() if self._falling else None,
            "history": [asdict(epoch) for epoch in self.history],
            "batch": self._batch,
            "sums": self._sums.tolist(),
            "seconds": self._seconds,
            "best": self.best,
            "best_weights": self.best_weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a state of the same training.

        Raises
        ------
        InvalidValue
            If it is not one of those, naming the part that differs.
        """
        self._check(state)
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._falling:
            self._falling.load_state_dict(state["falling"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self._batch, self._sums, self._seconds = state["batch"], np.array(state["sums"]), state["seconds"]
        self.best, self.best_weights = state["best"], state["best_weights"]

    def _check(self, state: dict[str, Any]) -> None:
        """Raise InvalidValue if anything in a state cannot be gone on from."""
        mine = self.state_dict()
        mine["history"] = [asdict(Epoch(0, 0.0, 0.0, 0.0, 0.0))] * _length(state.get("history"))
        mine["best_weights"] = mine["network"] if state.get("best_weights") is not None else None
        moments = state["optimizer"].get("state") if isinstance(state.get("optimizer"), dict) else None
        mine["optimizer"]["state"] = moments
        check_alike("state", state, mine)
        for name, most in (("history", self.epochs), ("batch", self.n_batches)):
            found = state[name] if name == "batch" else len(state[name])
            if not 0 <= found <= most:
                raise InvalidValue(f"state.{name}", found, f"in 0 .. {most}")
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        known = {i: (p.shape, torch.Size()) for i, p in enumerate(parameters)}
        if not isinstance(moments, dict) or not all(
            i in known
            and isinstance(each, dict)
            and all(x is None or (isinstance(x, torch.Tensor) and x.shape in known.get(i, ())) for x in each.values())
            for i, each in moments.items()
        ):
            raise InvalidValue("state.optimizer.state", moments, "tensors of the shapes of the parameters")

    def run(
        self,
        *,
        on_batch: Callable[[Batch], Any] | None = None,
        on_epoch: Callable[[Epoch], Any] | None = None,
        save: Callable[[Trainer], Any] | None = None,
        save_seconds: float = 60.0,
    ) -> list[Epoch]:
        """Train from where it stands to the end, and return the history.

        Parameters
        ----------
        on_batch, on_epoch : function, optional
            Called after each batch and epoch.
        save : function, optional
            Called with the trainer in process 0, after each epoch and when `save_seconds` have passed since.
        save_seconds : float
            See `save`.

        Raises
        ------
        NonFiniteError
            If the loss, its gradient (the weights are those before the batch) or the weights after the batch (they are
            those before the epoch again) are not finite. Nothing is saved after that: the last checkpoint stays.
        """
        if not self.step:
            self._scale()
        if self.ranks.writes and self.step < self.epochs * self.n_batches:
            self._watch.begin()
        saved = time.monotonic()
        for number in range(len(self.history) + 1, self.epochs + 1):
            batches = np.array_split(self._order(number), self.n_batches)
            self.network.train()
            self._watch.start_epoch()
            self._good = copy.deepcopy(self.network.state_dict())
            while self._batch < self.n_batches:
                started = time.monotonic()
                self._train_on(batches[self._batch], number)
                self._batch += 1
                self._seconds += time.monotonic() - started
                if on_batch:
                    seen = sum(map(len, batches[: self._batch]))
                    on_batch(Batch(number, self._batch, self.n_batches, *(self._sums / seen).tolist()))
                unfinished = self._batch < self.n_batches
                if save and self.ranks.writes and unfinished and time.monotonic() - saved >= save_seconds:
                    save(self)
                    saved = time.monotonic()
            self._end_epoch(number)
            if save and self.ranks.writes:
                save(self)
                saved = time.monotonic()
            if on_epoch:
                on_epoch(self.history[-1])
        self.network.eval()
        if self.best_weights is not None:
            self.network.load_state_dict(self.best_weights)
        return self.history

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self._labels))

    def _scale(self) -> None:
        """Scale weights that were drawn, by the first samples of the first epoch; the same in all processes."""
        if any(is_drawn(block) for block in self.network.blocks):
            first = np.sort(self._order(1)[: defaults.RATE_SAMPLES])
            self.network.scale_to(SpikeBatch.of(self.train.spikes[first]), self._rate, only_drawn=True)

    def _train_on(self, batch: NDArray[np.int64], epoch: int) -> None:
        """Take an optimizer step; `batch` numbers the samples of all processes."""
        network, schedule = self.network, self.network.schedule
        first = int(network.samples_seen)
        mine = self.ranks.share(np.arange(len(batch)))
        self._optimizer.zero_grad()
        found = np.zeros(3)
        if self._schedule_at:
            network.schedule = self._schedule_at(self.step, self.epochs * self.n_batches)
        try:
            if len(mine):
                spikes = SpikeBatch.of(self.train.spikes[batch[mine]])
                if self._augment:
                    spikes = self._augment(spikes, first + mine)
                counts = network.run(spikes, first + mine).counts
                output, labels = network.read_out(counts), torch.from_numpy(self._labels[batch[mine]])
                labels, activity = labels.to(counts.device), self._activity.to(counts.device)
                loss = self._loss(output, labels) + (counts.sum((0, 2)) @ activity) / len(mine)
                loss.backward()
                correct = float((output.detach().sum(2).argmax(1) == labels).sum())
                self._watch.add(counts)
                found = np.array([loss.item() * len(mine), correct, float(counts.detach().sum())])
            found = self.ranks.sum(found)
            if not math.isfinite(found[0]):
                raise self._non_finite(f"the loss is {found[0] / len(batch)}", batch, first, epoch)
            self.ranks.sum_gradients(list(network.parameters()), len(mine) / len(batch))
            if not finite(p.grad for p in network.parameters() if p.grad is not None):
                raise self._non_finite("the gradient is not finite", batch, first, epoch)
        finally:
            network.schedule = schedule
        try:
            self._optimizer.step()
        except RuntimeError as error:  # Of torch: a factor is beyond float32.
            if "overflow" not in str(error):
                raise
            raise self._non_finite("a step of the optimizer overflows", batch, first, epoch) from None
        if not finite([*network.parameters(), *network.buffers()]):
            failure = self._non_finite("the weights are not finite after a step", batch, first, epoch)
            network.load_state_dict(self._good)
            raise failure
        if self._falling:
            self._falling.step()
        network.samples_seen += len(batch)
        self._sums += found

    def _end_epoch(self, number: int) -> None:
        started = time.monotonic()
        self.network.eval()
        accuracy = float("nan") if self.validation is None else self._validate(self.validation)
        if self._keep_best and accuracy >= self.best:
            self.best, self.best_weights = accuracy, copy.deepcopy(self.network.state_dict())
        seconds = self._seconds + time.monotonic() - started
        loss, correct, spikes = (self._sums / len(self._labels)).tolist()
        self.history.append(Epoch(number, loss, correct, spikes, accuracy, seconds))
        if self.ranks.writes:
            self._watch.end_epoch(number, correct)
        self._batch, self._sums, self._seconds = 0, np.zeros(3), 0.0
        log.info("%s", self.history[-1])

    def _validate(self, data: LabelledSpikes) -> float:
        """Return the accuracy of the network as it is deployed; processes share the samples."""
        network, correct = self.network.to_network(), 0
        labels = class_labels("fit.validation.labels", data.labels)
        mine = self.ranks.share(np.arange(len(labels)))
        for part in np.array_split(mine, math.ceil(len(mine) / _CHUNK)) if len(mine) else []:
            how: dict[str, Any] = {"schedule": self.network.schedule, "until": self.network.until}
            if self.network.reads_out:
                with torch.no_grad():
                    output = self.network.read_out(self.network.run(SpikeBatch.of(data.spikes[part]), part).counts)
                correct += int((output.sum(2).argmax(1).cpu().numpy() == labels[part]).sum())
                continue
            run = simulate_batch(
                network, data.spikes[part], samples=part, seed=self.network.seed, threads=self._threads, **how
            )
            correct += int((run.output.sum(2).argmax(1) == labels[part]).sum())
        return float(self.ranks.sum([correct])[0]) / len(labels)

    def _non_finite(self, what: str, batch: NDArray[np.int64], first: int, epoch: int) -> NonFiniteError:
        spikes = SpikeBatch.of(self.train.spikes[batch])
        arrays = {f"weights/{name}": tensor.numpy(force=True) for name, tensor in self.network.state_dict().items()}
        arrays |= {
            "channel": spikes.channel,
            "count": spikes.count,
            "start": spikes.start,
            "n_channels": spikes.n_channels,
            "labels": self._labels[batch],
            "indices": batch,
            "samples": first + np.arange(len(batch)),
            "epoch": epoch,
            "batch": self._batch + 1,
        }
        where = f"in epoch {epoch}, batch {self._batch + 1} of {self.n_batches}"
        rates = ", ".join(f"{group['lr']:.3g}" for group in self._optimizer.param_groups)
        remedy = f"try a smaller learning rate (now {rates}), a smaller scale of the loss, or reset = 'detached'"
        return NonFiniteError(f"fit: {what} {where}: {remedy}", arrays)


def default_learning_rate(network: UnlayeredNetwork) -> float:
    """Return the learning rate of Adam, by mean threshold; a tenth of it for blocks of a trained network."""
    learned = any(getattr(block, "learned", False) for block in network.blocks)
    thresholds = network.thresholds.double()
    fires = thresholds < LIMIT / STATE_SCALE  # A layer whose voltage is read out has a threshold beyond.
    mean = float((thresholds * fires).sum() / fires.sum().clamp(min=1)) or 1.0
    return defaults.LEARNING_RATE * mean * (defaults.FINE_TUNING if learned else 1.0)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0
