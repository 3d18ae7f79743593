"""AsyncNetwork under the AsyncProtocol: it answers frames when they come, beside Processes in step with Loihi's."""

from __future__ import annotations

import multiprocessing
import os
import signal

import numpy as np
import pytest

pytest.importorskip("lava.magma")

from lava.magma.core.run_conditions import RunContinuous
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.extractor import Extractor, PyLoihiExtractorModel
from lava.proc.io.injector import Injector, PyLoihiInjectorModel
from lava.proc.lif.process import LIF

from lava_async import CubaParams, LoihiParams, Network, Random, simulate, simulate_batch
from lava_async.errors import InvalidValue
from lava_async.proc.actors import ProcessModelError
from lava_async.proc.async_network.models import PyAsyncNetworkModelAsync
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.readout.process import Readout
from lava_async.proc.runtime import run, running

pytestmark = pytest.mark.lava

RULES = {"schedule": Random(2), "seed": 3}


BY_HAND = {Injector: PyLoihiInjectorModel, Extractor: PyLoihiExtractorModel}
"""These have two models without a tag, so that Lava cannot choose."""


def config(tag):
    chosen = {AsyncNetwork: PyAsyncNetworkModelAsync, **BY_HAND}
    return Loihi2SimCfg(select_tag=tag, exception_proc_model_map=chosen)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(params=["floating_pt", "fixed_pt"])
def net(request, rng):
    weights = [rng.integers(-20, 40, shape) for shape in ((8, 6), (3, 8))]
    params = CubaParams(0.5, 0.25, 32) if request.param == "floating_pt" else LoihiParams(2047, 1024, 32)
    return Network.feedforward(weights, params)


def test_it_is_simulate_beside_loihi_processes(net, rng):
    spikes = rng.integers(0, 2, (4, 6, 10))
    expected = simulate_batch(net, spikes, **RULES)
    process = AsyncNetwork(net_config=net, reset_interval=10, **RULES)
    source, readout = EventSource(spikes=spikes), Readout(n_classes=3, reset_interval=10, n_samples=4)
    source.s_out.connect(process.inp)
    process.out.connect(readout.s_in)
    with running(readout, config(net.params.tag)) as session:
        for result in expected:
            session.run(10)
            np.testing.assert_array_equal(process.u.get(), result.current)
            np.testing.assert_array_equal(process.v.get(), result.voltage)
            np.testing.assert_array_equal(process.counts.get(), result.counts.sum(axis=1))
            assert process.forward_steps.get() == result.forward_steps.sum()
            assert process.synaptic_operations.get() == result.synaptic_operations
    np.testing.assert_array_equal(readout.decision.get(), expected.output.sum(axis=2).argmax(axis=1))


def test_a_frame_is_answered_when_it_comes(net, rng):
    """By hand, with nobody who counts time steps: the network waits for a frame as long as it takes."""
    frames = rng.integers(0, 2, (6, 12))
    expected = simulate(net, frames, **RULES).output
    injector, extractor, process = Injector(shape=(6,)), Extractor(shape=(3,)), AsyncNetwork(net_config=net, **RULES)
    injector.out_port.connect(process.inp)
    process.out.connect(extractor.in_port)
    with running(process, config(net.params.tag)) as session:
        session.run(12, wait=False)
        for frame, answer in zip(frames.T, expected.T, strict=True):
            injector.send(frame.astype(float))
            np.testing.assert_array_equal(extractor.receive(), answer)
        session.wait()


def test_it_pauses_and_goes_on(net, rng):
    frames = rng.integers(0, 2, (6, 5))
    process, readout = AsyncNetwork(net_config=net, **RULES), Readout(n_classes=3, reset_interval=10**9, n_samples=1)
    source = EventSource(spikes=frames)
    source.s_out.connect(process.inp)
    process.out.connect(readout.s_in)
    with running(process, config(net.params.tag), timeout=60) as session:
        for _ in range(3):
            session.start(RunContinuous())
            session.pause()
            before = process.forward_steps.get()
            session.run(7)
            assert process.forward_steps.get() >= before + 7


def test_it_stops_while_nobody_feeds_it(net, caplog):
    process = AsyncNetwork(net_config=net, **RULES)
    with running(process, config(net.params.tag), timeout=60) as session:
        session.start(RunContinuous())
        session.pause()
        session.start(RunContinuous())
    assert process.forward_steps.get() >= 0
    assert "killed" not in caplog.text


def test_it_stops_while_it_waits_for_a_frame(caplog):
    """Two networks that wait for each other for ever."""
    net = Network.feedforward([np.eye(3)], CubaParams(1, 1, 0.5))
    one, two = AsyncNetwork(net_config=net), AsyncNetwork(net_config=net)
    one.out.connect(two.inp)
    two.out.connect(one.inp)
    with running(one, config("floating_pt"), timeout=60) as session:
        session.run(5, wait=False)
    assert one.forward_steps.get() == 0
    assert "killed" not in caplog.text


def test_its_exceptions_reach_the_caller(net):
    process, source = AsyncNetwork(net_config=net), EventSource(spikes=np.zeros((6, 4), int))
    noise = LIF(shape=(6,), bias_mant=1, vth=0)
    dense = Dense(weights=-np.eye(6, dtype=int))
    noise.s_out.connect(dense.s_in)
    dense.a_out.connect(process.inp)
    source.s_out.connect(process.inp)
    with pytest.raises(InvalidValue, match="AsyncNetwork: frame"):
        run(process, 20, config(net.params.tag), timeout=60)


def test_its_death_reaches_the_caller(net):
    process, source = AsyncNetwork(net_config=net), EventSource(spikes=np.zeros((6, 4), int))
    source.s_out.connect(process.inp)
    with running(process, config(net.params.tag), timeout=60) as session:
        session.run(3)
        actor = next(child for child in multiprocessing.active_children() if "AsyncNetworkModelAsync" in child.name)
        os.kill(actor.pid, signal.SIGKILL)
        with pytest.raises(ProcessModelError, match="SIGKILL"):
            session.run(3)
