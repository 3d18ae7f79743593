"""Graphs of NIR and networks for the tests of `lava_async.nir`."""

from inspect import signature
from itertools import pairwise

import numpy as np
import pytest

from lava_async import CubaParams, Network
from lava_async.network import Layer
from lava_async.synapses import INPUT, Conv, Dense, Sparse

nir = pytest.importorskip("nir")

ONES = np.ones(2)
ZEROS = np.zeros(2)


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
