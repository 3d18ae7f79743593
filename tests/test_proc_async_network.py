"""AsyncNetwork: a network as one Lava Process does, spike for spike, what `simulate` does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import QUEUES, runs

pytest.importorskip("lava.magma")

import by_hand
from by_hand import from_port, to_port
from lava.magma.core.run_configs import Loihi1SimCfg, Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.reset import Reset
from lava.proc.io.sink import Read
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF
from lava.proc.monitor.process import Monitor

from lava_async import (
    CubaParams,
    Fifo,
    FirstOutput,
    Layered,
    LoihiParams,
    Margin,
    MaxForwardSteps,
    Momentum,
    Network,
    Quiescence,
    Random,
    Replay,
    Timed,
    netx,
    simulate,
    simulate_batch,
)
from lava_async.errors import ForwardStepLimit, InvalidType, InvalidValue
from lava_async.network import Layer
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.runtime import run, running
from lava_async.synapses import INPUT, Sparse

pytestmark = pytest.mark.lava

TAGS = ("floating_pt", "fixed_pt")
COUNTERS = ("forward_steps", "synaptic_operations", "neuron_updates", "dropped")


def network(tag, seed=0, sizes=(6, 8, 5, 3)):
    """A chain with a loop in its middle layer, and memory."""
    rng = np.random.default_rng(seed)
    n, (n_inputs, *layers) = sum(sizes[1:]), sizes
    layer_of = np.repeat(np.arange(len(layers)), layers)
    linked = (layer_of[:, None] == layer_of + 1) | ((layer_of[:, None] == 1) & (layer_of == 1))
    into = rng.normal(0.5, 0.6, (n, n_inputs)) * (layer_of[:, None] == 0)
    between = rng.normal(0.3, 0.5, (n, n)) * linked
    if tag == "floating_pt":
        return Network.from_matrix(into, between, CubaParams(0.4, 0.1, 0.6, 0.05), layer_of=layer_of)
    return Network.from_matrix(
        np.round(64 * into), np.round(64 * between), LoihiParams(1638, 410, 38, 3, 6, 1), layer_of=layer_of
    )


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def wired(process, spikes):
    """Feed counts (C, T) to a network Process; return the sink that holds what comes out."""
    source = Source(data=to_port(spikes, process.inp.shape))
    sink = Sink(shape=process.out.shape, buffer=spikes.shape[-1])
    source.s_out.connect(process.inp)
    process.out.connect(sink.a_in)
    return sink


def assert_state(process, result):
    """The Vars hold what `simulate` says of a sample."""
    np.testing.assert_array_equal(process.u.get(), result.current)
    np.testing.assert_array_equal(process.v.get(), result.voltage)
    np.testing.assert_array_equal(process.counts.get(), result.counts.sum(1))
    for name in COUNTERS:
        assert getattr(process, name).get() == np.sum(getattr(result, name)), name


class TestItIsSimulate:
    @given(runs(min_steps=2), st.integers(1, 3), st.integers(0, 2))
    def test_for_any_network_and_rules_sample_after_sample(self, r, n_samples, offset):
        batch = [np.roll(r.spikes, i, axis=1) for i in range(n_samples)]
        try:
            results = [simulate(r.network, x, **r.rules, sample=i) for i, x in enumerate(batch)]
        except ForwardStepLimit:
            assume(False)
        assume(r.network.n_inputs and len(r.network.outputs))
        process = AsyncNetwork(net_config=r.network, **r.rules, reset_interval=r.spikes.shape[1], reset_offset=offset)
        source = EventSource(spikes=np.stack(batch), shape=process.inp.shape, offset=offset)
        n = offset + n_samples * r.spikes.shape[1]
        sink = Sink(shape=process.out.shape, buffer=n)
        source.s_out.connect(process.inp)
        process.out.connect(sink.a_in)
        _, model, received = by_hand.run([source, process, sink], n, r.network.params.tag)
        output = np.concatenate([result.output for result in results], axis=1)
        np.testing.assert_array_equal(from_port(received.data)[:, offset:], output)
        np.testing.assert_array_equal(model.u, results[-1].current)
        np.testing.assert_array_equal(model.v, results[-1].voltage)
        np.testing.assert_array_equal(model.counts, results[-1].counts.sum(axis=1))
        for name in COUNTERS:
            assert getattr(model, name) == np.sum(getattr(results[-1], name)), name

    @pytest.mark.parametrize("tag", TAGS)
    @pytest.mark.parametrize("schedule", [Layered(), *(member(2) for member in QUEUES)], ids=lambda s: s.name)
    def test_in_lava_for_every_schedule(self, tag, schedule, rng):
        net, n_samples, n_steps = network(tag), 3, 8
        spikes = rng.integers(0, 2, (n_samples, net.n_inputs, n_steps))
        expected = simulate_batch(net, spikes, schedule=schedule, seed=5)
        assert expected.counts.any(axis=(0, 2)).mean() > 0.5
        process = AsyncNetwork(net_config=net, schedule=schedule, seed=5, reset_interval=n_steps)
        sink = wired(process, np.concatenate(spikes, axis=1))
        run(process, n_samples * n_steps, Loihi2SimCfg(select_tag=tag))
        np.testing.assert_array_equal(sink.data.get(), np.concatenate(expected.output, axis=1))
        assert_state(process, expected[n_samples - 1])

    @pytest.mark.parametrize("schedule", [Random(2), Layered(), Timed(neurons_per_core=4)], ids=lambda s: s.name)
    @pytest.mark.parametrize("tag", TAGS)
    def test_receivers_are_told_when_a_sample_is_decided(self, tag, schedule, rng):
        net, n_samples, n_steps = network(tag, seed=5), 3, 8
        spikes = rng.integers(0, 2, (n_samples, net.n_inputs, n_steps))
        rules = {"schedule": schedule, "until": Margin(2)}
        expected = simulate_batch(net, spikes, **rules).decided
        assert 0 < expected.min() <= expected.max() < n_steps
        process = AsyncNetwork(net_config=net, **rules, reset_interval=n_steps)
        sink, told = wired(process, np.concatenate(spikes, axis=1)), Sink(shape=(1,), buffer=n_samples * n_steps)
        process.decided_out.connect(told.a_in)
        with running(process, Loihi2SimCfg(select_tag=tag)) as session:
            session.run(n_samples * n_steps)
            assert process.decided.get() == expected[-1]
            told, output = (port.data.get().reshape(-1, n_samples, n_steps) for port in (told, sink))
        steps = np.arange(1, n_steps + 1)
        for sample, decided in enumerate(expected):
            known = np.where((decided > 0) & (steps >= decided), decided, 0)
            np.testing.assert_array_equal(told[0, sample], known)
            assert not output[:, sample, steps > (decided or n_steps)].any()

    @pytest.mark.parametrize("tag", TAGS)
    def test_in_lava_for_a_replay_and_a_stop_rule(self, tag, rng):
        net = network(tag)
        spikes = rng.integers(0, 3, (net.n_inputs, 6))
        recorded = simulate(net, spikes, schedule=Momentum(3), until=FirstOutput(1), record="groups")
        assert recorded.dropped
        process = AsyncNetwork(net_config=net, schedule=Replay(recorded.groups), until=FirstOutput(1))
        wired(process, spikes)
        run(process, 6, Loihi2SimCfg(select_tag=tag))
        assert_state(process, recorded)

    @pytest.mark.parametrize("switches", [{"refractory": False}, {"input_first": False}], ids=str)
    def test_in_lava_with_every_switch(self, switches, rng):
        net = network("fixed_pt")
        rules = {"schedule": Fifo(2), "until": MaxForwardSteps(40, truncate=True), "seed": 9, **switches}
        spikes = rng.integers(0, 2, (net.n_inputs, 6))
        process = AsyncNetwork(net_config=net, **rules)
        wired(process, spikes)
        run(process, 6, Loihi1SimCfg(select_tag="fixed_pt"))
        assert_state(process, simulate(net, spikes, **rules))

    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    @settings(max_examples=200)
    @given(runs(until=st.just(Quiescence()), refractory=True, min_steps=3))
    def test_in_lava_for_two_hundred_networks(self, r):
        assume(r.network.n_inputs and len(r.network.outputs))
        process = AsyncNetwork(net_config=r.network, **r.rules)
        sink = wired(process, r.spikes)
        run(process, r.spikes.shape[1], Loihi2SimCfg(select_tag=r.network.params.tag))
        result = simulate(r.network, r.spikes, **r.rules)
        np.testing.assert_array_equal(from_port(sink.data.get()), result.output)
        assert_state(process, result)


class TestLayeredIsStockLava:
    """What Lava's own Processes compute, one time step per layer later."""

    SIZES = (12, 20, 15, 6)
    N_STEPS = 40

    def weights(self, rng):
        # Even, since stock Dense drops the lowest bit of weights of mixed sign.
        return [2 * rng.integers(-60, 100, (post, pre)) for pre, post in zip(self.SIZES, self.SIZES[1:], strict=False)]

    def through_async_network(self, net_config, spikes):
        process = AsyncNetwork(net_config=net_config)
        sink = wired(process, spikes)
        run(process, spikes.shape[1], Loihi2SimCfg(select_tag="fixed_pt"))
        assert sink.data.get().mean() > 0.1
        return sink.data.get()

    def test_lif_and_dense(self, rng):
        weights, spikes = self.weights(rng), rng.integers(0, 2, (self.SIZES[0], self.N_STEPS))
        source, sink = Source(data=spikes), Sink(shape=self.SIZES[-1:], buffer=self.N_STEPS)
        port = source.s_out
        for w in weights:
            dense, lif = Dense(weights=w), LIF(shape=w.shape[:1], du=1000, dv=300, vth=150)
            port.connect(dense.s_in)
            dense.a_out.connect(lif.a_in)
            port = lif.s_out
        port.connect(sink.a_in)
        run(sink, self.N_STEPS, Loihi2SimCfg(select_tag="fixed_pt"))
        net = Network.feedforward(weights, LoihiParams(du=1000, dv=300, vth=150))
        ours = self.through_async_network(net, spikes)
        np.testing.assert_array_equal(sink.data.get()[:, len(weights) :], ours[:, : -len(weights)])

    def test_netx(self, rng, tmp_path):
        stock = pytest.importorskip("lava.lib.dl.netx.hdf5")
        weights, spikes = self.weights(rng), rng.integers(0, 2, (self.SIZES[0], self.N_STEPS))
        path = tmp_path / "net.net"
        netx.save(Network.feedforward(weights, LoihiParams(du=1000, dv=300, vth=150)), path)
        net = stock.Network(net_config=str(path))
        sink = wired(net, spikes)
        run(net, self.N_STEPS, Loihi2SimCfg(select_tag="fixed_pt"))
        net.net_config.f.close()
        assert AsyncNetwork(net_config=path).inp.shape == net.inp.shape
        ours = self.through_async_network(path, spikes)
        np.testing.assert_array_equal(sink.data.get()[:, len(weights) :], ours[:, : -len(weights)])


class TestItIsALavaProcess:
    def test_without_a_tag_lava_takes_the_float_model(self):
        process = AsyncNetwork(net_config=network("floating_pt"))
        sink = wired(process, np.ones((6, 4), int))
        run(process, 4, Loihi2SimCfg())
        np.testing.assert_array_equal(sink.data.get(), simulate(process.network, np.ones((6, 4), int)).output)

    @pytest.mark.parametrize(
        ("tag", "config"),
        [
            ("floating_pt", Loihi2SimCfg(select_tag="fixed_pt")),
            ("fixed_pt", Loihi2SimCfg(select_tag="floating_pt")),
            ("fixed_pt", Loihi2SimCfg()),
        ],
    )
    def test_a_model_of_the_other_arithmetic_is_refused_by_the_compiler(self, tag, config):
        process = AsyncNetwork(net_config=network(tag), name="net")
        with pytest.raises(InvalidValue, match=f"'net' = 'PyAsyncNetworkModel.*: must be tagged {tag}.*{tag}'"):
            process.compile(config)

    def test_state_can_be_read_and_set_between_runs(self):
        net = network("fixed_pt")
        process = AsyncNetwork(net_config=net, schedule=Random(2))
        quiet = np.zeros((net.n_inputs, 1), int)
        wired(process, quiet)
        with running(process, Loihi2SimCfg(select_tag="fixed_pt")) as session:
            session.run(2)
            assert_state(process, simulate(net, np.repeat(quiet, 2, axis=1), schedule=Random(2)))
            process.v.set(np.full(net.n_neurons, 40 << 6))
            before = process.counts.get()
            session.run(1)
            assert (process.counts.get() == before + 1).all()

    def test_stock_processes_watch_and_reset_its_state(self, rng):
        net = network("fixed_pt")
        spikes = rng.integers(0, 2, (net.n_inputs, 6))
        process, counts, monitor = AsyncNetwork(net_config=net), Read(buffer=6), Monitor()
        counts.connect_var(process.counts)
        monitor.probe(process.out, 6)
        reset = Reset(reset_value=0, interval=6, offset=5)
        reset.connect_var(process.v)
        source = Source(data=spikes)
        source.s_out.connect(process.inp)
        run(process, 6, Loihi2SimCfg(select_tag="fixed_pt"))
        expected = simulate(net, spikes)
        np.testing.assert_array_equal(counts.data.get(), expected.counts.cumsum(axis=1))
        np.testing.assert_array_equal(monitor.get_data()[process.name]["out"].T, expected.output)
        assert not process.v.get().any()
        assert process.u.get().any()

    def test_it_prints_as_a_table_and_counts_layers(self):
        process = AsyncNetwork(net_config=network("fixed_pt"))
        assert len(process) == 3
        header, *rows = str(process).splitlines()
        assert "neurons" in header
        assert [row.split("|")[5].strip() for row in rows] == ["8", "5", "3"]
        assert {len(row) for row in rows} == {len(header)}

    def test_a_hundred_thousand_neurons_fit(self):
        n = 100_000
        each = np.arange(n)
        net = Network(
            (1,),
            (Layer((n,)),),
            (Sparse(INPUT, 0, 0 * each, each, 0 * each + 100, (n, 1)),),
            LoihiParams(4095, 4096, 64),
            each[-1:],
        )
        process = AsyncNetwork(net_config=net, schedule=Fifo(50_000))
        sink = wired(process, np.ones((1, 2), int))
        run(process, 2, Loihi2SimCfg(select_tag="fixed_pt"))
        assert sink.data.get().sum() == 2
        assert (process.counts.get() == 2).all()


class TestFiles:
    def test_a_file_names_network_schedule_and_stop_rule(self, tmp_path):
        net, path = network("fixed_pt"), tmp_path / "net.net"
        netx.save(net, path, schedule=Momentum(3, noise=0.5), until=FirstOutput(2))
        process = AsyncNetwork(net_config=path)
        assert (process.network, process.schedule, process.until) == (net, Momentum(3, noise=0.5), FirstOutput(2))
        process = AsyncNetwork(net_config=str(path), schedule=Fifo(1), until=Quiescence())
        assert (process.schedule, process.until) == (Fifo(1), Quiescence())

    def test_without_a_note_the_schedule_is_layered(self, tmp_path):
        netx.save(network("fixed_pt"), tmp_path / "net.net")
        process = AsyncNetwork(net_config=tmp_path / "net.net")
        assert (process.schedule, process.until) == (Layered(), Quiescence())

    def test_a_file_that_is_none_is_refused(self, tmp_path):
        with pytest.raises(netx.NetxError, match=r"nothing\.net"):
            AsyncNetwork(net_config=tmp_path / "nothing.net")


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "error", "words"),
        [
            ({"net_config": 3}, InvalidType, "AsyncNetwork.net_config"),
            ({"schedule": "momentum"}, InvalidType, "schedule"),
            ({"until": 3}, InvalidType, "until"),
            ({"reset_interval": 0}, InvalidValue, "AsyncNetwork.reset_interval"),
            ({"reset_interval": 2.5}, InvalidType, "AsyncNetwork.reset_interval"),
            ({"reset_offset": -1}, InvalidValue, "AsyncNetwork.reset_offset"),
            ({"seed": -1}, InvalidValue, "seed"),
        ],
    )
    def test_a_bad_argument_is_named(self, arguments, error, words):
        with pytest.raises(error, match=words):
            AsyncNetwork(**{"net_config": network("fixed_pt"), **arguments})

    @pytest.mark.parametrize(
        ("tag", "value"),
        [
            ("floating_pt", np.nan),
            ("floating_pt", 0.5),
            ("floating_pt", -1.0),
            ("fixed_pt", -1),
            ("fixed_pt", 2**24),
        ],
    )
    def test_bad_spikes_raise_in_the_caller(self, tag, value):
        process = AsyncNetwork(net_config=network(tag))
        wired(process, np.full((6, 1), value))
        with pytest.raises(InvalidValue, match=r"(frame|SpikeTrain.spikes) \[0, 0\] = "):
            run(process, 2, Loihi2SimCfg(select_tag=tag), timeout=60)

    def test_a_network_that_never_rests_raises_in_the_caller(self):
        process = AsyncNetwork(
            net_config=network("fixed_pt"), refractory=False, until=MaxForwardSteps(3), schedule=Fifo(1)
        )
        wired(process, np.ones((6, 1), int))
        with pytest.raises(ForwardStepLimit, match="did not end in 3 forward steps"):
            run(process, 2, Loihi2SimCfg(select_tag="fixed_pt"), timeout=60)
