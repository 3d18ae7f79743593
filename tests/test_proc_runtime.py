"""Runs that cannot hang: what goes wrong in a ProcessModel is raised in the caller, and nothing is left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("lava.magma")

from faulty.process import AsyncFaulty, Faulty
from lava.magma.core.run_conditions import RunContinuous, RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg, Loihi2SimCfg
from lava.magma.runtime.message_infrastructure.shared_memory_manager import SharedMemoryManager
from lava.proc.dense.process import Dense
from lava.proc.io.extractor import Extractor
from lava.proc.io.injector import Injector
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor

from lava_async.errors import InvalidType, InvalidValue
from lava_async.proc.actors import ProcessModelError
from lava_async.proc.runtime import RunTimeout, run, running

pytestmark = pytest.mark.lava

DATA = np.arange(20.0).reshape(2, 10)
FAULTS = [
    # fault, error, words of its message
    ("raise", ZeroDivisionError, "the model divided by zero"),
    ("raise-ours", InvalidValue, "Faulty.fault = 'raise-ours': must be none"),
    ("raise-unpicklable", ProcessModelError, "UnpicklableError: no way"),
    ("float", TypeError, "right_shift"),
    ("kill", ProcessModelError, "ended from outside (signal SIGKILL)"),
    ("exit", ProcessModelError, "SystemExit: 3"),
    ("sleep", RunTimeout, "misbehave(self.fault)"),
    ("spin", RunTimeout, "misbehave(self.fault)"),
]


def chain(kind=Faulty, **fault):
    """Source -> a Process that may misbehave -> sink; return the latter two."""
    source, faulty, sink = Source(data=DATA), kind(**fault), Sink(shape=(2,), buffer=10)
    source.s_out.connect(faulty.inp)
    faulty.out.connect(sink.a_in)
    return faulty, sink


def failing(kind, **fault):
    """Return a Process that misbehaves in front of one that waits for it, and the tag of its model."""
    faulty, other = kind(**fault), Faulty()
    faulty.out.connect(other.inp)
    return faulty, None


def deadlocked():
    """Return neurons that wait for their own spikes."""
    lif = LIF(shape=(2,))
    lif.s_out.connect(lif.a_in)
    return lif, None


def with_a_float():
    """Return neurons in fixed point with a float, which Lava hands to the model as it is."""
    dense, lif = Dense(weights=np.eye(2)), LIF(shape=(2,), du=0.1)
    dense.a_out.connect(lif.a_in)
    return lif, "fixed_pt"


FIFTY = {
    # What fails: the network of run i and the tag of its models, error, words of its message. Each fault happens by
    # turns in run_spk and in run_async.
    **{
        fault: (lambda i, fault=fault: failing((Faulty, AsyncFaulty)[i % 2], fault=fault), error, words)
        for fault, error, words in FAULTS
    },
    "constructor": (lambda _: failing(Faulty, fault="raise", at=0), ZeroDivisionError, "the model divided by zero"),
    "float-in-fixed-point": (lambda _: with_a_float(), TypeError, "right_shift"),
    "deadlock": (lambda _: deadlocked(), RunTimeout, "self.a_in.recv"),
}


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch):
    """Every test leaves no child process, no shared memory, no open file and no thread."""
    names, create = [], SharedMemoryManager.create_shared_memory

    def noting(self, size):
        segment = create(self, size)
        names.append(segment.name)
        return segment

    monkeypatch.setattr(SharedMemoryManager, "create_shared_memory", noting)
    n_files = len(os.listdir("/proc/self/fd"))
    yield
    assert multiprocessing.active_children() == []
    assert not set(names) & set(os.listdir("/dev/shm"))
    # The resource tracker of multiprocessing, once started, is there to stay with one file.
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= n_files + 1
    for thread in threading.enumerate():
        if thread.name.endswith(".send"):
            thread.join(5)
            assert not thread.is_alive()


class TestAGoodRun:
    def test_vars_stay_readable_after_run(self):
        faulty, sink = chain()
        run(faulty, 10, Loihi2SimCfg())
        assert faulty.steps.get() == 10
        np.testing.assert_array_equal(sink.data.get(), DATA)

    @pytest.mark.parametrize("kind", [Faulty, AsyncFaulty])
    def test_a_network_runs_again_from_its_initial_state(self, kind):
        faulty, sink = chain(kind)
        for steps in (10, 4, 7):
            run(faulty, steps, Loihi2SimCfg())
            assert faulty.steps.get() == steps
            np.testing.assert_array_equal(sink.data.get()[:, :steps], DATA[:, :steps])
            assert not sink.data.get()[:, steps:].any()

    def test_a_session_runs_in_parts(self):
        faulty, sink = chain()
        with running(sink, Loihi1SimCfg()) as session:
            session.run(3)
            assert faulty.steps.get() == 3
            faulty.steps.set(np.array([10.0]))
            session.run(2)
            assert faulty.steps.get() == 12
            faulty.run(RunSteps(num_steps=5))  # Lava's own call is as safe here.
        assert faulty.steps.get() == 17
        np.testing.assert_array_equal(sink.data.get(), DATA)

    def test_an_ended_session_says_so(self):
        faulty, _ = chain()
        with run(faulty, 1, Loihi2SimCfg()) as session:
            assert faulty.steps.get() == 1
            with pytest.raises(RuntimeError, match="has ended"):
                session.run(1)
        faulty.stop()
        session.stop()

    def test_a_run_can_go_on_beside_the_caller(self):
        faulty, _ = chain()
        with running(faulty, Loihi2SimCfg()) as session:
            session.run(50, wait=False)
            with pytest.raises(RuntimeError, match="between runs"):
                faulty.steps.get()
            session.wait()
            assert faulty.steps.get() == 50
            session.start(RunContinuous())
            session.pause()
            steps = faulty.steps.get()
            session.run(5)  # Lava alone would wait for ever after a pause.
            assert faulty.steps.get() == steps + 5

    def test_stopping_in_the_middle_keeps_the_values(self):
        faulty, _ = chain()
        with running(faulty, Loihi2SimCfg()) as session:
            session.start(RunContinuous())
        assert faulty.steps.get() >= 0

    def test_monitors_injectors_and_extractors_work(self):
        injector, faulty, extractor = Injector(shape=(2,)), Faulty(), Extractor(shape=(2,))
        monitor = Monitor()
        monitor.probe(faulty.steps, 3)
        injector.out_port.connect(faulty.inp)
        faulty.out.connect(extractor.in_port)
        with running(faulty, Loihi2SimCfg()) as session:
            session.run(3, wait=False)
            for i in range(3):
                injector.send(np.array([i, 2.0 * i]))
                np.testing.assert_array_equal(extractor.receive(), [i, 2 * i])
            session.wait()
        (probed,) = monitor.get_data()[faulty.name].values()
        np.testing.assert_array_equal(probed.ravel(), [1, 2, 3])

    def test_two_networks_run_side_by_side(self):
        (one, _), (two, _) = chain(), chain(AsyncFaulty)
        with running(one, Loihi2SimCfg()) as first, running(two, Loihi2SimCfg()) as second:
            first.run(3)
            second.run(4)
            assert (one.steps.get(), two.steps.get()) == (3, 4)


class TestABadRun:
    @pytest.mark.parametrize("at", [0, 3], ids=["at-once", "later"])
    @pytest.mark.parametrize("kind", [Faulty, AsyncFaulty])
    @pytest.mark.parametrize(("fault", "error", "words"), FAULTS, ids=[f[0] for f in FAULTS])
    def test_it_raises_in_the_caller(self, kind, fault, error, words, at):
        for _ in range(1 if error is RunTimeout else 2):
            faulty, _ = chain(kind, fault=fault, at=at)
            with pytest.raises(error) as caught:
                run(faulty, 10, Loihi2SimCfg(), timeout=2 if error is RunTimeout else 60)
            assert words in str(caught.value)
            with pytest.raises(RuntimeError, match="no value"):
                faulty.steps.get()

    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize(("network", "error", "words"), FIFTY.values(), ids=FIFTY)
    def test_it_raises_fifty_times_in_a_row(self, network, error, words):
        for i in range(50):
            process, tag = network(i)
            with pytest.raises(error, match=re.escape(words)):
                run(process, 10, Loihi2SimCfg(select_tag=tag), timeout=1.5 if error is RunTimeout else 60)

    @pytest.mark.parametrize("kind", [Faulty, AsyncFaulty])
    def test_the_original_traceback_is_the_cause(self, kind):
        faulty, _ = chain(kind, fault="raise", at=2)
        with pytest.raises(ZeroDivisionError) as caught:
            run(faulty, 10, Loihi2SimCfg(), timeout=30)
        assert isinstance(caught.value.__cause__, ProcessModelError)
        told = str(caught.value.__cause__)
        assert faulty.name in told
        assert 'raise ZeroDivisionError("the model divided by zero")' in told

    def test_a_deadlock_tells_who_waits_where(self):
        lif, _ = deadlocked()
        with pytest.raises(RunTimeout, match=r"not done after 1 s(.|\n)*PyLifModelFloat(.|\n)*self.a_in.recv"):
            run(lif, 5, Loihi2SimCfg(), timeout=1)

    def test_a_float_in_fixed_point_raises(self):
        lif, tag = with_a_float()
        with pytest.raises(TypeError):
            run(lif, 5, Loihi2SimCfg(select_tag=tag), timeout=30)

    def test_an_actor_killed_between_runs_is_noticed(self):
        faulty, _ = chain()
        with running(faulty, Loihi2SimCfg()) as session:
            session.run(3)
            actor = next(child for child in multiprocessing.active_children() if faulty.name in child.name)
            os.kill(actor.pid, signal.SIGKILL)
            with pytest.raises(ProcessModelError, match="SIGKILL"):
                session.run(3)

    def test_everything_killed_leaves_nothing(self):
        faulty, _ = chain()
        with running(faulty, Loihi2SimCfg()) as session:
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(ProcessModelError, match="SIGKILL"):
                session.run(3)

    def test_the_end_of_an_extractor_does_not_wait_for_ever(self):
        faulty, extractor = Faulty(fault="raise"), Extractor(shape=(2,))
        faulty.out.connect(extractor.in_port)
        with running(faulty, Loihi2SimCfg()) as session:
            session.run(10, wait=False)
            with pytest.raises(ZeroDivisionError):
                [extractor.receive() for _ in range(10)]

    def test_an_exception_of_the_caller_ends_the_network(self):
        faulty, _ = chain()
        session = running(faulty, Loihi2SimCfg())
        with pytest.raises(KeyboardInterrupt), session:
            raise KeyboardInterrupt
        with pytest.raises(RuntimeError, match="ended by an exception"):
            session.run(1)

    def test_a_model_that_never_stops_is_killed(self):
        faulty, _ = chain(AsyncFaulty, fault="sleep")
        with running(faulty, Loihi2SimCfg(), timeout=3) as session:
            session.run(10, wait=False)

    def test_a_good_run_follows_a_bad_one(self):
        faulty, _ = chain(fault="raise")
        with pytest.raises(ZeroDivisionError):
            run(faulty, 10, Loihi2SimCfg())
        good, _ = chain()
        run(good, 10, Loihi2SimCfg())
        assert good.steps.get() == 10


class TestSeveralThreads:
    def test_stop_ends_a_run_that_another_thread_waits_for(self):
        faulty, _ = chain()
        said = []

        def wait_for(session):
            with pytest.raises(RuntimeError) as caught:
                session.run(10**9)
            said.append(str(caught.value))

        with running(faulty, Loihi2SimCfg()) as session:
            session.run(2)
            thread = threading.Thread(target=wait_for, args=(session,))
            thread.start()
            while not session._is_running:
                thread.join(0.01)
            session.stop()
            thread.join(20)
        assert said == ["this network was stopped by another thread; run(...) or running(...) starts it again"]
        assert faulty.steps.get() > 2  # Vars keep the values of the time step at which it stopped.

    def test_stop_ends_a_wait_for_an_extractor(self):
        faulty, extractor = Faulty(), Extractor(shape=(2,))
        faulty.out.connect(extractor.in_port)
        said = []

        def wait_for():
            with pytest.raises(RuntimeError) as caught:
                extractor.receive()
            said.append(str(caught.value))

        with running(faulty, Loihi2SimCfg()) as session:
            thread = threading.Thread(target=wait_for)
            thread.start()
            thread.join(0.1)
            session.stop()
            thread.join(20)
        assert said == ["this network has ended; run(...) or running(...) starts it again"]

    def test_a_run_of_two_threads_is_refused(self):
        faulty, _ = chain()
        with running(faulty, Loihi2SimCfg()) as session:
            session.run(10**9, wait=False)
            with pytest.raises(RuntimeError, match="already running"):
                session.run(1)
            with pytest.raises(RuntimeError, match="can be read between runs"):
                faulty.steps.get()


class TestArguments:
    def test_no_model_for_a_tag_can_be_mended(self):
        lif = LIF(shape=(1,))
        with pytest.raises(AssertionError, match="No ProcessModels found"):
            run(lif, 1, Loihi2SimCfg(select_tag="no such tag"))
        run(lif, 1, Loihi2SimCfg())

    def test_another_run_cfg_needs_new_processes(self):
        lif = LIF(shape=(1,))
        run(lif, 1, Loihi2SimCfg())
        with pytest.raises(RuntimeError, match="another run_cfg"):
            run(lif, 1, Loihi2SimCfg(select_tag="fixed_pt"))

    @pytest.mark.parametrize(("steps", "error"), [(0, InvalidValue), (1.5, InvalidType), ("3", InvalidType)])
    def test_steps_are_counted(self, steps, error):
        with pytest.raises(error, match="steps"):
            run(LIF(shape=(1,)), steps, Loihi2SimCfg())

    @pytest.mark.parametrize("timeout", [0, -1.0, float("nan")])
    def test_a_time_limit_is_positive(self, timeout):
        with pytest.raises(InvalidValue, match="timeout"):
            run(LIF(shape=(1,)), 1, Loihi2SimCfg(), timeout=timeout)


HEADER = """
import sys
from faulty.process import AsyncFaulty, Faulty
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.source import RingBuffer
from lava_async.proc.runtime import run, running
def chain(kind=Faulty, **fault):
    source, faulty = RingBuffer(data=__import__("numpy").eye(2)), kind(**fault)
    source.s_out.connect(faulty.inp)
    return faulty
"""


def interpreter(script):
    """Start a script in a session of its own, with the import path of this one."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(
        [sys.executable, "-c", HEADER + script],
        env=environment,
        start_new_session=True,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def members(session):
    """Return the processes of a session that still run."""
    alive = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                state = stat.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(state[3]) == session and state[0] != "Z":
            alive.append(int(pid))
    return alive


def finish(process):
    """Wait for a script and everything that it started; kill what does not end by itself."""
    try:
        return process.communicate(timeout=120)
    finally:
        deadline = time.monotonic() + 30
        while (left := members(process.pid)) and time.monotonic() < deadline:
            pass  # The resource tracker of multiprocessing ends a little later.
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left


class TestTheInterpreterExits:
    @pytest.mark.parametrize("fault", ["none", "raise", "kill", "sleep"])
    def test_normally_whatever_happened(self, fault):
        process = interpreter(f"""
for kind in (Faulty, AsyncFaulty):
    try:
        run(chain(kind, fault="{fault}"), 5, Loihi2SimCfg(), timeout=2)
    except (RuntimeError, ZeroDivisionError) as error:
        print(type(error).__name__)
""")
        out, err = finish(process)
        expected = {"none": "", "raise": "ZeroDivisionError\n", "kill": "ProcessModelError\n", "sleep": "RunTimeout\n"}
        assert (process.returncode, out, err) == (0, 2 * expected[fault], "")

    def test_with_a_session_that_nobody_ended(self):
        process = interpreter("session = running(chain(), Loihi2SimCfg()); session.run(3)")
        assert (*finish(process), process.returncode) == ("", "", 0)

    def test_and_its_actors_with_it_when_it_is_killed(self):
        process = interpreter("""
with running(chain(), Loihi2SimCfg()) as session:
    print(*[segment.name for segment in session._messaging_infrastructure.smm._shared_memory_handles], flush=True)
    sys.stdin.read()
""")
        names = process.stdout.readline().split()
        assert set(names) <= set(os.listdir("/dev/shm"))
        process.kill()
        finish(process)
        assert not set(names) & set(os.listdir("/dev/shm"))


CLOSED = """
import multiprocessing, os, sys
from lava_async.proc.actors import ProcessModelError
faulty = chain()
with running(faulty, Loihi2SimCfg()) as session:
    session.run(3)
    os.closerange(3, 1024)
    try:
        session.run(3)
    except ProcessModelError as error:
        print(error)
print(multiprocessing.active_children())
"""


def test_closed_descriptors_are_an_error_at_once():
    out, err = (process := interpreter(CLOSED)).communicate(timeout=40)
    assert process.returncode == 0, err
    assert "cannot be reached: the descriptor of its pipe was closed" in out
    assert out.endswith("[]\n")
    assert members(process.pid) == []


FORGOTTEN = """
forgotten = chain({kind})
running(forgotten, Loihi2SimCfg()).run(10**8, wait=False)
print("ends", flush=True)
"""


@pytest.mark.parametrize("kind", ["", 'AsyncFaulty, fault="sleep"'])
def test_a_forgotten_session_is_ended_at_exit(kind):
    process = interpreter(FORGOTTEN.format(kind=kind))
    out, err = process.communicate(timeout=40)
    assert (out, process.returncode) == ("ends\n", 0), err
    # The last process of Lava ends a moment after the one that started it.
    deadline = time.monotonic() + 30
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert members(process.pid) == []
