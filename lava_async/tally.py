"""What a network does on many samples, as sums: the memory that it takes does not grow with their number.

::

    tally = Tally()
    for part, run in in_parts(network, data.spikes, schedule=Random(8)):
        tally.add(run, labels[part])
    tally.accuracy, tally.spikes_per_sample
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import BatchResult
from lava_async.errors import InvalidValue
from lava_async.execution import BatchOptions
from lava_async.metrics import PS_PER_NS, predictions, ps_to_end, time_steps_run
from lava_async.network import Network
from lava_async.simulation import simulate_batch
from lava_async.spikes import SpikeBatch, Spikes, SpikeTrain

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Tally", "in_parts", "take"]

#: Bytes that the counts of the samples that run together may have.
_TOGETHER = 8 * 2**20


def take(spikes: object, chosen: NDArray[np.int64]) -> Spikes:
    """Return some samples, in the form in which all are.

    Parameters
    ----------
    spikes : (B, C, T) array, SpikeBatch, B SpikeTrains, or what gives samples for an array of indices
        All samples.
    chosen : (n,) int64
        Ascending numbers of those that are wanted.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.tally import take
    >>> take(np.arange(12).reshape(3, 2, 2), np.array([0, 2])).shape
    (2, 2, 2)
    """
    if isinstance(spikes, (list, tuple)):
        return [spikes[i] for i in chosen]
    if type(spikes) is SpikeBatch:  # Those of data sets are indexed as arrays are.
        return [spikes[int(i)] for i in chosen]
    if isinstance(spikes, np.ndarray) and len(chosen) and chosen[-1] - chosen[0] == len(chosen) - 1:
        return spikes[int(chosen[0]) : int(chosen[-1]) + 1]  # A slice of an array is no copy.
    others: Any = spikes
    return others[chosen]


def in_parts(
    network: Network, spikes: object, *, together: int = _TOGETHER, **how: Unpack[BatchOptions]
) -> Iterator[tuple[NDArray[np.int64], BatchResult]]:
    """Run samples, numbered 0 .. B - 1 for random draws, some at a time.

    Each sample gives what it gives in a run of all of them.

    Parameters
    ----------
    network : Network
        What is run.
    spikes : (B, C, T) array, SpikeBatch, B SpikeTrains, or what gives samples for an array of indices
        Input.
    together : int
        Bytes that the spike counts of the samples that run together may have; at least one sample does.
    **how
        As in :func:`lava_async.simulate_batch`.

    Yields
    ------
    ((n,) int64, BatchResult)
        Numbers of the samples, and what they did.

    Raises
    ------
    InvalidValue
        If there is no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.tally import in_parts
    >>> network = Network.feedforward([[[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> for numbers, run in in_parts(network, np.ones((3, 1, 4), int), together=1):
    ...     print(numbers, run.counts.sum())
    ...
    [0] 4
    [1] 4
    [2] 4
    """
    given: Any = spikes
    n = len(given)
    if not n:
        raise InvalidValue("data: number of samples", 0, "at least 1")
    per_sample = max(1, network.n_neurons * _steps(given) * np.dtype(np.int32).itemsize)
    size = max(1, together // per_sample)
    for first in range(0, n, size):
        numbers = np.arange(first, min(first + size, n))
        yield numbers, simulate_batch(network, take(given, numbers), samples=numbers, **how)


class Tally:
    """Sums over samples, and the metrics that follow from them; see :mod:`lava_async.metrics`.

    Attributes
    ----------
    samples, neuron_steps : int
        Samples; samples times neurons times time steps.
    correct, spikes, synaptic_operations, neuron_updates, dropped, forward_steps : int
        Samples whose class is their label, and what all samples did together.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import CubaParams, Network, simulate_batch
    >>> from lava_async.tally import Tally
    >>> network = Network.feedforward([[[2.0], [0.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> tally = Tally()
    >>> tally.add(simulate_batch(network, [[[1, 0, 1]]]), np.array([0]))
    >>> tally.accuracy, tally.spikes_per_sample
    (1.0, 2.0)
    """

    def __init__(self) -> None:
        self.samples = self.neuron_steps = self.correct = self.spikes = 0
        self.synaptic_operations = self.neuron_updates = self.dropped = self.forward_steps = 0
        self._first_steps = self._firsts = 0
        self._time_steps = self._ps = self._first_ps = self._timed_firsts = 0
        self._timed = self._ending = False
        self._ended = self._steps_run = self._ps_run = 0

    def add(self, run: BatchResult, labels: NDArray[np.int64], classes: NDArray[np.int64] | None = None) -> None:
        """Add what samples did.

        Parameters
        ----------
        run : BatchResult
            Of B samples.
        labels : (B,) int64
            Their classes.
        classes : (B,) int64, optional
            What the network says they are; default: :func:`lava_async.metrics.predictions` of its output spikes.
        """
        said = predictions(run.output) if classes is None else classes
        self.samples += len(run.counts)
        self.neuron_steps += run.counts.size
        self.correct += int((said == labels).sum())
        self.spikes += int(run.counts.sum())
        self.synaptic_operations += int(run.synaptic_operations.sum())
        self.neuron_updates += int(run.neuron_updates.sum())
        self.dropped += int(run.dropped.sum())
        self.forward_steps += int(run.forward_steps.sum())
        first = run.first_output[run.first_output > 0]
        self._first_steps += int(first.sum())
        self._firsts += len(first)
        if run.decided is not None:
            self._ended += int((run.decided > 0).sum())
            self._ending = True
            self._steps_run += int(time_steps_run(run).sum())
            self._ps_run += int(ps_to_end(run).sum()) if run.step_ps is not None else 0
        if run.step_ps is not None and run.first_output_ps is not None:
            self._timed = True
            self._time_steps += run.step_ps.size
            self._ps += int(run.step_ps.sum())
            times = run.first_output_ps[run.first_output_ps >= 0]
            self._first_ps += int(times.sum())
            self._timed_firsts += len(times)

    @property
    def accuracy(self) -> float:
        """As :func:`lava_async.metrics.accuracy`."""
        return _mean(self.correct, self.samples)

    @property
    def spikes_per_sample(self) -> float:
        """As :func:`lava_async.metrics.spikes_per_sample`."""
        return _mean(self.spikes, self.samples)

    @property
    def spike_density(self) -> float:
        """As :func:`lava_async.metrics.spike_density`."""
        return _mean(self.spikes, self.neuron_steps)

    @property
    def steps_to_first_output(self) -> float:
        """As :func:`lava_async.metrics.latency`."""
        return _mean(self._first_steps, self._firsts)

    @property
    def reactivity(self) -> float:
        """As :func:`lava_async.metrics.reactivity`."""
        return _mean(self.synaptic_operations, self.spikes)

    @property
    def decisions(self) -> dict[str, float]:
        """What ``Margin`` did: part of the samples that it ended, time steps run, nanoseconds; nothing without it."""
        if not self._ending:
            return {}
        found = {
            "share_decided": _mean(self._ended, self.samples),
            "time_steps_to_decision": _mean(self._steps_run, self.samples),
        }
        if self._timed:
            found["nanoseconds_to_decision"] = _mean(self._ps_run, self.samples) / PS_PER_NS
        return found

    @property
    def times(self) -> dict[str, float]:
        """Nanoseconds per time step and to the first output spike; nothing of runs that are not timed."""
        if not self._timed:
            return {}
        return {
            "nanoseconds_per_time_step": _mean(self._ps, self._time_steps) / PS_PER_NS,
            "nanoseconds_to_first_output": _mean(self._first_ps, self._timed_firsts) / PS_PER_NS,
        }


def _mean(total: int, number: int) -> float:
    return total / number if number else float("nan")


def _steps(spikes: Any) -> int:
    """Return the number of time steps of samples."""
    if isinstance(spikes, SpikeBatch):
        return spikes.n_steps
    if hasattr(spikes, "shape"):
        return int(spikes.shape[-1])
    first = spikes[0]
    if isinstance(first, SpikeTrain):
        return first.n_steps
    return int(np.shape(first)[-1]) if not isinstance(first, Sequence) else len(first[0])
