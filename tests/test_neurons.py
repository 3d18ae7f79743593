"""The neuron in its two arithmetics: closed forms, symmetries, and the corners of Loihi's integers."""

from __future__ import annotations

import numpy as np
import pytest
from compare import complains, differences, execute
from hypothesis import given
from hypothesis import strategies as st
from strategies import Run

from lava_async import CubaParams, Layer, Layered, LoihiParams, Network, Quiescence, Random, simulate
from lava_async.synapses import Dense

LIMIT = 2**23


def one(params, weight=1) -> Network:
    """One neuron behind one input channel."""
    return Network.feedforward([[[weight]]], params)


def alone(params, u=0, v=0, arriving=0, refractory=False):
    """u and v of one neuron after a leak, then after an arrival."""
    p = params.arrays()
    state = {"u": np.array([u], p.vth.dtype), "v": np.array([v], p.vth.dtype)}
    leaked = params.open(p, state, np.array([False]))
    added = params.integrate(p, leaked, np.array([arriving], p.vth.dtype), np.array([refractory]))
    return [s[name][0].item() for s in (leaked, added) for name in ("u", "v")]


# --------------------------------------------------------------------------------------------------- floats


def test_an_impulse_decays_as_the_exponential_kernels_of_current_and_voltage():
    """u(t) = w a^t, v(t) = w sum_s b^(t-s) a^s with a = 1 - du, b = 1 - dv, below threshold."""
    a, b, w, steps = 0.75, 0.5, 0.25, 12
    spikes = np.zeros((1, steps), int)
    spikes[0, 0] = 1
    result = simulate(one(CubaParams(1 - a, 1 - b, 10.0), w), spikes, record="trace")
    t = np.arange(steps)
    np.testing.assert_allclose([c.current[0] for c in result.trace], w * a**t, rtol=1e-6)
    np.testing.assert_allclose(
        [c.voltage[0] for c in result.trace], w * (a ** (t + 1) - b ** (t + 1)) / (a - b), rtol=1e-6
    )


def test_a_bias_alone_drives_the_voltage_to_bias_over_dv():
    result = simulate(one(CubaParams(1, 0.25, 10.0, bias=0.5)), np.zeros((1, 200), int))
    assert result.voltage[0] == pytest.approx(0.5 / 0.25)


def test_a_neuron_fires_strictly_above_its_threshold():
    for params, weight in ((CubaParams(1, 1, 0.5), 0.5), (LoihiParams(4095, 4096, 7), 7)):
        assert simulate(one(params, weight), [[1]]).counts.sum() == 0
        assert simulate(one(params, weight), [[2]]).counts.sum() == 1
    assert simulate(one(CubaParams(1, 1, 0.0), 0.0), [[1]]).counts.sum() == 0, "zero is not above zero"


def test_leak_happens_once_per_time_step_however_many_forward_steps_there_are():
    """A neuron that hears one spike after another within a time step adds them all up undiminished."""
    n = 9
    net = Network.feedforward([np.ones((n, 1)), np.full((1, n), 0.125)], CubaParams(0.5, 0.5, [0.5] * n + [100]))
    result = simulate(net, [[1]], schedule=Random(1))
    assert result.forward_steps.tolist() == [n + 1]
    assert (result.current[-1], result.voltage[-1]) == (n / 8, n / 8)
    after = simulate(net, [[1, 0]], schedule=Random(1))
    assert (after.current[-1], after.voltage[-1]) == (n / 16, n / 8)


# --------------------------------------------------------------------------------------------- Loihi's integers


@given(st.integers(0, LIMIT - 1), st.integers(-1, 4095), st.integers(0, 4096), st.integers(-500, 500))
def test_decay_rounds_toward_zero_so_negative_states_mirror_positive_ones(x, du, dv, arriving):
    params = LoihiParams(du, dv, 1)
    u, v, *_ = alone(params, u=x, v=0)
    assert u == (x * (4096 - (du + 1))) // 4096
    assert v == u
    assert alone(params, u=-x, v=x, arriving=arriving) == [-y for y in alone(params, u=x, v=-x, arriving=-arriving)]


def test_the_decays_end_in_keeping_and_forgetting_everything():
    assert alone(LoihiParams(-1, 0, 1), u=12345, v=-777)[:2] == [12345, 12345 - 777]
    assert alone(LoihiParams(4095, 4096, 1), u=12345, v=-777)[:2] == [0, 0]


def test_current_wraps_at_24_bits_and_takes_the_voltage_along():
    keep = LoihiParams(-1, 4096, 1)
    assert alone(keep, u=LIMIT - 10, arriving=10)[2:] == [LIMIT, LIMIT - 1], "2^23 itself is in range; v clips"
    assert alone(keep, u=LIMIT - 10, arriving=11)[2:] == [LIMIT + 1 - 2 * LIMIT, LIMIT + 1 - 2 * LIMIT]
    assert alone(keep, u=10 - LIMIT, arriving=-9)[2:] == [1 - LIMIT, 1 - LIMIT]
    assert alone(keep, u=10 - LIMIT, arriving=-10)[2:] == [LIMIT, LIMIT - 1], "-2^23 is out of range"


def test_a_refractory_voltage_stays_while_the_current_integrates_and_wraps():
    assert alone(LoihiParams(-1, 4096, 1), u=LIMIT - 10, arriving=20, refractory=True)[2:] == [10 - LIMIT, LIMIT - 10]
    assert alone(CubaParams(0, 1, 1), u=2, arriving=3, refractory=True)[2:] == [5, 2]


def test_voltage_saturates():
    keep = LoihiParams(4095, 0, 1)
    assert alone(keep, v=LIMIT - 1, arriving=100)[3] == LIMIT - 1
    assert alone(keep, v=1 - LIMIT, arriving=-100)[3] == 1 - LIMIT


@pytest.mark.parametrize(
    ("mant", "exp", "bias"), [(5, 3, 40), (-5, 3, -40), (5, -1, 2), (-5, -1, -3), (-1, -31, -1), (7, 0, 7)]
)
def test_a_bias_is_a_mantissa_shifted_by_its_exponent_arithmetically(mant, exp, bias):
    assert alone(LoihiParams(4095, 4096, 1, mant, exp))[1] == bias


@pytest.mark.parametrize("kind", ["dense", "matrix"])
def test_the_weight_exponent_belongs_to_the_target_neuron(kind):
    """A spike adds (w << weight_exp) << 6; also for negative weights."""
    weights, exponents = [[3], [-3], [3]], [0, 1, 4]
    params = LoihiParams(4095, 4096, 1000, weight_exp=exponents)
    if kind == "dense":
        net = Network.feedforward([weights], params)
    else:
        net = Network.from_matrix(weights, np.zeros((3, 3), int), params, layer_of=[0, 0, 0])
    assert simulate(net, [[1]]).current.tolist() == [3 << 6, -(3 << 7), 3 << 10]
    assert simulate(net, [[5]]).current.tolist() == [15 << 6, -(15 << 7), 15 << 10]


def test_integers_stay_integers_of_32_bits_for_users():
    for net, dtype in ((one(LoihiParams(0, 0, 9), 3), np.int32), (one(CubaParams(0, 0, 9), 3), np.float32)):
        for engine in ("compiled", "reference"):
            result = simulate(net, [[1]], engine=engine)
            assert (result.current.dtype, result.voltage.dtype, result.counts.dtype) == (dtype, dtype, np.int32)


@given(st.integers(-256, 255), st.integers(0, 9), st.integers(0, 40), st.sampled_from([Layered(), Random(1)]))
def test_both_engines_reach_the_ends_of_the_range_alike(weight, exponent, count, schedule):
    net = one(LoihiParams(-1, 0, 2**17 - 1, weight_exp=exponent), weight)
    run = Run(net, np.full((1, 6), count), schedule, Quiescence(), True, True, 0, 0)
    assert differences(execute(run, "compiled"), execute(run, "reference")) == []


# --------------------------------------------------------------------------------------- parameters as values


def test_parameters_are_values_equal_by_content_and_cannot_be_changed():
    params = CubaParams([0.1, 0.2], 1, 0.5)
    assert params == CubaParams(np.array([0.1, 0.2]), 1.0, np.float32(0.5))
    assert params != CubaParams([0.1, 0.3], 1, 0.5)
    assert params != LoihiParams(1, 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        params.du[0] = 0.5


def test_parameters_leave_the_arrays_of_the_caller_alone():
    decay, threshold = np.array([0.5, 0.5]), np.array([3, 4])
    params = CubaParams(decay, decay, decay), LoihiParams(threshold, threshold, threshold)
    decay[0], threshold[0] = 0.25, 5
    assert (params[0].du.tolist(), params[1].vth.tolist()) == ([0.5, 0.5], [3, 4])


def test_the_arithmetic_of_a_network_is_that_of_its_parameters():
    assert (CubaParams.tag, LoihiParams.tag) == ("floating_pt", "fixed_pt")


many = {"du": 1, "dv": 1, "vth": 1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CubaParams("1", 1, 1), "CubaParams.du = '1': must be numbers, not <U1"),
        (lambda: CubaParams(1.5, 1, 1), "CubaParams.du = 1.5: must be in 0 .. 1"),
        (lambda: CubaParams(1, [0.5, -0.1], 1), "CubaParams.dv [1] = -0.1: must be in 0 .. 1"),
        (lambda: CubaParams(1, 1, np.nan), "CubaParams.vth = nan: must be finite"),
        (lambda: CubaParams(1, 1, -1), "CubaParams.vth = -1.0: must be in 0 .. 3.4028234663852886e+38"),
        (lambda: CubaParams(1, 1, 1, [0, np.inf]), "CubaParams.bias [1] = inf: must be finite"),
        (lambda: CubaParams(None, 1, 1), "CubaParams.du = None: must be numbers, not object"),
        (lambda: LoihiParams(1.0, 1, 1), "LoihiParams.du = 1.0: must be integers, not float64"),
        (lambda: LoihiParams(1, [0.5], 1), "LoihiParams.dv = [0.5]: must be integers, not float64"),
        (lambda: LoihiParams(1, 1, -1), "LoihiParams.vth = -1: must be in 0 .. 33554431"),
        (lambda: LoihiParams(4096, 1, 1), "LoihiParams.du = 4096: must be in -1 .. 4095"),
        (lambda: LoihiParams(1, 4097, 1), "LoihiParams.dv = 4097: must be in 0 .. 4096"),
        (
            lambda: LoihiParams(1, 1, np.uint64(2**64 - 1)),
            "LoihiParams.vth = 18446744073709551615: must be in 0 .. 9223372036854775807",
        ),
        (lambda: LoihiParams(**many, weight_exp=-1), "LoihiParams.weight_exp = -1: must be in 0 .. 15"),
        (
            lambda: LoihiParams(**many, bias_mant=2**20, bias_exp=12),
            "LoihiParams.bias_mant << bias_exp = 4294967296: must be in -2147483647 .. 2147483647",
        ),
        (
            lambda: LoihiParams(**many, bias_mant=[1, 2], bias_exp=[1, 2, 3]),
            "LoihiParams lengths = [2, 3]: must be one length N, or scalars",
        ),
        (
            lambda: Network((1,), (Layer((2,)),), (), CubaParams([1, 1, 1], 1, 1), []),
            "CubaParams.du.shape = (3,): must be () or (2,)",
        ),
        (
            lambda: Network((1,), (Layer((2,)),), (), CubaParams([[1, 1]], 1, 1), []),
            "CubaParams.du.shape = (1, 2): must be () or (2,)",
        ),
        (
            lambda: Network((1,), (Layer((1,)),), (Dense(-1, 0, [[300]]),), LoihiParams(1, 1, 1), []),
            "Dense.weights = 300: must be in -256 .. 255",
        ),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_errors_name_object_field_value_and_what_is_allowed(call, message):
    complains(call, message)
