"""NIR and back: the same spikes, and an error that names what the other side cannot say."""

import sys
from dataclasses import replace

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


def lif(n=2, **changes):
    fields = {"tau": 5e-4 * np.ones(n), "r": np.ones(n), "v_leak": np.zeros(n), "v_threshold": 0.5 * np.ones(n)}
    return nir.LIF(**fields | changes)


def graph(*nodes):
    """Return a chain of nodes from the input to the output."""
    return nir.NIRGraph.from_list(*nodes, type_check=False)


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
    (1, 4, 4), (Layer((2, 3, 3), "a"), Layer((3,), "b")),
    (Conv(INPUT, 0, np.full((2, 1, 2, 2), 0.3), (1, 4, 4), delay=np.arange(16) % 3),
     Dense(0, 1, np.full((3, 18), 0.2)), Sparse.from_matrix(1, 1, np.eye(3) * 0.5),
     Conv(0, 0, np.full((2, 1, 1, 3), -0.1), (2, 3, 3), padding=(0, 1), groups=2)),
    CubaParams(0.5, 0.25, 0.6, 0.05), [18, 19, 20],
)  # fmt: skip
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


def test_weights_stay_what_they_are_and_the_time_step_is_noted():
    there = ours.export(EXAMPLES["CubaLIF"], dt=1e-3)
    assert there.metadata["dt"] == 1e-3
    assert np.array_equal(there.nodes["synapses_0_linear"].weight, EXAMPLES["CubaLIF"].synapses[0].weights)
    assert there.nodes["layer_0"].tau_mem == pytest.approx(1e-3 / 0.1)
    assert there.nodes["layer_0"].tau_syn == pytest.approx(1e-3 / 0.3)


# ------------------------------------------------------------------------------------------------- dynamics


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["CubaLIF", "LIF", "IF"]), strategies.generators())
def test_neurons_follow_the_differential_equations_of_nir_by_the_euler_method(kind, rng):
    dt, steps = 1e-3, 30
    tau_syn, tau_mem = dt * rng.uniform(1, 9, 2), dt * rng.uniform(1, 9, 2)
    r, w_in, v_leak, vth = rng.uniform(0.5, 2, 2), rng.uniform(0.5, 2, 2), rng.uniform(-0.2, 0.2, 2), np.full(2, 1e9)
    weight = rng.normal(0, 1, (2, 3))
    if kind == "IF":
        node = nir.IF(r, vth)
    elif kind == "LIF":
        node = nir.LIF(tau_mem, r, v_leak, vth)
    else:
        node = nir.CubaLIF(tau_syn, tau_mem, r, v_leak, vth, w_in=w_in)
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


def test_a_constant_input_of_neurons_without_memory_of_the_current_is_a_bias():
    affine = nir.Affine(np.eye(2), np.array([3.0, 0.0]))
    network = ours.convert(between(affine, neurons=lif(r=2 * ONES, v_leak=ONES)), dt=1e-4)
    assert network.params.bias == pytest.approx([0.2 * (1 + 2 * 3), 0.2])
    assert network.synapses[0].weights == pytest.approx(0.4 * np.eye(2))


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
    edges = [("in", "w0"), ("w0", "b"), ("b", "w1"), ("w1", "a"), ("in", "w2"), ("w2", "c"), ("a", "w3"), ("w3", "c"),
             ("c", "w4"), ("w4", "b"), ("c", "out")]  # fmt: skip
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
    node = nir.IF(1e4 * np.ones(n), 1e9 * np.ones(n))
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


def test_parameters_of_one_neuron_count_for_all():
    node = nir.LIF(*(np.array([x]) for x in (5e-4, 5.0, 0.0, 0.5)))
    assert ours.convert(between(nir.Linear(np.ones((3, 2))), neurons=node)).n_neurons == 3


# --------------------------------------------------------------------------------------------------- errors


def conv(**changes):
    fields = {"input_shape": (4, 4), "weight": np.ones((2, 1, 3, 3)), "stride": 1, "padding": 0, "dilation": 1,
              "groups": 1, "bias": ZEROS}  # fmt: skip
    return nir.Conv2d(**fields | changes)


def pool(kernel, stride, padding=(0, 0)):
    return nir.SumPool2d(np.array(kernel), np.array(stride), np.array(padding))


LINEAR = nir.Linear(np.eye(2))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: between(LINEAR, neurons=nir.LI(ONES, ONES, ZEROS)), "node li: LI: must be one of Cub"),
        (lambda: between(LINEAR, neurons=lif(v_reset=ONES)), "node lif: v_reset = 1: must be 0"),
        (lambda: between(LINEAR, neurons=lif(tau=5e-5 * ONES)), "node lif: tau = 5e-05: must be at least dt = 0.0001"),
        (lambda: between(LINEAR, neurons=lif(v_threshold=-ONES)), "node lif: CubaParams.vth = -1.0"),
        (lambda: between(LINEAR, neurons=lif(3)), r"node lif: tau.shape = \(3,\): must be \(2,\)"),
        (lambda: between(LINEAR, LINEAR), "node linear_1: Linear: must be the only one between neurons"),
        (lambda: between(nir.Linear(np.ones((2, 3)))), r"node linear: weight.shape = \(2, 3\): must be \(neurons, 2\)"),
        (lambda: between(LINEAR, nir.Delay(1e-3 * ONES)), "node delay: Delay: must directly follow neurons"),
        (lambda: between(nir.Delay(1.5e-4 * ONES), LINEAR), "node delay: delay = 0.00015 s: must be a multiple of dt"),
        (lambda: between(nir.Delay(-1e-4 * ONES), LINEAR), "Dense.delay = -1: must be in 0"),
        (lambda: between(pool((2, 2), (2, 2)), LINEAR), "node sumpool2d: SumPool2d of shape"),
        (lambda: between(pool((2, 2), (1, 1)), shape=(1, 4, 4)), "node sumpool2d: kernel_size = .*side by side"),
        (lambda: between(pool((3, 2), (3, 2)), shape=(1, 4, 4)), "node sumpool2d: kernel_size = .*side by side"),
        (lambda: between(conv(), shape=(4,)), "node conv2d: weight.shape"),
        (lambda: between(conv(), shape=(2, 4, 4)), "node conv2d: Conv.groups = 1"),
        (lambda: between(conv(stride=2, padding="same"), shape=(1, 4, 4)), "node conv2d: padding = same"),
        (lambda: between(conv(), shape=(1, 4, 4), neurons=nir.IF(np.arange(8.0).reshape(2, 2, 2), np.ones((2, 2, 2)))),
         "neurons of a channel differ"),
        (lambda: between(nir.Affine(np.eye(2), ONES), neurons=nir.CubaLIF(*(1e-3 * ONES,) * 3, ZEROS, ONES)),
         "node cubalif: a bias of Affine .* must be 0; use v_leak"),
        (lambda: graph(nir.Input(np.array([2])), LINEAR, nir.Output(np.array([2]))), "nodes: none of type CubaLIF"),
        (lambda: graph(nir.Input(np.array([2])), LINEAR, lif(), nir.Linear(np.eye(2)), nir.Output(np.array([2]))),
         "node output: must follow neurons"),
        (lambda: nir.NIRGraph({"a": nir.Input(np.array([1])), "b": nir.Input(np.array([1]))}, [], type_check=False),
         "nodes of type Input: a, b: must be one"),
        (lambda: nir.NIRGraph({"i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])), "n": lif(), "m": lif()},
                              [("i", "n"), ("n", "o"), ("m", "m")], type_check=False),
         "node m: must be reached from the input"),
        (lambda: nir.NIRGraph({"i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])), "n": lif(), "f": LINEAR},
                              [("i", "n"), ("n", "o"), ("f", "f"), ("f", "n")], type_check=False),
         "node f: lies on a cycle without neurons"),
        (lambda: nir.NIRGraph({"i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])), "n": lif()},
                              [("i", "x"), ("n", "o")], type_check=False), "edge i -> x"),
    ],
)  # fmt: skip
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
        (layered(INTO, ON, du=0), "layer 0: du = 0: NIR needs a finite tau_syn"),
        (layered(INTO, ON, du=0.5, dv=0), "layer 0: dv = 0: NIR needs a finite tau_mem"),
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
