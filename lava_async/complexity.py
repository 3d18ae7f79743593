"""What a network needs and does, under the names of NeuroBench 2: footprint, sparsities, synaptic operations.

The definitions are those of NeuroBench's harness (Yik et al., "The neurobench framework for benchmarking neuromorphic
computing algorithms and systems", Nature Communications 2025), and so are the numbers: with
:mod:`lava_async.neurobench` the harness itself measures a network. ::

    found = complexity(network, data, schedule=Random(8))
    found.as_neurobench()["SynapticOperations"]["Effective_ACs"]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.data.samples import labelled
from lava_async.engine import BatchResult
from lava_async.execution import BatchOptions
from lava_async.forms import class_labels
from lava_async.metrics import decided
from lava_async.network import Network
from lava_async.spikes import SpikeBatch, Spikes
from lava_async.synapses import INPUT, Conv, Dense, Synapses
from lava_async.tally import in_parts, take

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Bytes of a number, in which torch holds it, and numbers of a neuron: what decays leave of u and v, threshold, bias.
BYTES, PER_NEURON = 4, 4


@dataclass(frozen=True)
class Complexity:
    """What a network needs and does; means over samples.

    Parameters
    ----------
    footprint : int
        Bytes of weights and parameters of neurons, four for each number.
    connection_sparsity : float
        Part of the weights that are zero. Sparse synapses are a matrix, in which what is no synapse is a zero.
    activation_sparsity : float
        Part of the neurons and time steps without a spike.
    effective_acs, effective_macs : float
        Operations per sample that spikes cause through weights that are not zero. In a time step in which a spike count
        that reaches the same synapses is above 1, all of these are multiplications (MACs).
    dense : float
        Operations per sample if all weights and activations were not zero.
    time_to_decision : float
        Time steps until the class is the label and stays so, over the samples that end up correct; NaN if none does.
        NeuroBench has no such metric.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.complexity import complexity
    >>> network = Network.feedforward([[[2.0, 0.0]], [[2.0], [0.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> found = complexity(network, ([[[1, 0], [0, 1]]], [0]))
    >>> found.footprint, found.connection_sparsity, found.effective_acs, found.dense
    (64, 0.5, 2.0, 8.0)
    >>> sorted(found.as_neurobench())
    ['ActivationSparsity', 'ConnectionSparsity', 'Footprint', 'SynapticOperations', 'TimeToDecision']
    """

    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    effective_acs: float
    effective_macs: float
    dense: float
    time_to_decision: float

    def as_neurobench(self) -> dict[str, Any]:
        """Return the numbers as ``Benchmark.run`` of NeuroBench does, under its names, and ``TimeToDecision``."""
        return {
            "Footprint": self.footprint,
            "ConnectionSparsity": self.connection_sparsity,
            "ActivationSparsity": self.activation_sparsity,
            "SynapticOperations": {
                "Effective_MACs": self.effective_macs,
                "Effective_ACs": self.effective_acs,
                "Dense": self.dense,
            },
            "TimeToDecision": self.time_to_decision,
        }


def footprint(network: Network) -> int:
    """Return the bytes of the weights and of the neurons' parameters, four for each number.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.complexity import footprint
    >>> footprint(Network.feedforward([[[2.0, 0.0]]], CubaParams(du=1, dv=1, vth=1)))
    24
    """
    return BYTES * (sum(_held(s).entries for s in network.synapses) + PER_NEURON * network.n_neurons)


def connection_sparsity(network: Network) -> float:
    """Return the part of the weights that are zero, NaN if there are none.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> connection_sparsity(Network.feedforward([[[0.0], [0.4]], [[0.6, 0.6]]], CubaParams(du=1, dv=1, vth=0.5)))
    0.25
    """
    held = [_held(s) for s in network.synapses]
    entries = sum(each.entries for each in held)
    return sum(each.zeros for each in held) / entries if entries else float("nan")


def complexity(network: Network, data: object, **how: Unpack[BatchOptions]) -> Complexity:
    """Return what a network needs and does on samples.

    Parameters
    ----------
    network : Network
        What is run.
    data : LabelledSpikes, or Dataset or DataLoader of torch
        As in :func:`lava_async.data.samples.from_samples`. Samples are numbered 0 .. B - 1 for random draws.
    **how
        As in :func:`lava_async.simulate_batch`.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random
    >>> from lava_async.complexity import complexity
    >>> network = Network.feedforward([[[2.0, 0.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> found = complexity(network, ([[[1, 0], [0, 1]]], [0]), schedule=Random(group_size=8))
    >>> found.connection_sparsity, found.activation_sparsity, found.effective_acs
    (0.5, 0.5, 1.0)
    """
    data = labelled(data)
    labels, work = class_labels("complexity: labels", data.labels, len(network.outputs)), Workload(network)
    for part, run in in_parts(network, data.spikes, **how):
        work.add(take(data.spikes, part), run, labels[part])
    return work.complexity()


class Workload:
    """Sums of what samples cause, from which :class:`Complexity` follows.

    Parameters
    ----------
    network : Network
        What runs.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate_batch
    >>> from lava_async.spikes import SpikeBatch
    >>> from lava_async.complexity import Workload
    >>> network = Network.feedforward([[[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> spikes = SpikeBatch.of([[[1, 0, 1]]])
    >>> work = Workload(network)
    >>> work.add(spikes, simulate_batch(network, spikes), [0])
    >>> work.complexity().effective_acs
    2.0
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._walked = [_walked(s) for s in network.synapses]
        self._samples = self._active = self._places = 0
        self._acs = self._macs = self._dense = self._decided = self._steps = 0

    def add(self, spikes: Spikes, run: BatchResult, labels: NDArray[np.int64]) -> None:
        """Add the input (B samples), the result and the classes (B,) of a run."""
        batch = SpikeBatch.of(spikes)
        self._samples += len(batch)
        self._active += int(np.count_nonzero(run.counts))
        self._places += run.counts.size
        ends = decided(run.output, labels)
        self._decided += int((ends > 0).sum())
        self._steps += int(ends.sum())
        for b in range(len(batch)):
            emitted = {INPUT: batch[b].to_dense()}
            for layer, here in enumerate(self._network.layer_slices):
                emitted[layer] = run.counts[b, here]
            for synapses, walked in zip(self._network.synapses, self._walked, strict=True):
                sources = emitted[synapses.source]
                operations = walked.effective @ (sources != 0)
                graded = (sources > 1).any(axis=0)
                self._macs += int(operations[graded].sum())
                self._acs += int(operations[~graded].sum())
                self._dense += walked.all * sources.shape[1]

    def complexity(self) -> Complexity:
        """Return the means over the samples that were added, at least one."""
        return Complexity(
            footprint(self._network),
            connection_sparsity(self._network),
            (self._places - self._active) / self._places,
            self._acs / self._samples,
            self._macs / self._samples,
            self._dense / self._samples,
            self._steps / self._decided if self._decided else float("nan"),
        )


class _Held(NamedTuple):
    """Weights in memory."""

    entries: int
    zeros: int


class _Walked(NamedTuple):
    """Operations of a spike of each source, (n_source,), through weights that are not zero; of all sources together."""

    effective: NDArray[np.int64]
    all: int


def _held(s: Synapses) -> _Held:
    if isinstance(s, (Dense, Conv)):
        return _Held(s.weights.size, s.weights.size - int(np.count_nonzero(s.weights)))
    entries = s.n_source * s.n_target
    return _Held(entries, entries - int(_walked(s).effective.sum()))


def _walked(s: Synapses) -> _Walked:
    fans = [s.fan_out(j) for j in range(s.n_source)]
    if isinstance(s, Conv):
        effective = [int(np.count_nonzero(fan.weight)) for fan in fans]
        return _Walked(np.array(effective, np.int64), sum(len(fan.weight) for fan in fans))
    # A matrix: synapses of one's own between the same two neurons add up.
    effective = [int(np.count_nonzero(np.bincount(fan.target, fan.weight, s.n_target))) for fan in fans]
    return _Walked(np.array(effective, np.int64), s.n_source * s.n_target)
