"""A network trained on digits gives in Lava, on each ProcessModel and in both arithmetics, the spikes of `simulate`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("lava.magma")
pytest.importorskip("torch")

from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink

from lava_async import CubaParams, Momentum, Random, simulate_batch
from lava_async.data.digits import digits
from lava_async.experiments.demo import DemoConfig, train_network
from lava_async.proc.async_network.models import PyAsyncNetworkModelAsync
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.runtime import run

pytestmark = pytest.mark.lava

TAGS = ("fixed_pt", "floating_pt")
N_SAMPLES, N_STEPS = 3, 10
MODELS = {
    "whole": {},
    "async": {"exception_proc_model_map": {AsyncNetwork: PyAsyncNetworkModelAsync}},
    "composed": {"select_sub_proc_model": True},
}


@pytest.fixture(scope="module")
def trained():
    """A network after one epoch, in Loihi's integers and, on the same grid, in floats."""
    config = DemoConfig(hidden=(16,), epochs=2, group_size=4)
    data = digits("train").subset(np.arange(192))
    fixed = train_network(config, data, Random(config.group_size)).to_network()
    p = fixed.params
    params = CubaParams((p.du + 1) / 4096, p.dv / 4096, p.vth / 64)
    floating = replace(fixed, params=params, synapses=tuple(s.map_weights(lambda _, w: w / 64) for s in fixed.synapses))
    return {"fixed_pt": fixed, "floating_pt": floating}


@pytest.fixture(scope="module")
def spikes():
    return digits("test").subset(np.arange(N_SAMPLES)).spikes


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("model", MODELS)
def test_lava_is_simulate(trained, spikes, tag, model):
    net = trained[tag]
    process = AsyncNetwork(net_config=net, schedule=Momentum(4), reset_interval=N_STEPS)
    S = process.forward_steps_per_bin() if model == "composed" else 1
    latency = int(model == "composed")
    n = N_SAMPLES * N_STEPS * S + latency
    source, sink = EventSource(spikes=spikes, steps_per_bin=S), Sink(shape=process.out.shape, buffer=n)
    source.s_out.connect(process.inp)
    process.out.connect(sink.a_in)
    run(process, n, Loihi2SimCfg(select_tag=tag, **MODELS[model]))
    expected = simulate_batch(net, spikes, schedule=Momentum(4))
    output = sink.data.get()[:, latency:].reshape(-1, N_SAMPLES, N_STEPS, S).sum(axis=3).transpose(1, 0, 2)
    assert expected.output.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(output, expected.output)
    np.testing.assert_array_equal(process.v.get(), expected.voltage[-1])
    np.testing.assert_array_equal(process.counts.get(), expected.counts[-1].sum(axis=1))
    assert process.forward_steps.get() == expected.forward_steps[-1].sum()


def test_both_arithmetics_give_the_same_spikes(trained, spikes):
    fixed, floating = (simulate_batch(trained[tag], spikes, schedule=Momentum(4)) for tag in TAGS)
    np.testing.assert_array_equal(fixed.counts, floating.counts)
    np.testing.assert_array_equal(fixed.voltage / 4096, floating.voltage)
