"""Runs that cannot hang: what goes wrong in a ProcessModel is raised in the caller, and nothing is left behind.

Lava's own `run` waits for ever when a ProcessModel raises while another one waits for its data, when an actor is
killed, or when Processes are wired into a deadlock. Here every wait has a timeout, and actors are supervised::

    run(process, 100, Loihi2SimCfg(select_tag="fixed_pt"))       # runs, ends; Vars stay readable
    process.v.get()

    with running(process, Loihi2SimCfg()) as session:            # stays alive in between
        session.run(10)
        process.v.get()
        session.run(5)
"""

from __future__ import annotations

from typing import Any

from lava.magma.compiler.compiler_graphs import find_processes
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.run_configs import RunConfig

from lava_async.errors import InvalidValue
from lava_async.proc.session import RunTimeout, Session


def run(process: AbstractProcess, steps: int, run_cfg: RunConfig, timeout: float | None = None) -> Session:
    """Run a network of Processes for some time steps, then end it; its Vars remain readable with ``get()``.

    Parameters
    ----------
    process : lava Process
        Any Process of the network. Running it again starts from the initial state.
    steps : int
        Time steps of Lava, at least 1.
    run_cfg : lava RunConfig
        Chooses the ProcessModels, for example ``Loihi2SimCfg(select_tag="fixed_pt")``.
    timeout : float, optional
        Seconds that starting and running may take each; default 60, and 1 per time step.

    Returns
    -------
    Session
        The ended session (it may be entered with ``with``, like one from :func:`running`).

    Raises
    ------
    Exception
        What a ProcessModel raised, in its constructor or while running; its traceback there is the ``__cause__``.
    ProcessModelError
        If a ProcessModel raised something that cannot be passed on, or an actor was killed.
    RunTimeout
        If the time limit passed, as in a deadlock; the message says where every ProcessModel waits.

    Examples
    --------
    >>> import numpy as np
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.lif.process import LIF
    >>> from lava_async.proc.runtime import run
    >>> lif = LIF(shape=(1,), bias_mant=10, vth=25)
    >>> session = run(lif, 2, Loihi2SimCfg(select_tag="fixed_pt"), timeout=30)
    >>> lif.v.get().astype(int)
    array([20])
    """
    with running(process, run_cfg, timeout) as session:
        session.run(steps)
    return session


def running(process: AbstractProcess, run_cfg: RunConfig, timeout: float | None = None) -> Session:
    """Start a network of Processes and return its session, to be used with ``with``; arguments as in :func:`run`.

    Raises
    ------
    InvalidValue
        If the timeout is not positive.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.lif.process import LIF
    >>> from lava_async.proc.runtime import running
    >>> lif = LIF(shape=(1,), bias_mant=10, vth=100)
    >>> with running(lif, Loihi2SimCfg(select_tag="fixed_pt")) as session:
    ...     session.run(1)
    ...     print(lif.v.get().astype(int))
    ...     session.run(1)
    ...     print(lif.v.get().astype(int))
    ...
    [10]
    [20]
    """
    if timeout is not None and not timeout > 0:
        raise InvalidValue("timeout", timeout, "> 0 seconds, or None")
    executable = _compiled(process, run_cfg)
    session = Session(executable, run_cfg, timeout)
    executable.assign_runtime_to_all_processes(session)
    session.initialize()
    return session


def _compiled(process: AbstractProcess, run_cfg: RunConfig) -> Any:
    """Compile the network of a process, or return what an earlier session compiled."""
    earlier = process.runtime
    if isinstance(earlier, Session):
        if earlier._end is None:
            raise RuntimeError(f"{process.name!r} is running: stop its session first")
        if _settings(earlier.run_cfg) != _settings(run_cfg):
            raise RuntimeError(f"{process.name!r} was compiled for another run_cfg: build the Processes again")
        return earlier._executable
    try:
        return process.compile(run_cfg)
    except BaseException:
        for found in find_processes(process):
            found._is_compiled = False  # So that the next attempt is not refused.
        raise


def _settings(run_cfg: RunConfig) -> Any:
    return type(run_cfg), {name: value for name, value in vars(run_cfg).items() if name != "log"}


__all__ = ["RunTimeout", "Session", "run", "running"]
