"""Work that consists of independent cells: in this process, in others of this machine, or on a cluster of Dask."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from lava_async.errors import InvalidValue
from lava_async.experiments.worker import Worker, WorkerLostError
from lava_async.extras import needs

log = logging.getLogger(__name__)
T = TypeVar("T")
#: How often a cell may lose its worker before it counts as failed.
LOSSES = 3


def sweep(
    cells: Sequence[T],
    work: Callable[[T], object],
    *,
    scheduler: str | None = None,
    workers: int = 1,
    on_done: Callable[[T, Exception | None], object] | None = None,
) -> list[tuple[T, Exception]]:
    """Do the work of all cells; one that fails does not stop the others.

    A worker that is lost costs what it was at: its cell begins again on another one. If the work keeps files it can go
    on from them, so workers on other machines need the same file system.

    Parameters
    ----------
    cells : list
        What there is to do, each independent of the others.
    work : function of a cell
        Does it. With workers, it and the cells are pickled.
    scheduler : str, optional
        Address of a Dask cluster, as in ``tls://host:8786``. It is trusted: who can reach it can run code as its user,
        and what its workers send back can run code here.
    workers : int
        Without a scheduler: processes of this machine, which nobody else can reach; 1: this process.
    on_done : function, optional
        Called with each cell that is done, and what went wrong, or None.

    Returns
    -------
    list of (cell, Exception)
        The cells that failed.

    Raises
    ------
    InvalidValue
        If there is a scheduler that does not answer.
    MissingExtra
        If there is a scheduler and Dask is not installed.

    Examples
    --------
    >>> from lava_async.experiments.sweep import sweep
    >>> def work(cell):
    ...     if cell == 0:
    ...         raise ZeroDivisionError("no cell 0")
    ...     print("cell", cell)
    ...
    >>> sweep([2, 0, 1], work)
    cell 2
    cell 1
    [(0, ZeroDivisionError('no cell 0'))]
    """
    failed: list[tuple[T, Exception]] = []

    def note(cell: T, error: Exception | None) -> None:
        if error is not None:
            failed.append((cell, error))
        if on_done:
            on_done(cell, error)

    if scheduler is None and workers == 1:
        for cell in cells:
            try:
                work(cell)
            except Exception as error:
                note(cell, error)
            else:
                note(cell, None)
        return failed
    with _processes(workers) if scheduler is None else _cluster(scheduler) as (submit, completed):
        futures = {submit(work, cell): cell for cell in cells}
        for future in completed(futures):
            note(futures[future], future.exception())
    return failed


Executor = tuple[Callable[..., Any], Callable[[Any], Iterable[Any]]]
"""What gives work and a cell away for a future, and what yields futures as they are done."""


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Let processes of this machine work, each watched over by a thread of this one."""
    mine, started = threading.local(), list[Worker]()

    def do(work: object, cell: object) -> None:
        for last in [False] * LOSSES + [True]:
            if not hasattr(mine, "worker"):
                mine.worker = Worker()
                started.append(mine.worker)
            try:
                mine.worker.do(work, cell)
                return
            except WorkerLostError:
                started.remove(mine.worker)
                mine.worker.end()
                del mine.worker
                if last:
                    raise

    pool = ThreadPoolExecutor(workers)
    try:
        yield lambda *given: pool.submit(do, *given), as_completed
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in list(started):
            worker.end()


@contextmanager
def _cluster(scheduler: str) -> Iterator[Executor]:
    """Let the workers of a Dask cluster work."""
    with needs("study", "a study on a Dask cluster"):
        import dask
        from distributed import Client
        from distributed import as_completed as completed
    if not scheduler.startswith("tls://"):
        log.warning("%s: this scheduler is trusted: who can reach it can run code as you", scheduler)
    with dask.config.set({"distributed.scheduler.allowed-failures": LOSSES}):
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            allowed = f"the address of a Dask scheduler that answers ({type(error).__name__})"
            raise InvalidValue("sweep.scheduler", scheduler, allowed) from None
        with client:
            yield partial(client.submit, pure=False), completed
