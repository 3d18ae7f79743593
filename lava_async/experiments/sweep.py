"""Work that consists of independent cells: in this process, or on the workers of Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from lava_async.errors import InvalidValue
from lava_async.extras import needs

T = TypeVar("T")
#: How often a cell may lose its worker before it counts as failed.
LOSSES = 3


def sweep(
    cells: Sequence[T], work: Callable[[T], Any], *, scheduler: str | None = None, workers: int = 1,
    on_done: Callable[[T, Exception | None], Any] | None = None,
) -> list[tuple[T, Exception]]:  # fmt: skip
    """Do the work of all cells; one that fails does not stop the others.

    A worker that is lost costs what it was at: its cell begins anew on another one. If the work keeps files it can go
    on from them, so workers on other machines need the same file system.

    Parameters
    ----------
    cells : list
        What there is to do, each independent of the others.
    work : function of a cell
        Does it. With workers, it and the cells are pickled.
    scheduler : str, optional
        Address of a Dask cluster, as in ``tcp://host:8786``.
    workers : int
        Without a scheduler: processes of this machine; 1: this process.
    on_done : function, optional
        Called with each cell that is done, and what went wrong, or None.

    Returns
    -------
    list of (cell, Exception)
        The cells that failed.

    Raises
    ------
    InvalidValue
        If the scheduler does not answer.
    MissingExtra
        If Dask is needed and not installed.
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
    from concurrent.futures import Future

    with _client(scheduler, workers) as client:
        from distributed import as_completed

        futures: dict[Future[Any], T] = {client.submit(work, cell, pure=False): cell for cell in cells}
        for future in as_completed(futures):
            note(futures[future], future.exception())
    return failed


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Any]:
    """Give a client of a cluster that is there, or of one of this machine that ends afterwards."""
    with needs("study", "a study in several processes"):
        from distributed import Client, LocalCluster
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": LOSSES}):
        if scheduler is None:
            # Daemons could not start processes themselves, which Lava does.
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None)
            with cluster, Client(cluster) as client:
                yield client
            return
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            allowed = f"the address of a Dask scheduler that answers ({type(error).__name__})"
            raise InvalidValue("sweep.scheduler", scheduler, allowed) from None
        with client:
            yield client
