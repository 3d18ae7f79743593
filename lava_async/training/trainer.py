"""The training loop as an object whose whole state can be saved at any batch and gone on from, bit for bit.

Nothing random has a state: the order of the samples is drawn from (seed, epoch), the schedule from (seed, step), and
what networks draw is keyed by the numbers of samples. So weights, optimizer and a few counters are all there is.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lava_async import defaults
from lava_async.data.samples import LabelledSpikes
from lava_async.engine.config import machine
from lava_async.errors import InvalidValue
from lava_async.records import check_int
from lava_async.schedules import ExecutionKind
from lava_async.spikes import SpikeBatch
from lava_async.training.blocks.base import is_drawn
from lava_async.training.distributed import Ranks
from lava_async.training.failure import NonFiniteError, non_finite
from lava_async.training.history import Batch, Epoch, check_callbacks
from lava_async.training.losses import Loss
from lava_async.training.objective import Objective
from lava_async.training.optimization import (
    CONSTANT,
    COSINE,
    Rates,
    check_optimizer,
    default_learning_rate,
    make_optimizer,
)
from lava_async.training.state import check_state
from lava_async.training.unlayered import UnlayeredNetwork
from lava_async.training.watch import Watch, finite

log = logging.getLogger(__name__)


class Trainer:
    """Trains a network in place.

    Parameters
    ----------
    network : UnlayeredNetwork
        Runs by its own stop rule; by its own schedule too, unless `schedule_at` says otherwise.
    train, validation : LabelledSpikes, or Dataset or DataLoader of torch
        Samples; see :func:`lava_async.data.samples.from_samples`. Without validation samples the last weights stay.
        Losses other than those that need classes get the labels as they are: see :mod:`lava_async.training.losses`.
    epochs, batch_size : int
        Passes over the training samples, and most samples per optimizer step, of all processes together. `epochs` may
        be raised afterwards: ``trainer.epochs = 30`` and `run` again, which goes on with the last weights.
    optimizer : torch.optim.Optimizer, or str
        One made for parameters of `network`, or the name of one of torch, such as "AdamW".
    learning_rate : float, optional
        Of an optimizer that is named; default: :func:`~lava_async.training.optimization.default_learning_rate`.
    cosine : bool
        Without `scheduler`: let the learning rate fall to 0 along half a cosine, else keep it.
    scheduler, scheduler_options
        As in :class:`~lava_async.training.optimization.Rates`.
    loss : Loss or str, optional
        Function of output counts (B, n_out, T) and labels, or its name, as "spike_rate"; default: ``CrossEntropy()``.
    class_weights : "balanced" or list of float, optional
        Weights of the classes in the cross-entropy, as
        :func:`~lava_async.training.losses.cross_entropy.with_class_weights` takes them.
    penalty : float or list of float, optional
        As in :func:`~lava_async.training.losses.penalty.activity_weights`, of spikes per sample; default: 0.005 / time
        steps.
    premature_penalty : float
        Weight of each premature spike per sample: one of a neuron that all that reached it in the time step, had it not
        been reset, leaves at or below its threshold. It lets neurons wait for what comes later.
    max_grad_norm : float, optional
        Gradients are scaled down to this norm, of all parameters together.
    patience : int, optional
        End after so many epochs without a better result on the validation samples.
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
        Best accuracy (or score) on the validation samples so far, and the state_dict of the network then.

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.data.digits import digits
    >>> from lava_async.training import Trainer, UnlayeredNetwork, dense_blocks
    >>> net = UnlayeredNetwork(dense_blocks([200, 16, 10]), schedule=Random(group_size=8))
    >>> trainer = Trainer(net, digits("train").subset(range(64)), epochs=1)
    >>> _ = trainer.run()
    >>> trainer.epochs = 2
    >>> _ = trainer.run()  # goes on
    >>> [epoch.number for epoch in trainer.history]
    [1, 2]
    """

    def __init__(
        self,
        network: UnlayeredNetwork,
        train: LabelledSpikes,
        validation: LabelledSpikes | None = None,
        *,
        epochs: int,
        batch_size: int = defaults.BATCH_SIZE,
        optimizer: torch.optim.Optimizer | str | None = None,
        learning_rate: float | None = None,
        cosine: bool = True,
        scheduler: object | None = None,
        scheduler_options: Mapping[str, object] | None = None,
        loss: Loss | str | None = None,
        class_weights: str | Sequence[float] | None = None,
        penalty: float | Sequence[float] | None = None,
        premature_penalty: float = 0.0,
        max_grad_norm: float | None = None,
        patience: int | None = None,
        seed: int = 0,
        rate: float = defaults.RATE,
        schedule_at: Callable[[int, int], ExecutionKind] | None = None,
        augment: Callable[[SpikeBatch, NDArray[np.int64]], SpikeBatch] | None = None,
        threads: int | None = None,
        keep_best: bool = True,
        ranks: Ranks = Ranks(),  # noqa: B008 (frozen)
    ) -> None:
        self._objective = Objective(
            network,
            train,
            loss=loss,
            class_weights=class_weights,
            penalty=penalty,
            premature_penalty=premature_penalty,
        )
        train, self._labels = self._objective.train, self._objective.labels
        validation = None if validation is None else self._objective.read(validation)
        network.polarity = getattr(train, "polarity", None)
        self.network, self.train, self.validation = network, train, validation
        self.epochs = check_int("fit.epochs", epochs)
        if validation is not None and not len(validation.labels):
            raise InvalidValue("fit.validation: number of samples", 0, "at least 1, or None: no validation samples")
        self.n_batches = math.ceil(len(self._labels) / check_int("fit.batch_size", batch_size, least=1))
        self.seed, self.ranks = seed, ranks
        self._patience = None if patience is None else check_int("fit.patience", patience, least=1)
        if patience is not None and validation is None:
            raise InvalidValue("fit.patience", patience, "left out where there are no validation samples to look at")
        if max_grad_norm is not None and not 0 < max_grad_norm < math.inf:
            raise InvalidValue("fit.max_grad_norm", max_grad_norm, "a number > 0")
        self._max_grad_norm = max_grad_norm
        if optimizer is None or isinstance(optimizer, str):
            rate_of_all = default_learning_rate(network) if learning_rate is None else learning_rate
            optimizer = make_optimizer("fit.optimizer", optimizer or "Adam", network.parameters(), rate_of_all)
        elif learning_rate is not None:
            raise InvalidValue("fit.learning_rate", learning_rate, "left out: the optimizer has one")
        check_optimizer("fit.optimizer", optimizer, network)
        self._optimizer: torch.optim.Optimizer = optimizer
        scheduler = scheduler if scheduler is not None else COSINE if cosine else CONSTANT
        self._rates = Rates(optimizer, scheduler, scheduler_options, lambda: (self.epochs, self.n_batches))
        self._schedule_at, self._threads, self._augment, self._rate = schedule_at, threads, augment, rate
        self._watch = Watch(network, self._labels if self._objective.classes else None)
        self._keep_best = keep_best and validation is not None
        self.history: list[Epoch] = []
        self._batch, self._sums, self._seconds = 0, np.zeros(3), 0.0
        self.best = -math.inf
        self.best_weights: dict[str, Any] | None = None
        self._last_weights: dict[str, Any] | None = None

    @property
    def premature_penalty(self) -> float:
        """Weight of each premature spike per sample."""
        return self._objective.premature_penalty

    @property
    def step(self) -> int:
        """Optimizer steps that are done."""
        return len(self.history) * self.n_batches + self._batch

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or patience is at its end."""
        if self._patience is not None and self.history and not self._batch:
            results = [epoch.validation for epoch in self.history]
            if len(results) - 1 - results.index(max(results)) >= self._patience:
                return True
        return len(self.history) >= self.epochs

    def state_dict(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on."""
        return {
            "network": self.network.state_dict() if self._last_weights is None else self._last_weights,
            "samples_seen": int(self.network.samples_seen),
            "optimizer": self._optimizer.state_dict(),
            "rates": self._rates.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "batch": self._batch,
            "sums": self._sums.tolist(),
            "seconds": self._seconds,
            "best": self.best,
            "best_weights": self.best_weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a state of the same training, which may have been meant for fewer epochs.

        Raises
        ------
        InvalidValue
            If it is not one of those, naming the part that differs.
        """
        parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
        check_state(state, self.state_dict(), parameters, history=self.epochs, batch=self.n_batches)
        self._last_weights = None
        self.network.load_state_dict(state["network"])
        self.network.samples_seen.fill_(state["samples_seen"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rates.load_state_dict(state["rates"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self._batch, self._sums, self._seconds = state["batch"], np.array(state["sums"]), state["seconds"]
        self.best, self.best_weights = state["best"], state["best_weights"]

    def run(
        self,
        *,
        on_batch: Callable[[Batch], object] | None = None,
        on_epoch: Callable[[Epoch], object] | None = None,
        save: Callable[[Trainer], object] | None = None,
        save_seconds: float = 60.0,
    ) -> list[Epoch]:
        """Train from where it stands to the end, and return the history.

        Parameters
        ----------
        on_batch, on_epoch : function, optional
            Called after each batch and epoch. One that returns True ends the training at the end of the epoch.
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
        check_callbacks("Trainer.run", on_batch=on_batch, on_epoch=on_epoch, save=save)
        if self._last_weights is not None:
            self.network.load_state_dict(self._last_weights)
            self._last_weights = None
        if not self.step:
            self._scale()
        if self.ranks.writes and not self.finished:
            self._watch.begin()
        saved, stop = time.monotonic(), False
        while not self.finished and not stop:
            number = len(self.history) + 1
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
                    batch = Batch(number, self._batch, self.n_batches, *(self._sums / seen).tolist())
                    stop = on_batch(batch) is True or stop
                unfinished = self._batch < self.n_batches
                if save and self.ranks.writes and unfinished and time.monotonic() - saved >= save_seconds:
                    save(self)
                    saved = time.monotonic()
            self._end_epoch(number)
            if save and self.ranks.writes:
                save(self)
                saved = time.monotonic()
            if on_epoch:
                stop = on_epoch(self.history[-1]) is True or stop
        self.network.eval()
        if self.best_weights is not None:
            self._last_weights = copy.deepcopy(self.network.state_dict())
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
        network, first = self.network, int(self.network.samples_seen)
        mine = self.ranks.share(np.arange(len(batch)))
        self._optimizer.zero_grad()
        found = np.zeros(3)
        with self._scheduled():
            if len(mine):
                found = self._differentiate(batch[mine], first + mine)
        found = self.ranks.sum(found)
        if not math.isfinite(found[0]):
            raise self._non_finite(f"the loss is {found[0] / len(batch)}", batch, first, epoch)
        self.ranks.sum_gradients(list(network.parameters()), len(mine) / len(batch))
        if not finite(p.grad for p in network.parameters() if p.grad is not None):
            raise self._non_finite("the gradient is not finite", batch, first, epoch)
        if self._max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), self._max_grad_norm)
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
        self._rates.end_batch()
        network.samples_seen += len(batch)
        self._sums += found

    @contextmanager
    def _scheduled(self) -> Iterator[None]:
        """Run the network by the schedule of this step."""
        before = self.network.schedule
        if self._schedule_at:
            self.network.schedule = self._schedule_at(self.step, self.epochs * self.n_batches)
        try:
            yield
        finally:
            self.network.schedule = before

    def _differentiate(self, batch: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Add the gradient of samples; return their summed loss, score and spikes."""
        network, spikes = self.network, SpikeBatch.of(self.train.spikes[batch])
        if self._augment:
            spikes = self._augment(spikes, numbers)
        run = network.run(spikes, numbers, premature=self._objective.asks_for_premature)
        counts = run.counts
        loss, good = self._objective.of(counts, batch, run.premature)
        loss.backward()
        self._watch.add(counts)
        return np.array([loss.item() * len(batch), good, float(counts.detach().sum())])

    def _end_epoch(self, number: int) -> None:
        started = time.monotonic()
        self.network.eval()
        accuracy = float("nan")
        if self.validation is not None:
            accuracy = self._objective.validate(self.validation, self.ranks, self._threads)
        if self._keep_best and accuracy >= self.best:
            self.best, self.best_weights = accuracy, copy.deepcopy(self.network.state_dict())
        seconds = self._seconds + time.monotonic() - started
        loss, good, spikes = (self._sums / len(self._labels)).tolist()
        here = ", ".join(machine().values())
        self.history.append(Epoch(number, loss, good, spikes, accuracy, seconds, here))
        self._rates.end_epoch(loss, accuracy)
        if self.ranks.writes:
            self._watch.end_epoch(number, good)
        self._batch, self._sums, self._seconds = 0, np.zeros(3), 0.0
        log.info("%s", self.history[-1])

    def _non_finite(self, what: str, batch: NDArray[np.int64], first: int, epoch: int) -> NonFiniteError:
        return non_finite(
            what,
            (epoch, self._batch + 1, self.n_batches),
            self.network,
            self._rates.values(),
            SpikeBatch.of(self.train.spikes[batch]),
            labels=self._labels[batch],
            indices=batch,
            samples=first + np.arange(len(batch)),
        )
