"""AsyncNetwork as a composition of Processes runs as `simulate` does."""

from __future__ import annotations

import by_hand
import numpy as np
import pytest
from by_hand import from_port
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from proc_cases import SOME, TAGS, example
from proc_cases import rng as rng
from strategies import QUEUES, generators, runs

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
    simulate,
    simulate_batch,
)
from lava_async.engine.compiled_network import compiled
from lava_async.errors import InvalidValue
from lava_async.network import Layer
from lava_async.proc.async_network.models import SubAsyncNetworkModel
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.event_source.process import EventSource
from lava_async.proc.runtime import run
from lava_async.synapses import INPUT
from lava_async.synapses import Conv as Convolution
from lava_async.synapses import Dense as Full

pytestmark = pytest.mark.lava

RULES = (Quiescence(), FirstOutput(), FirstOutput(2))


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
        # Nothing is decided in a composition: `decided` stands for no Var of its Processes.
        owners = {var.name: var.aliased_var for var in process.vars if var.name != "decided"}
        values = {name: getattr(models[var.process], var.name) for name, var in owners.items()}
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
