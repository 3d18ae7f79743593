"""AsyncLIF, SpikeScheduler and connections, wired together, are the network that `simulate` runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from strategies import QUEUES, Arithmetic, generators, graphs, runs

pytest.importorskip("lava.magma")

import by_hand
from by_hand import from_port, model_of
from lava.magma.core.run_configs import Loihi1SimCfg, Loihi2SimCfg
from lava.proc.conv.process import Conv
from lava.proc.dense.process import DelayDense, Dense
from lava.proc.io.extractor import Extractor
from lava.proc.io.injector import Injector
from lava.proc.io.sink import Read
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor
from lava.proc.sparse.process import Sparse

from lava_async import (
    CubaParams,
    Fifo,
    FirstOutput,
    Layered,
    LoihiParams,
    MaxForwardSteps,
    Momentum,
    Network,
    Quiescence,
    Random,
    Replay,
    schedule,
    simulate,
    simulate_batch,
)
from lava_async.engine.compiled_network import compiled
from lava_async.errors import ForwardStepLimit, InvalidType, InvalidValue
from lava_async.network import Layer
from lava_async.proc.async_lif.process import AsyncLIF
from lava_async.proc.async_network.models import SubAsyncNetworkModel
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.readout.process import Readout
from lava_async.proc.runtime import run, running
from lava_async.proc.spike_scheduler.process import SpikeScheduler
from lava_async.synapses import INPUT
from lava_async.synapses import Conv as Convolution
from lava_async.synapses import Dense as Full

pytestmark = pytest.mark.lava

TAGS = ("floating_pt", "fixed_pt")
RULES = (Quiescence(), FirstOutput(), FirstOutput(2))
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
    """Return a network of which stock connections give exact sums: even integers, or multiples of 1/16."""
    fixed = network.params.tag == "fixed_pt"
    parts = tuple(s.map_weights(lambda _, w: w // 2 * 2 if fixed else np.round(w * 16) / 16) for s in network.synapses)
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


class TestItIsSimulate:
    @pytest.mark.parametrize("tag", TAGS)
    @pytest.mark.parametrize("order", [member(2) for member in QUEUES], ids=lambda s: s.name)
    def test_for_every_schedule(self, tag, order, rng):
        net, spikes = example(tag, rng), rng.integers(0, 2, (2, 5, 4))
        expected = simulate_batch(net, spikes, schedule=order, seed=3)
        assert expected.counts.any(axis=(0, 2)).mean() > 0.5
        wired = Wired(net, spikes, schedule=order, seed=3).run()
        wired.assert_is(expected)

    @pytest.mark.parametrize("tag", TAGS)
    @pytest.mark.parametrize("kind", [Dense, Sparse])
    def test_with_every_stock_connection_and_loihi_one(self, tag, kind, rng):
        net, spikes = example(tag, rng), rng.integers(0, 3, (1, 5, 3))
        expected = simulate_batch(net, spikes, schedule=Fifo(1))
        Wired(net, spikes, kind, schedule="fifo", group_size=1).run(Loihi1SimCfg).assert_is(expected)

    @pytest.mark.parametrize(
        ("rules", "spare"),
        [
            ({"until": FirstOutput(1)}, 0),
            ({"until": MaxForwardSteps(3, truncate=True)}, 0),
            ({"until": MaxForwardSteps(25, truncate=True), "refractory": False}, 15),
        ],
        ids=["first-output", "limit", "firing-again"],
    )
    def test_under_every_stop_rule(self, rules, spare, rng):
        net, spikes = example("fixed_pt", rng), rng.integers(0, 3, (2, 5, 4))
        expected = simulate_batch(net, spikes, schedule=Momentum(2), **rules)
        assert expected.dropped.any()
        wired = Wired(net, spikes, schedule=Momentum(2), steps_per_bin=net.n_neurons + 1 + spare, **rules)
        wired.run().assert_is(expected)

    @pytest.mark.parametrize("until", [Quiescence(), FirstOutput(), MaxForwardSteps(3, truncate=True)], ids=str)
    def test_for_a_replay(self, until, rng):
        """Also of records that ended early, without the rule that ended them."""
        net, spikes = example("fixed_pt", rng), rng.integers(0, 3, (1, 5, 4))
        recorded = simulate(net, spikes[0], schedule=Random(2), seed=8, until=until, record="groups")
        assert bool(recorded.dropped) == (until != Quiescence())
        wired = Wired(net, spikes, schedule=Replay(recorded.groups)).run()
        np.testing.assert_array_equal(wired.counts[0], recorded.counts)
        np.testing.assert_array_equal(wired.v, recorded.voltage)

    @settings(max_examples=SOME)
    @given(st.data(), st.sampled_from(["float", "fixed"]), st.booleans(), st.booleans())
    def test_for_random_networks(self, data, kind, memory, bias):
        self.check(data, kind, memory, bias, QUEUES)

    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize("member", QUEUES)
    @pytest.mark.parametrize("kind", ["float", "fixed"])
    @settings(max_examples=200)
    @given(data=st.data(), memory=st.booleans(), bias=st.booleans())
    def test_for_two_hundred_random_networks(self, kind, member, data, memory, bias):
        self.check(data, kind, memory, bias, [member])

    def check(self, data, kind, memory, bias, members):
        net, r = self.draw(data, kind, memory, bias, members)
        rules = {"schedule": r.schedule, "seed": r.seed}
        spikes = np.stack([r.spikes, r.spikes[:, ::-1]])
        Wired(net, spikes, **rules).run_by_hand().assert_is(simulate_batch(net, spikes, **rules))

    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    @settings(max_examples=200)
    @given(st.data(), st.sampled_from(["float", "fixed"]), st.booleans(), st.booleans())
    def test_for_two_hundred_random_networks_in_lava(self, data, kind, memory, bias):
        net, r = self.draw(data, kind, memory, bias, QUEUES)
        rules = {"schedule": r.schedule, "seed": r.seed}
        Wired(net, r.spikes[None], **rules).run().assert_is(simulate_batch(net, r.spikes[None], **rules))

    def draw(self, data, kind, memory, bias, members):
        """Return a network for stock connections, and a run of it."""
        net = on_the_grid(data.draw(graphs(Arithmetic(kind, memory, bias))))
        assume(net.n_inputs and len(net.outputs))
        if kind == "float":  # decays and biases whose products float32 holds
            halves = [np.round(np.asarray(getattr(net.params, x)) * 2) / 2 for x in ("du", "dv", "vth", "bias")]
            net = replace(net, params=CubaParams(*halves))
        else:
            net = replace(net, params=replace(net.params, weight_exp=0))
        return net, data.draw(
            runs(
                network=st.just(net),
                layered=False,
                until=st.just(Quiescence()),
                refractory=True,
                members=tuple(members),
            )
        )


class TestLocalSchedules:
    """One queue per layer: the wiring decides."""

    def chain(self, params, weights, spikes, order, S):
        """Source -> [connection -> AsyncLIF -> SpikeScheduler] per layer; return AsyncLIFs and sinks of schedulers."""
        n_steps = spikes.shape[1]
        source = EventSource(spikes=spikes, steps_per_bin=S)
        port, layers, first = source.s_out, [], 0
        for index, w in enumerate(weights):
            n = len(w)
            dense, lif = Dense(weights=w, num_message_bits=24), neurons(params, n, steps_per_bin=S, offset=1)
            scheduler = SpikeScheduler(
                shape=(n,), schedule=order, steps_per_bin=S, offset=1, first=first, layer_of=index, seed=4
            )
            sink = Sink(shape=(n,), buffer=n_steps * S + 1)
            port.connect(dense.s_in)
            dense.a_out.connect(lif.a_in)
            lif.s_out.connect(scheduler.s_in)
            scheduler.s_out.connect(sink.a_in)
            port, first = scheduler.s_out, first + n
            layers.append((lif, sink, scheduler))
        return layers

    @pytest.mark.parametrize("tag", TAGS)
    @pytest.mark.parametrize("order", [member(1) for member in QUEUES], ids=lambda s: s.name)
    def test_the_groups_that_they_pick_replay_to_the_same_run(self, tag, order, rng):
        weights = [2 * rng.integers(-20, 40, shape) for shape in ((6, 4), (5, 6), (3, 5))]
        params = LoihiParams(2047, 1024, 32) if tag == "fixed_pt" else CubaParams(0.5, 0.25, 32)
        spikes, S = rng.integers(0, 2, (4, 4)), 15
        layers = self.chain(params, weights, spikes, order, S)
        run(layers[0][0], 4 * S + 1, Loihi2SimCfg(select_tag=tag))
        assert not any(scheduler.carried.get() for _, _, scheduler in layers)

        released = np.concatenate([sink.data.get()[:, 1:] for _, sink, _ in layers]).reshape(-1, 4, S)
        picked = [(t, k, np.flatnonzero(released[:, t, k])) for t in range(4) for k in range(S)]
        assert max(len(ids) for _, _, ids in picked) > 1  # one per layer, so more than one
        result = simulate(Network.feedforward(weights, params), spikes, schedule=Replay(picked))
        assert result.counts[-3:].any()
        np.testing.assert_array_equal(np.concatenate([lif.v.get() for lif, _, _ in layers]), result.voltage)
        np.testing.assert_array_equal(np.concatenate([s.counts.get() for _, _, s in layers]), result.counts.sum(axis=1))

    def test_without_a_group_size_local_and_global_are_one(self, rng):
        weights = [2 * rng.integers(-20, 40, shape) for shape in ((6, 4), (3, 6))]
        params, spikes = LoihiParams(2047, 1024, 32), rng.integers(0, 2, (4, 4))
        layers = self.chain(params, weights, spikes, Fifo(), 10)
        run(layers[0][0], 41, Loihi2SimCfg(select_tag="fixed_pt"))
        result = simulate(Network.feedforward(weights, params), spikes, schedule=Fifo())
        np.testing.assert_array_equal(np.concatenate([lif.v.get() for lif, _, _ in layers]), result.voltage)

    def test_a_layered_scheduler_lets_everything_pass(self, rng):
        """With one forward step per time step and no queue the chain is stock LIF and Dense."""
        weights = [2 * rng.integers(-20, 40, shape) for shape in ((6, 4), (3, 6))]
        spikes, n_steps = rng.integers(0, 2, (4, 30)), 30
        results = []
        for ours in (True, False):
            port, source = None, Source(data=spikes)
            port = source.s_out
            for w in weights:
                dense = Dense(weights=w)
                kind = AsyncLIF if ours else LIF
                lif = kind(shape=(len(w),), du=1000, dv=300, vth=30, bias_mant=3, bias_exp=2)
                port.connect(dense.s_in)
                dense.a_out.connect(lif.a_in)
                port = lif.s_out
                if ours:
                    scheduler = SpikeScheduler(shape=(len(w),), schedule=Layered())
                    port.connect(scheduler.s_in)
                    port = scheduler.s_out
            sink = Sink(shape=(3,), buffer=n_steps)
            port.connect(sink.a_in)
            run(sink, n_steps, Loihi2SimCfg(select_tag="fixed_pt"))
            results.append((sink.data.get(), lif.u.get(), lif.v.get()))
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)
        assert results[0][0].any()


class TestTimeSteps:
    def test_spikes_that_still_wait_are_carried_over_and_counted(self, rng):
        """What is carried at the end of a time step is what a limit of as many forward steps would drop."""
        net, spikes = example("fixed_pt", rng), rng.integers(0, 2, (1, 5, 1))
        S = 3
        dropped = simulate(net, spikes[0], schedule=Fifo(1), until=MaxForwardSteps(S, truncate=True)).dropped
        whole = simulate(net, spikes[0], schedule=Fifo(1))
        assert dropped > 1
        padded = np.concatenate([spikes, np.zeros((1, 5, 6), int)], axis=2)
        wired = Wired(net, padded, schedule=Fifo(1), steps_per_bin=S)
        with running(wired.lif, Loihi2SimCfg(select_tag="fixed_pt")) as session:
            session.run(S + 1)
            assert wired.scheduler.carried.get() == dropped
            assert wired.scheduler.pending.get().sum() == dropped - 1  # one is on its way
            session.run(6 * S)
        assert wired.scheduler.carried.get() > dropped
        assert wired.scheduler.counts.get().sum() >= whole.counts.sum() > 0

    def test_carried_spikes_are_older_than_new_ones(self):
        source = EventSource(spikes=[[7, 0], [7, 0], [0, 7]], steps_per_bin=1)
        scheduler = SpikeScheduler(shape=(3,), schedule="fifo", group_size=1)
        sink = Sink(shape=(3,), buffer=3)
        source.s_out.connect(scheduler.s_in)
        scheduler.s_out.connect(sink.a_in)
        run(sink, 3, Loihi2SimCfg())
        np.testing.assert_array_equal(sink.data.get(), np.eye(3))
        assert scheduler.carried.get() == 2 + 2 + 1

    def test_a_limit_that_does_not_truncate_raises_in_the_caller(self, rng):
        net, spikes = example("fixed_pt", rng), rng.integers(1, 3, (1, 5, 2))
        with pytest.raises(ForwardStepLimit, match="did not end in 2 forward steps"):
            Wired(net, spikes, schedule=Fifo(1), until=MaxForwardSteps(2)).run()


def keeps_currents_in_24_bits(r):
    """Whether a current that wrapped once is in range: the composition does not know whom a sum of 0 touched."""
    return r.network.params.tag != "fixed_pt" or r.spikes.max(initial=1) <= compiled(r.network).narrow.largest_payload


class TestSubProcessModel:
    """AsyncNetwork as the composition."""

    def check(self, net, spikes, *, in_lava=True, **rules):
        n_samples, _, n_steps = spikes.shape
        process = AsyncNetwork(net_config=net, reset_interval=n_steps, **rules)
        S, latency = process.forward_steps_per_bin(), rules.get("input_first", True) or rules["schedule"] == Layered()
        n = n_samples * n_steps * S + latency
        source = EventSource(spikes=spikes, shape=process.inp.shape, steps_per_bin=S)
        sink = Sink(shape=process.out.shape, buffer=n)
        if in_lava:
            source.s_out.connect(process.inp)
            process.out.connect(sink.a_in)
            run(process, n, Loihi2SimCfg(select_tag=net.params.tag, select_sub_proc_model=True))
            values = {var.name: var.get() for var in process.vars}
            data = sink.data.get()
        else:
            values, data = self.by_hand(process, source, sink, n)
        expected = simulate_batch(net, spikes, **rules)
        spread = from_port(data)[:, latency:].reshape(-1, n_samples, n_steps, S)
        np.testing.assert_array_equal(spread.sum(axis=3).transpose(1, 0, 2), expected.output)
        u = values["u"]
        if net.params.tag == "fixed_pt":  # wrapped once per forward step, an enormous sum does not fit an int32
            u = u.astype(np.int64).astype(np.int32)
        np.testing.assert_array_equal(u, expected.current[-1])
        np.testing.assert_array_equal(values["v"], expected.voltage[-1])
        np.testing.assert_array_equal(values["counts"], expected.counts[-1].sum(axis=1))
        for name in ("forward_steps", "synaptic_operations", "neuron_updates", "dropped"):
            assert values[name] == np.sum(getattr(expected, name)[-1]), name

    def by_hand(self, process, source, sink, n):
        """Run the children of the composition; return the Vars of the network and what came out, in one row each."""
        children = SubAsyncNetworkModel(process)
        flat = EventSource(spikes=source.proc_params["spikes"], steps_per_bin=process.forward_steps_per_bin())
        received = Sink(shape=children.synapses.out.shape, buffer=n)
        flat.s_out.connect(children.synapses.inp)
        if children.scheduler.proc_params["n_inputs"]:
            flat.s_out.connect(children.scheduler.inp)
        children.synapses.out.connect(received.a_in)
        wired = [flat, children.neurons, children.synapses, children.scheduler, received]
        models = dict(zip(wired, by_hand.run(wired, n, process.network.params.tag), strict=True))
        values = {var.name: getattr(models[var.aliased_var.process], var.aliased_var.name) for var in process.vars}
        return values, models[received].data

    @pytest.mark.parametrize("tag", TAGS)
    @pytest.mark.parametrize("order", [Layered(), *(member(2) for member in QUEUES)], ids=lambda s: s.name)
    def test_for_every_schedule(self, tag, order, rng):
        self.check(example(tag, rng), rng.integers(0, 2, (2, 5, 3)), schedule=order, seed=6)

    @pytest.mark.parametrize(
        "rules",
        [
            {"schedule": Random(2), "input_first": False},
            {"schedule": Momentum(2), "until": FirstOutput(2)},
            {"schedule": Fifo(1), "until": MaxForwardSteps(8, truncate=True), "refractory": False},
        ],
        ids=["queued-input", "first-output", "firing-again"],
    )
    def test_with_every_switch(self, rules, rng):
        self.check(example("floating_pt", rng), rng.integers(0, 3, (2, 5, 3)), **rules)

    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    @settings(max_examples=200)
    @given(runs(refractory=True, until=st.sampled_from(RULES)), generators())
    def test_for_two_hundred_networks_of_every_kind_in_lava(self, r, rng):
        assume(r.network.n_inputs and len(r.network.outputs) and keeps_currents_in_24_bits(r))
        self.check(r.network, np.stack([r.spikes, rng.permutation(r.spikes, axis=1)]), **r.rules)

    @settings(max_examples=SOME)
    @given(runs(refractory=True, until=st.sampled_from(RULES)), generators())
    def test_for_networks_of_every_kind(self, r, rng):
        """Any graph, delays, any floats, one weight exponent per neuron."""
        self.check_by_hand(r, rng)

    @pytest.mark.parametrize("order", [Layered(), Fifo()], ids=["layered", "fifo"])
    def test_parallel_connections_add_up_in_their_order(self, order):
        """Whatever their delays: in float32, 1e8 - 1e8 + 1 is 1 and fires, 1 + 1e8 - 1e8 is 0 and does not."""
        connections = tuple(Full(INPUT, 0, [[w]], delay) for w, delay in ((1e8, 1), (-1e8, 2), (1.0, 0)))
        network = Network((1,), (Layer((1,)),), connections, CubaParams(1.0, 1.0, 0.5), [0])
        assert simulate(network, [[1, 1, 1]], schedule=order).counts[0, 2] == 1
        self.check(network, np.ones((1, 1, 3), np.int64), in_lava=False, schedule=order)

    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize("member", [Layered, *QUEUES])
    @pytest.mark.parametrize("kind", ["float", "fixed"])
    @settings(max_examples=200)
    @given(data=st.data(), rng=generators())
    def test_for_two_hundred_networks_of_every_kind(self, kind, member, data, rng):
        self.check_by_hand(data.draw(runs(kind, refractory=True, until=st.sampled_from(RULES), members=(member,))), rng)

    def check_by_hand(self, r, rng):
        assume(r.network.n_inputs and len(r.network.outputs) and keeps_currents_in_24_bits(r))
        self.check(r.network, np.stack([r.spikes, rng.permutation(r.spikes, axis=1)]), in_lava=False, **r.rules)

    @pytest.mark.parametrize("tag", TAGS)
    def test_for_images(self, tag, rng):
        """Polarities, height, width at the input; feature maps at the output."""
        whole = tag == "fixed_pt"
        kernel, loop = (rng.integers(-20, 60, shape) / (1 if whole else 64) for shape in ((3, 2, 2, 2), (3, 1, 3, 3)))
        first = Convolution(INPUT, 0, kernel.astype(int) if whole else kernel, (2, 4, 3), padding=1)
        second = Convolution(0, 1, loop.astype(int) if whole else loop, first.output_shape, stride=2, groups=3)
        n = first.n_target + second.n_target
        params = LoihiParams(2047, 1024, 40) if whole else CubaParams(0.5, 0.25, 0.6)
        net = Network(
            (2, 4, 3),
            (Layer(first.output_shape), Layer(second.output_shape)),
            (first, second),
            params,
            np.arange(first.n_target, n),
        )
        process = AsyncNetwork(net_config=net)
        assert (process.inp.shape, process.out.shape) == ((3, 4, 2), second.output_shape[::-1])
        assert simulate(net, np.ones((24, 2), int)).output.any()
        self.check(net, rng.integers(0, 2, (2, 24, 2)), schedule=Random(4))

    def test_input_that_waits_for_later_time_steps_only_does_not_queue(self):
        """It would take a place in a group, and a forward step."""
        into = Full(INPUT, 0, [[40, 30, 20], [10, 50, 5]], [0, 1, 1])
        net = Network((3,), (Layer((2,)),), (into,), LoihiParams(4095, 4096, 30), [0, 1])
        spikes = np.array([[[1, 1, 0], [1, 0, 1], [0, 1, 1]]])
        self.check(net, spikes, in_lava=False, schedule=Fifo(1), input_first=False)

    def test_neurons_that_fire_again_need_a_length_of_the_time_step(self):
        net = example("fixed_pt", np.random.default_rng(0))
        process = AsyncNetwork(net_config=net, schedule=Fifo(1), refractory=False)
        with pytest.raises(InvalidValue, match=r"AsyncNetwork\.steps_per_bin"):
            process.compile(Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=True))

    def test_a_composition_of_the_other_arithmetic_is_refused(self):
        process = AsyncNetwork(net_config=example("fixed_pt", np.random.default_rng(0)))
        with pytest.raises(InvalidValue, match="use select_tag='fixed_pt'"):
            run(process, 3, Loihi2SimCfg(select_sub_proc_model=True))


class TestOffset:
    """A time step opens `offset` Lava time steps late: before that nothing fires."""

    @pytest.mark.parametrize("tag", TAGS)
    @pytest.mark.parametrize("offset", [0, 1, 3])
    def test_a_neuron_that_begins_above_its_threshold_fires_as_its_first_time_step_opens(self, tag, offset):
        one = 64 if tag == "fixed_pt" else 1
        lif = AsyncLIF(shape=(1,), v=100 * one, du=4095 if one > 1 else 1, vth=10, steps_per_bin=2, offset=offset)
        sink = Sink(shape=(1,), buffer=6)
        lif.s_out.connect(sink.a_in)
        run(lif, 6, Loihi2SimCfg(select_tag=tag))
        np.testing.assert_array_equal(sink.data.get()[0], np.eye(6)[offset] * 100 * one)

    def test_each_neuron_has_its_own(self):
        lif = AsyncLIF(shape=(3,), v=100 << 6, du=4095, vth=10, steps_per_bin=2, offset=[0, 1, 2], refractory=False)
        sink = Sink(shape=(3,), buffer=4)
        lif.s_out.connect(sink.a_in)
        run(lif, 4, Loihi2SimCfg(select_tag="fixed_pt"))
        np.testing.assert_array_equal(sink.data.get() > 0, np.eye(3, 4, dtype=bool))

    @pytest.mark.parametrize("composed", [False, True], ids=["whole", "composed"])
    @pytest.mark.parametrize("interval", [None, 8])
    def test_a_network_does_nothing_before_its_first_sample(self, composed, interval):
        """The bias of neuron 0 makes it fire in every time step; neuron 1 sums up input."""
        params = LoihiParams(du=4095, dv=0, vth=[5, 29], bias_mant=[20, 0], bias_exp=6)
        net = Network.feedforward([[[0], [10]]], params)
        process = AsyncNetwork(net_config=net, reset_offset=3, reset_interval=interval)
        source, sink = Source(data=np.ones((1, 8), int)), Sink(shape=(2,), buffer=8)
        source.s_out.connect(process.inp)
        process.out.connect(sink.a_in)
        run(process, 8, Loihi2SimCfg(select_tag="fixed_pt", select_sub_proc_model=composed))
        begin = 3 + composed  # The composition answers one Lava time step later.
        step = np.arange(8) - begin
        np.testing.assert_array_equal(sink.data.get(), [step >= 0, step == 2])


class TestStockProcesses:
    """What Lava brings works around ours."""

    def test_monitor_and_read_watch_neurons_and_queue(self, rng):
        net, spikes = example("fixed_pt", rng), rng.integers(0, 2, (1, 5, 2))
        wired = Wired(net, spikes, schedule=Fifo(1))
        n = 2 * wired.S + 1
        voltage, pending, emitted = Read(buffer=n), Read(buffer=n), Monitor()
        voltage.connect_var(wired.lif.v)
        pending.connect_var(wired.scheduler.pending)
        emitted.probe(wired.lif.s_out, n)
        wired.run()
        trace = simulate(net, spikes[0], schedule=Fifo(1), record="trace").trace
        for checked in trace:
            column = 1 + checked.t * wired.S + checked.k
            np.testing.assert_array_equal(voltage.data.get()[:, column], checked.voltage)
            spiking = emitted.get_data()[wired.lif.name]["s_out"][column]
            np.testing.assert_array_equal(np.flatnonzero(spiking), checked.fired)
        assert pending.data.get().max() == 1

    def test_graded_spikes_carry_the_momentum(self, rng):
        net, spikes = example("floating_pt", rng), rng.integers(0, 2, (1, 5, 1))
        wired = Wired(net, spikes, schedule=Momentum(1)).run()
        fired = wired.sink.data.get()[wired.sink.data.get() != 0]
        assert (fired > 0.5).all()
        assert len(np.unique(fired)) > 3

    def test_parameters_can_be_set_between_runs(self):
        lif = AsyncLIF(shape=(2,), bias_mant=5, vth=100, dv=0, du=0)
        with running(lif, Loihi2SimCfg(select_tag="fixed_pt")) as session:
            session.run(2)
            np.testing.assert_array_equal(lif.v.get(), [10, 10])
            lif.bias_mant.set(np.array([1, 7]))
            session.run(1)
            np.testing.assert_array_equal(lif.v.get(), [11, 17])

    def test_conv_delays_injector_and_extractor(self, rng):
        """An image goes in by hand, through a convolution and delayed synapses, and comes out by hand."""
        weights = 2 * rng.integers(0, 10, (2, 3, 3, 1))
        injector, conv = Injector(shape=(5, 4, 1)), Conv(weight=weights, input_shape=(5, 4, 1), padding=(1, 1))
        images = AsyncLIF(shape=(5, 4, 2), vth=20, du=4095, dv=4096)
        scheduler = SpikeScheduler(shape=(5, 4, 2), schedule="momentum", group_size=7)
        delays = rng.integers(0, 4, (3, 40))
        dense = DelayDense(weights=np.full((3, 40), 2), delays=delays, max_delay=4, num_message_bits=24)
        lif, extractor = AsyncLIF(shape=(3,), vth=10, du=4095, dv=0), Extractor(shape=(3,))
        injector.out_port.connect(conv.s_in)
        conv.a_out.connect(images.a_in)
        images.s_out.connect(scheduler.s_in)
        scheduler.s_out.flatten().connect(dense.s_in)
        dense.a_out.connect(lif.a_in)
        lif.s_out.connect(extractor.in_port)
        received = []
        # Two untagged models of Injector and Extractor: the first found is the one for Loihi's protocol.
        config = Loihi2SimCfg(exception_proc_model_map={p: model_of(p, "fixed_pt") for p in (lif, images, scheduler)})
        with running(lif, config) as session:
            session.run(40, wait=False)
            for t in range(40):
                injector.send(rng.integers(0, 2, (5, 4, 1)) * (t < 5))
                received.append(extractor.receive())
            session.wait()
        assert scheduler.counts.get().sum() > 40
        assert np.array(received).any(axis=0).all()
        # Every spike of the images passed the queue, the delays and a weight of 2 (<< 6), and v keeps it all.
        fired = np.array(received).sum(axis=0)
        assert not scheduler.pending.get().any()
        np.testing.assert_array_equal(fired + lif.v.get(), 128 * scheduler.counts.get().sum())


class TestSourceAndReadout:
    def test_a_source_feeds_sample_after_sample(self, rng):
        spikes = rng.integers(0, 3, (3, 4, 5))
        source, sink = EventSource(spikes=spikes, steps_per_bin=2, offset=3), Sink(shape=(4,), buffer=40)
        source.s_out.connect(sink.a_in)
        run(sink, 40, Loihi2SimCfg(select_tag="fixed_pt"))
        data = sink.data.get()
        np.testing.assert_array_equal(data[:, 3:33:2], np.concatenate(spikes, axis=1))
        assert not data[:, :3].any()
        assert not data[:, 4::2].any()
        assert not data[:, 33:].any()

    def test_a_source_of_images_turns_channels_height_width_around(self):
        spikes = np.arange(24).reshape(24, 1)
        source, sink = EventSource(spikes=spikes, shape=(4, 3, 2)), Sink(shape=(4, 3, 2), buffer=1)
        source.s_out.connect(sink.a_in)
        run(sink, 1, Loihi2SimCfg())
        np.testing.assert_array_equal(sink.data.get()[..., 0].T.ravel(), np.arange(24))

    @pytest.mark.parametrize(
        ("rule", "decision", "confidence", "time"),
        [
            ("counts", [2, 0, -1], [0.5, 0.5, 0.0], [3, 2, 0]),
            ("first", [1, 0, -1], [1.0, 0.5, 0.0], [2, 2, 0]),
        ],
    )
    def test_a_readout_decides(self, rule, decision, confidence, time):
        spikes = np.zeros((3, 3, 4), int)
        spikes[0, 1, 1] = spikes[0, 0, 3] = 1
        spikes[0, 2, 2] = 2
        spikes[1, :2, 1] = 1
        source, readout = EventSource(spikes=spikes), Readout(n_classes=3, reset_interval=4, n_samples=3, rule=rule)
        source.s_out.connect(readout.s_in)
        run(readout, 12, Loihi2SimCfg())
        np.testing.assert_array_equal(readout.decision.get(), decision)
        np.testing.assert_array_equal(readout.confidence.get(), confidence)
        np.testing.assert_array_equal(readout.decision_time.get(), time)

    def test_a_readout_behind_neurons_counts_their_graded_spikes(self, rng):
        net, spikes = example("fixed_pt", rng), rng.integers(0, 2, (3, 5, 4))
        wired = Wired(net, spikes, schedule=Random(2))
        readout = Readout(
            n_classes=net.n_neurons, reset_interval=4, n_samples=3, graded=True, steps_per_bin=wired.S, offset=1
        )
        wired.lif.s_out.connect(readout.s_in)
        wired.run()
        totals = simulate_batch(net, spikes, schedule=Random(2)).counts.sum(axis=2)
        np.testing.assert_array_equal(readout.decision.get(), totals.argmax(axis=1))
        np.testing.assert_array_equal(readout.confidence.get(), totals.max(axis=1) / totals.sum(axis=1))


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            ({"shape": (0,)}, InvalidValue, "AsyncLIF.shape"),
            ({"shape": (2.5,)}, InvalidType, "AsyncLIF.shape"),
            ({"vth": -1}, InvalidValue, "AsyncLIF.vth"),
            ({"vth": np.nan}, InvalidValue, "AsyncLIF.vth"),
            ({"du": [1, 2, 3]}, InvalidValue, r"AsyncLIF.du.shape"),
            ({"steps_per_bin": 0}, InvalidValue, "AsyncLIF.steps_per_bin"),
            ({"offset": -1}, InvalidValue, "AsyncLIF.offset"),
            ({"offset": 0.5}, InvalidType, "AsyncLIF.offset"),
            ({"reset_interval": 0}, InvalidValue, "AsyncLIF.reset_interval"),
        ],
    )
    def test_neurons(self, arguments, error, words):
        with pytest.raises(error, match=words):
            AsyncLIF(**{"shape": (2,), **arguments})

    @pytest.mark.parametrize("arguments", [{"du": 0.1}, {"dv": 0.5}, {"vth": 1.5}, {"bias_mant": 0.1}])
    def test_floats_for_fixed_point_are_refused_by_the_compiler(self, arguments):
        (field,) = arguments
        with pytest.raises(InvalidType, match=rf"AsyncLIF 'cell'\.{field} = .* must be integers, not float64"):
            AsyncLIF(shape=(2,), name="cell", **arguments).compile(Loihi2SimCfg(select_tag="fixed_pt"))

    def test_integers_of_fixed_point_are_refused_as_floats(self):
        with pytest.raises(InvalidValue, match=r"du = 4095\.0: must be in 0 \.\. 1"):
            AsyncLIF(shape=(2,), du=4095).compile(Loihi2SimCfg(select_tag="floating_pt"))

    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            ({"schedule": "no such"}, InvalidValue, "schedule.name"),
            ({"schedule": 3}, InvalidType, "SpikeScheduler.schedule"),
            ({"schedule": "fifo", "group_size": 0}, InvalidValue, "Fifo.group_size"),
            ({"schedule": Fifo(2), "group_size": 2}, InvalidValue, "SpikeScheduler.group_size"),
            ({"seed": -1}, InvalidValue, "SpikeScheduler.seed"),
            ({"layer_of": [0]}, InvalidValue, "SpikeScheduler.layer_of.shape"),
            ({"outputs": [2]}, InvalidValue, "SpikeScheduler.outputs"),
            ({"queued_inputs": [True, False]}, InvalidValue, r"SpikeScheduler.queued_inputs.shape = \(2,\).* \(0,\)"),
            ({"until": None}, InvalidType, "SpikeScheduler.until"),
            ({"steps_per_bin": 1.5}, InvalidType, "SpikeScheduler.steps_per_bin"),
        ],
    )
    def test_schedulers(self, arguments, error, words):
        with pytest.raises(error, match=words):
            SpikeScheduler(**{"shape": (2,), "schedule": schedule("fifo"), **arguments})

    def test_sources_and_readouts(self):
        with pytest.raises(InvalidValue, match=r"EventSource\.shape"):
            EventSource(spikes=np.zeros((4, 2), int), shape=(3,))
        with pytest.raises(InvalidValue, match="Spike"):
            EventSource(spikes=np.full((4, 2), np.nan))
        with pytest.raises(InvalidValue, match=r"Readout\.rule"):
            Readout(n_classes=2, reset_interval=3, n_samples=1, rule="last")
