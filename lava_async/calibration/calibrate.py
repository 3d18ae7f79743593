"""The search of the factors, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lava_async.calibration.factors import fits_loihi, groups_of, scale_thresholds, thresholds_of
from lava_async.calibration.objectives import Objective, objective_of
from lava_async.calibration.points import Point, Samples, measure_point
from lava_async.data.samples import labelled
from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import Execution
from lava_async.forms import class_labels
from lava_async.network import Network
from lava_async.records import check_int
from lava_async.schedules import ExecutionKind, Timed
from lava_async.tally import take

HIDDEN = (1.0, 1.2, 1.4, 1.7, 2.0)
OUTPUT = (1.0, 2.0, 3.0, 4.5, 6.0, 9.0)
"""Factors that the quick search tries."""
STEPS = (1.3, 1.12)
"""Ratios by which the search per layer goes on from there."""
SAMPLES = 2000
"""Validation samples that are enough: accuracies of them have a standard error of about half a percent."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a calibration found.

    Parameters
    ----------
    network : Network
        With the thresholds that were chosen; it notes how it runs.
    factors : tuple of float
        Of the thresholds of each layer.
    before, after : Point
        Metrics of the network with its own thresholds and with the chosen ones, on the samples of the search.
    tried : tuple of Point
        All points, in the order of the search.
    groups : dict of tuple of int
        Layers that share a factor, by name.
    objective : Objective
        What was wanted.
    execution : Execution
        How the network ran.
    samples : int
        Number of samples.

    Examples
    --------
    >>> from lava_async import Execution, Random
    >>> from lava_async.calibration import calibrate
    >>> from lava_async.data.digits import digits
    >>> from lava_async.models import load
    >>> found = calibrate(load("digits_layered"), digits("validation"), Execution(Random(group_size=8)), samples=40)
    >>> found.samples, found.groups, len(found.factors), len(found.tried) > 1
    (40, {'hidden': (1,), 'output': (2,)}, 3, True)
    >>> found.after.score >= found.before.score
    True
    """

    network: Network
    factors: tuple[float, ...]
    before: Point
    after: Point
    tried: tuple[Point, ...]
    groups: dict[str, tuple[int, ...]]
    objective: Objective
    execution: Execution
    samples: int

    def curves(self) -> dict[str, tuple[list[float], list[float], list[float]]]:
        """Return, per group, the factors tried while those of all other groups are the chosen ones, ascending.

        Returns
        -------
        dict of (factors, accuracies, accuracies at first output)
        """
        found = {}
        for name, layers in self.groups.items():
            others = [i for i in range(len(self.factors)) if i not in layers]
            line = {p.factors[layers[0]]: p for p in self.tried if all(p.factors[i] == self.factors[i] for i in others)}
            points = [line[x] for x in sorted(line)]
            found[name] = (sorted(line), [p.accuracy for p in points], [p.at_first_output for p in points])
        return found

    def notes(self) -> dict[str, Any]:
        """Return what was done as plain data, for :func:`lava_async.netx.save`."""
        return {
            "factors": list(self.factors),
            "objective": self.objective.notes(),
            "samples": self.samples,
            "points": len(self.tried),
            "before": self.before.numbers(),
            "after": self.after.numbers(),
        }


def calibrate(
    network: Network,
    data: object,
    execution: Execution | ExecutionKind = Timed(),  # noqa: B008 (frozen)
    *,
    objective: Objective | str = "accuracy",
    search: str = "quick",
    samples: int = SAMPLES,
    threads: int | None = None,
    progress: bool = False,
    on_point: Callable[[Point], None] | None = None,
) -> Calibration:
    """Choose factors for the thresholds of a trained network by coordinate search on validation samples.

    The search begins with the thresholds as they are and looks for the best factor of one group of layers after
    another until none changes. With ``search="layers"`` it goes on from there with one factor per layer, in steps of
    1.3, then of 1.12. Calibrate last: a training that goes on afterwards spoils it.

    Parameters
    ----------
    network : Network
        As trained; it stays as it is.
    data : LabelledSpikes, or Dataset or DataLoader of torch
        Validation samples, as in :func:`lava_async.data.samples.from_samples`; never those by which the network is
        judged.
    execution : Execution or Schedule
        How the network will run; the objective says when time steps end.
    objective : Objective, or {"accuracy", "first output"}
        What is wanted.
    search : {"quick", "layers"}
        Two factors, for hidden layers and outputs (:func:`groups_of`), or one per layer.
    samples : int
        The first so many samples are used.
    threads : int, optional
        As in :func:`lava_async.simulate_batch`.
    progress : bool
        Show a progress bar on stderr.
    on_point : function of a Point, optional
        Called after each point.

    Returns
    -------
    Calibration

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.

    Notes
    -----
    Thresholds of Loihi's integers stay integers of its 17 bits; factors that would lead out of them are not tried.

    Examples
    --------
    >>> from lava_async import LoihiParams
    >>> network = Network.feedforward([[[80], [90]], [[60, -60]]], LoihiParams(du=4095, dv=0, vth=70))
    >>> found = calibrate(network, ([[[1, 0]], [[0, 1]]], [0, 0]), samples=2)
    >>> found.factors, found.after.accuracy
    ((1.0, 1.0), 1.0)
    """
    if not isinstance(network, Network):
        raise InvalidType("calibrate.network", network, "a Network; of an UnlayeredNetwork its to_network()")
    how = execution_of("calibrate", execution)
    goal = objective_of(objective) if isinstance(objective, str) else objective
    if not isinstance(goal, Objective):
        raise InvalidType("calibrate.objective", objective, "an Objective, or the name of one")
    groups = groups_of(network, search)
    chosen = samples_of(network, data, check_int("calibrate.samples", samples, least=1))
    from lava_async.progress import ProgressBar  # `lava-async --help` does without tqdm

    with ProgressBar(disable=not progress, desc="try thresholds") as bar:

        def note(point: Point, best: Point) -> None:
            bar.update()
            bar.set_description_str(f"try thresholds, {bar.n} so far", refresh=False)
            bar.set_postfix(accuracy=best.accuracy, first_output=best.at_first_output)
            if on_point is not None:
                on_point(point)

        walk = _Search(network, chosen, how, goal, threads, note)
        quick = groups_of(network, "quick")
        while any(walk.scan(quick[name], OUTPUT if name == "output" else HIDDEN) for name in quick):
            pass
        if search == "layers":
            for step in STEPS:
                while any(walk.go(layers, step) for layers in groups.values()):
                    pass
    best = walk.best
    return Calibration(
        replace(walk.networks[best.factors], execution=how.but(until=goal.until)),
        best.factors,
        walk.tried[0],
        best,
        tuple(walk.tried),
        groups,
        goal,
        how,
        len(chosen.labels),
    )


class _Search:
    """A coordinate search: the best point so far, and all that were tried.

    Parameters
    ----------
    network : Network
        With the thresholds of all factors 1.
    samples : Samples
        What points are measured on.
    execution : Execution
        How.
    objective : Objective
        By what.
    threads : int or None
        As in :func:`lava_async.simulate_batch`.
    note : function of a Point and the best one
        Called after each point.
    """

    def __init__(
        self,
        network: Network,
        samples: Samples,
        execution: Execution,
        objective: Objective,
        threads: int | None,
        note: Callable[[Point, Point], None],
    ) -> None:
        self._network, self._samples, self._how = network, samples, (execution, objective, threads)
        self._note = note
        self._known: dict[bytes, Point] = {}  # by thresholds: integers of different factors may be the same
        self.tried: list[Point] = []
        self.networks: dict[tuple[float, ...], Network] = {}
        start = self.point((1.0,) * len(network.layers))
        if start is None:
            raise InvalidValue("calibrate.network, thresholds", "of its own", "within the range of their type")
        self.best = start

    def point(self, factors: tuple[float, ...]) -> Point | None:
        """Return the point with these factors, None if a threshold would leave its range."""
        try:
            network = scale_thresholds(self._network, factors)
        except InvalidValue:
            return None
        if not fits_loihi(network) and fits_loihi(self._network):
            return None
        key = thresholds_of(network).tobytes()
        if key not in self._known:
            point = measure_point(network, factors, self._samples, *self._how)
            self._known[key] = point
            self.tried.append(point)
            self.networks[factors] = network
            # The best one so far; this one may become it.
            self._note(point, max(self.tried, key=lambda tried: tried.score))
        return self._known[key]

    def take(self, factors: tuple[float, ...]) -> bool:
        """Try factors; return whether they are the best so far."""
        point = self.point(factors)
        if point is None or point.score <= self.best.score:
            return False
        self.best = point
        return True

    def scan(self, layers: Sequence[int], factors: Sequence[float]) -> bool:
        """Try all factors of some layers; return whether one of them is better than what was there."""
        start = self.best.factors
        # A list, since all are to be tried.
        return any(self.take(_with(start, layers, factor)) for factor in factors)

    def go(self, layers: Sequence[int], ratio: float) -> bool:
        """Multiply the factor of some layers as long as that helps, else divide; return whether anything helped."""
        for step in (ratio, 1 / ratio):
            helped = False
            while self.take(_with(self.best.factors, layers, self.best.factors[layers[0]] * step)):
                helped = True
            if helped:
                return True
        return False


def _with(factors: tuple[float, ...], layers: Sequence[int], factor: float) -> tuple[float, ...]:
    return tuple(factor if i in layers else x for i, x in enumerate(factors))


def execution_of(where: str, given: Execution | ExecutionKind) -> Execution:
    """Return an execution that is given as such, or as a schedule."""
    if isinstance(given, Execution):
        return given
    try:
        return Execution(given)
    except InvalidType:
        raise InvalidType(f"{where}.execution", given, "an Execution or a Schedule") from None


def samples_of(network: Network, data: object, most: int) -> Samples:
    """Return the first samples of a data set."""
    given = labelled(data)
    labels = class_labels("calibrate: labels", given.labels, len(network.outputs))
    if len(labels) != len(given.spikes):
        raise InvalidValue("calibrate: number of labels", len(labels), f"{len(given.spikes)}, one per sample")
    n = min(most, len(labels))
    return Samples(take(given.spikes, np.arange(n)), labels[:n])
