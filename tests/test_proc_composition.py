"""AsyncLIF, SpikeScheduler and connections, wired together, are the network that `simulate` runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lava.magma.core.run_configs import Loihi1SimCfg, Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import Sparse
from proc_cases import SOME, TAGS, Wired, example, neurons, on_the_grid
from proc_cases import rng as rng
from strategies import QUEUES, Arithmetic, graphs, runs

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
    simulate,
    simulate_batch,
)
from lava_async.errors import ForwardStepLimit
from lava_async.proc.async_lif.process import AsyncLIF
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.runtime import run, running
from lava_async.proc.spike_scheduler.process import SpikeScheduler

pytestmark = pytest.mark.lava

pytest.importorskip("lava.magma")


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
