"""Slayer's blocks as neurons and synapses: one network per feature, and what must hold for each of them.

Trained, deployed and exported networks give the same, spike for spike; with the layered schedule that is what slayer's
own blocks give, called one after another, and so is the gradient of every parameter.
"""

from __future__ import annotations

import logging
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from slayer_blocks import FORGETFUL, GRID, NEURON, STEPS, affine, conv, cuba, delays, dense, flatten, spikes
from stock import run_stock

from lava_async import Layered, LoihiParams, Network, Random, netx, simulate_batch
from lava_async.bench.scaling import convolutional
from lava_async.engine import Setup
from lava_async.errors import InvalidValue
from lava_async.neurons.loihi import ONE
from lava_async.spikes import SpikeBatch
from lava_async.training import ATan, UnlayeredNetwork
from lava_async.training.blocks import ADAPTERS, REFUSED, slayer
from lava_async.training.blocks.grid import eight_bits, is_eight_bits
from lava_async.training.compiled import CompiledEngine
from lava_async.training.gradient import Gradient, Parameters

ENGINES = ("compiled", "dense")


def two_paths(x, first, second, third):
    a = first(x)
    return third(torch.cat([second(a), a], 1))


def around_the_first(x, first, second):
    return second(torch.cat([first(x), x], 1))


CASES = {
    "conv": lambda: ([conv(2, 3, 3), flatten(), dense(36, 4)], {}),
    "conv, everything": lambda: (
        [conv(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2), flatten(), dense(36, 4)],
        {},
    ),
    "conv, norm, weight norm, learned decays": lambda: (
        [
            conv(
                2,
                3,
                3,
                weight_norm=True,
                neuron={**NEURON, "norm": slayer().neuron.norm.MeanOnlyBatchNorm, "requires_grad": True},
            ),
            flatten(),
            dense(36, 4),
        ],
        {},
    ),
    "conv, decays per channel": lambda: (
        [conv(2, 3, 3, neuron={**NEURON, "shared_param": False, "current_decay": (0.1, 0.9)}), flatten(), dense(36, 4)],
        {},
    ),
    "conv as output": lambda: ([conv(2, 3, 3), conv(3, 2, 2)], {}),
    "pool": lambda: ([cuba("Pool", (2, 1)), conv(2, 3, 2), flatten(), dense(24, 4)], {}),
    "pool, uneven, scaled": lambda: (
        [conv(2, 3, 2, padding=1), cuba("Pool", 2, weight_scale=0.3), flatten(), dense(36, 4)],
        {},
    ),
    "uneven pool into conv": lambda: ([cuba("Pool", (1, 2), weight_scale=0.3), conv(2, 2, 2)], {}),
    "convT": lambda: (
        [conv(2, 3, 2), cuba("ConvT", 3, 2, 3, stride=2, padding=1, weight_scale=4), flatten(), dense(126, 4)],
        {},
    ),
    "convT, everything": lambda: (
        [
            delays(conv(2, 4, 2, delay=True), 0.3, 1.5, 2.0, 0.0),
            cuba("ConvT", 4, 6, (2, 3), stride=(1, 2), dilation=(2, 1), groups=2, weight_scale=4, weight_norm=True),
        ],
        {},
    ),
    "unpool": lambda: (
        [conv(2, 2, 3), delays(cuba("Unpool", (2, 1), weight_scale=0.6, delay=True), 1.2, 0.0), conv(2, 2, 2)],
        {},
    ),
    "skip, into convT": lambda: (
        [conv(2, 3, 3, padding=1), conv(3, 2, 3, padding=1), cuba("ConvT", 5, 2, 2, weight_scale=4)],
        {"connections": [(0, 2)], "call": two_paths},
    ),
    "skip of the input, into unpool": lambda: (
        [conv(2, 3, 3, padding=1), cuba("Unpool", 2, weight_scale=0.6)],
        {"connections": [(-1, 1)], "call": around_the_first},
    ),
    "average": lambda: ([conv(2, 3, 3), flatten(), dense(36, 8), slayer().block.cuba.Average(4)], {}),
    "affine": lambda: ([conv(2, 3, 3), flatten(), affine(36, 4)], {}),
    "affine, average": lambda: ([flatten(), dense(60, 8), affine(8, 6), slayer().block.cuba.Average(3)], {}),
    "affine without dynamics": lambda: ([flatten(), dense(60, 8), affine(8, 4, dynamics=False, weight_norm=True)], {}),
    "affine, everything": lambda: (
        [
            flatten(),
            delays(dense(60, 6, delay=True), 0.5, 1.2, 0.0, 3.9, 2.0, 1.0),
            dense(6, 5),
            affine(11, 4, neuron={**NEURON, "requires_grad": True}),
        ],
        {"connections": [(1, 3)], "call": lambda x, f, *others: two_paths(f(x), *others)},
    ),
    "input": lambda: ([cuba("Input", weight=0.4, neuron=FORGETFUL), flatten(), dense(60, 4)], {}),
    "lasting input": lambda: ([cuba("Input", weight=0.4), flatten(), dense(60, 4)], {}),
    "input, bias": lambda: ([cuba("Input", weight=0.4, bias=0.2, neuron=FORGETFUL), conv(2, 3, 3)], {}),
    "input, bare": lambda: ([slayer().block.cuba.Input(delay_shift=False), flatten(), dense(60, 4)], {}),
    "recurrent": lambda: ([flatten(), cuba("Recurrent", 60, 7, weight_scale=4, neuron=FORGETFUL), dense(7, 4)], {}),
    "delay": lambda: ([flatten(), delays(dense(60, 6, delay=True), 0.5, 1.2, 0.0, 3.9, 2.0, 1.0), dense(6, 4)], {}),
    "delay of channels, into conv and pool": lambda: (
        [
            delays(conv(2, 3, 2, delay=True), 0.3, 1.5, 2.0),
            delays(conv(3, 4, 2, delay=True), 0.3, 1.0, 2.0, 0),
            delays(cuba("Pool", 2, delay=True), 1.7, 0.0, 0.4, 1.0),
            flatten(),
            dense(16, 4),
        ],
        {},
    ),
    "delay, grouped conv, uneven pool": lambda: (
        [
            delays(conv(2, 4, 2, padding=1, delay=True), 0.3, 1.5, 2.0, 0.0),
            delays(conv(4, 4, 2, groups=2, delay=True), 1.0, 0.0, 2.0, 0.1),
            cuba("Pool", 2),
            cuba("Pool", 3),
        ],
        {},
    ),
    "delay of the input, twice": lambda: (
        [
            delays(slayer().axon.Delay(), 1.0, 0.0),
            cuba("Input", weight=0.7),
            delays(slayer().axon.Delay(), 0.5, 2.5),
            delays(slayer().axon.Delay(grad_scale=3), 1.5, 0.0),
            flatten(),
            dense(60, 4),
        ],
        {},
    ),
    "skip": lambda: (
        [conv(2, 3, 3, padding=1), conv(3, 2, 3, padding=1), conv(5, 2, 3)],
        {"connections": [(0, 2)], "call": two_paths},
    ),
    "skip of the input, into pool": lambda: (
        [conv(2, 3, 3, padding=1), cuba("Pool", 2, weight_scale=0.5)],
        {"connections": [(-1, 1)], "call": around_the_first},
    ),
    "skip, with delays": lambda: (
        [flatten(), delays(dense(60, 5, delay=True), 0.5, 1.2, 0.0, 2.9, 2.0), dense(5, 6), dense(11, 4)],
        {"connections": [(1, 3)], "call": lambda x, f, *others: two_paths(f(x), *others)},
    ),
}
STOCK_CANNOT = {
    name
    for name in CASES
    if name.startswith(("delay of", "delay, grouped", "skip", "uneven", "lasting", "unpool", "affine, everything"))
}


def case(name):
    """Return blocks, and how slayer and we run them: a function of the input, and options of the network."""
    torch.manual_seed(3)
    blocks, options = CASES[name]()
    call = options.pop("call", None)
    if "norm" in name:
        chain(spikes(9), *blocks)  # In train mode, so that the running means are not zero.
    return [block.eval() for block in blocks], call or chain, {"input_shape": GRID, **options}


def chain(x, *blocks):
    for block in blocks:
        x = block(x)
    return x


def gradients(outcome, blocks):
    """Return the gradient of some loss by every parameter that learns."""
    weight = torch.from_numpy(np.random.default_rng(2).normal(size=outcome.shape)).float()
    learned = {name: p for name, p in torch.nn.ModuleList(blocks).named_parameters() if p.requires_grad}
    found = torch.autograd.grad((outcome * weight).sum(), list(learned.values()), allow_unused=True)
    return dict(zip(learned, found, strict=True))


# On the CPU, slayer takes decays per channel of a grid for decays per column.
@pytest.mark.parametrize("name", [name for name in CASES if name != "conv, decays per channel"])
def test_layered_is_slayer_forward_and_backward(name):
    blocks, call, options = case(name)
    net = UnlayeredNetwork(blocks, schedule=Layered(), surrogate="slayer", **options).eval()
    x = spikes()
    again, _, _ = case(name)
    ours, slayers = net(x), call(x, *again).flatten(1, -2)
    assert torch.equal(ours, slayers)
    assert ours.abs().sum() > 10
    a, b = gradients(ours, blocks), gradients(slayers, again)
    assert a.keys() == b.keys()
    for parameter, expected in b.items():
        assert expected.abs().max() > 0, parameter
        if parameter.endswith("voltage_decay"):
            continue  # slayer takes the voltages before their reset
        if parameter.endswith("current_decay"):
            expected = (
                expected / -ONE
            )  # slayer's derivative is by what is kept; the parameter is 4096 times what is lost
        assert (a[parameter] - expected).abs().max() <= 1e-5 * expected.abs().max(), parameter


@pytest.mark.parametrize("name", CASES)
def test_training_deployment_and_file_give_the_same(name, tmp_path, caplog):
    schedule = Random(5)
    blocks, _, options = case(name)
    x = spikes(1)
    runs = [
        UnlayeredNetwork(blocks, schedule=schedule, seed=7, engine=engine, **options).eval().run(x)
        for engine in ENGINES
    ]
    net = UnlayeredNetwork(blocks, schedule=schedule, seed=7, **options)
    with torch.no_grad():
        runs.append(net.eval().run(x))
    with caplog.at_level(logging.ERROR, logger="lava_async.netx"):
        net.export_hdf5(tmp_path / "net.net")
    loaded = netx.load(tmp_path / "net.net")
    assert loaded == net.to_network()
    result = simulate_batch(loaded, x.flatten(1, 3).numpy(), schedule=schedule, seed=7)
    assert result.counts.sum() > 10
    for run in runs:
        np.testing.assert_array_equal(run.counts.detach(), result.counts)
        np.testing.assert_array_equal(run.voltage * ONE, result.voltage)
        np.testing.assert_array_equal(run.current * ONE, result.current)
    if isinstance(blocks[-1], slayer().block.cuba.Affine):  # What is read out last is the voltage that is there then.
        assert not result.output.any()
        last = slice(-net.n_outputs, None)
        np.testing.assert_array_equal(net(x).detach()[..., -1] * ONE, result.voltage[:, last])
    said = netx.metadata(tmp_path / "net.net")
    assert said.get("average") == (net.n_outputs if "average" in name else None)
    assert said["stock_readable"] == (name not in STOCK_CANNOT), said.get("stock_reason")


@pytest.mark.parametrize("name", CASES)
def test_engines_agree_on_the_gradient_of_every_parameter(name):
    blocks, _, options = case(name)
    x = spikes(2, batch=2)
    found = []
    for engine in ENGINES:
        net = UnlayeredNetwork(
            blocks, schedule=Random(5), refractory_dropout=0.3, surrogate=ATan(), engine=engine, **options
        ).train()
        found.append(gradients(net(x), blocks))
    for parameter, expected in found[0].items():
        assert expected.abs().max() > 0, parameter
        torch.testing.assert_close(found[1][parameter], expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


@pytest.mark.lava
def test_stock_netx_on_lava_runs_what_was_trained_one_time_step_later_per_layer(tmp_path):
    blocks = [
        conv(2, 4, 3, padding=1),
        cuba("Pool", (2, 1)),
        flatten(),
        delays(cuba("Recurrent", 60, 7, weight_scale=4, delay=True), 0.5, 1.2, 0.0, 3.9, 2.0, 1.0, 0.0),
        dense(7, 12),
    ]
    net = UnlayeredNetwork(blocks, schedule=Layered(), input_shape=GRID).eval()
    net.export_hdf5(tmp_path / "net.net")
    x = np.concatenate(list(spikes().clamp(max=1).numpy()), 3)  # stock netx takes spikes, not counts
    # Lava's grids are in the order W, H, C.
    output, depth = run_stock(tmp_path / "net.net", x.transpose(2, 1, 0, 3))
    ours = net(torch.from_numpy(x)[None])[0].detach().numpy()
    assert ours.sum() > 10
    np.testing.assert_array_equal(output[:, depth:], ours[:, :-depth])


def test_a_recurrent_layer_is_slayers_in_every_sample():
    """slayer's own carries what its neurons keep into the next batch, and its gradient ignores it."""
    torch.manual_seed(1)
    block = cuba("Recurrent", 60, 7, weight_scale=4)
    net = UnlayeredNetwork([flatten(), block], schedule=Layered(), input_shape=GRID).eval()
    ours = [net(spikes()) for _ in range(2)]
    assert torch.equal(ours[0], block(spikes().flatten(1, 3)))
    assert torch.equal(*ours)
    assert ours[0].sum() > 10


@pytest.mark.slow
@pytest.mark.parametrize("largest", [3.9, 4.1, float("inf")], ids=["none is clipped", "some are", "infinite"])
def test_the_grid_of_weights_is_slayers_with_its_derivative(largest):
    hook = dense(1, 1).neuron.quantize_8bit
    assert is_eight_bits(hook)
    assert not is_eight_bits(lambda weight: weight)
    halves = torch.arange(-260, 260) / 64  # in the middle between grid points, every second one
    weights = torch.cat([halves[halves.abs() < largest], torch.randn(1000, generator=torch.manual_seed(0))])
    weights = torch.cat([weights, torch.tensor([-largest, largest])])
    found = []
    for quantize in (hook, eight_bits):
        x = weights.clone().requires_grad_()
        y = quantize(x)
        (y * torch.arange(len(x))).sum().backward()
        found.append((y.detach(), x.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e9])
def test_weights_that_no_integer_holds_are_named(bad):
    network = Network.feedforward([[[1, 2]], [[3]]], LoihiParams(0, 0, 1))
    parameters = Parameters.of(network)
    parameters.weights[0][0, 1] = bad
    run = partial(CompiledEngine(network).run, Setup(network), Gradient(), parameters, torch.ones(1, 2, 1))
    with pytest.raises(InvalidValue, match=r"weights of synapses 0, number 1 = -?(nan|inf|1000000000)"):
        run(np.arange(1))


def test_47_000_neurons_and_6_million_parameters_train():
    net = UnlayeredNetwork(convolutional(), schedule=Random(64), surrogate=ATan(), input_shape=(2, 34, 34))
    assert net.to_network().n_neurons > 47_000
    assert sum(p.numel() for p in net.parameters()) > 6_000_000
    x = torch.from_numpy(np.random.default_rng(0).random((2, 2, 34, 34, 4)) < 0.02)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        losses.append(torch.nn.functional.cross_entropy(net(x).sum(2), torch.tensor([3, 7])))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]


def test_the_page_about_blocks_runs():
    page = (Path(__file__).parents[1] / "docs" / "slayer_blocks.md").read_text()
    parts = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(parts) == 4
    names: dict[str, object] = {}
    for code in parts:
        exec(compile(code, "slayer_blocks.md", "exec"), names)
    blocks = {re.sub(r"^block\.\w+\.", "", adapter.name) for adapter in ADAPTERS}
    assert not {name for name in (*blocks, *REFUSED) if f"`{name}`" not in page and f"`slayer.{name}`" not in page}


# -------------------------------------------------------------------------------------------------- input


def test_input_may_have_the_shape_of_a_picture_or_be_flat():
    blocks, _, options = case("conv")
    net = UnlayeredNetwork(blocks, schedule=Random(2), **options).eval()
    x = spikes()
    expected = net(x)
    for form in (x.flatten(1, 3), SpikeBatch.from_dense(x.flatten(1, 3).numpy())):
        assert torch.equal(net(form), expected)
    with pytest.raises(InvalidValue, match=r"spikes\.shape = \(3, 6, 2, 5, 12\): must be \(B, 60, T\)"):
        net(x.transpose(1, 2))


def test_an_input_block_that_ran_knows_its_shape():
    block = cuba("Input", neuron=FORGETFUL)
    block(spikes())
    assert UnlayeredNetwork([block], schedule=Random(2)).eval()(spikes()).shape == (3, 60, STEPS)
