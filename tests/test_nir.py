"""NIR and back: the same spikes, and an error that names what the other side cannot express."""

from dataclasses import replace

import h5py
import limits
import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from nir_cases import EXAMPLES, ONES, ZEROS, between, feedforward, graph, lif, neurons

from lava_async import CubaParams, LoihiParams, Network, Random, simulate
from lava_async import nir as ours
from lava_async.errors import InvalidValue
from lava_async.network import Layer
from lava_async.nir import NirError
from lava_async.synapses import INPUT, Conv

nir = pytest.importorskip("nir")


def run(network, spikes, order=None):
    return simulate(network, spikes, schedule=order or Random(2), engine="reference", record="trace", seed=3)


def same(a, b, spikes):
    x, y = run(a, spikes), run(b, spikes)
    return (x.counts == y.counts).all() and (x.voltage == y.voltage).all() and (x.current == y.current).all()


# ------------------------------------------------------------------------------------------------ round trip


@settings(max_examples=60, deadline=None)
@given(strategies.networks("float"), st.data())
def test_a_network_comes_back_from_nir_or_its_layer_is_named(network, data):
    p = network.params
    params = replace(p, du=np.where(p.du == 0, 0.7, p.du), dv=np.where(p.dv == 0, 0.3, p.dv))
    last = np.arange(network.n_neurons)[network.layer_slices[-1]]
    network = replace(network, outputs=last, params=params)
    try:
        back = ours.convert(ours.export(network))
    except NirError as error:
        if any(word in str(error) for word in ("layer ", "synapses ", "Network.")):
            return
        raise
    assert back.input_shape == network.input_shape
    assert [layer.shape for layer in back.layers] == [layer.shape for layer in network.layers]
    assert list(back.synapses) == list(network.synapses)
    assert back.outputs.tolist() == network.outputs.tolist()
    for name in ("du", "dv", "vth", "bias"):
        np.testing.assert_allclose(getattr(back.params, name), getattr(network.params, name), rtol=1e-12)
    assert same(network, back, data.draw(strategies.spikes(network.n_inputs, max_steps=3)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_holds_the_network(tmp_path, name):
    network = EXAMPLES[name]
    ours.write(network, tmp_path / "a.nir", dt=1e-3)
    back = ours.read(tmp_path / "a.nir")
    assert list(back.synapses) == list(network.synapses)
    assert [layer.name for layer in back.layers] == [layer.name for layer in network.layers]
    rng = np.random.default_rng(1)
    assert same(network, back, rng.integers(0, 2, (network.n_inputs, 6)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.nir"]


@pytest.mark.parametrize(("name", "kind"), [("CubaLIF", nir.CubaLIF), ("LIF", nir.LIF), ("IF", nir.IF)])
def test_neurons_are_written_as_the_simplest_type_that_says_them(name, kind):
    assert type(ours.export(EXAMPLES[name]).nodes["layer_1"]) is kind


def test_current_based_neurons_are_written_with_the_weights_as_they_are_and_the_time_step_is_noted():
    there = ours.export(EXAMPLES["CubaLIF"], dt=1e-3)
    assert there.metadata["dt"] == 1e-3
    assert np.array_equal(there.nodes["synapses_0_affine"].weight, EXAMPLES["CubaLIF"].synapses[0].weights)
    node = there.nodes["layer_0"]
    assert node.tau_mem == pytest.approx(1e-3 / 0.1)
    assert node.tau_syn == pytest.approx(1e-3 / 0.3)
    assert node.r == pytest.approx(1 / 0.1)  # what snnTorch and spikingjelly ask for
    assert node.w_in == pytest.approx(1 / 0.3)


def test_other_neurons_are_written_with_r_1_and_biases_as_those_of_the_weights_which_every_framework_reads():
    there = ours.export(EXAMPLES["LIF"])
    node, affine = there.nodes["layer_0"], there.nodes["synapses_0_affine"]
    assert (node.r == 1).all()
    assert not node.v_leak.any()
    assert affine.weight == pytest.approx(EXAMPLES["LIF"].synapses[0].weights / 0.1)
    assert affine.bias == pytest.approx(np.full(5, 0.02 / 0.1))


def test_neurons_of_a_channel_that_differ_keep_their_gain_and_bias_for_a_convolution_has_one_per_channel():
    conv = Conv(INPUT, 0, np.ones((1, 1, 2, 2)), (1, 3, 3))
    dv = np.array([0.1, 0.2, 0.3, 0.4])
    network = Network((1, 3, 3), (Layer((1, 2, 2)),), (conv,), CubaParams(1, dv, 1, 0.1), np.arange(4))
    there = ours.export(network)
    assert there.nodes["layer_0"].r.ravel() == pytest.approx(1 / dv)
    assert list(ours.convert(there).synapses) == list(network.synapses)


def test_thresholds_that_voltages_may_equal_are_raised_by_a_millionth_in_files_and_come_back(tmp_path):
    network = ours.as_float(Network.feedforward([[[2, 1]], [[3]]], LoihiParams(4095, 410, [3, 0])))
    ours.write(network, tmp_path / "a.nir")
    with h5py.File(tmp_path / "a.nir") as file:
        found = [file[f"node/nodes/layer_{i}/v_threshold"][0] for i in (0, 1)]
    assert found == [3 + 3 * 2**-20, 2**-20]
    for back in (ours.read(tmp_path / "a.nir"), ours.convert(ours.export(network))):
        assert back.params.vth.tolist() == [3, 0]
    assert ours.export(EXAMPLES["LIF"]).nodes["layer_0"].v_threshold[0] == 0.7


@pytest.mark.parametrize("decays", [{"du": 0.5, "dv": 0}, {"du": 0, "dv": 0.5}, {"du": 0, "dv": 0}])
def test_a_decay_of_0_is_a_time_constant_of_2_to_the_30_time_steps_and_comes_back(decays):
    network = feedforward(vth=0.7, bias=0.02, **decays)
    there = ours.export(network, dt=1e-4)
    taus = {"du": there.nodes["layer_0"].tau_syn, "dv": there.nodes["layer_0"].tau_mem}
    assert all(taus[name] == pytest.approx(2**30 * 1e-4) for name, value in decays.items() if value == 0)
    back = ours.convert(there)
    assert {name: set(np.asarray(getattr(back.params, name))) for name in decays} == {
        name: {value} for name, value in decays.items()
    }
    assert same(network, back, np.random.default_rng(1).integers(0, 2, (4, 6)))


def test_a_file_has_no_reset_voltages_of_0_which_nir_before_1_0_6_does_not_know(tmp_path):
    ours.write(EXAMPLES["LIF"], tmp_path / "a.nir")
    with h5py.File(tmp_path / "a.nir") as file:
        assert "v_reset" not in file["node/nodes/layer_0"]


# ------------------------------------------------------------------------------------------------- dynamics


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["CubaLIF", "LIF", "IF"]), strategies.generators())
def test_neurons_follow_the_differential_equations_of_nir_by_the_euler_method(kind, rng):
    dt, steps = 1e-3, 30
    tau_syn, tau_mem = dt * rng.uniform(1, 9, 2), dt * rng.uniform(1, 9, 2)
    r, w_in, v_leak, vth = rng.uniform(0.5, 2, 2), rng.uniform(0.5, 2, 2), rng.uniform(-0.2, 0.2, 2), np.full(2, 1e9)
    weight = rng.normal(0, 1, (2, 3))
    if kind == "IF":
        node = neurons("IF", r=r, v_threshold=vth)
    elif kind == "LIF":
        node = neurons("LIF", tau=tau_mem, r=r, v_leak=v_leak, v_threshold=vth)
    else:
        node = neurons("CubaLIF", tau_syn=tau_syn, tau_mem=tau_mem, r=r, v_leak=v_leak, v_threshold=vth, w_in=w_in)
    network = ours.convert(between(nir.Linear(weight), shape=(3,), neurons=node), dt=dt)
    spikes = rng.integers(0, 2, (3, steps))
    current, voltage = np.zeros(2), np.zeros(2)
    for t in range(steps):
        arriving = weight @ spikes[:, t]
        current = current + dt / tau_syn * (-current + w_in * arriving) if kind == "CubaLIF" else arriving
        if kind == "IF":
            voltage = voltage + dt * r * current
        else:
            voltage = voltage + dt / tau_mem * (v_leak - voltage + r * current)
    np.testing.assert_allclose(simulate(network, spikes, engine="reference").voltage, voltage, rtol=1e-4, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.booleans(), strategies.generators())
def test_decays_are_exponential_on_request(filtered, rng):
    dt, steps = 1e-3, 30
    tau_syn, tau_mem, weight = dt * rng.uniform(0.3, 9, 2), dt * rng.uniform(0.3, 9, 2), rng.normal(0, 1, (2, 3))
    if filtered:
        fields = {"tau_syn": tau_syn, "tau_mem": tau_mem, "r": ONES, "v_leak": ZEROS, "w_in": ONES}
        node = neurons("CubaLIF", v_threshold=1e9 * ONES, **fields)
    else:
        node = lif(tau=tau_mem, v_threshold=1e9 * ONES)
    network = ours.convert(between(nir.Linear(weight), shape=(3,), neurons=node), dt=dt, decay="exponential")
    spikes = rng.integers(0, 2, (3, steps))
    keep_current, keep_voltage = np.exp(-dt / tau_syn) if filtered else ZEROS, np.exp(-dt / tau_mem)
    current, voltage = np.zeros(2), np.zeros(2)
    for t in range(steps):
        current = keep_current * current + (1 - keep_current) * (weight @ spikes[:, t])
        voltage = keep_voltage * voltage + (1 - keep_voltage) * current
    np.testing.assert_allclose(simulate(network, spikes, engine="reference").voltage, voltage, rtol=1e-4, atol=1e-5)


def test_a_constant_input_of_neurons_without_memory_of_the_current_is_a_bias():
    affine = nir.Affine(np.eye(2), np.array([3.0, 0.0]))
    network = ours.convert(between(affine, neurons=lif(r=2 * ONES, v_leak=ONES)), dt=1e-4)
    assert network.params.bias == pytest.approx([0.2 * (1 + 2 * 3), 0.2])
    assert network.synapses[0].weights == pytest.approx(0.4 * np.eye(2))


@settings(max_examples=30, deadline=None)
@given(strategies.generators(), st.booleans(), st.booleans())
def test_a_constant_input_that_the_current_filters_is_a_channel_that_fires_in_every_time_step(rng, conv, delay):
    dt, steps = 1e-3, 12
    shape, bias = ((1, 4, 4) if conv else (4,)), rng.normal(0, 1, 2)
    if conv:
        kernel = rng.normal(0, 1, (2, 1, 2, 3))
        synapses, n = nir.Conv2d((4, 4), kernel, (2, 1), (0, 1), 1, 1, bias), (2, 2, 4)
    else:
        synapses, n = nir.Affine(rng.normal(0, 1, (2, 4)), bias), (2,)
    flat = {
        name: np.full(n, value) for name, value in (("tau_syn", 3e-3), ("tau_mem", 4e-3), ("r", 2.0), ("w_in", 1.5))
    }
    node = neurons("CubaLIF", v_leak=np.zeros(n), v_threshold=np.full(n, 1e9), **flat)
    front = [nir.Delay(np.full(shape, 2 * dt))] if delay else []
    network = ours.convert(graph(nir.Input(np.array(shape)), *front, synapses, node, nir.Output(np.array(n))), dt=dt)
    assert network.input_shape == (int(np.prod(shape)) + 1,)
    spikes = rng.integers(0, 2, (network.n_inputs - 1, steps))
    alone = ours.convert(
        graph(nir.Input(np.array(shape)), *front, replaced_bias(synapses), node, nir.Output(np.array(n))), dt=dt
    )
    constant, current, extra = np.repeat(bias, int(np.prod(n)) // 2), 0.0, 0.0
    for _ in range(steps):
        current = current * (1 - 1 / 3) + 1 / 3 * 1.5 * constant
        extra = extra * (1 - 1 / 4) + 1 / 4 * 2 * current
    found = simulate(network, ours.add_bias_channel(spikes), engine="reference").voltage
    expected = simulate(alone, spikes, engine="reference").voltage + extra
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def replaced_bias(node):
    """Return a node of synapses without its bias."""
    if isinstance(node, nir.Affine):
        return nir.Linear(node.weight)
    geometry = (node.stride, node.padding, node.dilation, node.groups)
    return nir.Conv2d(node.input_shape, node.weight, *geometry, 0 * node.bias)


def test_a_bias_channel_reaches_only_the_layers_whose_current_filters_a_bias():
    fields = {"tau_syn": 1e-3 * ONES, "tau_mem": 1e-3 * ONES, "r": ONES, "w_in": ONES}
    cuba = neurons("CubaLIF", v_leak=ZEROS, v_threshold=ONES, **fields)
    affine = nir.Affine(np.eye(2), np.array([3.0, 0.0]))
    network = ours.convert(graph(nir.Input(np.array([2])), affine, lif(), affine, cuba, nir.Output(np.array([2]))))
    ends = [(s.source, s.target, s.n_source) for s in network.synapses]
    assert ends == [(INPUT, 0, 3), (INPUT, 1, 3), (0, 1, 2)]
    assert not network.synapses[0].weights[:, 2].any()  # LIF: a bias of the neuron
    assert network.params.bias[0] > 0
    assert (network.synapses[1].pre.tolist(), network.synapses[1].post.tolist()) == ([2], [0])


def test_a_bias_channel_is_added_to_spikes_of_one_sample_or_of_several():
    assert ours.add_bias_channel([[0, 2]]).tolist() == [[0, 2], [1, 1]]
    assert ours.add_bias_channel(np.zeros((2, 3, 4), np.uint8)).shape == (2, 4, 4)
    with pytest.raises(InvalidValue, match=r"add_bias_channel spikes\.shape"):
        ours.add_bias_channel([1, 2])


def test_the_length_of_a_time_step_is_what_is_asked_for_or_noted_or_a_tenth_of_a_millisecond():
    there = between(nir.Linear(np.eye(2)))
    assert ours.convert(there).params.dv == pytest.approx([0.2, 0.2])
    assert ours.convert(there, dt=2e-4).params.dv == pytest.approx([0.4, 0.4])
    there.metadata["dt"] = 5e-5
    assert ours.convert(there).params.dv == pytest.approx([0.1, 0.1])


# ------------------------------------------------------------------------------------------ integers as floats


def test_integers_that_round_nothing_run_the_same_in_floating_point():
    rng = np.random.default_rng(2)
    weights = [rng.integers(-60, 90, (6, 4)), rng.integers(-60, 90, (3, 6))]
    params = LoihiParams(4095, [0] * 6 + [4096] * 3, 60, bias_mant=3, bias_exp=6, weight_exp=1)
    network = Network.feedforward(weights, params)
    spikes = rng.integers(0, 2, (4, 8))
    a, b = run(network, spikes), run(ours.as_float(network), spikes)
    assert (a.counts == b.counts).all()
    assert a.counts.any()
    assert (a.voltage == 64 * b.voltage).all()


def test_decays_become_shares_of_4096():
    params = ours.as_float(Network.feedforward([[[1]]], LoihiParams(1023, 410, 8, weight_exp=2))).params
    assert (params.du, params.dv) == (pytest.approx(0.25), pytest.approx(410 / 4096))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_on_a_full_disk_the_old_file_stays_and_an_error_says_why(tmp_path, share):
    path = tmp_path / "a.nir"
    network = Network.feedforward([np.ones((30, 40))], CubaParams(1, 1, 1))
    ours.write(network, path)
    before = path.read_bytes()
    with limits.file_size(int(len(before) * share)), pytest.raises(NirError, match="cannot be written: File too large"):
        ours.write(network, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
