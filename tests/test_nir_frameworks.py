"""Files that we write, read and run by other frameworks: the same output spikes as here.

Each framework runs where it is installed. None of them is needed by this package, and most need a newer Python: an
optional job of continuous integration (nir.yml) has them.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lava_async import CubaParams, Layered, LoihiParams, Network, nir, simulate
from lava_async.network import Layer
from lava_async.synapses import INPUT, Conv, Dense

STEPS = 60
rng = np.random.default_rng(0)


def chain(**params: Any) -> Network:
    weights = [rng.normal(0.1, 0.4, (30, 20)), rng.normal(0.1, 0.3, (10, 30))]
    return Network.feedforward(weights, CubaParams(**params))


def images(**params: Any) -> Network:
    conv = Conv(INPUT, 0, rng.normal(0.05, 0.3, (4, 2, 3, 3)), (2, 8, 8), stride=2, padding=1)
    parts = (conv, Dense(0, 1, rng.normal(0.05, 0.3, (10, 64))))
    return Network((2, 8, 8), (Layer((4, 4, 4)), Layer((10,))), parts, CubaParams(**params), np.arange(64, 74))


def recurrent() -> Network:
    parts = (
        Dense(INPUT, 0, rng.normal(0.1, 0.4, (30, 20))),
        Dense(0, 0, rng.normal(0, 0.1, (30, 30))),
        Dense(0, 1, rng.normal(0.1, 0.3, (10, 30))),
    )
    return Network((20,), (Layer((30,)), Layer((10,))), parts, CubaParams(1, 0.1, 1.0), np.arange(30, 40))


def integers() -> Network:
    """Return a network whose voltages often equal their threshold."""
    weights = [rng.integers(-3, 5, (30, 20)), rng.integers(-2, 4, (10, 30))]
    return nir.as_float(Network.feedforward(weights, LoihiParams(4095, 819, 4)))


NETWORKS = {
    "LIF": chain(du=1, dv=0.1, vth=1.0),
    "LIF with biases": chain(du=1, dv=0.25, vth=1.0, bias=rng.normal(0, 0.05, 40)),
    "IF": chain(du=1, dv=0, vth=1.0),
    "IF with biases": chain(du=1, dv=0, vth=1.0, bias=rng.normal(0, 0.05, 40)),
    "CubaLIF": chain(du=0.3, dv=0.1, vth=2.0),
    "CubaLIF without leak": chain(du=0.3, dv=0, vth=2.0),
    "convolution": images(du=1, dv=0.125, vth=0.8, bias=np.repeat(rng.normal(0, 0.03, 14), [16] * 4 + [1] * 10)),
    "convolution of IF": images(du=1, dv=0, vth=0.8),
    "recurrent": recurrent(),
    "integers": integers(),
}


def stepwise(model: Any, x: Any, batch: bool) -> Any:
    """Run a model that returns its output and its state, time step by time step."""
    import torch

    state, found = None, []
    with torch.no_grad():
        for now in torch.tensor(x, dtype=torch.float32):
            out, state = model(now[None] if batch else now, state)
            out = out[0] if isinstance(out, tuple) else out
            found.append((out[0] if batch else out).numpy())
    return np.array(found)


def snntorch(graph: Any, x: Any) -> Any:
    from snntorch.import_nir import import_from_nir

    return stepwise(import_from_nir(graph), x, batch=False)


def norse(graph: Any, x: Any) -> Any:
    import norse.torch

    return stepwise(norse.torch.from_nir(graph, dt=1e-4), x, batch=False)


def spikingjelly(graph: Any, x: Any) -> Any:
    from spikingjelly.activation_based.nir_exchange.from_nir import import_from_nir

    return stepwise(import_from_nir(graph, dt=1e-4), x, batch=True)


def sinabs(graph: Any, x: Any) -> Any:
    """Run a model of sinabs, told to emit one spike at most and to reset to zero, as no file says."""
    import sinabs.activation as activation
    import sinabs.layers as layers
    import sinabs.nir
    import torch

    model = sinabs.nir.from_nir(graph, batch_size=1)
    for module in model.modules():
        if isinstance(module, layers.IAF):
            module.spike_fn, module.reset_fn = activation.SingleSpike, activation.MembraneReset()
            module.min_v_mem = None
    with torch.no_grad():
        out = model(torch.tensor(x, dtype=torch.float32))
    return (out[0] if isinstance(out, tuple) else out).numpy()


FRAMEWORKS: dict[str, tuple[Callable[[Any, Any], Any], list[str]]] = {
    # Its importer maps IF to neurons that leak, and loses the recurrent connections of its own files, too.
    "snntorch": (snntorch, ["LIF", "LIF with biases", "CubaLIF", "CubaLIF without leak", "convolution", "integers"]),
    "norse": (norse, list(NETWORKS)),
    "spikingjelly": (spikingjelly, list(NETWORKS)),
    # Its LIF decays exponentially, whatever the time step; it has no CubaLIF.
    "sinabs": (sinabs, ["IF", "IF with biases", "convolution of IF"]),
}


@pytest.mark.filterwarnings("ignore")  # of other packages
@pytest.mark.parametrize(
    ("framework", "name"), [(framework, name) for framework, (_, names) in FRAMEWORKS.items() for name in names]
)
def test_a_framework_that_reads_our_file_emits_the_same_spikes(tmp_path, framework, name):
    package = pytest.importorskip("nir")
    try:
        importlib.metadata.version(framework)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{framework} is not installed")
    network = NETWORKS[name]
    x = np.random.default_rng(1).random((STEPS, *network.input_shape)) < 0.2
    nir.write(network, tmp_path / "ours.nir")
    graph = package.read(str(tmp_path / "ours.nir"))
    expected = simulate(network, x.reshape(STEPS, -1).T.astype(int), schedule=Layered()).output.T
    assert expected.any()
    found = FRAMEWORKS[framework][0](graph, x).reshape(STEPS, -1)
    assert int((found != expected).sum()) == 0
