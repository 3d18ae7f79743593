"""Optimizers and schedulers of torch, as objects or by name, and the learning rate that fits a network."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import lr_scheduler

from lava_async import defaults
from lava_async.errors import InvalidType, InvalidValue, nearest, not_among
from lava_async.neurons.loihi import LIMIT
from lava_async.training.gradient import STATE_SCALE

if TYPE_CHECKING:
    from lava_async.training.unlayered import UnlayeredNetwork

#: Schedulers of torch whose numbers are batches, not epochs.
_PER_BATCH = ("CyclicLR", "OneCycleLR")
#: What is filled in where it is not said: argument of a scheduler -> the epochs or the batches of the training.
_LENGTHS = {"T_max": "epochs", "total_iters": "epochs", "total_steps": "batches"}
COSINE, CONSTANT = "cosine", "constant"


def default_learning_rate(network: UnlayeredNetwork) -> float:
    """Return the learning rate of Adam, by mean threshold; a tenth of it for blocks of a trained network.

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks
    >>> from lava_async.training.optimization import default_learning_rate
    >>> default_learning_rate(UnlayeredNetwork(dense_blocks([4, 3, 2]), schedule=Random(group_size=8)))
    0.02
    """
    learned = any(getattr(block, "learned", False) for block in network.blocks)
    thresholds = network.thresholds.double()
    fires = thresholds < LIMIT / STATE_SCALE  # A layer whose voltage is read out has a threshold beyond.
    mean = float((thresholds * fires).sum() / fires.sum().clamp(min=1)) or 1.0
    return defaults.LEARNING_RATE * mean * (defaults.FINE_TUNING if learned else 1.0)


def optimizers() -> dict[str, type[torch.optim.Optimizer]]:
    """Return the optimizers of torch by name: those that take gradients of dense weights, one step at a time.

    Examples
    --------
    >>> from lava_async.training.optimization import optimizers
    >>> {"Adam", "AdamW", "SGD"} <= {kind.__name__ for kind in optimizers().values()}
    True
    """
    left_out = ("Optimizer", "LBFGS", "SparseAdam")  # LBFGS wants a function; SparseAdam sparse gradients
    return {name: found for name, found in _classes(torch.optim, torch.optim.Optimizer).items() if name not in left_out}


def optimizer_options(where: str, name: str) -> list[str]:
    """Return what the optimizer of a name takes besides parameters and ``lr``; errors call it `where`.

    Examples
    --------
    >>> from lava_async.training.optimization import optimizer_options
    >>> "momentum" in optimizer_options("fit", "SGD")
    True
    """
    known = optimizers()
    taken = inspect.signature(known[_known(where, known, name)]).parameters
    return [option for option in list(taken)[1:] if option != "lr"]


def make_optimizer(
    where: str, name: str, groups: object, learning_rate: float, options: Mapping[str, object] | None = None
) -> torch.optim.Optimizer:
    """Return an optimizer of torch.

    Parameters
    ----------
    where : str
        What errors call it.
    name : str
        A key of :func:`optimizers`, whatever the case of its letters.
    groups : parameters, or list of dict
        As torch takes them.
    learning_rate : float
        Of the groups that have none of their own.
    options : mapping, optional
        Its other arguments.

    Raises
    ------
    InvalidValue, InvalidType
        If there is no such optimizer, or it takes no such option.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training.optimization import make_optimizer
    >>> optimizer = make_optimizer("fit", "adamw", [torch.nn.Parameter(torch.ones(1))], 0.01, {"weight_decay": 0.1})
    >>> type(optimizer).__name__, optimizer.param_groups[0]["weight_decay"]
    ('AdamW', 0.1)
    """
    made: torch.optim.Optimizer = _make(where, optimizers(), name, groups, {"lr": learning_rate, **(options or {})})
    return made


def check_optimizer(where: str, optimizer: torch.optim.Optimizer, network: torch.nn.Module) -> None:
    """Raise an error unless an optimizer, which errors call `where`, moves parameters of a network.

    Raises
    ------
    InvalidType, InvalidValue
        If it is no optimizer, or was made for another network.
    """
    groups = None if isinstance(optimizer, type) else getattr(optimizer, "param_groups", None)
    if groups is None:
        raise InvalidType(where, optimizer, "an optimizer that was made for net.parameters(), or the name of one")
    mine = {id(p) for p in network.parameters()}
    if not any(id(p) in mine for group in groups for p in group["params"]):
        allowed = "one that was made for parameters of this network, as in Adam(net.parameters())"
        raise InvalidValue(where, f"{type(optimizer).__name__} for others", allowed)


class Rates:
    """Learning rates that follow the batches and epochs of a training.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates they are.
    scheduler : LRScheduler, or str
        One that was made for `optimizer`; "cosine": fall to 0 along half a cosine; "constant"; or the name of a
        scheduler of torch, such as "StepLR". One of torch counts epochs, but for OneCycleLR and CyclicLR, which count
        batches; ReduceLROnPlateau is told 1 - accuracy on the validation samples, the training loss without any.
    options : mapping, optional
        Arguments of a scheduler that is named. T_max, total_iters and total_steps follow the training if left out, and
        max_lr the learning rate.
    lengths : function
        Returns the epochs of the training, and the batches in each, as they are now: a training may be made longer.

    Raises
    ------
    InvalidValue, InvalidType
        If there is no such scheduler, it takes no such option, or was made for another optimizer.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training.optimization import Rates
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    >>> rates = Rates(optimizer, "cosine", None, lambda: (2, 5))  # 2 epochs of 5 batches
    >>> for _ in range(5):
    ...     optimizer.step()
    ...     rates.end_batch()
    ...
    >>> [round(rate, 3) for rate in rates.values()]
    [0.05]
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        scheduler: object,
        options: Mapping[str, object] | None,
        lengths: Callable[[], tuple[int, int]],
    ) -> None:
        self._optimizer, self._lengths = optimizer, lengths
        self.per_batch, options = False, dict(options or {})
        self.scheduler: Any
        if isinstance(scheduler, str):
            self.scheduler = self._named(scheduler, options)
        else:
            if options:
                raise InvalidType("fit.scheduler_options", options, "left out: the scheduler is made already")
            if isinstance(scheduler, type) or not (scheduler is None or hasattr(scheduler, "step")):
                allowed = f"a scheduler that was made for the optimizer, or one of {', '.join(_named())}"
                raise InvalidType("fit.scheduler", scheduler, allowed)
            whose = getattr(scheduler, "optimizer", optimizer)
            if whose is not optimizer:
                raise InvalidValue("fit.scheduler.optimizer", type(whose).__name__, "that of this training")
            self.scheduler = scheduler
            self.per_batch = type(scheduler).__name__ in _PER_BATCH
        if getattr(self.scheduler, "mode", None) == "max":  # of ReduceLROnPlateau
            raise InvalidValue("fit.scheduler.mode", "max", "'min': it is told errors, or the loss")

    def end_batch(self) -> None:
        """Set the rates of the next batch."""
        if self.scheduler is not None and self.per_batch:
            self.scheduler.step()

    def end_epoch(self, loss: float, validation: float) -> None:
        """Set the rates of the next epoch, with the training loss and validation accuracy (NaN: none) of this one."""
        if self.scheduler is None or self.per_batch:
            return
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss if math.isnan(validation) else 1 - validation)
        else:
            self.scheduler.step()

    def values(self) -> list[float]:
        """Return the learning rates as they are."""
        return [float(group["lr"]) for group in self._optimizer.param_groups]

    def state_dict(self) -> dict[str, Any] | None:
        """Return the state of the scheduler, None if there is none."""
        return None if self.scheduler is None else self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Go back to such a state; what follows the length of the training keeps that of this one."""
        if self.scheduler is not None and state is not None:
            mine = {name: value for name, value in self.scheduler.state_dict().items() if name in _LENGTHS}
            self.scheduler.load_state_dict({**state, **mine})

    def _named(self, name: str, options: dict[str, Any]) -> Any:
        if name in (COSINE, CONSTANT):
            if options:
                raise InvalidType("fit.scheduler_options", options, f"left out: {name!r} has none")
            self.per_batch = name == COSINE
            return lr_scheduler.LambdaLR(self._optimizer, self._cosine) if name == COSINE else None
        known = _schedulers()
        found = next((each for each in known if each.lower() == name.lower()), name)
        epochs, batches = self._lengths()
        if found in known:
            taken = inspect.signature(known[found]).parameters
            lengths = {"epochs": epochs, "batches": epochs * batches}
            filled = {key: max(lengths[of], 1) for key, of in _LENGTHS.items() if key in taken}
            if found == "OneCycleLR":
                filled["max_lr"] = self.values()  # type: ignore[assignment]
            options = {**filled, **options}
        self.per_batch = found in _PER_BATCH
        return _make("fit.scheduler", {**known, COSINE: None, CONSTANT: None}, found, self._optimizer, options)

    def _cosine(self, step: int) -> float:
        epochs, batches = self._lengths()
        return (1 + math.cos(math.pi * min(step / max(epochs * batches, 1), 1.0))) / 2


def _schedulers() -> dict[str, Any]:
    """Return the schedulers of torch that need nothing but numbers."""
    left_out = ("LRScheduler", "_LRScheduler", "ChainedScheduler", "SequentialLR", "LambdaLR", "MultiplicativeLR")
    base = getattr(lr_scheduler, "LRScheduler")  # noqa: B009 (mypy knows torch without it)
    found = {**_classes(lr_scheduler, base), "ReduceLROnPlateau": lr_scheduler.ReduceLROnPlateau}
    return {name: each for name, each in found.items() if name not in left_out}


def _named() -> list[str]:
    return [COSINE, CONSTANT, *_schedulers()]


def _classes(module: Any, base: type) -> dict[str, Any]:
    members = vars(module).items()
    return {name: each for name, each in members if inspect.isclass(each) and issubclass(each, base)}


def _known(where: str, known: Mapping[str, Any], name: str) -> str:
    """Return a name as it is known; the case of its letters does not matter."""
    found = next((each for each in known if each.lower() == name.lower()), None)
    if found is None:
        raise not_among(where, name, known)
    return found


def _make(where: str, known: Mapping[str, Any], name: str, first: Any, options: Mapping[str, Any]) -> Any:
    """Return an object of one of some classes, by name."""
    found = _known(where, known, name)
    taken = list(inspect.signature(known[found]).parameters)[1:]
    for key, value in options.items():
        if key not in taken:
            allowed = f"left out: {found} takes {', '.join(taken)}{nearest(key, taken)}"
            raise InvalidValue(f"{where}: option {key}", value, allowed)
    try:
        return known[found](first, **options)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{where}: arguments of {found}", dict(options), f"as torch takes them ({error})") from None
