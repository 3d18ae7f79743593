"""Metrics of a run: pure functions of results and labels. Time is the last axis, B the number of samples.

Terms as in Koopman et al., "Exploring the Limitations of Layer Synchronization in Spiking Neural Networks", TMLR 2025.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.engine import BatchResult
from lava_async.errors import InvalidValue
from lava_async.forms import class_labels
from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams, LoihiSigmaDeltaParams, NeuronModel, SigmaDeltaParams
from lava_async.neurons.base import LARGEST
from lava_async.neurons.loihi import LIMIT
from lava_async.records import array_of

PS_PER_NS = 1000


OUT_OF_REACH: dict[type[NeuronModel], float] = {
    LoihiParams: LIMIT - 1,
    CubaParams: float(np.float32(LARGEST)),
    LoihiSigmaDeltaParams: 2**62,
    SigmaDeltaParams: float(np.float32(LARGEST)),
}
"""Thresholds, in the units of the state, that nothing reaches: such neurons are there to be read out."""


def predictions(output: ArrayLike) -> NDArray[np.int64]:
    """Return the class of each sample, ``argmax_i sum_t output[b, i, t]``; ties: the lower class.

    Parameters
    ----------
    output : (B, n_out, T)
        Spike counts of the output neurons.

    Returns
    -------
    (B,) int64

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import metrics
    >>> metrics.predictions(np.array([[[1, 1], [0, 0]], [[0, 1], [1, 1]], [[1, 0], [0, 1]]]))
    array([0, 1, 0])
    """
    return np.asarray(np.argmax(_counts("output", output).sum(axis=2), axis=1), dtype=np.int64)


def accuracy(output: ArrayLike, labels: ArrayLike) -> float:
    """Return the share of samples whose class (see :func:`predictions`) is the label.

    Parameters
    ----------
    output : (B, n_out, T)
        Spike counts of the output neurons.
    labels : (B,) int, or one-hot rows (B, n)
        Classes.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import metrics
    >>> output = np.array([[[1, 1], [0, 0]], [[0, 1], [1, 1]]])  # two samples, two classes, two time steps
    >>> metrics.accuracy(output, [0, 0])
    0.5
    """
    predicted, expected = predictions(output), class_labels("labels", labels)
    if expected.shape != predicted.shape:
        raise InvalidValue("labels.shape", expected.shape, f"{predicted.shape}, one label per sample")
    return float(np.mean(predicted == expected))


def spikes_per_sample(counts: ArrayLike) -> float:
    """Return ``sum_(b, i, t) counts[b, i, t] / B``.

    Parameters
    ----------
    counts : (B, N, T)
        Spike counts of all neurons, outputs included, input excluded.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import metrics
    >>> metrics.spikes_per_sample(np.array([[[1, 0, 0, 1]], [[0, 0, 0, 0]]]))
    1.0
    """
    array = _counts("counts", counts)
    return float(array.sum() / len(array))


def spike_density(counts: ArrayLike) -> float:
    """Return the spikes per neuron and time step, ``sum counts / (B N T)``.

    Parameters
    ----------
    counts : (B, N, T)
        Spike counts of the neurons.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import metrics
    >>> metrics.spike_density(np.array([[[1, 0, 0, 1]], [[0, 0, 0, 0]]]))
    0.25
    """
    return float(_counts("counts", counts).mean())


def latency(first_output: ArrayLike) -> float:
    """Return the mean number of forward steps until an output neuron emitted, over the time steps in which one did.

    Parameters
    ----------
    first_output : (B, T) int
        Forward steps up to and including that of the first output spike, 0 where there was none
        (``BatchResult.first_output``). A chain of L layers needs at least L.

    Returns
    -------
    float
        NaN if no output neuron ever emitted.

    Examples
    --------
    >>> from lava_async import metrics
    >>> metrics.latency([[3, 0], [4, 5]])  # in one time step no output neuron emitted
    4.0
    """
    steps = np.asarray(first_output)
    return float(steps[steps > 0].mean()) if (steps > 0).any() else float("nan")


def time_to_first_output(first_output_ps: ArrayLike) -> float:
    """Return the mean time in nanoseconds until an output neuron emitted, over the time steps in which one did.

    Parameters
    ----------
    first_output_ps : (B, T) int
        Picoseconds since the time step opened, -1 where no output neuron emitted (``BatchResult.first_output_ps``, of
        timed runs).

    Returns
    -------
    float
        NaN if no output neuron ever emitted.

    Examples
    --------
    >>> from lava_async import metrics
    >>> metrics.time_to_first_output([[2500, -1], [3500, 3000]])  # picoseconds
    3.0
    """
    times = np.asarray(first_output_ps)
    return float(times[times >= 0].mean() / PS_PER_NS) if (times >= 0).any() else float("nan")


def decision_time(step_ps: ArrayLike, time_steps: ArrayLike) -> float:
    """Return the mean time in nanoseconds until the decision, barriers included, over the samples that have one.

    Parameters
    ----------
    step_ps : (B, T) int
        Picoseconds that each time step took (``BatchResult.step_ps``, of timed runs).
    time_steps : (B,) int
        After how many time steps the class of each sample was decided; 0: never.

    Returns
    -------
    float
        NaN if no sample has a decision.

    Examples
    --------
    >>> from lava_async import metrics
    >>> metrics.decision_time([[4000, 5000], [6000, 1000]], [1, 0])  # the second sample has no decision
    4.0
    """
    steps, ends = np.asarray(step_ps), np.asarray(time_steps)
    if steps.ndim != 2 or ends.shape != steps.shape[:1]:
        raise InvalidValue("time_steps.shape", ends.shape, f"{steps.shape[:1]}, one number per sample")
    until = np.where(np.arange(steps.shape[1]) < ends[:, None], steps, 0).sum(axis=1)
    return float(until[ends > 0].mean() / PS_PER_NS) if (ends > 0).any() else float("nan")


def decided(output: NDArray[np.int32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return after how many time steps the class of each sample is its label and stays so; 0: never.

    Parameters
    ----------
    output : (B, n_out, T)
        Spike counts of the output neurons. The class after t time steps is the argmax of those up to t.
    labels : (B,) int
        Classes.

    Returns
    -------
    (B,) int64

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import metrics
    >>> output = np.array([[[0, 1, 1], [1, 0, 0]], [[1, 0, 0], [0, 0, 0]]], np.int32)
    >>> metrics.decided(output, np.array([0, 1]))
    array([2, 0])
    """
    correct = output.cumsum(axis=2).argmax(axis=1) == np.asarray(labels)[:, None]
    wrong_last = np.where(correct.all(axis=1), 0, correct.shape[1] - (~correct[:, ::-1]).argmax(axis=1))
    return np.asarray(np.where(correct[:, -1], wrong_last + 1, 0), np.int64)


def time_steps_run(run: BatchResult) -> NDArray[np.int64]:
    """Return how many time steps of each sample ran (B,): all, or as many as ``Margin`` left.

    Examples
    --------
    >>> from lava_async import CubaParams, Margin, Network, simulate_batch
    >>> network = Network.feedforward([[[1.0]]], CubaParams(du=1, dv=1, vth=0.5))
    >>> time_steps_run(simulate_batch(network, [[[0, 1, 1]], [[0, 0, 0]]], until=Margin(1)))
    array([2, 3])
    """
    n_steps = run.forward_steps.shape[1]
    if run.decided is None:
        return np.full(len(run.counts), n_steps, np.int64)
    return np.where(run.decided > 0, run.decided, n_steps).astype(np.int64)


def ps_to_end(run: BatchResult) -> NDArray[np.int64]:
    """Return the picoseconds from the opening of each sample to its end (B,).

    A sample that ``Margin`` ended at an output spike ends with it; all others with the barrier of their last time step.

    Parameters
    ----------
    run : BatchResult
        Of a timed run.

    Raises
    ------
    InvalidValue
        If the run is not timed.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, Timed, metrics, simulate_batch
    >>> network = Network.feedforward([[[80]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> run = simulate_batch(network, [[[1, 0]], [[1, 1]]], schedule=Timed())
    >>> (metrics.ps_to_end(run) == run.step_ps.sum(axis=1)).tolist()
    [True, True]
    """
    if run.step_ps is None:
        raise InvalidValue("ps_to_end.run", "not timed", "a run under the timing of a chip: Timed()")
    total = run.step_ps.sum(axis=1)
    if run.decided_ps is None or run.decided is None:
        return np.asarray(total, np.int64)
    last = run.step_ps[np.arange(len(total)), np.maximum(run.decided, 1) - 1]
    return np.asarray(np.where(run.decided_ps >= 0, total - last + run.decided_ps, total), np.int64)


def reactivity(synaptic_operations: ArrayLike, counts: ArrayLike) -> float:
    """Return the synaptic events received per spike emitted, ``sum_b synaptic_operations[b] / sum counts``.

    The fewer it takes, the more readily neurons fire; the paper's code records it as "currents to spike".

    Parameters
    ----------
    synaptic_operations : (B,) int
        Synapses walked by delivered spikes, input included (``BatchResult.synaptic_operations``).
    counts : (B, N, T)
        Spike counts of all neurons.

    Returns
    -------
    float
        NaN if no neuron emitted.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async import metrics
    >>> metrics.reactivity([6, 2], np.array([[[1, 0]], [[1, 0]]]))
    4.0
    """
    spikes = _counts("counts", counts).sum()
    return float(np.sum(np.asarray(synaptic_operations)) / spikes) if spikes else float("nan")


def silent_outputs(network: Network) -> NDArray[np.int64]:
    """Return the outputs that can never fire, whatever the input: their voltage is the answer of the network.

    Voltages of Loihi's integers stay below 2^23; regression networks of lava-dl have thresholds of that size in their
    last layer.

    Parameters
    ----------
    network : Network
        Any network; of floats, the largest float32 is a threshold that nothing reaches.

    Returns
    -------
    (K,) int64
        Positions in ``network.outputs``.

    Examples
    --------
    >>> from lava_async import LoihiParams, Network, metrics
    >>> network = Network.feedforward([[[80], [80]]], LoihiParams(du=4095, dv=0, vth=[70, 131072]))
    >>> metrics.silent_outputs(network)
    array([1])
    """
    beyond = np.zeros(network.n_neurons, bool)
    for here, model in network.models:
        if type(model) in OUT_OF_REACH:
            beyond[here] = np.asarray(model.arrays().vth) >= OUT_OF_REACH[type(model)]
    return np.flatnonzero(beyond[network.outputs])


def _counts(where: str, value: ArrayLike) -> NDArray[Any]:
    array = array_of(where, value, "biuf", "spike counts")
    if array.ndim != 3 or not array.size:
        raise InvalidValue(f"{where}.shape", array.shape, "(B, N, T), none of them 0")
    return array
