"""Neurons of .net files besides CUBA: sigma-delta, adaptive, resonators. As slayer writes and runs them, and as stock
netx runs them on Lava: nothing differs.
"""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from netx_files import build, dense
from stock import run_stock

from lava_async import Layered, LoihiParams, Network, SigmaDeltaParams, netx, simulate
from lava_async.network import Layer
from lava_async.netx.neurons.sigma_delta import READ_OUT
from lava_async.netx.pipeline import pipelined
from lava_async.neurons import (
    AlifParams,
    CubaParams,
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    ResonateParams,
)
from lava_async.synapses import INPUT, Conv, Dense, Sparse
from lava_async.training.blocks import slayer

STEPS = 40
LAYERED = {"schedule": Layered()}


def exported(blocks, path):
    """Write blocks as slayer's tutorials do."""
    with h5py.File(path, "w") as file:
        for i, block in enumerate(blocks):
            block.export_hdf5(file.create_group(f"layer/{i}"))
    return path


def chain(x, *blocks):
    """Return what each block sends, in slayer's units, (n, T)."""
    found = []
    for block in blocks:
        x = block(x)
        found.append(x[0].detach().numpy())
    return found


def spikes(seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((20, STEPS)) < 0.3).astype(int)


# ------------------------------------------------------------------------------------------------- slayer


def test_adaptive_neurons_are_slayers(tmp_path):
    torch.manual_seed(0)
    neuron = {
        "threshold": 0.6,
        "threshold_step": 0.3,
        "current_decay": 0.3,
        "voltage_decay": 0.2,
        "threshold_decay": 0.1,
        "refractory_decay": 0.15,
    }
    make = slayer().block.alif.Dense
    blocks = [make(dict(neuron), 20, 15, weight_scale=3, delay_shift=False)]
    blocks.append(make(dict(neuron), 15, 6, weight_scale=6, delay_shift=False))
    x = spikes()
    found = chain(torch.from_numpy(x)[None].float(), *blocks)
    network = netx.load(exported(blocks, tmp_path / "alif.net"))
    assert isinstance(network.params, LoihiAlifParams)
    assert found[-1].sum() > 20
    np.testing.assert_array_equal(simulate(network, x, **LAYERED).counts, np.concatenate(found))
    netx.save(network, tmp_path / "ours.net")
    assert netx.load(tmp_path / "ours.net") == network
    assert netx.metadata(tmp_path / "ours.net")["stock_reason"].endswith("which stock netx does not know")


@pytest.mark.parametrize("kind", ["rf", "rf_iz"])
@pytest.mark.parametrize(("period", "decay"), [(7.0, 0.05), (5.0, 0.1), (9.3, 0.07)])
def test_resonators_are_slayers(kind, period, decay, tmp_path):
    torch.manual_seed(0)
    make, neuron = getattr(slayer().block, kind).Dense, {"threshold": 0.5, "period": period, "decay": decay}
    blocks = [make(dict(neuron), 20, 15, weight_scale=3, delay_shift=False)]
    blocks.append(make(dict(neuron), 15, 6, weight_scale=6, delay_shift=False))
    x = spikes(1)
    found = chain(torch.from_numpy(x)[None].float(), *blocks)
    network = netx.load(exported(blocks, tmp_path / "rf.net"))
    assert network.params.variant == kind
    assert found[-1].sum() > 20
    np.testing.assert_array_equal(simulate(network, x, **LAYERED).counts, np.concatenate(found))
    netx.save(network, tmp_path / "ours.net")
    assert netx.metadata(tmp_path / "ours.net")["stock_readable"]
    assert netx.load(tmp_path / "ours.net") == network
    assert netx.load(only_layers(tmp_path / "ours.net")) == network


def test_sigma_delta_neurons_are_slayers_in_integers_and_in_floats(tmp_path):
    """In netx's integers a value of 1 is a payload of 2^12, and of 2^18 in the state."""
    torch.manual_seed(0)
    sd, neuron = slayer().block.sigma_delta, {"threshold": 0.1, "activation": torch.nn.functional.relu}
    blocks = [sd.Dense(dict(neuron), 20, 15, weight_scale=2), sd.Dense(dict(neuron), 15, 6, weight_scale=2)]
    blocks.append(sd.Output(dict(neuron), 6, 3, weight_scale=2))
    x = np.diff(spikes(2), axis=1, prepend=0)
    *hidden, output = chain(torch.from_numpy(x)[None].float(), *blocks)
    network = netx.load(exported(blocks, tmp_path / "sd.net"))
    sent = np.concatenate(hidden)
    assert np.count_nonzero(sent[15:]) > 20
    result = simulate(network, x << 12, record="trace", **LAYERED)
    np.testing.assert_array_equal(result.emitted[:21], sent * 2**12)
    sigma = np.stack([check.state["sigma"][21:] for check in result.trace if check.k == 2], 1)
    np.testing.assert_array_equal(sigma, output * 2**18)
    assert (np.asarray(network.params.parts[2].vth) == READ_OUT).all()

    weights = [block.synapse.pre_hook_fx(block.synapse.weight).detach().flatten(1).numpy() for block in blocks]
    floats = Network.feedforward(weights[:2], SigmaDeltaParams(6 / 64))
    np.testing.assert_array_equal(simulate(floats, x, **LAYERED).emitted, sent)


# --------------------------------------------------------------------------------------------- round trip


def only_layers(path):
    """Take away what is ours in a file."""
    with h5py.File(path, "a") as file:
        del file["async"]
    return path


def sdnn(**more):
    return {"type": "SDNN", "activation": "relu", **more}


def sdnn_file(path):
    """Write delta neurons, a convolution and a dense layer of sigma-delta neurons, and one that is read out."""
    rng = np.random.default_rng(4)
    return build(
        path,
        {"type": "input", "shape": (2, 4, 4), "neuron": sdnn(vThMant=1)},
        {
            "type": "conv",
            "shape": (3, 2, 3),
            "stride": (2, 1),
            "padding": 0,
            "dilation": 1,
            "groups": 1,
            "weight": rng.integers(-40, 60, (3, 2, 2, 2)).astype(np.float32),
            "bias": np.array([3.0, -2.0, 5.0]),
            "neuron": sdnn(vThMant=4),
        },
        {"type": "flatten", "shape": (18, 1, 1)},
        dense(rng.integers(-40, 60, (5, 18)), bias=np.array([1.0, 0, 2, 0, -4]), neuron=sdnn(vThMant=6)),
        dense(rng.integers(-40, 60, (2, 5)), neuron=sdnn(vThMant=6, sigma_output=True)),
    )


def test_a_sigma_delta_file_is_read_and_written(tmp_path):
    network = netx.load(sdnn_file(tmp_path / "a.net"))
    entry, conv, hidden, output = network.params.parts
    assert [type(part) for part in network.params.parts] == [LoihiDeltaParams, *[LoihiSigmaDeltaParams] * 3]
    assert np.asarray(entry.vth)[0] == 1 << 12
    assert np.asarray(conv.vth)[0] == 4 << 12
    np.testing.assert_array_equal(conv.shifted_bias(), np.repeat([3, -2, 5], 6) << 12)
    np.testing.assert_array_equal(hidden.shifted_bias(), np.array([1, 0, 2, 0, -4]) << 12)
    assert output.activation == "unit"
    netx.save(network, tmp_path / "b.net")
    assert netx.metadata(tmp_path / "b.net")["stock_readable"]
    assert netx.load(tmp_path / "b.net") == network
    assert netx.load(only_layers(tmp_path / "b.net")) == network


@pytest.mark.lava
def test_stock_netx_runs_a_sigma_delta_file_as_a_pipeline_of_its_layers(tmp_path):
    path = sdnn_file(tmp_path / "a.net")
    network = netx.load(path)
    netx.save(network, tmp_path / "b.net")
    values = np.random.default_rng(5).integers(-30, 30, (32, 12))
    result = simulate(pipelined(network), values, record="trace", **LAYERED)
    sigma = np.stack([check.state["sigma"][-2:] for check in result.trace if check.k == 3], 1)
    assert len(np.unique(sigma)) > 8
    grid = values.reshape(2, 4, 4, 12).transpose(2, 1, 0, 3)  # Lava's grids are in the order W, H, C.
    for file in (path, tmp_path / "b.net"):
        output, _ = run_stock(file, grid, into="in_layer")
        np.testing.assert_array_equal(output, sigma)


@pytest.mark.lava
def test_stock_netx_runs_cuba_networks_as_a_pipeline_biases_included(tmp_path):
    rng = np.random.default_rng(6)
    weights = [rng.integers(-30, 60, (7, 5)), rng.integers(-30, 60, (4, 7))]
    bias = np.concatenate([np.full(7, 9), np.full(4, 21)])
    network = Network.feedforward(weights, LoihiParams(3000, 400, 90, bias_mant=bias, bias_exp=6))
    netx.save(network, tmp_path / "a.net")
    x = (rng.random((5, 30)) < 0.3).astype(int)
    output, _ = run_stock(tmp_path / "a.net", x)
    found = simulate(pipelined(network), x, schedule=Layered()).output
    assert found.sum() > 10
    np.testing.assert_array_equal(output, found)


MIXED = {
    "reset by subtraction": lambda: CubaParams(0.5, 0.1, 1.0, reset="subtract"),
    "refractory steps": lambda: LoihiParams(4095, 100, 9, refractory_steps=[1, 2, 3]),
    "synchronization thresholds": lambda: LoihiParams(4095, 100, 9, sync_threshold=2),
    "adaptive floats": lambda: AlifParams(0.5, 0.1, 0.2, 0.3, 1.0, 0.25, bias=[0.0, 0.5, 1.0]),
    "adaptive integers": lambda: LoihiAlifParams(400, 100, 200, 300, 10, 5, bias_mant=3, bias_exp=2),
    "sigma-delta floats": lambda: SigmaDeltaParams(0.1, activation="unit"),
    "resonators": lambda: ResonateParams(0.1, 7.0, 0.5, variant="rf_iz"),
    "resonators in integers": lambda: LoihiResonateParams(0.1, 7.0, 5),
}


@pytest.mark.parametrize("name", MIXED)
def test_any_model_is_loaded_as_it_was_saved_alone_and_mixed(name, tmp_path):
    params = MIXED[name]()
    other = LoihiParams(10, 20, 30) if params.tag == "fixed_pt" else CubaParams(0.1, 0.2, 0.3)
    turned = 1 + 1j if params.complex_weights else 1
    into, back = np.arange(6).reshape(3, 2) * turned, np.ones((2, 3), int)
    layers, outputs = (Layer((3,)), Layer((2,))), np.arange(3, 5)
    synapses = (Dense(INPUT, 0, into), Dense(0, 1, back), Sparse(1, 0, [0], [2], [3 * turned], (3, 2)))
    for network in (
        Network((2,), layers[:1], (Dense(INPUT, 0, into),), params, np.arange(3)),
        Network((2,), layers, synapses, [params, other], outputs),
    ):
        netx.save(network, tmp_path / "a.net")
        assert netx.load(tmp_path / "a.net") == network


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("neuron", "message"),
    [
        ({"type": "ADRF_PHASE"}, "type = ADRF_PHASE (resonators whose threshold adapts): must be CUBA or LOIHI or"),
        (sdnn(), "vThMant: missing"),
        (sdnn(vThMant=1, activation="tanh"), "activation = tanh: must be relu, which is what stock netx runs"),
        (sdnn(vThMant=1, messageBits=0), "messageBits = 0: must be above 0, sigma-delta neurons send numbers"),
        ({"type": "ALIF", "iDecay": 4097}, "iDecay = 4097: must be in 0 .. 4096"),
        ({"type": "RF", "sinDecay": 0, "cosDecay": 9, "vThMant": 1}, "sinDecay = 0: must not be 0, the state does not"),
    ],
)
def test_what_neurons_cannot_be_is_named(neuron, message, tmp_path):
    path = build(tmp_path / "a.net", {"type": "input", "shape": (2,)}, dense([[1, 2]], neuron=neuron))
    with pytest.raises(netx.NetxError) as error:
        netx.load(path)
    assert f"/layer/1/neuron/{message}" in str(error.value)


def test_what_stock_netx_cannot_run_is_said(tmp_path):
    said = {
        "reset by subtraction": Network.feedforward([[[1]]], LoihiParams(1, 1, 1, reset="subtract")),
        "refractory_steps": Network.feedforward([[[1]]], LoihiParams(1, 1, 1, refractory_steps=1)),
        "without rectification": Network.feedforward([[[1]]], LoihiSigmaDeltaParams(4096, activation="unit")),
        "no multiple of 2^12": Network.feedforward([[[1]]], LoihiSigmaDeltaParams(5)),
        "thresholds of sigma-delta neurons differ": Network.feedforward(
            [[[1], [1]]], LoihiSigmaDeltaParams([4096, 8192])
        ),
        "delays into resonators": Network(
            (1,), (Layer((1,)),), (Dense(INPUT, 0, [[1j]], [1]),), LoihiResonateParams(0.1, 7.0, 5), np.arange(1)
        ),
        "parameters of resonators differ": Network.feedforward([[[1], [1j]]], LoihiResonateParams(0.1, [5.0, 7.0], 5)),
    }
    for reason, network in said.items():
        netx.save(network, tmp_path / "a.net")
        assert reason in netx.metadata(tmp_path / "a.net")["stock_reason"]
        assert netx.load(tmp_path / "a.net") == network


def test_a_pipeline_delays_what_leads_forward():
    conv = Conv(0, 1, np.ones((1, 1, 1, 1)), (1, 1, 2), delay=[0, 3])
    parts = (
        Dense(INPUT, 0, np.ones((2, 1))),
        conv,
        Dense(1, 0, np.ones((2, 2))),
        Sparse(0, 0, [0], [1], [1.0], (2, 2)),
    )
    network = Network((1,), (Layer((1, 1, 2)), Layer((1, 1, 2))), parts, CubaParams(1, 1, 1), np.arange(2, 4))
    later = {(s.source, s.target): s for s in pipelined(network).synapses}
    assert later[0, 1].delay.tolist() == [1, 4]
    assert [later[key].max_delay for key in ((INPUT, 0), (1, 0), (0, 0))] == [1, 0, 0]
