"""Every layer type of the file format means what slayer computes, or what its README says."""

from __future__ import annotations

import h5py
import netx_files
import numpy as np
import pytest
from netx_files import CUBA, build, conv, dense, write

from lava_async import LoihiParams, Network, Random, netx, simulate
from lava_async.network import Layer
from lava_async.synapses import INPUT, Conv, Dense, Sparse

T = 30
NEURON = {"threshold": 1.1, "current_decay": 0.3, "voltage_decay": 0.06}
PER_CHANNEL = {**NEURON, "current_decay": [0.1, 0.5], "voltage_decay": [0.02, 0.2], "shared_param": False}


def spikes(*shape: int) -> np.ndarray:
    return (np.random.default_rng(1).random((*shape, T)) < 0.4).astype(np.float32)


# ------------------------------------------------------------------------------------------- slayer's blocks

NAMES = [
    "conv",
    "conv with stride, padding, dilation",
    "conv in groups",
    "conv with biases",
    "conv, flatten, dense",
    "pool",
    "pool of a grid that is too small",
    "unpool",
    "convT",
    "convT in groups",
    "dense, recurrent",
    "delays of axons",
    "delays of the axons of a convolution",
]


def blocks_of(name):
    """Return the shape of the input and the blocks. (On a CPU slayer gives decays per channel to the wrong axis.)"""
    from lava.lib.dl.slayer.block import cuba
    from lava.lib.dl.slayer.neuron import norm

    now = {"delay_shift": False}
    more = {**now, "weight_scale": 3}
    biased = {**NEURON, "norm": norm.MeanOnlyBatchNorm}
    return {
        "conv": lambda: ((2, 7, 6), [cuba.Conv(NEURON, 2, 4, 3, **more), cuba.Conv(NEURON, 4, 3, (2, 3), **more)]),
        "conv with stride, padding, dilation": lambda: (
            (2, 9, 8),
            [cuba.Conv(NEURON, 2, 4, 3, stride=(2, 1), padding=(1, 2), dilation=(1, 2), **more)],
        ),
        "conv in groups": lambda: ((4, 6, 6), [cuba.Conv(NEURON, 4, 6, 3, groups=2, **more)]),
        "conv with biases": lambda: ((2, 7, 6), [cuba.Conv(biased, 2, 4, 3, **more)]),
        "conv, flatten, dense": lambda: (
            (2, 5, 6),
            [cuba.Conv(NEURON, 2, 3, 3, **more), cuba.Flatten(), cuba.Dense(NEURON, 36, 5, **more)],
        ),
        "pool": lambda: ((3, 4, 6), [cuba.Conv(NEURON, 3, 4, 1, **more), cuba.Pool(NEURON, 2, **more)]),
        "pool of a grid that is too small": lambda: (
            (3, 5, 7),
            [cuba.Pool(NEURON, 2, **more), cuba.Conv(NEURON, 3, 2, 2, **more)],
        ),
        "unpool": lambda: ((3, 2, 3), [cuba.Unpool(NEURON, (2, 3), **more)]),
        "convT": lambda: ((2, 4, 5), [cuba.ConvT(NEURON, 2, 3, 3, stride=2, padding=1, **more)]),
        "convT in groups": lambda: ((4, 4, 5), [cuba.ConvT(NEURON, 4, 6, (3, 2), stride=(1, 2), groups=2, **more)]),
        "dense, recurrent": lambda: (
            (7,),
            [cuba.Dense(PER_CHANNEL, 7, 6, **more), cuba.Recurrent(dict(NEURON), 6, 5, **more)],
        ),
        "delays of axons": lambda: (
            (7,),
            [cuba.Dense(NEURON, 7, 6, delay=True, **more), cuba.Dense(NEURON, 6, 4, **more)],
        ),
        "delays of the axons of a convolution": lambda: ((2, 5, 6), [cuba.Conv(NEURON, 2, 4, 3, delay=True, **more)]),
    }[name]()


@pytest.mark.filterwarnings("ignore:.*stock netx ignores the delays")
@pytest.mark.parametrize("name", NAMES)
def test_what_slayer_exports_runs_as_in_slayer_and_survives_saving(tmp_path, name):
    import torch
    from lava.lib.dl.slayer.block import cuba

    torch.manual_seed(1)
    shape, blocks = blocks_of(name)
    blocks = [cuba.Input(delay_shift=False), *blocks]
    x = torch.as_tensor(spikes(*shape)[None])

    def forward():
        y = x
        for block in blocks:
            if isinstance(block, cuba.Recurrent):  # remembers its last state
                for state in (block.neuron.current_state, block.neuron.voltage_state, block.spike_state):
                    state.zero_()
            y = block(y)
        return y

    with torch.no_grad():
        forward()  # fixes shapes, decays, means
        for block in blocks:
            block.eval()
            if getattr(block, "delay", None) is not None:
                block.delay.delay.data = torch.arange(block.delay.delay.numel()).reshape(block.delay.delay.shape) % 4.0
        expected = forward().numpy()[0].reshape(-1, T)
    with h5py.File(tmp_path / "a.net", "w") as file:
        for i, block in enumerate(blocks):
            block.export_hdf5(file.create_group(f"layer/{i}"))
    network = netx.load(tmp_path / "a.net")
    assert expected.any()
    assert np.array_equal(simulate(network, x.numpy().reshape(-1, T)).output, expected)
    netx.save(network, tmp_path / "b.net")
    assert netx.load(tmp_path / "b.net") == network


def test_values_reach_the_neurons_of_an_input_block_as_in_slayer(tmp_path):
    import torch
    from lava.lib.dl.slayer.block import cuba

    block = cuba.Input({**NEURON, "current_decay": 1}, weight=0.75, bias=0.25, delay_shift=False)
    values = np.random.default_rng(0).integers(0, 4, (2, 3, 1, T))
    with torch.no_grad():
        expected = block(torch.as_tensor(values[None], dtype=torch.float32)).numpy()[0]
    with h5py.File(tmp_path / "a.net", "w") as file:
        block.export_hdf5(file.create_group("layer/0"))
    network = netx.load(tmp_path / "a.net")
    assert np.array_equal(simulate(network, values.reshape(6, T)).output, expected.reshape(6, T))


# ------------------------------------------------------------------------------------------- convolutions


def test_pooling_is_a_convolution_of_each_channel_that_stock_netx_runs(tmp_path):
    pool = conv(np.full((1, 1, 2, 2), 64), (3, 2, 3), type="pool", stride=2, kernelSize=2)
    del pool["groups"]
    network = netx.load(build(tmp_path / "a.net", {"type": "input", "shape": (3, 4, 6)}, pool))
    assert network.synapses == (Conv(INPUT, 0, np.full((3, 1, 2, 2), 64), (3, 4, 6), 2, groups=3),)
    netx.save(network, tmp_path / "b.net")
    assert netx.metadata(tmp_path / "b.net")["stock_readable"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"weight": np.ones((2, 2, 3, 3))},
            r"/layer/1/weight\.shape = \(2, 2, 3, 3\), groups = 1: must be for the 1 channels",
        ),
        ({"shape": (2, 3, 3)}, r"/layer/1/shape = \(2, 3, 3\): must be \(2, 2, 2\), as follows from the kernel"),
        ({"stride": 0}, r"/layer/1/stride = 0: must be in 1"),
        ({"padding": [1, 1, 1]}, r"/layer/1/padding\.shape = \(3,\): must be one number or two"),
        ({"groups": 3}, r"/layer/1/groups = 3: must divide 2"),
        ({"kernelSize": (3, 2)}, r"/layer/1/kernelSize = \(3, 2\): must be \(3, 3\)"),
        ({"inChannels": 4}, r"/layer/1/inChannels = 4: must be 1"),
        (
            {"weight": np.ones((2, 3, 3))},
            r"/layer/1/weight\.shape = \(2, 3, 3\): must be \(channels, channels, kH, kW\)",
        ),
        ({"bias": [1, 2, 3]}, r"/layer/1/bias\.shape = \(3,\): must be \(2,\), one per channel"),
        ({"type": "pool", "weight": np.ones((1, 1, 3, 3))}, r"/layer/1/stride = \(1, 1\).* windows side by side"),
        (
            {"type": "pool", "weight": np.ones((1, 1, 3, 3)), "stride": 3, "shape": (1, 2, 2)},
            r"/layer/1/stride = \(3, 3\): must divide \(4, 4\) .* slayer mixes the channels",
        ),
        (
            {"type": "dense", "shape": (2,), "weight": np.ones((2, 16))},
            r"/layer/2/type = conv: needs \(channels, height",
        ),
    ],
)
def test_what_is_wrong_with_a_convolution_is_named(tmp_path, fields, expected):
    first = conv(np.ones((2, 1, 3, 3)), (2, 2, 2)) | fields
    path = build(
        tmp_path / "a.net", {"type": "input", "shape": (1, 4, 4)}, first, conv(np.ones((1, 2, 1, 1)), (1, 2, 2))
    )
    with pytest.raises(netx.NetxError, match=expected):
        netx.load(path)


def test_a_convolution_needs_the_shape_of_the_input(tmp_path):
    with pytest.raises(netx.NetxError, match=r"/layer/0/type = conv: needs an input layer before it"):
        netx.load(build(tmp_path / "a.net", conv(np.ones((2, 1, 3, 3)), (2, 2, 2))))


def test_a_dense_layer_after_a_grid_needs_a_flatten_layer(tmp_path):
    layers = {"type": "input", "shape": (1, 3, 3)}, conv(np.ones((2, 1, 2, 2)), (2, 2, 2)), dense(np.ones((2, 8)))
    with pytest.raises(
        netx.NetxError, match=r"/layer/2/type = dense: needs a flatten layer before it, since \(2, 2, 2\)"
    ):
        netx.load(build(tmp_path / "a.net", *layers))


# ----------------------------------------------------------------------------------------- concat, by hand


def test_a_concat_layer_is_a_skip_connection_beside_the_layer_before(tmp_path):
    weight = np.arange(-9, 12).reshape(3, 7) * 5
    network = netx.load(
        build(
            tmp_path / "a.net",
            {"type": "input", "shape": (4,)},
            dense(netx_files.WEIGHTS[2]),
            {"type": "concat", "shape": (7, 1, 1), "layers": [0]},
            dense(weight),
        )
    )
    assert [(s.source, s.target) for s in network.synapses] == [(INPUT, 0), (INPUT, 1), (0, 1)]
    assert np.array_equal(np.hstack([network.synapses[2].weights, network.synapses[1].weights]), weight)


def test_a_concat_layer_that_names_a_later_layer_is_feedback(tmp_path):
    first, second = np.arange(-8, 10).reshape(3, 6) * 9, np.arange(6).reshape(2, 3) * 30
    loaded = netx.load(
        build(
            tmp_path / "a.net",
            {"type": "input", "shape": (4,)},
            {"type": "concat", "shape": (6,), "layers": 3},
            dense(first),
            dense(second),
        )
    )
    layers = (Layer((3,), "dense 0"), Layer((2,), "dense 1"))
    parts = Dense(INPUT, 0, first[:, :4]), Dense(1, 0, first[:, 4:]), Dense(0, 1, second)
    assert loaded == Network((4,), layers, parts, LoihiParams(du=1023, dv=128, vth=80), [3, 4])
    assert simulate(loaded, spikes(4), schedule=Random(1)).counts.any()


def test_concatenated_channels_reach_a_convolution(tmp_path):
    kernel = np.arange(-8, 8).reshape(2, 2, 2, 2)
    network = netx.load(
        build(
            tmp_path / "a.net",
            {"type": "input", "shape": (1, 4, 3)},
            conv(np.ones((1, 1, 3, 3)), (1, 4, 3), padding=1),
            {"type": "concat", "shape": (2, 4, 3), "layers": 0},
            conv(kernel, (2, 3, 2)),
        )
    )
    from_input, from_first = network.synapses[1:]
    assert (from_input.source, from_first.source) == (INPUT, 0)
    assert np.array_equal(np.concatenate([from_first.weights, from_input.weights], axis=1), kernel)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"layers": [7]}, r"/layer/2/layers = \[7\]: layer 7 does not exist"),
        ({"layers": [2]}, r"/layer/2/layers = \[2\]: layer 2 does not exist or sends nothing yet"),
        ({"shape": (8,)}, r"/layer/2/shape = \(8,\): must be \(7,\), the layers one after another"),
    ],
)
def test_what_is_wrong_with_a_concat_layer_is_named(tmp_path, fields, expected):
    concat = {"type": "concat", "shape": (7,), "layers": [0], **fields}
    layers = {"type": "input", "shape": (4,)}, dense(netx_files.WEIGHTS[2]), concat, dense(np.ones((3, 7)))
    with pytest.raises(netx.NetxError, match=expected):
        netx.load(build(tmp_path / "a.net", *layers))


def test_an_average_is_a_readout_and_must_come_last(tmp_path):
    first = {"type": "input", "shape": (3,)}, dense(np.ones((4, 3)))
    path = build(tmp_path / "a.net", *first, {"type": "average", "shape": (2,)})
    assert netx.load(path).outputs.tolist() == [0, 1, 2, 3]
    assert netx.metadata(path) == {"average": 2}
    wrong = {
        "must divide the 4 neurons": ({"type": "average", "shape": (3,)},),
        "must be the last": ({"type": "average", "shape": (2,)}, dense(np.ones((1, 2)))),
    }
    for problem, last in wrong.items():
        with pytest.raises(netx.NetxError, match=problem):
            netx.load(build(tmp_path / "b.net", *first, *last))


# ------------------------------------------------------------------------------------------------- delays


@pytest.mark.parametrize(
    ("delay", "meant"),
    [
        (2, [[2] * 4] * 3),
        ([5.0, 0.0, 7.0], [[5] * 4, [0] * 4, [7] * 4]),
        ([1, 0, 2, 9], [[1, 0, 2, 9]] * 3),
        (np.arange(12).reshape(3, 4), np.arange(12).reshape(3, 4)),
        (np.reshape([5, 0, 7], (3, 1, 1)), [[5] * 4, [0] * 4, [7] * 4]),
        ([0, 0, 0], [[0] * 4] * 3),
    ],
    ids=["one", "per neuron", "per input", "per synapse", "old file", "none"],
)
def test_delays_in_every_orientation(tmp_path, delay, meant):
    network = netx.load(write(tmp_path / "a.net", layer2__delay=delay))
    part = network.synapses[0]
    found = np.zeros((3, 4), int)
    for j in range(4):
        fan = part.fan_out(j)
        found[fan.target, j] = fan.delay
        assert fan.weight.tolist() == np.array(netx_files.WEIGHTS[2])[:, j].tolist()
    assert np.array_equal(found, meant)
    assert isinstance(part, Sparse if (found != found[0]).any() else Dense)


def test_a_vector_of_delays_of_a_square_layer_counts_for_the_neurons(tmp_path):
    path = write(
        tmp_path / "a.net",
        layer3__shape=(3,),
        layer3__weight=np.eye(3),
        layer3__outFeatures=3,
        layer3__bias=None,
        layer3__delay=[1, 2, 3],
    )
    assert netx.load(path).synapses[1].delay.tolist() == [1, 2, 3] * 3


# ---------------------------------------------------------------------------------------------- old files


def test_old_files_are_read(tmp_path):
    old = {"type": "LOIHI", "wgtExp": 0, "refDelay": 1, "theta": 80 << 6, "tauRho": 0.1, "scaleRho": 10.0}
    path = write(
        tmp_path / "old.net",
        layer2__weight=np.reshape(netx_files.WEIGHTS[2], (3, 4, 1, 1, 1)),
        layer3__weight=np.ravel(netx_files.WEIGHTS[3]),
        layer2__shape=(3, 1, 1),
        **{f"layer2__neuron__{k}": v for k, v in old.items()},
        layer2__neuron__gradedSpike=None,
        simulation__Ts=1,
        simulation__tSample=64,
    )
    assert netx.load(path) == netx.load(write(tmp_path / "new.net"))


def test_a_file_may_begin_with_a_dense_layer(tmp_path):
    network = netx.load(build(tmp_path / "a.net", *map(dense, netx_files.WEIGHTS.values())))
    assert network.input_shape == (4,)
    assert [layer.name for layer in network.layers] == ["dense 0", "dense 1"]


def test_decays_and_thresholds_may_differ_per_neuron(tmp_path):
    neuron = {**CUBA, "iDecay": [0, 1024, 4096], "vDecay": [1, 2, 3], "vThMant": [80, 90, 100]}
    params = netx.load(build(tmp_path / "a.net", dense(netx_files.WEIGHTS[2], neuron=neuron))).params
    assert params.du.tolist() == [-1, 1023, 4095]
    assert params.dv.tolist() == [1, 2, 3]
    assert params.vth.tolist() == [80, 90, 100]


def test_neurons_without_a_type_are_cuba(tmp_path):
    neuron = {k: v for k, v in CUBA.items() if k != "type"}
    assert netx.load(write(tmp_path / "a.net", layer2__neuron=neuron)) == netx.load(write(tmp_path / "b.net"))
