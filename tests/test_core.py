"""The core as a program: instruction sets, threads, signals, forks, memory, wrong arrays, gradients of the input.

What it computes is tested in test_vectors.py, test_engines.py and test_gradients.py.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import fingerprints
import numpy as np
import pytest
import strategies
import torch
from compare import execute, same, setup_of
from core_cases import INSTRUCTION_SETS
from hypothesis import assume, given
from hypothesis import strategies as st

import lava_async
from lava_async import (
    CubaParams,
    Execution,
    Fifo,
    MaxForwardSteps,
    Network,
    NeuronModel,
    Random,
    netx,
    nir,
    simulate,
    simulate_batch,
)
from lava_async.engine import Setup
from lava_async.engine.compiled_network import compiled
from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Layer
from lava_async.netx import NetxError
from lava_async.nir import NirError
from lava_async.schedules import Layered
from lava_async.synapses import INPUT, Dense
from lava_async.training.compiled import CompiledEngine
from lava_async.training.dense import DenseEngine
from lava_async.training.gradient import CREDITS, RESETS, Gradient, Parameters

HERE = Path(__file__).parent


def program(*arguments: str, timeout: float = 300, **environment: str) -> str:
    """Run Python with the helpers of the tests on its path, and return what it prints."""
    paths = [str(HERE), str(HERE.parent)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=variables,
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


# ------------------------------------------------------------------------------------------- the same bits


@cache
def expected() -> dict[str, str]:
    """Return the fingerprints of one thread and the best instruction set."""
    return fingerprints.digests(threads=1)


@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_results_and_gradients_are_the_same_bits_on_every_instruction_set(name):
    found = json.loads(program("fingerprints.py", LAVA_ASYNC_ISA=name))
    assert [case for case, digest in expected().items() if found.pop(case) != digest] == []
    assert not found


@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_every_instruction_set_gives_the_vectors(name):
    options = "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-k", "compiled"
    assert " passed" in program("-m", "pytest", *options, "test_vectors.py", LAVA_ASYNC_ISA=name)


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_results_and_gradients_are_the_same_bits_for_any_number_of_threads(threads):
    found = fingerprints.digests(threads)
    assert [case for case, digest in expected().items() if found[case] != digest] == []


def test_an_instruction_set_that_is_not_here_is_refused(monkeypatch):
    monkeypatch.setenv("LAVA_ASYNC_ISA", "mmx")
    with pytest.raises(InvalidValue, match=r"LAVA_ASYNC_ISA.*mmx.*one that this machine runs: .*baseline"):
        simulate(small(), np.ones((4, 2), int), schedule=Random(2))


def test_show_config_tells_what_it_runs_on(monkeypatch):
    monkeypatch.setenv("LAVA_ASYNC_ISA", "baseline")
    found = lava_async.show_config()
    assert found["instruction set"] == "baseline"
    assert found["instruction sets here"].split(", ") == INSTRUCTION_SETS
    assert int(found["threads"]) >= 1
    assert "arithmetic" in found


def small(seed: int = 0) -> Network:
    """Return a float network of 4 inputs and two layers that fires."""
    rng = np.random.default_rng(seed)
    return Network.feedforward([rng.normal(0.5, 0.5, shape) for shape in ((20, 4), (3, 20))], CubaParams(1, 0.5, 0.3))


# ------------------------------------------------------------------------------------------------- Ctrl-C

LONG_CALLS = """
import json, os, signal, sys, threading, time
import numpy as np
import torch
from lava_async import CubaParams, Execution, Layered, MaxForwardSteps, Network, Quiescence, Random, Timed
from lava_async import simulate, simulate_batch
from lava_async.engine import Setup
from lava_async.network import Layer
from lava_async.netx import NetxError
from lava_async.nir import NirError
from lava_async.synapses import INPUT, Dense
from lava_async.training.compiled import CompiledEngine
from lava_async.training.gradient import Gradient, Parameters

ENDLESS = MaxForwardSteps(2**31 - 1)
loop = Dense(INPUT, 0, np.ones((40, 4))), Dense(0, 0, np.ones((40, 40)))
network = Network((4,), (Layer((40,)),), loop, CubaParams(1.0, 1.0, 0.5), np.arange(40))
spikes = np.ones((3, 4, 2), int)

def chain(B=30, T=150, n=500):
    rng = np.random.default_rng(0)
    net = Network.feedforward([rng.normal(0.05, 0.1, (n, n)) for _ in range(2)], CubaParams(1.0, 0.5, 0.3))
    return net, torch.tensor(rng.random((B, n, T)) < 0.9)

def training(net, given, schedule=Random(8), gradient=Gradient(), until=Quiescence(), **dropout):
    parameters = Parameters.of(net)
    for w in parameters.weights:
        w.requires_grad_()
    run = CompiledEngine(net, threads=THREADS).run(
        Setup(net, Execution(schedule, until), **dropout), gradient, parameters, given, np.arange(len(given)))
    return run.counts.sum(), parameters

def simulate_one():
    return lambda: simulate(network, spikes[0], schedule=Random(2), refractory=False, until=ENDLESS)

def simulate_many():
    return lambda: simulate_batch(network, spikes, schedule=Random(2), refractory=False, until=ENDLESS, threads=THREADS)

def timed():
    return lambda: simulate(network, spikes[0], schedule=Timed(), refractory=False, until=ENDLESS)

def forward():
    given = torch.tensor(spikes)
    return lambda: training(network, given, refractory_dropout=1.0, until=ENDLESS)

def backward():
    return training(*chain())[0].backward

def backward_of_all_checks():
    return training(*chain(), gradient=Gradient("all", peak=False))[0].backward

def backward_layered():
    return training(*chain(B=100), Layered())[0].backward

def gradient():
    loss, parameters = training(*chain(B=3, T=3, n=50))
    loss.backward()
    return [w.grad for w in parameters.weights]

call, THREADS = sys.argv[1], int(sys.argv[2])
before = gradient()
call = globals()[call]()
sent = []

def interrupt():
    sent.append(time.process_time())
    os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # What a shell starts in the background ignores it.
threading.Timer(0.1, interrupt).start()
try:
    call()
except KeyboardInterrupt:
    answered = time.process_time() - sent[0]
else:
    raise SystemExit("the call ended by itself")
assert all(map(torch.equal, before, gradient()))
print(json.dumps(answered))
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "call",
    [
        "simulate_one",
        "simulate_many",
        "timed",
        "forward",
        "backward",
        "backward_of_all_checks",
        "backward_layered",
    ],
)
def test_ctrl_c_is_answered_within_half_a_second_and_the_program_can_go_on(call, threads):
    """Seconds of processor time, all threads together: how long others keep the processor does not matter here."""
    assert json.loads(program("-c", LONG_CALLS, call, str(threads), timeout=120)) < 0.5 * threads


# ------------------------------------------------------------------------------------ threads and processes


def trained(net: Network, engine: CompiledEngine, scale: float) -> list[np.ndarray]:
    """Return the gradient of weights that are `scale` times those of a network."""
    parameters = Parameters.of(net)
    weights = tuple((scale * w).requires_grad_() for w in parameters.weights)
    given = torch.tensor(fingerprints.spikes())
    run = engine.run(
        Setup(net, Execution(Random(3))), Gradient(), parameters._replace(weights=weights), given, np.arange(7)
    )
    return [g.numpy() for g in torch.autograd.grad((run.counts * run.counts.detach()).sum(), weights)]


@pytest.mark.parametrize("fixed", [False, True])
def test_two_threads_simulate_and_train_on_one_network_at_once(fixed):
    """One engine, weights of its own in each thread; nothing of it is made before they start."""
    net = fingerprints.network(fixed)
    spikes, engine = fingerprints.spikes(), CompiledEngine(net, threads=2)
    jobs = [
        partial(trained, net, engine, 1.0),
        partial(trained, net, engine, 0.5),
        lambda: [simulate_batch(net, spikes, schedule=Random(3)).counts],
        lambda: [simulate(net, spikes[0], schedule=Fifo(2)).voltage],
    ]
    fresh = fingerprints.network(fixed)
    alone = [
        trained(fresh, CompiledEngine(fresh), 1.0),
        trained(fresh, CompiledEngine(fresh), 0.5),
        [simulate_batch(fresh, spikes, schedule=Random(3)).counts],
        [simulate(fresh, spikes[0], schedule=Fifo(2)).voltage],
    ]
    together = threading.Barrier(len(jobs))

    def repeat(job: Any) -> list[list[np.ndarray]]:
        together.wait(timeout=60)
        return [job() for _ in range(4)]

    with ThreadPoolExecutor(len(jobs)) as pool:
        for results, wanted in zip(pool.map(repeat, jobs), alone, strict=True):
            assert all(all(map(same, result, wanted)) for result in results)


def test_a_backward_pass_uses_the_weights_of_its_own_forward_pass():
    net = fingerprints.network(fixed=False)
    engine, given = CompiledEngine(net), torch.tensor(fingerprints.spikes())
    wanted = trained(net, engine, 1.0)
    parameters = Parameters.of(net)
    weights = tuple(w.requires_grad_() for w in parameters.weights)
    run = engine.run(
        Setup(net, Execution(Random(3))), Gradient(), parameters._replace(weights=weights), given, np.arange(7)
    )
    trained(net, engine, 0.5)
    found = torch.autograd.grad((run.counts * run.counts.detach()).sum(), weights)
    assert all(same(g.numpy(), w) for g, w in zip(found, wanted, strict=True))


def _counts(net: Network) -> np.ndarray:
    return simulate_batch(net, fingerprints.spikes(), schedule=Random(3)).counts


def test_after_a_fork_the_child_simulates():
    net = fingerprints.network(fixed=True)
    wanted = _counts(net)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, bytes([np.array_equal(_counts(net), wanted)]))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        assert answer.read() == b"\x01"
    assert os.waitpid(pid, 0)[1] == 0


def test_processes_of_multiprocessing_simulate_after_a_fork():
    net = fingerprints.network(fixed=False)
    wanted = _counts(net)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for counts in pool.map_async(_counts, [net, net]).get(timeout=120):
            np.testing.assert_array_equal(counts, wanted)


# ------------------------------------------------------------------------------------------------- memory

OUT_OF_MEMORY = """
import resource, sys
import numpy as np
import torch
from lava_async import CubaParams, Execution, MaxForwardSteps, Network, Random, simulate
from lava_async.engine import Setup
from lava_async.network import Layer
from lava_async.netx import NetxError
from lava_async.nir import NirError
from lava_async.synapses import INPUT, Dense
from lava_async.training.compiled import CompiledEngine
from lava_async.training.gradient import Gradient, Parameters

loop = Dense(INPUT, 0, np.ones((40, 4))), Dense(0, 0, np.ones((40, 40)))
small = Network((4,), (Layer((40,)),), loop, CubaParams(1.0, 1.0, 0.5), np.arange(40))
weights = np.full((4000, 4000), 0.1, np.float32)
large = Network((4000,), (Layer((4000,)),), (Dense(INPUT, 0, weights),), CubaParams(1.0, 1.0, 0.5), np.arange(10))

def engine():  # 64 MB of weights
    simulate(large, np.ones((4000, 1), np.uint8), schedule=Random(2))

def records():
    simulate(small, np.ones((4, 2), int), schedule=Random(2), refractory=False, record="trace",
             until=MaxForwardSteps(2**31 - 1))

def tape():
    parameters = Parameters.of(small)
    parameters.weights[0].requires_grad_()
    setup = Setup(small, Execution(Random(2), MaxForwardSteps(2**31 - 1)), refractory_dropout=1.0)
    CompiledEngine(small, THREADS).run(setup, Gradient(), parameters, torch.ones(4, 4, 2), np.arange(4))

THREADS = int(sys.argv[2])
def after():
    return simulate(small, np.ones((4, 5), int), schedule=Random(2)).counts

before = after()
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 40 * 2**20, hard))
try:
    globals()[sys.argv[1]]()
except MemoryError:
    print("MemoryError")
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
assert np.array_equal(before, after())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux limits the memory of a process")
@pytest.mark.parametrize(("call", "threads"), [("engine", 1), ("records", 1), ("tape", 1), ("tape", 3)])
def test_out_of_memory_is_a_memory_error_and_the_program_can_go_on(call, threads):
    assert program("-c", OUT_OF_MEMORY, call, str(threads), timeout=120) == "MemoryError\n"


# ------------------------------------------------------------------------------------------ own neuron models


@dataclass(frozen=True, eq=False)
class Quadratic(NeuronModel):
    """A neuron model that only this file knows: v grows by gain v^2 per time step, and falls to `reset`."""

    gain: Any
    vth: Any
    reset: Any = 0.0
    state = ("v",)

    def open(self, p, s, held):
        return {"v": s["v"] + p.gain * s["v"] ** 2}

    def integrate(self, p, s, arriving, refractory):
        return {"v": np.where(refractory, s["v"], s["v"] + arriving)}

    def fires(self, p, s):
        return s["v"] > p.vth

    def momentum(self, p, s):
        return s["v"]

    def fire(self, p, s, once):
        return {"v": p.reset}, np.ones_like(s["v"])


def test_a_neuron_model_of_ones_own_runs_on_the_reference_engine_and_the_others_refuse_it_by_name(tmp_path):
    """Its functions are Python: who has equations of its own must not run them in their place."""
    net = Network.feedforward([[[0.25]]], Quadratic(gain=1.0, vth=0.9, reset=-0.25))
    spikes = np.ones((1, 6), int)
    result = simulate(net, spikes, schedule=Random(1), engine="reference", record="trace")
    np.testing.assert_array_equal(result.counts, [[0, 0, 1, 0, 0, 0]])  # 0.25, 0.5625, 1.129 -> -0.25, 0.0625, ...
    np.testing.assert_array_equal(
        [c.voltage[0] for c in result.trace if c.k == 0][:4], np.float32([0.25, 0.5625, -0.25, 0.0625])
    )
    for call in (
        lambda: simulate(net, spikes),
        lambda: Parameters.of(net),
        lambda: CompiledEngine(net),
        lambda: DenseEngine(net),
        lambda: netx.save(net, tmp_path / "one.net"),
        lambda: nir.export(net),
        lambda: nir.as_float(net),
    ):
        with pytest.raises((InvalidType, NetxError, NirError), match="Quadratic"):
            call()


# --------------------------------------------------------------------------------- gradients of the input


def gradients(kind: Any, run: strategies.Run, gradient: Gradient, cotangent: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of the input and of the weights."""
    parameters = Parameters.of(run.network, torch.float64)
    given = torch.tensor(run.spikes, dtype=torch.float64)[None].requires_grad_()
    wanted = [given, *parameters.weights]
    for tensor in wanted:
        tensor.requires_grad_()
    setup = setup_of(run)
    counts = kind(run.network).run(setup, gradient, parameters, given, np.array([run.sample])).counts
    loss = (counts * torch.tensor(cotangent)).sum() + 0 * sum(tensor.sum() for tensor in wanted)
    return [g.numpy() for g in torch.autograd.grad(loss, wanted)]


@pytest.mark.parametrize("member", [Layered, *strategies.QUEUES], ids=lambda member: member.name)
@given(data=st.data(), credit=st.sampled_from(CREDITS), peak=st.booleans(), reset=st.sampled_from(RESETS))
def test_the_gradient_of_the_input_is_that_of_the_dense_engine(member, data, credit, peak, reset):
    """Under every schedule and rule, with delays and dropouts; input delivered first, and one by one."""
    if member is Layered:
        run = data.draw(strategies.training_runs(members=(Layered,)))
    else:
        run = data.draw(strategies.training_runs(members=(member,), layered=False))
    run = strategies.exact(run)
    record = execute(run, "reference")
    assume(record is not None and run.network.synapses)
    cotangent = data.draw(strategies.generators()).normal(size=record.counts.shape)
    found = [gradients(kind, run, Gradient(credit, peak, reset), cotangent) for kind in (CompiledEngine, DenseEngine)]
    for ours, dense in zip(*found, strict=True):
        np.testing.assert_allclose(ours, dense, rtol=1e-9, atol=1e-9 * (1 + np.abs(dense).max(initial=0)))


@pytest.mark.parametrize("kind", [CompiledEngine, DenseEngine])
def test_the_input_alone_may_have_a_gradient(kind):
    """Weights that are constants do not end the way to the input."""
    net = Network((2,), (Layer((1,)),), (Dense(INPUT, 0, [[0.5, -0.25]]),), CubaParams(1, 1, 0.4), np.array([0]))
    given = torch.ones(1, 2, 3, requires_grad=True)
    setup = Setup(net, Execution(Random(1), MaxForwardSteps(9, truncate=True)))
    run = kind(net).run(setup, Gradient(), Parameters.of(net), given, np.arange(1))
    run.counts.sum().backward()
    torch.testing.assert_close(given.grad[:, 0], -2 * given.grad[:, 1])
    assert given.grad.abs().min() > 0


def test_an_engine_is_laid_out_once_per_network():
    net = small()
    simulate(net, np.ones((4, 2), int), schedule=Random(2))
    first = compiled(net)
    simulate(net, np.ones((4, 2), int), schedule=Fifo(2))
    assert compiled(net) is first
    assert compiled(replace(net)) is not first
