"""NIR and back: the same spikes, and an error that names what the other side cannot say."""

import sys
from dataclasses import replace
from inspect import signature
from itertools import pairwise

import h5py
import limits
import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_async import CubaParams, LoihiParams, Network, Random, simulate
from lava_async import nir as ours
from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Layer
from lava_async.nir import NirError
from lava_async.synapses import INPUT, Conv, Dense, Sparse

nir = pytest.importorskip("nir")

ONES = np.ones(2)
ZEROS = np.zeros(2)


def run(network, spikes, order=None):
    return simulate(network, spikes, schedule=order or Random(2), engine="reference", record="trace", seed=3)


def same(a, b, spikes):
    x, y = run(a, spikes), run(b, spikes)
    return (x.counts == y.counts).all() and (x.voltage == y.voltage).all() and (x.current == y.current).all()


def neurons(kind, **fields):
    """Return a node of neurons; nir 1.0.6 asks for a reset voltage, earlier versions have none."""
    make = getattr(nir, kind)
    reset = {"v_reset": 0 * fields["v_threshold"]} if "v_reset" in make.__dataclass_fields__ else {}
    return make(**reset | fields)


def lif(n=2, **changes):
    fields = {"tau": 5e-4 * np.ones(n), "r": np.ones(n), "v_leak": np.zeros(n), "v_threshold": 0.5 * np.ones(n)}
    return neurons("LIF", **fields | changes)


def unchecked(nodes, edges):
    """Return a graph whose types `nir` does not check, as versions before 1.0.5 never do."""
    options = {"type_check": False} if "type_check" in signature(nir.NIRGraph.__init__).parameters else {}
    return nir.NIRGraph(nodes, edges, **options)


def graph(*nodes):
    """Return a chain of nodes, named by their types, from the input to the output."""
    names = []
    for node in nodes:
        kind = type(node).__name__.lower()
        names.append(kind if kind not in names else f"{kind}_{sum(name.startswith(kind) for name in names)}")
    return unchecked(dict(zip(names, nodes, strict=True)), list(pairwise(names)))


def between(*nodes, shape=(2,), neurons=None):
    """Return a chain of an input of a shape, nodes and neurons."""
    return graph(nir.Input(np.array(shape)), *nodes, neurons or lif(), nir.Output(np.array([2])))


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


def feedforward(**params):
    rng = np.random.default_rng(0)
    return Network.feedforward([rng.normal(0.3, 0.5, (5, 4)), rng.normal(0.3, 0.5, (3, 5))], CubaParams(**params))


RECURRENT = Network(
    (1, 4, 4),
    (Layer((2, 3, 3), "a"), Layer((3,), "b")),
    (
        Conv(INPUT, 0, np.full((2, 1, 2, 2), 0.3), (1, 4, 4), delay=np.arange(16) % 3),
        Dense(0, 1, np.full((3, 18), 0.2)),
        Sparse.from_matrix(1, 1, np.eye(3) * 0.5),
        Conv(0, 0, np.full((2, 1, 1, 3), -0.1), (2, 3, 3), padding=(0, 1), groups=2),
    ),
    CubaParams(0.5, 0.25, 0.6, 0.05),
    [18, 19, 20],
)
EXAMPLES = {
    "CubaLIF": feedforward(du=0.3, dv=0.1, vth=0.7, bias=0.02),
    "LIF": feedforward(du=1, dv=0.1, vth=0.7, bias=0.02),
    "IF": feedforward(du=1, dv=0, vth=0.7, bias=0.02),
    "recurrent, convolutions, delays": RECURRENT,
}


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


# ------------------------------------------------------------------------------------- graphs from elsewhere


def test_layers_are_put_in_topological_order_whatever_their_names():
    nodes = {"in": nir.Input(np.array([2])), "out": nir.Output(np.array([2])), "b": lif(), "a": lif(), "c": lif()}
    nodes |= {f"w{k}": nir.Linear(np.eye(2) * (k + 1)) for k in range(5)}
    edges = [
        ("in", "w0"),
        ("w0", "b"),
        ("b", "w1"),
        ("w1", "a"),
        ("in", "w2"),
        ("w2", "c"),
        ("a", "w3"),
        ("w3", "c"),
        ("c", "w4"),
        ("w4", "b"),
        ("c", "out"),
    ]
    network = ours.convert(nir.NIRGraph(nodes, edges))
    assert [layer.name for layer in network.layers] == ["b", "a", "c"]
    ends = [(s.source, s.target) for s in network.synapses]
    assert ends == [(-1, 0), (-1, 2), (0, 1), (1, 2), (2, 0)]  # c -> b leads back
    assert network.outputs.tolist() == [4, 5]


def test_neurons_without_synapses_between_them_are_connected_one_to_one():
    (s,) = ours.convert(between()).synapses
    assert isinstance(s, Sparse)
    assert (s.pre.tolist(), s.post.tolist()) == ([0, 1], [0, 1])


@settings(max_examples=25, deadline=None)
@given(strategies.generators(), st.sampled_from(["conv", "dilated", "grouped", "linear", "alone"]), st.booleans())
def test_windows_that_are_summed_join_what_follows_them(rng, kind, twice):
    pool, shape = ((2, 3) if not twice else (2, 1)), (2, 8, 6)
    size = (shape[1] // pool[0] // (1 + twice), shape[2] // pool[1] // (1 + 2 * twice))
    pools = [nir.SumPool2d(np.array(k), np.array(k), np.array((0, 0))) for k in ([pool, (2, 3)] if twice else [pool])]
    summed = np.arange(0)
    if kind == "linear":
        after = [nir.Flatten({"input": None}, 0, -1), nir.Linear(rng.normal(size=(4, 2 * size[0] * size[1])))]
        n = (4,)
    elif kind == "alone":
        after, n = [], (2, *size)
    else:
        dilation, groups = (1 + (kind == "dilated"), 1), 1 + (kind == "grouped")
        kernel = rng.normal(size=(4, 2 // groups, 2, 1))
        conv = Conv(-1, 0, kernel, (2, *size), (1, 1), (1, 1), dilation, groups)
        after, n = [nir.Conv2d(None, kernel, (1, 1), (1, 1), dilation, groups, np.zeros(4))], conv.output_shape
    node = neurons("IF", r=1e4 * np.ones(n), v_threshold=1e9 * np.ones(n))
    there = graph(nir.Input(np.array(shape)), *pools, *after, node, nir.Output(np.array(n)))
    network = ours.convert(there)
    spikes = rng.integers(0, 2, (int(np.prod(shape)), 1))
    height, width = size
    summed = spikes.reshape(2, height, shape[1] // height, width, shape[2] // width).sum((2, 4))
    if kind == "linear":
        expected = after[1].weight @ summed.ravel()
    elif kind == "alone":
        expected = summed.ravel()
    else:
        expected = np.zeros(conv.n_target)
        for j, count in enumerate(summed.ravel()):
            fan = conv.fan_out(j)
            np.add.at(expected, fan.target, fan.weight * count)
    np.testing.assert_allclose(simulate(network, spikes, engine="reference").voltage, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(strategies.generators(), st.data())
def test_pools_convolutions_and_matrices_between_two_layers_do_what_they_do_in_torch(rng, data):
    torch = pytest.importorskip("torch")
    shape, nodes, x = (2, 7, 6), [], torch.tensor(rng.integers(0, 3, (2, 7, 6)), dtype=torch.float64)
    spikes = x.numpy().reshape(-1, 1).astype(int)
    for kind in data.draw(st.lists(st.sampled_from(["average", "sum", "conv", "linear"]), min_size=1, max_size=3)):
        if kind == "linear":
            weight, bias = rng.normal(size=(4, x.numel())), rng.normal(size=4)
            nodes += [nir.Flatten({"input": None}, 0, -1), nir.Affine(weight, bias)]
            x = torch.tensor(weight) @ x.reshape(-1) + torch.tensor(bias)
            break
        stride, padding = (data.draw(st.sampled_from([(1, 1), (2, 1)])), data.draw(st.sampled_from([(0, 0), (1, 0)])))
        if kind == "conv":
            weight, bias = rng.normal(size=(2, 2 // (groups := data.draw(st.integers(1, 2))), 2, 1)), rng.normal(size=2)
            nodes.append(nir.Conv2d(tuple(x.shape[1:]), weight, stride, padding, 1, groups, bias))
            parts = torch.tensor(weight), torch.tensor(bias)
            x = torch.nn.functional.conv2d(x, *parts, stride, padding, groups=groups)
        else:
            window = data.draw(st.sampled_from([(2, 1), (2, 2)]))
            make = nir.AvgPool2d if kind == "average" else nir.SumPool2d
            nodes.append(make(np.array(window), np.array(stride), np.array(padding)))
            count = window[0] * window[1] if kind == "average" else 1
            x = torch.nn.functional.avg_pool2d(x, window, stride, padding, divisor_override=count)
    node = neurons("IF", r=np.ones(tuple(x.shape)), v_threshold=np.full(tuple(x.shape), 1e9))
    network = ours.convert(graph(nir.Input(np.array(shape)), *nodes, node, nir.Output(np.array(tuple(x.shape)))))
    found = simulate(network, spikes, engine="reference").voltage
    np.testing.assert_allclose(found, x.numpy().ravel(), rtol=1e-4, atol=1e-4)


def test_average_pooling_before_a_convolution_stays_a_convolution():
    pools = nir.AvgPool2d(np.array((2, 2)), np.array((2, 2)), np.array((0, 0)))
    kernel = nir.Conv2d((2, 2), np.ones((1, 1, 2, 2)), 1, 0, 1, 1, np.zeros(1))
    node, end = neurons("IF", r=np.ones((1, 1, 1)), v_threshold=np.ones((1, 1, 1))), nir.Output(np.array([1, 1, 1]))
    (s,) = ours.convert(graph(nir.Input(np.array([1, 4, 4])), pools, kernel, node, end)).synapses
    assert s == Conv(INPUT, 0, np.full((1, 1, 4, 4), 0.25, np.float32), (1, 4, 4), stride=(2, 2))


def test_a_convolution_into_neurons_of_a_channel_that_differ_in_gain_is_a_list_of_synapses():
    r = np.arange(1.0, 5.0)
    node = neurons("IF", r=r.reshape(1, 2, 2), v_threshold=np.ones((1, 2, 2)))
    kernel = nir.Conv2d((3, 3), np.ones((1, 1, 2, 2)), 1, 0, 1, 1, np.zeros(1))
    there = graph(nir.Input(np.array([1, 3, 3])), kernel, node, nir.Output(np.array([1, 2, 2])))
    (s,) = ours.convert(there, dt=1.0).synapses
    assert isinstance(s, Sparse)
    assert np.bincount(s.post, s.weights) == pytest.approx(4 * r)


def test_tensors_that_a_framework_leaves_in_a_graph_are_numbers():
    torch = pytest.importorskip("torch")
    there = between(nir.Linear(np.eye(2)))
    there.nodes["linear"].weight = torch.nn.Parameter(torch.eye(2))
    there.nodes["lif"].r = torch.ones(1)
    assert list(ours.convert(there).synapses) == list(ours.convert(between(nir.Linear(np.eye(2)))).synapses)


def test_synapses_of_several_kinds_may_lead_into_one_layer():
    nodes = {
        "in": nir.Input(np.array([2])),
        "a": nir.Linear(np.eye(2)),
        "b": nir.Affine(np.eye(2), ONES),
        "n": lif(),
        "out": nir.Output(np.array([2])),
    }
    network = ours.convert(nir.NIRGraph(nodes, [("in", "a"), ("in", "b"), ("a", "n"), ("b", "n"), ("n", "out")]))
    assert len(network.synapses) == 2
    assert network.params.bias == pytest.approx([0.2, 0.2])


def nested(depth=1):
    """Return recurrent neurons in a graph of their own, as frameworks write them, `depth` graphs around each other."""
    inner = {
        "input": nir.Input(np.array([2])),
        "lif": lif(),
        "w_rec": nir.Linear(np.eye(2)),
        "output": nir.Output(np.array([2])),
    }
    found = nir.NIRGraph(inner, [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")])
    for _ in range(depth - 1):
        around = {"input": nir.Input(np.array([2])), "sub": found, "output": nir.Output(np.array([2]))}
        found = unchecked(around, [("input", "sub"), ("sub", "output")])
    return found


@pytest.mark.parametrize("depth", [1, 2])
def test_nested_graphs_are_flattened_in_memory_and_in_files(tmp_path, depth):
    names = ("in", "w", "rnn", "out", "lif", "end")
    parts = (nir.Input(np.array([2])), LINEAR, nested(depth), LINEAR, lif(), nir.Output(np.array([2])))
    nodes = dict(zip(names, parts, strict=True))
    there = unchecked(nodes, list(pairwise(nodes)))
    nir.write(str(tmp_path / "a.nir"), there)
    for network in (ours.convert(there), ours.read(tmp_path / "a.nir")):
        assert [layer.name for layer in network.layers] == [f"rnn.{'sub.' * (depth - 1)}lif", "lif"]
        assert [(s.source, s.target) for s in network.synapses] == [(INPUT, 0), (0, 0), (0, 1)]


@pytest.mark.parametrize("ones", [(), (1,), (1, 1)])
@pytest.mark.parametrize("grid", [False, True])
def test_the_ones_of_a_batch_in_front_of_shapes_are_dropped(ones, grid):
    if grid:
        middle = nir.Conv2d((4, 4), np.ones((2, 1, 4, 4)), 1, 0, 1, 1, ZEROS)
        shape, n, expected = (1, 4, 4), (*ones, 2, 1, 1), (1, 4, 4)
    else:
        middle, shape, n, expected = nir.Linear(np.ones((2, 16))), (16,), (*ones, 2), (16,)
    node = neurons("LIF", tau=np.full(n, 1e-3), r=np.ones(n), v_leak=np.zeros(n), v_threshold=np.ones(n))
    network = ours.convert(graph(nir.Input(np.array([*ones, *shape])), middle, node, nir.Output(np.array(n))))
    assert network.input_shape == expected
    assert network.n_neurons == 2


def test_parameters_of_one_neuron_count_for_all():
    node = lif(1, r=np.array([5.0]))
    assert ours.convert(between(nir.Linear(np.ones((3, 2))), neurons=node)).n_neurons == 3


# --------------------------------------------------------------------------------------------------- errors


def conv(**changes):
    fields = {
        "input_shape": (4, 4),
        "weight": np.ones((2, 1, 3, 3)),
        "stride": 1,
        "padding": 0,
        "dilation": 1,
        "groups": 1,
        "bias": ZEROS,
    }
    return nir.Conv2d(**fields | changes)


def pool(kernel, stride, padding=(0, 0)):
    return nir.SumPool2d(np.array(kernel), np.array(stride), np.array(padding))


LINEAR = nir.Linear(np.eye(2))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: between(LINEAR, neurons=nir.Threshold(ONES)), "node threshold: Threshold: must be one of Cub"),
        (lambda: between(LINEAR, neurons=lif(tau=5e-5 * ONES)), "node lif: tau = 5e-05: must be at least dt = 0.0001"),
        (lambda: between(LINEAR, neurons=lif(v_threshold=-ONES)), r"node lif: CubaParams.vth \[0\] = -1.0"),
        (lambda: between(LINEAR, neurons=lif(3)), r"node lif: tau.shape = \(3,\): must be \(2,\)"),
        (lambda: between(nir.Linear(np.ones((2, 3)))), r"node linear: weight.shape = \(2, 3\): must be \(neurons, 2\)"),
        (lambda: between(LINEAR, nir.Delay(1e-3 * ONES)), "node delay: Delay: must directly follow neurons"),
        (lambda: between(nir.Delay(1.5e-4 * ONES), LINEAR), "node delay: delay = 0.00015 s: must be a multiple of dt"),
        (lambda: between(nir.Delay(-1e-4 * ONES), LINEAR), r"Dense.delay \[0\] = -1: must be in 0"),
        (lambda: between(pool((2, 2), (2, 2)), LINEAR), "node sumpool2d: SumPool2d on shape"),
        (lambda: between(pool((2, 2), (0, 1)), shape=(1, 4, 4)), "node sumpool2d: kernel_size = .*must be positive"),
        (lambda: between(pool((2, 2), (1, 1), (2, 0)), shape=(1, 4, 4)), "padding = .*at most half of the window"),
        (lambda: between(conv(), shape=(4,)), r"node conv2d: Conv2d on shape \(4,\)"),
        (lambda: between(conv(), shape=(2, 4, 4)), "node conv2d: groups = 1: must divide"),
        (lambda: graph(nir.Input(np.array([2])), LINEAR, nir.Output(np.array([2]))), "nodes: none of type CubaLIF"),
        (
            lambda: graph(nir.Input(np.array([2])), LINEAR, lif(), nir.Linear(np.eye(2)), nir.Output(np.array([2]))),
            "node output: must follow neurons",
        ),
        (
            lambda: unchecked({"a": nir.Input(np.array([1])), "b": nir.Input(np.array([1]))}, []),
            "nodes of type Input: a, b: must be one",
        ),
        (
            lambda: unchecked(
                {"i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])), "n": lif(), "m": lif()},
                [("i", "n"), ("n", "o"), ("m", "m")],
            ),
            "node m: must be reached from the input",
        ),
        (
            lambda: unchecked(
                {"i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])), "n": lif(), "f": LINEAR},
                [("i", "n"), ("n", "o"), ("f", "f"), ("f", "n")],
            ),
            "node f: lies on a cycle without neurons",
        ),
        (
            lambda: unchecked(
                {"i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])), "n": lif()}, [("i", "x"), ("n", "o")]
            ),
            "edge i -> x",
        ),
    ],
)
def test_what_a_graph_says_that_a_network_cannot_is_named(make, words):
    with pytest.raises(NirError, match=words):
        ours.convert(make())


def layered(*parts, shape=((2,), (1,)), outputs=(2,), **params):
    layers = tuple(Layer(each) for each in shape)
    return Network((2,), layers, parts, CubaParams(**{"du": 1, "dv": 0.5, "vth": 1} | params), list(outputs))


INTO, ON = Dense(INPUT, 0, np.eye(2)), Dense(0, 1, [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Network.feedforward([[[1]]], LoihiParams(0, 0, 1)), r"LoihiParams: NIR has no integer .*nir\.as_float"),
        (layered(INTO, ON, outputs=[0]), "Network.outputs: NIR has whole layers as outputs"),
        (layered(ON), "nothing leaves the input"),
        (layered(INTO), "layer 0: sends nothing|layer 1: receives nothing"),
        (layered(Dense(INPUT, 1, np.ones((1, 2)))), "layer 0: receives nothing"),
        (layered(INTO, Dense(INPUT, 1, np.ones((1, 2)))), "layer 0: sends nothing"),
        (layered(INTO, Sparse.from_matrix(0, 1, [[1.0, 1.0]], [[0, 1]])), "synapses 0 -> 1: delays of single synapses"),
        (layered(INTO, Sparse(0, 1, [0, 1], [0, 0], [1.0, 0.0], (1, 2))), "synapses 0 -> 1: a listed weight of 0"),
    ],
)
def test_what_a_network_says_that_nir_cannot_is_named(network, words):
    with pytest.raises(NirError, match=words):
        ours.export(network)


def test_a_time_step_must_take_time():
    for dt, error in ((0, InvalidValue), (np.inf, InvalidValue), ("fast", InvalidType)):
        with pytest.raises(error, match="nir dt"):
            ours.export(EXAMPLES["LIF"], dt=dt)
    with pytest.raises(InvalidType, match=r"nir\.convert graph"):
        ours.convert({})


def test_files_that_are_not_there_or_not_of_nir_are_named(tmp_path):
    (tmp_path / "a.nir").write_text("no")
    for name, words in (("a.nir", "is no file of NIR"), ("b.nir", "no such file")):
        with pytest.raises(NirError, match=rf"{name}: {words}"):
            ours.read(tmp_path / name)
    with pytest.raises(NirError, match="cannot be written"):
        ours.write(EXAMPLES["LIF"], tmp_path / "nowhere" / "a.nir")


def test_a_missing_package_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ours.MissingNir, match=r'pip install "lava-async\[nir\]"'):
        ours.export(EXAMPLES["LIF"])


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
