"""Graphs of NIR from elsewhere: order, nesting, pools, convolutions."""

from itertools import pairwise

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from nir_cases import LINEAR, ONES, ZEROS, between, graph, lif, neurons, unchecked

from lava_async import nir as ours
from lava_async import simulate
from lava_async.synapses import INPUT, Conv, Sparse

nir = pytest.importorskip("nir")

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
