"""Networks that are wired of Processes, neuron by neuron, for the tests of `lava_async.proc`."""

from __future__ import annotations

from dataclasses import replace

import by_hand
import numpy as np
import pytest
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.sparse.process import Sparse
from scipy.sparse import csr_matrix

from lava_async import (
    CubaParams,
    LoihiParams,
    Network,
)
from lava_async.proc.async_lif.process import AsyncLIF
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.runtime import run
from lava_async.proc.spike_scheduler.process import SpikeScheduler

pytestmark = pytest.mark.lava

TAGS = ("floating_pt", "fixed_pt")
SOME = 40
"""Networks that are drawn each time; the slow tests draw 200 for every schedule and arithmetic."""


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def neurons(params, n, **settings):
    """AsyncLIF in the words of a network's parameters."""
    bias = (
        {"bias_mant": params.bias}
        if params.tag == "floating_pt"
        else {"bias_mant": params.bias_mant, "bias_exp": params.bias_exp}
    )
    return AsyncLIF(shape=(n,), du=params.du, dv=params.dv, vth=params.vth, **bias, **settings)


def matrices(network):
    """Weights (N, C) and (N, N) of a network."""
    matrix = np.zeros((network.n_neurons, network.n_inputs + network.n_neurons), np.float64)
    for j in range(-network.n_inputs, network.n_neurons):
        fan = network.fan_out(j)
        matrix[fan.target, network.n_inputs + j] = fan.weight / (64 if network.params.tag == "fixed_pt" else 1)
    return np.split(matrix, [network.n_inputs], axis=1)


def on_the_grid(network):
    """Return a network of which stock connections give exact sums: even integers >= -254, or multiples of 1/16.

    A stock connection whose weights are all negative is inhibitory, and makes -255 of -256.
    """
    if network.params.tag == "fixed_pt":
        parts = tuple(s.map_weights(lambda _, w: np.maximum(w // 2 * 2, -254)) for s in network.synapses)
    else:
        parts = tuple(s.map_weights(lambda _, w: np.round(w * 16) / 16) for s in network.synapses)
    return replace(network, synapses=parts)


def connection(kind, weights):
    """A stock connection that multiplies weights by payloads."""
    return kind(weights=csr_matrix(weights) if kind is Sparse else weights, num_message_bits=24)


class Wired:
    """Source -> connection -> AsyncLIF -> SpikeScheduler -> connection -> AsyncLIF, all neurons in one population."""

    def __init__(self, network, spikes, kind=Dense, refractory=True, steps_per_bin=None, **rules):
        n, (into, between) = network.n_neurons, matrices(network)
        self.n_samples, _, self.n_steps = spikes.shape
        self.network, self.S = network, steps_per_bin or n + 1
        clock = {"steps_per_bin": self.S, "reset_interval": self.n_steps, "offset": 1}
        self.source = EventSource(spikes=spikes, steps_per_bin=self.S)
        self.lif = neurons(network.params, n, refractory=refractory, **clock)
        self.scheduler = SpikeScheduler(
            shape=(n,), layer_of=network.layer_of, outputs=network.outputs, **rules, **clock
        )
        self.into, self.between = connection(kind, into), connection(kind, between)
        self.sink = Sink(shape=(n,), buffer=self.n_steps * self.n_samples * self.S + 1)
        self.source.s_out.connect(self.into.s_in)
        self.into.a_out.connect(self.lif.a_in)
        self.lif.s_out.connect([self.scheduler.s_in, self.sink.a_in])
        self.scheduler.s_out.connect(self.between.s_in)
        self.between.a_out.connect(self.lif.a_in)

        self.n_lava_steps = self.n_samples * self.n_steps * self.S + 1

    def run(self, config=Loihi2SimCfg):
        """Run in Lava; keep the values of Vars."""
        run(self.lif, self.n_lava_steps, config(select_tag=self.network.params.tag))
        return self.keep(lambda process, name: getattr(process, name).get())

    def run_by_hand(self):
        """Run without Lava's runtime."""
        processes = [self.source, self.into, self.lif, self.scheduler, self.between, self.sink]
        models = dict(zip(processes, by_hand.run(processes, self.n_lava_steps, self.network.params.tag), strict=True))
        return self.keep(lambda process, name: getattr(models[process], name))

    def keep(self, value):
        self.u, self.v = value(self.lif, "u"), value(self.lif, "v")
        names = ("counts", "forward_steps", "dropped", "carried", "pending")
        self.queue = {name: value(self.scheduler, name) for name in names}
        spikes = (value(self.sink, "data")[:, 1:] != 0).reshape(-1, self.n_samples, self.n_steps, self.S)
        self.counts = spikes.sum(axis=3).transpose(1, 0, 2)
        return self

    def assert_is(self, expected):
        """Spikes, voltages and forward steps are those of a BatchResult."""
        np.testing.assert_array_equal(self.counts, expected.counts)
        np.testing.assert_array_equal(self.u, expected.current[-1])
        np.testing.assert_array_equal(self.v, expected.voltage[-1])
        np.testing.assert_array_equal(self.queue["counts"], expected.counts[-1].sum(axis=1))
        assert self.queue["forward_steps"] == expected.forward_steps[-1].sum()
        assert self.queue["dropped"] == expected.dropped[-1]
        assert self.queue["carried"] == 0
        assert not self.queue["pending"].any()


def example(tag, rng, sizes=(5, 6, 5, 3)):
    """A network with a loop and a skip, whose sums are exact."""
    n, (n_inputs, *layers) = sum(sizes[1:]), sizes
    of = np.repeat(np.arange(len(layers)), layers)
    linked = (of[:, None] > of) | ((of[:, None] == 1) & (of == 1))
    into, between = rng.normal(0.5, 0.6, (n, n_inputs)), rng.normal(0.2, 0.6, (n, n)) * linked
    params = CubaParams(0.5, 0.25, 0.5, 0.0625)
    if tag == "fixed_pt":
        into, between, params = np.round(64 * into), np.round(64 * between), LoihiParams(2047, 1024, 32, 4, 6)
    return on_the_grid(Network.from_matrix(into, between, params, layer_of=of))
