"""A running network: Lava's runtime with timeouts and supervised actors."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from typing import Any

import numpy as np
from lava.magma.compiler.builders.py_builder import PyProcessBuilder
from lava.magma.compiler.executable import Executable
from lava.magma.core.process.message_interface_enum import ActorType
from lava.magma.core.run_conditions import AbstractRunCondition, RunContinuous, RunSteps
from lava.magma.core.run_configs import RunConfig
from lava.magma.runtime.mgmt_token_enums import MGMT_COMMAND, MGMT_RESPONSE, enum_equal
from lava.magma.runtime.runtime import Runtime
from lava.utils.sparse import find
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from lava_async.proc.actors import Actors, ProcessModelError
from lava_async.records import check_int

#: Default time limit: this many seconds, and one more per time step.
PATIENCE_SECONDS = 60.0
#: Seconds between two looks at the actors while waiting.
GLANCE_SECONDS = 0.01
#: Seconds that actors get for ending by themselves, or for a last answer.
GRACE_SECONDS = 5.0

log = logging.getLogger(__name__)


class RunTimeout(RuntimeError):  # noqa: N818
    """A run took longer than its time limit; the message says where every ProcessModel was."""


class Session(Runtime):
    """A network of Processes that is alive: a Lava Runtime whose waits end when something goes wrong.

    While it lives, ``run``, ``wait``, ``pause`` and ``stop`` of its Processes, ``get`` and ``set`` of their Vars, and
    the ends of Injectors and Extractors raise instead of waiting for ever. After its end Vars keep their last values.

    Parameters
    ----------
    executable : Executable
        The compiled network.
    run_cfg : RunConfig
        What it was compiled for.
    timeout : float or None
        As in :func:`lava_async.proc.runtime.run`.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.lif.process import LIF
    >>> from lava_async.proc.runtime import running
    >>> lif = LIF(shape=(1,), bias_mant=10, vth=100)
    >>> with running(lif, Loihi2SimCfg(select_tag="fixed_pt"), timeout=30) as session:
    ...     session.run(3)
    ...
    >>> lif.v.get().astype(int)  # kept after its end
    array([30])
    """

    def __init__(self, executable: Executable, run_cfg: RunConfig, timeout: float | None) -> None:
        super().__init__(executable, ActorType.MultiProcessing)
        self.run_cfg, self._timeout = run_cfg, timeout
        self._limit = self._deadline = 0.0
        self._is_running: bool
        self.runtime_to_service: list[Any]
        self.service_to_runtime: list[Any]
        self._end: str | None = None
        self._turn = threading.RLock()  # Of the thread that uses the network.
        self._asked = False  # Another thread wants the network to stop.
        self._values: dict[int, Any] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, error_type: Any, error: Any, trace: Any) -> None:
        if error_type is None:
            self.stop()
        else:
            self._abort("ended by an exception")

    def run(self, steps: int, *, wait: bool = True) -> None:
        """Run some time steps; with ``wait=False`` return at once, to :meth:`wait` (or :meth:`pause`) later."""
        self.start(RunSteps(num_steps=check_int("steps", steps, least=1), blocking=wait))

    def start(self, run_condition: AbstractRunCondition) -> None:
        """Run as Lava's ``Process.run`` does; ``RunContinuous()`` goes on until :meth:`pause` or :meth:`stop`."""
        if self._is_running:
            raise RuntimeError("the network is already running: wait() or pause() first")
        with self._turn:
            self._alive()
            self._allow(getattr(run_condition, "num_steps", 0))
            super().start(run_condition)
            if isinstance(run_condition, RunContinuous):
                self._deadline = np.inf

    def wait(self) -> None:
        """Wait until a run that was started with ``wait=False`` is done."""
        with self._turn:
            super().wait()

    def pause(self) -> None:
        """Pause at the next time step."""
        with self._turn:
            if self._is_running:
                self._allow()
                self._request(MGMT_COMMAND.PAUSE, MGMT_RESPONSE.PAUSED)
                self._is_running = False

    def stop(self) -> None:
        """End the network and keep the values of its Vars; ending it twice does nothing.

        If another thread waits for the network, that thread ends it at the next time step, and its call raises.
        """
        if not self._turn.acquire(blocking=False):
            self._asked = True
            if not self._turn.acquire(timeout=GRACE_SECONDS):
                self._abort("was stopped by another thread")
                return
        try:
            self._asked = False
            self._stop("has ended")
        finally:
            self._turn.release()

    def _stop_at_exit(self) -> None:
        """End a network that was forgotten; one that does not stop must not keep the interpreter."""
        self._timeout = min(self._timeout or GRACE_SECONDS, GRACE_SECONDS)
        self.stop()

    def _stop(self, end: str) -> None:
        if self._end:
            return
        try:
            self.pause()
            self._allow()
            self._values = self._read(None)
            self._deadline = min(self._deadline, time.monotonic() + GRACE_SECONDS)
            self._request(MGMT_COMMAND.STOP, MGMT_RESPONSE.TERMINATED)
        except RunTimeout as timeout:
            log.warning("killed a network that does not stop: %s", timeout)
        except BaseException:
            self._abort("failed")
            raise
        self._close(end, GRACE_SECONDS)

    def initialize(self, node_cfg_idx: int = 0) -> None:
        """Build all actors and wait until their ProcessModels are constructed."""
        self._allow()
        atexit.register(self._stop_at_exit)
        try:
            self._build_watchdog_manager()
            self._build_message_infrastructure()
            self._build_channels()
            self._build_sync_channels()
            self._build_processes()
            self._build_runtime_services()
            self._start_ports()
            self._guard_ports()
            self.exception_q.clear()  # Lava's; actors report by themselves.
            while not all(actor.has("ready") for actor in self._messaging_infrastructure.actors):
                self._check()
                time.sleep(GLANCE_SECONDS / 10)
        except BaseException:
            self._abort("failed")
            raise
        self._is_initialized = self._is_started = True

    def get_var(self, var_id: int, idx: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Return the value of a Var as Lava does (float64), in one message, also after the end."""
        if self._is_running:
            raise RuntimeError("a Var can be read between runs: wait() or pause() first")
        with self._turn:
            if self._end is None:
                self._allow()
                self._values.update(self._read([var_id]))
        if var_id not in self._values:
            raise RuntimeError(f"this Var has no value: the network {self._end or 'has no model with this Var'}")
        value = _as_lava(self._values[var_id], self._executable.node_configs[0].var_models[var_id].shape)
        found: NDArray[np.float64] = value[idx] if idx else value
        return found

    def set_var(self, var_id: int, value: ArrayLike | str | csr_matrix, idx: NDArray[np.int64] | None = None) -> None:
        """Set a Var as Lava does."""
        with self._turn:
            self._alive()
            self._allow()
            super().set_var(var_id, value, idx)

    # Waiting ---------------------------------------------------------------------------------------------------------

    def _get_resp_for_run(self) -> None:
        """Wait until all runtime services have answered; Lava's ``run`` and ``wait`` call this."""
        waiting = list(self.service_to_runtime) if self._is_running else []
        while waiting:
            port = self._first(waiting)
            answer = port.recv()
            if enum_equal(answer, MGMT_RESPONSE.REQ_PAUSE):
                return self.pause()
            if enum_equal(answer, MGMT_RESPONSE.REQ_STOP):
                return self.stop()
            if not enum_equal(answer, MGMT_RESPONSE.DONE):
                self._deadline = time.monotonic() + GRACE_SECONDS
                self._first([])  # A model failed and its report is on the way.
            waiting.remove(port)
        self._is_running = False
        return None

    def _request(self, command: Any, confirmation: Any) -> None:
        """Send a command to all runtime services and wait for their confirmation (a late "done" may come before)."""
        for port in self.runtime_to_service:
            port.send(command)
        for port in self.service_to_runtime:
            while not enum_equal(port.recv(), confirmation):
                pass

    def _first(self, ports: list[Any]) -> Any:
        """Return the first port that can be used without waiting; raise if something goes wrong meanwhile."""
        awake = threading.Event()
        for port in ports:
            port.observer = awake.set
        while True:
            for port in ports:
                if port.probe():
                    return port
            self._check()
            awake.wait(GLANCE_SECONDS)
            awake.clear()

    def _check(self) -> None:
        """Raise if an actor failed, another thread ended the network or wants to, or the time is over."""
        if self._asked:
            self._asked = False
            self._stop("was stopped by another thread")
        self._ended()
        actors = self._messaging_infrastructure.actors
        try:
            failures = [failure for actor in actors if (failure := actor.failure())]
        except ValueError:  # Another thread closes the actors.
            self._ended()
            raise
        if failures:
            self._abort("failed")
            # An exception tells more than the death of another actor.
            raise min(failures, key=lambda error: isinstance(error, ProcessModelError))
        if time.monotonic() > self._deadline:
            last = time.monotonic() + GRACE_SECONDS
            stacks = {actor.name: actor.stack(deadline=last) for actor in actors}
            self._abort("ran into its time limit")
            busy = [f"{name}:\n{stack or '  (no answer)'}" for name, stack in stacks.items() if stack != ""]
            raise RunTimeout("\n".join([f"not done after {self._limit:.6g} s. Busy or waiting were:", *busy]))

    def _allow(self, steps: int = 0) -> None:
        """Set the deadline of what follows."""
        self._limit = self._timeout if self._timeout is not None else PATIENCE_SECONDS + steps
        self._deadline = time.monotonic() + self._limit

    def _alive(self) -> None:
        self._ended()
        self._check()

    def _ended(self) -> None:
        if self._end:
            raise RuntimeError(f"this network {self._end}; run(...) or running(...) starts it again")

    # Parts -----------------------------------------------------------------------------------------------------------

    def _build_message_infrastructure(self) -> None:
        services = self._executable.runtime_service_builders or {}
        labels = {id(builder): builder.rs_class.__name__ for builder in services.values()}
        for process, builder in self._executable.proc_builders.items():
            labels[id(builder)] = f"{builder.proc_model.__name__} of {process.name!r}"
            if isinstance(builder, PyProcessBuilder):  # Lava leaves the channels of an earlier run in place.
                builder.csp_ports.clear()
                builder._csp_port_map.clear()
        self._messaging_infrastructure = Actors(labels)
        self._messaging_infrastructure.start()

    def _guard_ports(self) -> None:
        self.runtime_to_service = [_Guarded(port, self) for port in self.runtime_to_service]
        self.service_to_runtime = [_Guarded(port, self) for port in self.service_to_runtime]
        for process in self._executable.proc_builders:
            for port in [*process.in_ports, *process.out_ports]:
                for end in ("external_pipe_csp_send_port", "external_pipe_csp_recv_port"):
                    if hasattr(port, end):
                        self._open_ports.append(getattr(port, end))
                        setattr(port, end, _Guarded(getattr(port, end), self))

    def _read(self, ids: list[int] | None) -> dict[int, Any]:
        """Return the values of Vars by id (None: all), as they are in the actors."""
        values: dict[int, Any] = {}
        for actor in self._messaging_infrastructure.actors:
            if isinstance(actor.builder, PyProcessBuilder) and (
                ids is None or set(ids) & {v.var_id for v in actor.builder.vars.values()}
            ):
                answer = actor.values(ids, deadline=self._deadline)
                if answer is None:
                    self._check()
                values.update(answer or {})
        return values

    def _abort(self, end: str) -> None:
        """End the network at once."""
        if not self._end:
            self._close(end, 0.0)

    def _close(self, end: str, grace: float) -> None:
        self._end = end
        self._is_started = self._is_running = False
        atexit.unregister(self._stop_at_exit)
        if self._messaging_infrastructure is not None:
            self._messaging_infrastructure.stop(grace)
        self.join()
        if self._watchdog_manager is not None:
            self._watchdog_manager.stop()


class _Guarded:
    """An end of a channel of which the caller waits: it waits no longer than the session allows."""

    def __init__(self, port: Any, session: Session) -> None:
        self._port, self._session = port, session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            setattr(self._port, name, value)

    def recv(self) -> Any:
        self._session._first([self._port])
        return self._port.recv()

    def send(self, data: Any) -> None:
        self._session._first([self._port])
        self._port.send(data)


def _as_lava(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the value of a Var in the form that Lava's ``Var.get`` builds on."""
    if isinstance(value, csr_matrix):
        return np.asarray(find(value, explicit_zeros=True)[2], dtype=np.float64)
    if isinstance(value, str):
        return np.frombuffer(value.encode("ascii"), np.uint8).astype(np.float64)
    array = np.array(value, dtype=np.float64)
    return array.reshape(shape) if array.size == np.prod(shape) else array
