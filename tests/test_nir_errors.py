"""What NIR or a network cannot express is an error that names it."""

import sys

import numpy as np
import pytest
from nir_cases import EXAMPLES, LINEAR, ONES, between, conv, graph, lif, pool, unchecked

from lava_async import CubaParams, LoihiParams, Network
from lava_async import nir as ours
from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Layer
from lava_async.nir import NirError
from lava_async.synapses import INPUT, Dense, Sparse

nir = pytest.importorskip("nir")


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
