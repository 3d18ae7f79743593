"""Metrics of a network with certain thresholds: a point of the search."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.calibration.objectives import Objective
from lava_async.decisions import Decisions
from lava_async.execution import Execution
from lava_async.network import Network
from lava_async.stopping import FirstOutput, Quiescence
from lava_async.tally import Tally, in_parts


@dataclass(frozen=True)
class Point:
    """Factors, and the metrics of the network with them; means over the samples of the search.

    Parameters
    ----------
    factors : tuple of float
        Of the thresholds of each layer.
    accuracy, at_first_output : float
        At the end of the time steps, and if each ends at its first output spike.
    spikes : float
        Per sample, at the end.
    operations : float
        Synaptic operations until the decision, of samples that end up correct, under the rule of the objective.
    nanoseconds : float or None
        The same under the timing of a chip; None if the execution is not timed.
    score : tuple of float
        What the search makes large.

    Examples
    --------
    >>> from lava_async.calibration import Point
    >>> point = Point((1.0, 1.25), 0.97, 0.95, spikes=320.0, operations=41_000.0, nanoseconds=None, score=(0.97,))
    >>> point.numbers()["accuracy"]
    0.97
    """

    factors: tuple[float, ...]
    accuracy: float
    at_first_output: float
    spikes: float
    operations: float
    nanoseconds: float | None
    score: tuple[float, ...]

    def numbers(self) -> dict[str, Any]:
        """Return it as plain data, without the score."""
        return {name: value for name, value in asdict(self).items() if name != "score"}


@dataclass(frozen=True)
class Samples:
    """What points are measured on.

    Parameters
    ----------
    spikes : (B, C, T) array, SpikeBatch, or alike
        Input.
    labels : (B,) int64
        Classes.
    """

    spikes: Any
    labels: NDArray[np.int64]


def measure_point(
    network: Network,
    factors: tuple[float, ...],
    samples: Samples,
    execution: Execution,
    objective: Objective,
    threads: int | None,
) -> Point:
    """Return the metrics of a network whose thresholds are multiplied already.

    Parameters
    ----------
    network : Network
        What runs.
    factors : tuple of float
        Its factors, for the record.
    samples : Samples
        Validation samples.
    execution : Execution
        How it runs; its stop rule does not count.
    objective : Objective
        What is wanted.
    threads : int, optional
        As in :func:`lava_async.simulate_batch`.
    """
    until = objective.until
    rules = [Quiescence(), FirstOutput()] + ([] if until in (Quiescence(), FirstOutput()) else [until])
    tallies, ends = {rule: Tally() for rule in rules}, Decisions()
    for rule, tally in tallies.items():
        how: dict[str, Any] = {"execution": execution.but(until=rule), "threads": threads}
        for part, run in in_parts(network, samples.spikes, **how):
            labels = samples.labels[part]
            tally.add(run, labels)
            if rule == until:
                ends.add(network, samples.spikes, labels, part, run, how)
    means, whole = ends.means(), tallies[Quiescence()]
    operations, nanoseconds = means["synaptic_operations_to_decision"], means.get("nanoseconds_to_decision")
    return Point(
        factors,
        whole.accuracy,
        tallies[FirstOutput()].accuracy,
        whole.spikes_per_sample,
        operations,
        nanoseconds,
        objective.score(tallies[until].accuracy, operations, nanoseconds),
    )
