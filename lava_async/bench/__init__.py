"""Speed as ratios: implementations of the same work alternate in one run, and medians are compared.

A suite is a file with one function ``cases(threads) -> list of Case``, listed in `SUITES` of the command. What a
contender's time includes and what it leaves out is in its `includes`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from lava_async.bench.memory import peak_bytes

#: Least seconds of a turn.
TURN = 0.02


@dataclass(frozen=True)
class Contender:
    """One way of doing the work of a case.

    Parameters
    ----------
    name : str
        What it is called in tables.
    run : function
        Does the work once.
    includes : str
        What of the work the time holds, and what not.
    in_process : bool
        Whether all of it happens in this process, so that its peak memory can be told.
    """

    name: str
    run: Callable[[], object]
    includes: str
    in_process: bool = True


@dataclass(frozen=True)
class Figure:
    """A number that the times of a case give, or that is reported beside them.

    Parameters
    ----------
    name : str
        What it is.
    value : float
        The number.
    unit : str
        What it counts; "" for a ratio.
    most : float, optional
        What the project wants it to be at most.
    """

    name: str
    value: float
    unit: str
    most: float | None = None


@dataclass(frozen=True)
class Case:
    """A piece of work and those who do it; ratios are relative to the first.

    Parameters
    ----------
    name, work : str
        Short name, and what is done.
    contenders : list of Contender
        The first is the one that the ratios are about.
    activity : dict from str to float
        What the input makes the network do, per sample.
    targets : dict from str to float
        Ratios that the project wants at least, by contender.
    figures : function
        Takes the median seconds of one run by contender and returns a list of Figure.
    close : function, optional
        Ends what the contenders hold open.
    """

    name: str
    work: str
    contenders: list[Contender]
    activity: dict[str, float] = field(default_factory=dict)
    targets: dict[str, float] = field(default_factory=dict)
    figures: Callable[[dict[str, float]], list[Figure]] = lambda seconds: []
    close: Callable[[], None] = lambda: None


def cases(suite: str, threads: int) -> Iterator[Case]:
    """Make the cases of a suite, one after another, so that only one holds memory and processes at a time."""
    yield from import_module(f"lava_async.bench.{suite}").cases(threads)


def measure(case: Case, repeats: int, progress: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Run the contenders in turns and return medians and ratios as plain data.

    Parameters
    ----------
    case : Case
        What to measure. Each contender runs before, unmeasured: for what is made once, for its memory, and to see how
        often it runs in a turn.
    repeats : int
        Measured turns of each contender.
    progress : function
        Called after each round.

    Returns
    -------
    dict
        Seconds are those of one run, medians over the turns. What is shorter than `TURN` runs several times (`runs`) in
        a turn, as in a user's loop; a single run after another contender would find cold caches. `fastest` and
        `slowest` tell how even the machine was. `ratio` of a contender: how many times as long as the first contender
        it took; `ratio_of_fastest`: the same of the fastest turns, which neighbours on a shared machine disturb least.
        `peak_bytes`: by how much memory grew at most. `figures`: those of the case.
    """
    with _closing(case):
        memory, runs = [], []
        for contender in case.contenders:
            contender.run()
            memory.append(peak_bytes(contender.run) if contender.in_process else None)
            runs.append(max(1, math.ceil(TURN / max(_seconds(contender, 1), 1e-7))))
        progress()
        seconds = np.zeros((repeats, len(case.contenders)))
        for row in seconds:
            for j, contender in enumerate(case.contenders):
                row[j] = _seconds(contender, runs[j])
            progress()
        medians = np.median(seconds, axis=0)
        names = [contender.name for contender in case.contenders]
        figures = [asdict(figure) for figure in case.figures(dict(zip(names, medians.tolist(), strict=True)))]
    fastest = seconds.min(axis=0)
    results = []
    for contender, median, column, peak, n in zip(case.contenders, medians, seconds.T, memory, runs, strict=True):
        results.append(
            {
                "contender": contender.name,
                "seconds": float(median),
                "fastest": float(column.min()),
                "slowest": float(column.max()),
                "runs": n,
                "ratio": float(median / medians[0]),
                "ratio_of_fastest": float(column.min() / fastest[0]),
                "target": case.targets.get(contender.name),
                "peak_bytes": peak,
                "includes": contender.includes,
            }
        )
    return {
        "case": case.name,
        "work": case.work,
        "repeats": repeats,
        "activity": case.activity,
        "results": results,
        "figures": figures,
    }


def _seconds(contender: Contender, runs: int) -> float:
    """Return how long one of so many runs takes."""
    start = time.perf_counter()
    for _ in range(runs):
        contender.run()
    return (time.perf_counter() - start) / runs


@contextmanager
def _closing(case: Case) -> Iterator[None]:
    try:
        yield
    finally:
        case.close()
