"""A search for numbers of the neurons in their layers, which decide which spike is first under the timing of a chip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lava_async.calibration.calibrate import execution_of, samples_of
from lava_async.calibration.objectives import Objective, objective_of
from lava_async.calibration.points import Point, measure_point
from lava_async.execution import Execution
from lava_async.hardware.numbering import renumber
from lava_async.network import Network
from lava_async.records import check_int
from lava_async.schedules import ExecutionKind, Timed
from lava_async.synapses import Dense, Sparse

SAMPLES, MOVES = 1000, 300


@dataclass(frozen=True, eq=False)
class Numbering:
    """What a search of numbers found.

    Parameters
    ----------
    network : Network
        The same network with its neurons in the order that was found.
    order : (N,) int
        Which neuron came to each place, as :func:`lava_async.hardware.renumber` takes it.
    before, after : Point
        Metrics of the network before and after, on the samples of the search.
    moves, kept : int
        Moves that were tried, and that were kept.

    Examples
    --------
    >>> from lava_async.calibration import search_numbering
    >>> from lava_async.data.digits import digits
    >>> from lava_async.models import load
    >>> found = search_numbering(load("digits_layered"), digits("validation"), moves=2, samples=20)
    >>> found.moves, found.kept <= 2, found.order.shape, found.after.score >= found.before.score
    (2, True, (138,), True)
    """

    network: Network
    order: NDArray[np.int64]
    before: Point
    after: Point
    moves: int
    kept: int


def search_numbering(
    network: Network,
    data: object,
    execution: Execution | ExecutionKind = Timed(),  # noqa: B008 (frozen)
    *,
    objective: Objective | str = "accuracy",
    moves: int = MOVES,
    samples: int = SAMPLES,
    seed: int = 0,
    threads: int | None = None,
    progress: bool = False,
    on_point: Callable[[Point], None] | None = None,
) -> Numbering:
    """Look for numbers of hidden neurons that are better under the timing of a chip; nothing changes under layers.

    In each move two neurons of a layer change places, or one moves to another place and those between make room. A
    move that makes the network no worse is kept. Layers that convolutions lead into or out of, and the layers of the
    outputs, keep their order.

    Parameters
    ----------
    network : Network
        As trained, or calibrated.
    data : LabelledSpikes, or Dataset or DataLoader of torch
        Training or validation samples, never those that the network is judged by.
    execution : Execution or Schedule
        How the network will run.
    objective : Objective, or {"accuracy", "first output"}
        What is wanted, as in :func:`calibrate`.
    moves, samples : int
        Moves that are tried, and samples of `data` that they are tried on.
    seed : int
        Of the moves.
    threads, progress, on_point
        As in :func:`calibrate`.

    Returns
    -------
    Numbering

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used.

    Examples
    --------
    >>> from lava_async import Timed
    >>> from lava_async.calibration import search_numbering
    >>> from lava_async.data.digits import digits
    >>> from lava_async.models import load
    >>> network = load("digits_layered")
    >>> found = search_numbering(network, digits("validation"), Timed(), objective="first output", moves=2, samples=20)
    >>> found.network.n_neurons == network.n_neurons, found.after.at_first_output >= found.before.at_first_output
    (True, True)
    """
    how = execution_of("search_numbering", execution)
    goal = objective_of(objective) if isinstance(objective, str) else objective
    chosen = samples_of(network, data, check_int("search_numbering.samples", samples, least=1))
    check_int("search_numbering.moves", moves)
    rng = np.random.default_rng(check_int("search_numbering.seed", seed))
    factors = (1.0,) * len(network.layers)

    def worth(order: NDArray[np.int64]) -> Point:
        return measure_point(renumber(network, order), factors, chosen, how, goal, threads)

    order, kept = np.arange(network.n_neurons), 0
    before = best = worth(order)
    free = [here for i, here in enumerate(network.layer_slices) if _may_move(network, i)]
    from lava_async.progress import ProgressBar  # `lava-async --help` does without tqdm

    with ProgressBar(total=moves, disable=not progress, desc="try numberings") as bar:
        for _ in range(moves if free else 0):
            tried = _moved(order, free[rng.integers(len(free))], rng)
            point = worth(tried)
            if point.score >= best.score:
                order, best, kept = tried, point, kept + 1
            bar.set_postfix(accuracy=best.accuracy, first_output=best.at_first_output)
            bar.update()
            if on_point is not None:
                on_point(point)
    found = replace(renumber(network, order), execution=how.but(until=goal.until))
    return Numbering(found, order, before, best, moves if free else 0, kept)


def _may_move(network: Network, layer: int) -> bool:
    """Return whether the neurons of a layer can change places."""
    ends = [s for s in network.synapses if layer in (s.source, s.target)]
    outputs = np.isin(layer, network.layer_of[network.outputs])
    return not outputs and network.layers[layer].size > 1 and all(isinstance(s, Dense | Sparse) for s in ends)


def _moved(order: NDArray[np.int64], here: slice, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return an order after a random move inside a layer."""
    a, b = (here.start + rng.choice(here.stop - here.start, 2, replace=False)).tolist()
    moved = order.copy()
    if rng.integers(2):
        moved[[a, b]] = moved[[b, a]]
        return moved
    return np.insert(np.delete(moved, a), b, moved[a])
