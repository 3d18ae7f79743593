"""What a training reads, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from lava_async.data import samples
from lava_async.errors import InvalidType
from lava_async.renamed import renamed


def check_callbacks(where: str, **functions: object) -> None:
    """Raise InvalidType unless each of some functions, by the name of their argument, is one or None."""
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise InvalidType(f"{where}.{name}", function, "a function, which is told where training stands")


@dataclass(frozen=True)
class Epoch:
    """What one epoch did.

    Parameters
    ----------
    number : int
        From 1.
    loss, accuracy, spikes_per_sample : float
        Means over the training samples while they were trained on. Where labels are no classes, `accuracy` is the
        score of the loss: see :func:`lava_async.training.losses.base.score`.
    validation : float
        Accuracy (or score) on the validation samples after the epoch; NaN without any.
    seconds : float
        Time that it took, validation included.
    machine : str
        Processor, and instruction sets of the core and of torch (:func:`lava_async.engine.config.machine`): another
        epoch may have run elsewhere.

    Examples
    --------
    >>> from lava_async.training import Epoch
    >>> Epoch(number=1, loss=0.9, accuracy=0.82, spikes_per_sample=310.0, validation=0.86)
    Epoch(number=1, loss=0.9, accuracy=0.82, spikes_per_sample=310.0, validation=0.86, seconds=0.0, machine='')
    """

    number: int
    loss: float
    accuracy: float
    spikes_per_sample: float
    validation: float
    seconds: float = 0.0
    machine: str = ""


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

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.data.digits import digits
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks, fit
    >>> net = UnlayeredNetwork(dense_blocks([200, 16, 10]), schedule=Random(group_size=8))
    >>> seen = []
    >>> _ = fit(net, digits("train").subset(range(64)), epochs=1, on_batch=seen.append)
    >>> [(batch.epoch, batch.number, batch.of) for batch in seen]
    [(1, 1, 2), (1, 2, 2)]
    """

    epoch: int
    number: int
    of: int
    loss: float
    accuracy: float
    spikes_per_sample: float


__getattr__ = renamed(__name__, {"LabelledSpikes": samples.LabelledSpikes}, globals())
