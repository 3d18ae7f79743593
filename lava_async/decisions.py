"""When samples are decided, and what they took until then: pure functions of results, and sums over samples.

A sample counts as decided at the end of the time step from which on its class is its label, which only a label tells.
:class:`~lava_async.Margin` needs none: it ends samples, and a sample is decided where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.engine import BatchResult
from lava_async.metrics import PS_PER_NS, decided, ps_to_end, time_steps_run
from lava_async.network import Network
from lava_async.simulation import simulate_batch
from lava_async.spikes import SpikeBatch
from lava_async.tally import take

__all__ = ["Decisions"]

_NUMBERS = (
    "time_steps_to_decision",
    "forward_steps_to_decision",
    "synaptic_operations_to_decision",
    "spikes_to_decision",
)


class Decisions:
    """What samples took until they were decided; means over those that end up correct, or, with `Margin`, over all.

    A run is a function of what came before, so the samples are run again up to their decision: what was counted then
    is exact. With a rule that ends samples nothing is run again.

    Parameters
    ----------
    energy : function, optional
        Returns the joules of a run, as :func:`lava_async.hardware.cost` tells them; without it no energy is counted.

    Attributes
    ----------
    samples : int
        Samples that the means are of.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import CubaParams, Network, simulate_batch
    >>> from lava_async.decisions import Decisions
    >>> network = Network.feedforward([[[2.0], [0.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> spikes = np.array([[[1, 0, 1]], [[0, 0, 1]]])
    >>> found, labels = Decisions(), np.array([0, 0])
    >>> found.add(network, spikes, labels, np.arange(2), simulate_batch(network, spikes), {})
    >>> found.samples, found.means()["time_steps_to_decision"]
    (2, 1.0)
    """

    def __init__(self, energy: Callable[[BatchResult], float] | None = None) -> None:
        self.samples = 0
        self._energy = energy
        self._joules = 0.0
        self._total = dict.fromkeys(_NUMBERS, 0)

    def add(
        self,
        network: Network,
        spikes: object,
        labels: NDArray[np.int64],
        part: NDArray[np.int64],
        run: BatchResult,
        how: Mapping[str, Any],
    ) -> None:
        """Add some samples.

        Parameters
        ----------
        network : Network
            What ran.
        spikes : (B, C, T) array, SpikeBatch, B SpikeTrains, or what gives samples for an array of indices
            Input of all samples.
        labels : (n,) int64
            Classes of those that are added.
        part : (n,) int64
            Their numbers.
        run : BatchResult
            What they did.
        how : dict
            Arguments of :func:`lava_async.simulate_batch`.
        """
        if run.decided is not None:
            self._add_ended(run)
            return
        ends = decided(run.emitted[:, network.outputs], labels)
        self.samples += int((ends > 0).sum())
        self._total["time_steps_to_decision"] += int(ends.sum())
        if run.step_ps is not None:
            until = np.where(np.arange(run.step_ps.shape[1]) < ends[:, None], run.step_ps, 0)
            self._total["nanoseconds_to_decision"] = self._total.get("nanoseconds_to_decision", 0) + int(until.sum())
        for end in np.unique(ends[ends > 0]):
            chosen = np.flatnonzero(ends == end)
            self._total["forward_steps_to_decision"] += int(run.forward_steps[chosen, :end].sum())
            self._total["spikes_to_decision"] += int(run.counts[chosen, :, :end].sum())
            if end == run.output.shape[2]:
                until_then = run[chosen]
            else:
                shorter = _first_steps(SpikeBatch.of(take(spikes, part[chosen])), int(end))
                until_then = simulate_batch(network, shorter, samples=part[chosen], **how)
            self._total["synaptic_operations_to_decision"] += int(until_then.synaptic_operations.sum())
            self._add_energy(until_then)

    def _add_ended(self, run: BatchResult) -> None:
        """Add samples that the stop rule ended where they were decided, or that ran to their end."""
        self.samples += len(run.counts)
        self._total["time_steps_to_decision"] += int(time_steps_run(run).sum())
        self._total["forward_steps_to_decision"] += int(run.forward_steps.sum())
        self._total["spikes_to_decision"] += int(run.counts.sum())
        self._total["synaptic_operations_to_decision"] += int(run.synaptic_operations.sum())
        self._add_energy(run)
        if run.step_ps is not None:
            before = self._total.get("nanoseconds_to_decision", 0)
            self._total["nanoseconds_to_decision"] = before + int(ps_to_end(run).sum())

    def _add_energy(self, run: BatchResult) -> None:
        if self._energy is not None:
            self._joules += self._energy(run)

    def means(self) -> dict[str, float]:
        """Return the means by name; NaN of no samples."""
        means = {name: value / self.samples if self.samples else float("nan") for name, value in self._total.items()}
        if "nanoseconds_to_decision" in means:
            means["nanoseconds_to_decision"] /= PS_PER_NS
        if self._energy is not None:
            means["energy_to_decision_nj"] = self._joules / self.samples * 1e9 if self.samples else float("nan")
        return means


def _first_steps(spikes: SpikeBatch, n: int) -> SpikeBatch:
    """Return the first n time steps of samples."""
    first, sizes = spikes.start[:, 0], spikes.start[:, n] - spikes.start[:, 0]
    ends = np.cumsum(sizes)
    kept = np.repeat(first - (ends - sizes), sizes) + np.arange(sizes.sum())
    start = spikes.start[:, : n + 1] + (ends - sizes - first)[:, None]
    return SpikeBatch(spikes.channel[kept], spikes.count[kept], start, spikes.n_channels)
