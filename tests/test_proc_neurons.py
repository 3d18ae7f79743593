"""Processes of asynchronous neurons: with one forward step per time step they are Lava's own, whose words they take.

With more, a time step opens every few Lava time steps, and neurons fire as input reaches them.
"""

from __future__ import annotations

import numpy as np
import pytest
from stock import arriving, run_process

from lava_async.errors import InvalidType, InvalidValue
from lava_async.proc.async_neurons.process import (
    AsyncATRLIF,
    AsyncDelta,
    AsyncLIFRefractory,
    AsyncRF,
    AsyncRF_IZ,
    AsyncSigmaDelta,
)

pytestmark = pytest.mark.lava
N = 12


def stock():
    """Return for each Process Lava's own, its arguments, and whether they are integers."""
    from lava.proc.atrlif.process import ATRLIF
    from lava.proc.lif.process import LIFRefractory
    from lava.proc.rf.process import RF
    from lava.proc.rf_iz.process import RF_IZ
    from lava.proc.sdn.process import Delta, SigmaDelta

    lif = {"du": 0.25, "dv": 0.125, "vth": 4.0, "bias_mant": 0.5, "refractory_period": 2}
    decays = {"delta_i": 0.25, "delta_v": 0.5, "delta_theta": 0.125, "delta_r": 0.25}
    atrlif = {**decays, "theta_0": 5, "theta_step": 3, "bias_mant": 2}
    rf = {"period": 7.0, "alpha": 0.01, "vth": 5}
    exponents = {"spike_exp": 3, "state_exp": 6}
    return {
        "LIFRefractory": (AsyncLIFRefractory, LIFRefractory, lif, {}, False),
        "ATRLIF": (AsyncATRLIF, ATRLIF, atrlif, {"theta": 5}, False),
        "ATRLIF fixed": (AsyncATRLIF, ATRLIF, atrlif, {"theta": 5}, True),
        "SigmaDelta": (AsyncSigmaDelta, SigmaDelta, {"vth": 7, "bias": 5}, {}, False),
        "SigmaDelta fixed": (AsyncSigmaDelta, SigmaDelta, {"vth": 7, "bias": 5, **exponents}, {}, True),
        "SigmaDelta, linear": (AsyncSigmaDelta, SigmaDelta, {"vth": 7, "act_mode": 0}, {}, False),
        "Delta": (AsyncDelta, Delta, {"vth": 10}, {}, False),
        "Delta fixed": (AsyncDelta, Delta, {"vth": 10, **exponents}, {}, True),
        "RF": (AsyncRF, RF, rf, {}, False),
        "RF fixed": (AsyncRF, RF, {**rf, "state_exp": 6, "decay_bits": 12}, {}, True),
        "RF_IZ": (AsyncRF_IZ, RF_IZ, rf, {}, False),
        "RF_IZ fixed": (AsyncRF_IZ, RF_IZ, {**rf, "state_exp": 6, "decay_bits": 12}, {}, True),
    }


NAMES = ["LIFRefractory", "SigmaDelta, linear"]
NAMES += [f"{name}{fixed}" for name in ("ATRLIF", "SigmaDelta", "Delta", "RF", "RF_IZ") for fixed in ("", " fixed")]


@pytest.mark.parametrize("name", NAMES)
def test_with_one_forward_step_per_time_step_it_is_run_process(name):
    ours, theirs, numbers, initial, fixed = stock()[name]
    if name.startswith("RF"):
        driven = {"a_real_in": arriving(5, 60, 0.1), "a_imag_in": arriving(6, 60, 0.1)}
    else:
        scale = 200 if name == "SigmaDelta fixed" else 1
        driven = {"a_in": scale * arriving(1, 30, 0.5)}
    found = run_process(ours(shape=(N,), **numbers), fixed, **driven)
    expected = run_process(theirs(shape=(N,), **numbers, **initial), fixed, **driven)
    assert np.count_nonzero(expected) > 20
    graded = "Delta" in name
    np.testing.assert_array_equal(found if graded else found != 0, expected)


def test_neurons_fire_as_input_reaches_them_and_once_per_time_step():
    """Forward steps 0 .. 2 of two time steps; what comes while a neuron is refractory is sent as the next one opens."""
    process = AsyncSigmaDelta(shape=(2,), vth=3, steps_per_bin=3)
    x = np.array([[0, 5, 4, 0, 0, 0], [2, 2, 0, 0, 3, 0]])
    np.testing.assert_array_equal(run_process(process, False, a_in=x), [[0, 5, 0, 4, 0, 0], [0, 4, 0, 0, 3, 0]])
    again = AsyncSigmaDelta(shape=(2,), vth=3, steps_per_bin=3, refractory=False)
    np.testing.assert_array_equal(run_process(again, False, a_in=x), [[0, 5, 4, 0, 0, 0], [0, 4, 0, 0, 3, 0]])


def test_a_sample_begins_at_rest():
    process = AsyncATRLIF(shape=(N,), theta_0=5, theta_step=3, reset_interval=20)
    x = np.tile(arriving(1, 30, 0.5)[:, :20], 3)
    found = run_process(process, False, a_in=x).reshape(N, 3, 20)
    assert found[:, 0].any()
    np.testing.assert_array_equal(found[:, 1:], found[:, [0, 0]])


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_vars_under_lavas_names(name):
    ours, theirs, numbers, initial, _fixed = stock()[name]
    process, lava = ours(shape=(N,), **numbers), theirs(shape=(N,), **numbers, **initial)
    for field in process.number_types:
        if hasattr(lava, field):  # Lava has period and alpha of RF as sine and cosine
            assert getattr(process, field).shape == getattr(lava, field).shape, field


def test_parameters_can_be_set_between_runs():
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io

    from lava_async.proc.runtime import running

    process, sink = AsyncSigmaDelta(shape=(2,), vth=3, bias=1), io.sink.RingBuffer(shape=(2,), buffer=6)
    source = io.source.RingBuffer(data=np.ones((2, 6)))
    source.s_out.connect(process.a_in)
    process.s_out.connect(sink.a_in)
    with running(process, Loihi2SimCfg(select_tag="floating_pt")) as session:
        session.run(3)
        process.vth.set(np.array([1.0]))
        process.bias.set(np.array([1.0, 11.0]))
        session.run(3)
        np.testing.assert_array_equal(sink.data.get(), [[0, 3, 0, 2, 1, 1], [0, 3, 0, 12, 1, 1]])


def test_nothing_fires_before_its_first_time_step_opens():
    process = AsyncSigmaDelta(shape=(2,), vth=3, offset=[0, 2])
    found = run_process(process, False, a_in=np.array([[4, 0, 0, 0], [4, 0, 0, 0]]))
    np.testing.assert_array_equal(found, [[4, 0, 0, 0], [0, 0, 4, 0]])


def test_it_composes_with_stock_delta_dense_and_sigma_delta():
    """Stock Delta, Dense, AsyncSigmaDelta, Dense, stock Sigma: what Lava's own SigmaDelta in the middle gives."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io
    from lava.proc.dense.process import Dense
    from lava.proc.sdn.process import Delta, Sigma, SigmaDelta

    from lava_async.proc import runtime

    rng = np.random.default_rng(2)
    frames, weights = rng.integers(-40, 60, (5, 30)), [rng.integers(-30, 40, (4, 5)), rng.integers(-30, 40, (2, 4))]
    found = []
    for kind in (SigmaDelta, AsyncSigmaDelta):
        exponents = {"spike_exp": 6, "state_exp": 6}
        middle = kind(shape=(4,), vth=3, bias=2, **exponents)
        source, first = io.source.RingBuffer(data=frames), Delta(shape=(5,), vth=1, **exponents)
        into, out = (Dense(weights=w, num_message_bits=16) for w in weights)
        last, sink = Sigma(shape=(2,)), io.sink.RingBuffer(shape=(2,), buffer=30)
        source.s_out.connect(first.a_in)
        first.s_out.connect(into.s_in)
        into.a_out.connect(middle.a_in)
        middle.s_out.connect(out.s_in)
        out.a_out.connect(last.a_in)
        last.s_out.connect(sink.a_in)
        runtime.run(middle, 30, Loihi2SimCfg(select_tag="fixed_pt"), timeout=60)
        found.append(sink.data.get())
    assert len(np.unique(found[0])) > 20
    np.testing.assert_array_equal(*found)


def test_a_scheduler_ranks_numbers_by_their_size_and_adds_up_what_waits():
    from lava_async.proc.spike_scheduler.process import SpikeScheduler

    sent = np.array([[2, 0, 0, 0, 0, 0], [-9, 0, 0, 0, 0, 0], [5, -7, 3, 0, 0, 0]])
    # 9 goes first; 5, and what follows it while it waits; then what comes anew; 2 last.
    released = [[0, 0, 0, 2, 0, 0], [-9, 0, 0, 0, 0, 0], [0, -2, 3, 0, 0, 0]]
    for fixed in (False, True):
        process = SpikeScheduler(shape=(3,), schedule="momentum", group_size=1, steps_per_bin=6, graded=True)
        np.testing.assert_array_equal(run_process(process, fixed, s_in=sent), released)


def test_sigma_delta_layers_with_a_queue_between_them_send_what_the_engine_sends():
    """Everything that waits is released at once: then the queue of one layer is that of the network."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io
    from lava.proc.dense.process import Dense

    from lava_async import LoihiSigmaDeltaParams, Network, Random, simulate
    from lava_async.proc import runtime
    from lava_async.proc.spike_scheduler.process import SpikeScheduler

    rng, bins, steps = np.random.default_rng(3), 20, 4
    x = 64 * rng.integers(0, 40, (5, bins)) * (rng.random((5, bins)) < 0.4)
    # Lava's Dense drops the lowest bit of weights of both signs.
    weights = [2 * rng.integers(-5, 20, (4, 5)), 2 * rng.integers(-5, 20, (2, 4))]
    params = [LoihiSigmaDeltaParams(3 << 12, bias_mant=2, bias_exp=12), LoihiSigmaDeltaParams(1 << 12)]
    network = Network.feedforward(weights, params)
    expected = simulate(network, x, schedule=Random(None)).emitted

    frames = np.zeros((5, bins, steps), int)
    frames[:, :, 0] = x
    source = io.source.RingBuffer(data=frames.reshape(5, -1))
    into, out = (Dense(weights=w, num_message_bits=24) for w in weights)
    exponents = {"spike_exp": 6, "state_exp": 6, "steps_per_bin": steps}
    hidden = AsyncSigmaDelta(shape=(4,), vth=3, bias=2, offset=1, **exponents)
    queue = SpikeScheduler(shape=(4,), schedule=Random(None), steps_per_bin=steps, offset=1, graded=True)
    output = AsyncSigmaDelta(shape=(2,), vth=1, offset=1, **exponents)
    sinks = [io.sink.RingBuffer(shape=(n,), buffer=bins * steps) for n in (4, 2)]
    source.s_out.connect(into.s_in)
    into.a_out.connect(hidden.a_in)
    hidden.s_out.connect([queue.s_in, sinks[0].a_in])
    queue.s_out.connect(out.s_in)
    out.a_out.connect(output.a_in)
    output.s_out.connect(sinks[1].a_in)
    runtime.run(hidden, bins * steps, Loihi2SimCfg(select_tag="fixed_pt"), timeout=60)
    sent = np.concatenate([np.asarray(sink.data.get())[:, 1:] for sink in sinks])
    sent = np.pad(sent, ((0, 0), (0, 1))).reshape(6, bins, steps).sum(2)
    assert np.count_nonzero(expected[4:]) > 10
    np.testing.assert_array_equal(sent[:, :-1], expected[:, :-1])


@pytest.mark.parametrize(
    ("make", "fixed", "message"),
    [
        (lambda: AsyncSigmaDelta(shape=(2,), vth=1, theta=3), False, "AsyncSigmaDelta.theta = 3"),
        (
            lambda: AsyncSigmaDelta(shape=(2,), vth=[1, 2, 3]),
            False,
            "vth.shape = (3,): must be (), (1,) or (2,)",
        ),
        (lambda: AsyncSigmaDelta(shape=(2,), vth=1), True, "state_exp = 0: must be 6 in fixed point"),
        (lambda: AsyncSigmaDelta(shape=(2,), vth=1, act_mode=2), False, "AsyncSigmaDelta.act_mode = 2: must be <= 1"),
        (lambda: AsyncATRLIF(shape=(2,)), True, "delta_i = 0.4: must be multiples of 1/4096 in fixed point"),
        (lambda: AsyncLIFRefractory(shape=(2,), refractory_period=0), False, "refractory_period = 0: must be >= 1"),
        (lambda: AsyncRF(shape=(2,), period=0, alpha=0.1), False, "period = 0: must be a number of time steps other"),
    ],
)
def test_what_cannot_be_is_named(make, fixed, message):
    def run():
        process = make()
        run_process(process, fixed, **dict.fromkeys(process.input_names, np.zeros((2, 3), int)))

    with pytest.raises((InvalidValue, InvalidType)) as caught:
        run()
    assert message in str(caught.value)
