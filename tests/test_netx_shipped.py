"""Files and recordings that ship with lava-dl, written and recorded by others (on Loihi and with slayer)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stock import shipped

from lava_async import Layered, LoihiParams, Network, Random, netx, simulate
from lava_async.schedules import SCHEDULES
from lava_async.synapses import Conv, Dense

FILES = {
    "tiny.net": [(3, 16, 16), (24, 6, 6), (36, 1, 1)],
    "mnist.net": [(784,), (512,), (512,), (10,)],
    "gts/ntidigits/ntidigits.net": [(256,), (256,), (242,)],
    "gts/pilotnet_lif/network.net": [
        (3, 66, 200),
        (24, 32, 99),
        (36, 15, 49),
        (48, 7, 24),
        (64, 4, 22),
        (64, 2, 20),
        (100,),
        (50,),
        (10,),
        (1,),
    ],
}


def recorded(name):
    return np.load(shipped(f"gts/{name}.npy"))


def later(x: np.ndarray, steps: int) -> np.ndarray:
    """Return a recording that begins `steps` time steps later, with silence before."""
    return np.concatenate([np.zeros_like(x[..., :steps]), x[..., : x.shape[-1] - steps]], axis=-1)


def currents(network, spikes):
    """Return the current of all neurons in all time steps, shape (N, T)."""
    checks = simulate(network, spikes, record="trace").trace
    last = {check.t: check for check in checks}
    return np.stack([last[t].current for t in sorted(last)], axis=1)


@pytest.mark.parametrize("name", FILES)
def test_a_shipped_network_is_read_and_saved_again(tmp_path, name):
    network = netx.load(shipped(name))
    assert [layer.shape for layer in network.layers] == FILES[name]
    netx.save(network, tmp_path / "a.net")
    assert netx.metadata(tmp_path / "a.net")["stock_readable"]
    assert netx.load(tmp_path / "a.net") == network


@pytest.mark.parametrize("name", ["network", "square_network"])
def test_a_sigma_delta_network_is_read_and_saved_again(tmp_path, name):
    network = netx.load(shipped(f"gts/pilotnet_sdnn/{name}.net"))
    assert network.graded
    netx.save(network, tmp_path / "a.net")
    assert netx.metadata(tmp_path / "a.net")["stock_readable"]
    assert netx.load(tmp_path / "a.net") == network


def test_pilotnet_sdnn_reproduces_its_recorded_output():
    """A frame that stays, for as many time steps as there are layers, from the transient of the biases on."""
    network = netx.pipelined(netx.load(shipped("gts/pilotnet_sdnn/network.net")))
    frame = recorded("pilotnet_sdnn/input")[..., 0].transpose(2, 1, 0).reshape(-1, 1)
    expected = recorded("pilotnet_sdnn/output")[0]
    values = np.repeat(frame, len(expected), 1)
    trace = simulate(network, values, schedule=Layered(), record="trace").trace
    last = [check.state["sigma"][network.outputs].item() for check in trace if check.k == len(network.layers) - 1]
    assert last == expected.tolist()


def test_the_convolutions_of_pilotnet_sdnn_reproduce_all_9188_recorded_sigmas():
    """The recording feeds the messages of the input to the first convolution."""
    whole = netx.load(shipped("gts/pilotnet_sdnn/square_network.net"))
    synapses = [replace(s, source=s.source - 1, target=s.target - 1) for s in whole.synapses if s.target > 0]
    network = Network(whole.input_shape, whole.layers[1:], synapses, whole.params.parts[1:], np.arange(1))
    messages = recorded("pilotnet_sdnn/act0")[:33, :33].transpose(2, 1, 0, 3).reshape(-1, 20)
    assert not messages[:, 1:].any()
    values = later(np.pad(messages[:, :1], ((0, 0), (0, 5))), 0).astype(int)
    state = simulate(netx.pipelined(network), values, schedule=Layered()).state
    for k, here in enumerate(network.layer_slices):
        expected = recorded(f"pilotnet_sdnn/sigma{k + 1}_square")[..., -1].transpose(2, 1, 0).ravel()
        np.testing.assert_array_equal(state["sigma"][here], expected)


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"replay", "timed"}))
def test_pilotnet_sdnn_runs_under_every_schedule(name):
    network = netx.load(shipped("gts/pilotnet_sdnn/network.net"))
    frame = recorded("pilotnet_sdnn/input")[..., 0].transpose(2, 1, 0).reshape(-1, 1)
    schedule = SCHEDULES[name](256) if "group_size" in SCHEDULES[name].options() else SCHEDULES[name]()
    result = simulate(network, np.repeat(frame, 2, 1), schedule=schedule)
    assert (result.counts[network.layer_slices[-2]] > 0).any() or name == "layered"
    assert not result.output.any()
    assert result.dropped == 0
    assert np.count_nonzero(result.state["sigma"]) > 10_000


def test_ntidigits_reproduces_all_726000_recorded_spikes():
    network = netx.load(shipped("gts/ntidigits/ntidigits.net"))
    output = simulate(network, recorded("ntidigits/input").astype(int)).output
    # One time step per layer, and one at which the recording begins.
    assert output.size == 726000
    assert np.array_equal(later(output, 3 + 1), recorded("ntidigits/output"))
    assert netx.metadata(shipped("gts/ntidigits/ntidigits.net")) == {"average": 11}


def test_a_dense_layer_reproduces_all_512000_recorded_spikes_and_currents():
    network = Network.feedforward([recorded("dense/weight")], LoihiParams(du=4095, dv=415, vth=6))
    spikes = later(recorded("dense/in").astype(int), 1)
    assert np.array_equal(simulate(network, spikes).output, recorded("dense/out"))
    assert np.array_equal(currents(network, spikes), recorded("dense/current") * 64)


def test_tinynet_reproduces_the_recorded_spikes_of_all_layers():
    network = netx.load(shipped("tiny.net"))
    bias = np.array(network.params.bias_mant)
    bias[network.layer_slices[0]] = recorded("tinynet/input_bias").transpose(2, 1, 0).ravel()
    network = replace(network, params=replace(network.params, bias_mant=bias))
    counts = later(simulate(network, np.zeros((768, 16), int)).counts, 1)
    for layer, name in zip(network.layer_slices, ("input", "layer1", "output"), strict=True):
        assert np.array_equal(counts[layer], recorded(f"tinynet/{name}").reshape(-1, 16))


def test_tinynets_kernel_is_the_one_recorded():
    """Its own file, in Lava's convention: (channel, W, H, channel), flipped."""
    kernel = netx.load(shipped("tiny.net")).synapses[1].weights
    assert np.array_equal(kernel[:, :, ::-1, ::-1].transpose(0, 3, 2, 1), recorded("tinynet/layer1_kernel"))


def test_pilotnet_reproduces_the_recorded_currents_of_every_layer():
    """What Loihi measured: layer by layer, from the recorded spikes of the layer before. 2.8 million values."""
    network = netx.load(shipped("gts/pilotnet_lif/network.net"))
    values = 0
    before = recorded("pilotnet_lif/input").transpose(2, 1, 0, 3).reshape(-1, 24)
    for k, name in enumerate([*(f"conv-{i}" for i in range(5)), *(f"fc-{i}" for i in range(3))], start=1):
        current, spikes = recorded(f"pilotnet_lif/{name}-u"), recorded(f"pilotnet_lif/{name}")
        if current.ndim == 4:
            current, spikes = current.transpose(2, 1, 0, 3), spikes.transpose(2, 1, 0, 3)
        here = currents(alone(network, k), later(before.astype(int), 1))
        assert np.array_equal(here, current.reshape(here.shape))
        values += here.size
        before = spikes.reshape(-1, 24)
    assert values == 2_853_792


def alone(network, k):
    """Return layer k with what stands before it as input; its neurons never fire."""
    (part,) = [s for s in network.synapses if s.target == k]
    shape = part.input_shape if isinstance(part, Conv) else (part.n_source,)
    assert isinstance(part, (Conv, Dense))
    params = LoihiParams(network.params.du[network.layer_slices[k]], 0, 2**25 - 1)
    return Network(shape, (network.layers[k],), (replace(part, source=-1, target=0),), params, [0])


@pytest.mark.parametrize("name", ["tiny.net", "mnist.net", "gts/ntidigits/ntidigits.net"])
def test_a_shipped_network_runs_under_every_schedule(name):
    network = netx.load(shipped(name))
    rng = np.random.default_rng(0)
    x = (rng.random((network.n_inputs, 8)) < 0.3).astype(int)
    for schedule in SCHEDULES.values():
        if schedule.name != "replay":
            result = simulate(network, x, schedule=schedule(8) if "group_size" in schedule.options() else schedule())
            assert result.counts.any()
            assert result.dropped == 0


def test_pilotnet_runs_asynchronously():
    network = netx.load(shipped("gts/pilotnet_lif/network.net"))
    result = simulate(network, np.ones((network.n_inputs, 2), int), schedule=Random(1000))
    assert result.counts[network.layer_slices[5]].any()
