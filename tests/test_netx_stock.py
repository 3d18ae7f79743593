"""Files mean the same to stock netx on Lava, to slayer and to us, in both directions."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import h5py
import netx_files
import numpy as np
import pytest
from stock import run_stock

from lava_async import LoihiParams, Network, netx, simulate
from lava_async.network import Layer
from lava_async.netx.weights import deviation
from lava_async.synapses import INPUT, Conv, Dense

T = 40


def spikes(n: int, density: float = 0.5) -> np.ndarray:
    return (np.random.default_rng(1).random((n, T)) < density).astype(int)


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).integers(-90, 91, shape)


def per_neuron(n: int, bias: bool = False) -> LoihiParams:
    rng = np.random.default_rng(n)
    return LoihiParams(
        rng.integers(-1, 4096, n),
        rng.integers(0, 4097, n),
        rng.integers(20, 120, n),
        bias_mant=rng.integers(-9, 30, n) if bias else 0,
        bias_exp=6 if bias else 0,
    )


def recurrent() -> Network:
    parts = (Dense(INPUT, 0, weights(6, 5)), Dense(0, 0, weights(6, 6)), Dense(0, 1, weights(4, 6)))
    return Network((5,), (Layer((6,)), Layer((4,))), parts, per_neuron(10), range(6, 10))


def delayed() -> Network:
    """Delays of input channels, and of target neurons, which slayer writes for the axons behind them."""
    from lava_async.netx.builder import dense_synapses

    of_targets = np.repeat(np.arange(0, 8, 2)[:, None], 6, axis=1)
    parts = (Dense(INPUT, 0, weights(6, 5), [3, 0, 1, 7, 2]), dense_synapses(0, 1, weights(4, 6), of_targets))
    return Network((5,), (Layer((6,)), Layer((4,))), parts, per_neuron(10), range(6, 10))


NETWORKS = {
    "one parameter for all, odd weights": Network.feedforward(
        [weights(9, 5), weights(4, 9)], LoihiParams(1000, 300, 70)
    ),
    "parameters per neuron": Network.feedforward([weights(9, 5), weights(8, 9), weights(4, 8)], per_neuron(21)),
    "exciting weights only": Network.feedforward([abs(weights(9, 5)), weights(4, 9)], LoihiParams(1000, 300, 190)),
    "one layer": Network.feedforward([weights(4, 5) * 2], LoihiParams(4095, 300, 70)),
    "recurrent": recurrent(),
    "delays": delayed(),
}


@pytest.mark.lava
@pytest.mark.parametrize("name", NETWORKS)
def test_stock_netx_on_lava_runs_what_was_saved_one_time_step_later_per_layer(tmp_path, name):
    network = NETWORKS[name]
    netx.save(network, tmp_path / "a.net")
    output, depth = run_stock(tmp_path / "a.net", spikes(5))
    ours = simulate(netx.load(tmp_path / "a.net"), spikes(5)).output
    assert depth == len(network.layers)
    assert output[:, depth:].any()
    assert np.array_equal(output[:, depth:], ours[:, :-depth])


@pytest.mark.lava
def test_stock_netx_on_lava_adds_the_same_biases(tmp_path):
    # Neurons without memory: Lava's biases act before the first input arrives, which others would remember.
    params = LoihiParams(4095, 4096, 40, bias_mant=np.arange(-4, 9), bias_exp=6)
    network = Network.feedforward([weights(9, 5), weights(4, 9)], params)
    netx.save(network, tmp_path / "a.net")
    output, depth = run_stock(tmp_path / "a.net", spikes(5))
    assert np.array_equal(output[:, depth:], simulate(network, spikes(5)).output[:, :-depth])


@pytest.mark.lava
def test_an_image_reaches_stock_netx_in_the_order_of_the_file(tmp_path):
    network = Network.feedforward([weights(9, 12), weights(4, 9)], LoihiParams(1000, 300, 70))
    network = Network((2, 3, 2), network.layers, network.synapses, network.params, network.outputs)
    netx.save(network, tmp_path / "a.net")
    output, depth = run_stock(tmp_path / "a.net", spikes(12))
    assert output.any()
    assert np.array_equal(output[:, depth:], simulate(network, spikes(12)).output[:, :-depth])


CONVOLUTIONS = {
    "two, then dense": {"channels": (4, 3), "dense": True},
    "stride, padding, dilation": {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)},
    "groups": {"groups": 2},
    "decays and thresholds per channel": {"per_channel": True},
}


def convolutions(channels=(4,), dense=False, per_channel=False, **geometry):
    """A network of convolutions of 3 x 2 kernels on 2 channels of 8 x 7."""
    shape, parts, layers = (2, 8, 7), [], []
    for k, n in enumerate(channels):
        conv = Conv(k - 1, k, weights(n, shape[0] // geometry.get("groups", 1), 3, 2), shape, **geometry)
        shape = conv.output_shape
        parts.append(conv)
        layers.append(Layer(shape))
    if dense:
        parts.append(Dense(len(parts) - 1, len(parts), weights(5, conv.n_target)))
        layers.append(Layer((5,)))
    n = sum(layer.size for layer in layers)
    params = LoihiParams(1000, 300, 90)
    if per_channel:
        each = n // len(conv.weights)
        params = LoihiParams(
            *(np.repeat(x, each) for x in ([0, 99, 1023, 4095], [4096, 3, 1000, 400], [70, 80, 90, 75]))
        )
    return Network((2, 8, 7), tuple(layers), tuple(parts), params, np.arange(n - layers[-1].size, n))


@pytest.mark.lava
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_stock_netx_on_lava_runs_convolutions_that_were_saved(tmp_path, name):
    network = convolutions(**CONVOLUTIONS[name])
    netx.save(network, tmp_path / "a.net")
    x = spikes(2 * 8 * 7, 0.3)
    # Lava's grids are in the order W, H, C.
    output, depth = run_stock(tmp_path / "a.net", x.reshape(2, 8, 7, T).transpose(2, 1, 0, 3))
    if output.ndim == 4:
        output = output.transpose(2, 1, 0, 3).reshape(-1, T)
    assert output[:, depth:].any()
    assert np.array_equal(output[:, depth:], simulate(netx.load(tmp_path / "a.net"), x).output[:, :-depth])


@pytest.mark.lava
def test_stock_netx_on_lava_adds_the_biases_of_single_neurons_of_a_grid(tmp_path):
    network = convolutions()
    n = network.n_neurons
    memoryless = LoihiParams(4095, 4096, 60, bias_mant=np.arange(n) % 50 - 20, bias_exp=6)
    network = replace(network, params=memoryless)
    netx.save(network, tmp_path / "a.net")
    assert netx.metadata(tmp_path / "a.net")["stock_readable"]
    x = spikes(2 * 8 * 7, 0.3)
    output, _ = run_stock(tmp_path / "a.net", x.reshape(2, 8, 7, T).transpose(2, 1, 0, 3))
    assert np.array_equal(output.transpose(2, 1, 0, 3).reshape(-1, T)[:, 1:], simulate(network, x).output[:, :-1])


def test_a_layer_without_neurons_is_netxs_integrator(tmp_path):
    from lava.lib.dl.netx import hdf5

    path = netx_files.write(tmp_path / "a.net", layer3__neuron=None)
    network = netx.load(path)
    stock = hdf5.Network(net_config=str(path))
    for name in ("du", "dv", "vth", "bias_mant", "bias_exp"):
        assert np.array_equal(
            getattr(network.params, name)[3:], np.broadcast_to(getattr(stock.out_layer.neuron, name).init, 2)
        )
    stock.net_config.f.close()


def test_what_lava_makes_of_weights_is_known_for_all_kinds_of_layers():
    from lava.lib.dl.netx.utils import optimize_weight_bits
    from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

    rng = np.random.default_rng(0)
    deviating = 0
    for i in range(3000):
        low, high = np.sort(rng.choice([-256, 0, *rng.integers(-256, 256, 2)], 2))
        if i % 3 == 0:
            low, high = -(2 ** rng.integers(0, 9)), 0
        step = 2 ** rng.integers(0, 4)
        shapes = [(2, n) for n in rng.integers(1, 5, rng.integers(1, 3))]
        parts = [rng.integers(low, high + 1, shape) // step * step for shape in shapes]
        if rng.random() < 0.2:
            parts[-1] = abs(parts[-1]) % 256
        if not any(part.any() for part in parts):
            assert "all 0" in deviation(*parts)
            continue
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(divide="ignore"):
            shifted, bits, exponent, _ = optimize_weight_bits(np.hstack(parts))
        unchanged = True
        for part, mine in zip(
            parts, np.split(shifted, np.cumsum([part.shape[1] for part in parts])[:-1], axis=1), strict=True
        ):
            mode = determine_sign_mode(mine)
            runs = truncate_weights(clip_weights(mine, mode, num_bits=8), mode, bits)
            unchanged &= np.array_equal(runs, part << -exponent)
        deviating += not unchanged
        assert (deviation(*parts) is None) == unchanged
    assert 300 < deviating < 2000


# ------------------------------------------------------------------------------------------------- slayer


NEURON = {"threshold": 1.1, "current_decay": 0.3, "voltage_decay": 0.06}


def export(blocks, path):
    """Export as every slayer tutorial does."""
    with h5py.File(path, "w") as file:
        layer = file.create_group("layer")
        for i, block in enumerate(blocks):
            block.export_hdf5(layer.create_group(f"{i}"))


def forward(blocks, x):
    import torch

    with torch.no_grad():
        y = torch.as_tensor(x[None], dtype=torch.float32)
        for block in blocks:
            y = block(y)
    return y.numpy()[0]


def test_what_slayer_exports_is_loaded_spike_for_spike(tmp_path):
    import torch
    from lava.lib.dl.slayer.block import cuba

    torch.manual_seed(0)
    plain = {"delay_shift": False}
    per_channel = {**NEURON, "current_decay": [0.1, 0.5], "voltage_decay": [0.02, 0.2], "shared_param": False}
    blocks = [
        cuba.Input(**plain),
        cuba.Flatten(),
        cuba.Dense(NEURON, 18, 12, weight_scale=2, **plain),
        cuba.Dense(per_channel, 12, 8, weight_scale=3, weight_norm=True, **plain),
        cuba.Recurrent(dict(NEURON), 8, 5, weight_scale=3, **plain),
    ]
    x = spikes(18).reshape(2, 3, 3, T)
    ours = forward(blocks, x)
    export(blocks, tmp_path / "a.net")
    network = netx.load(tmp_path / "a.net")
    assert network.input_shape == (2, 3, 3)
    assert len(set(network.params.du[12:20].tolist())) > 1
    assert ours.any()
    assert np.array_equal(simulate(network, x.reshape(18, T)).output, ours)


def test_biases_of_a_normalization_are_loaded_spike_for_spike(tmp_path):
    import torch
    from lava.lib.dl.slayer.block import cuba
    from lava.lib.dl.slayer.neuron import norm

    torch.manual_seed(0)
    biased = {**NEURON, "norm": norm.MeanOnlyBatchNorm}
    blocks = [
        cuba.Dense(biased, 6, 8, weight_scale=2, delay_shift=False),
        cuba.Dense(biased, 8, 4, weight_scale=3, delay_shift=False),
    ]
    forward(blocks, spikes(6))  # learns the means
    for block in blocks:
        block.eval()
    ours = forward(blocks, spikes(6))
    export(blocks, tmp_path / "a.net")
    network = netx.load(tmp_path / "a.net")
    assert network.params.bias_mant.any()
    assert np.array_equal(simulate(network, spikes(6)).output, ours)


def test_slayer_reads_what_was_saved(tmp_path):
    from lava.lib.dl.slayer.auto import SequentialNetwork

    # slayer rounds odd weights to even ones.
    network = Network.feedforward([weights(9, 5) * 2, weights(4, 9) * 2], LoihiParams(1000, 300, 70))
    netx.save(network, tmp_path / "a.net")
    sequence = SequentialNetwork(str(tmp_path / "a.net"))
    assert [type(block).__name__ for block in sequence.blocks] == ["Input", "Dense", "Dense"]
    # Its input block without neurons raises as soon as it is called; the layers delay by one time step each.
    output = forward(list(sequence.blocks)[1:], spikes(5))
    sequence.handle.close()
    assert output.any()
    assert np.array_equal(output[:, 2:], simulate(network, spikes(5)).output[:, :-2])
