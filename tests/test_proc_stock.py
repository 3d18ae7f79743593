"""Neurons, schedulers, sources and readouts among stock Processes; what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from by_hand import model_of
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.conv.process import Conv
from lava.proc.dense.process import DelayDense
from lava.proc.io.extractor import Extractor
from lava.proc.io.injector import Injector
from lava.proc.io.sink import Read
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.monitor.process import Monitor
from proc_cases import TAGS, Wired, example
from proc_cases import rng as rng

from lava_async import (
    Fifo,
    LoihiParams,
    Momentum,
    Network,
    Random,
    schedule,
    simulate,
    simulate_batch,
)
from lava_async.errors import InvalidType, InvalidValue
from lava_async.proc.async_lif.process import AsyncLIF
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.readout.process import Readout
from lava_async.proc.runtime import run, running
from lava_async.proc.spike_scheduler.process import SpikeScheduler

pytestmark = pytest.mark.lava


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
