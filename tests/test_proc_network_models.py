"""AsyncNetwork runs every neuron model: its port sends what the engine says, and what stock netx sends."""

from __future__ import annotations

import numpy as np
import pytest
from stock import run_stock
from test_netx_neurons import sdnn_file

from lava_async import (
    AlifParams,
    CubaParams,
    Layered,
    LoihiAlifParams,
    LoihiParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    Network,
    Random,
    SigmaDeltaParams,
    netx,
    simulate,
)
from lava_async.proc.async_network.process import AsyncNetwork

pytestmark = pytest.mark.lava
STEPS = 25


def sent_by(network, frames, **options):
    """Return what an AsyncNetwork sends for frames whose last axis is time."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io

    from lava_async.proc import runtime

    process = AsyncNetwork(net_config=network, **options)
    fixed = network.params.tag == "fixed_pt"
    source = io.source.RingBuffer(data=frames.astype(np.int32 if fixed else float))
    sink = io.sink.RingBuffer(shape=process.out.shape, buffer=frames.shape[-1])
    source.s_out.connect(process.inp)
    process.out.connect(sink.a_in)
    runtime.run(process, frames.shape[-1], Loihi2SimCfg(select_tag=network.params.tag), timeout=60)
    return np.asarray(sink.data.get())


rng = np.random.default_rng(0)
WEIGHTS = [rng.integers(-20, 60, (6, 4)), rng.integers(-20, 60, (3, 6))]
MODELS = {
    "subtract": LoihiParams(2000, 100, 60, reset="subtract"),
    "subtract, floats": CubaParams(0.5, 0.1, 40.0, reset="subtract"),
    "refractory steps": LoihiParams(4095, 100, 60, refractory_steps=2),
    "adaptive": AlifParams(0.5, 0.2, 0.1, 0.3, 40.0, 20.0),
    "adaptive integers": LoihiAlifParams(2000, 400, 300, 900, 40, 20),
    "sigma-delta": LoihiSigmaDeltaParams(5 << 6, bias_mant=3, bias_exp=6),
    "sigma-delta, floats": SigmaDeltaParams(30.0, 1.0),
    "resonators": LoihiResonateParams(0.05, 5.0, 30),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("schedule", [Layered(), Random(2)], ids=["layered", "random"])
def test_every_model_runs_in_lava_as_on_the_engine(name, schedule):
    params = MODELS[name]
    weights = [w * (1 + 0.5j if params.complex_weights else 1) for w in WEIGHTS]
    weights = [w.real.round() + 1j * w.imag.round() if params.complex_weights else w for w in weights]
    network = Network.feedforward(weights, params)
    low = -3 if network.graded else 0
    x = np.random.default_rng(1).integers(low, 4, (4, STEPS)) * (np.random.default_rng(2).random((4, STEPS)) < 0.5)
    x = 64 * x if network.graded else x
    expected = simulate(network, x, schedule=schedule, seed=3).emitted[network.outputs]
    assert np.count_nonzero(expected) > 5
    np.testing.assert_array_equal(sent_by(network, x, schedule=schedule, seed=3), expected)


def test_a_sigma_delta_file_runs_as_in_stock_netx(tmp_path):
    path = sdnn_file(tmp_path / "a.net")
    values = np.random.default_rng(5).integers(-30, 30, (2, 4, 4, 12)).transpose(2, 1, 0, 3)  # W, H, C, T
    output, _ = run_stock(path, values, into="in_layer")
    assert len(np.unique(output)) > 8
    flat = values.transpose(2, 1, 0, 3).reshape(32, 12)
    np.testing.assert_array_equal(sent_by(netx.pipelined(netx.load(path)), flat, schedule=Layered()), output)
