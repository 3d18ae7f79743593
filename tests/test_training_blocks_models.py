"""UnlayeredNetwork takes slayer's blocks of adaptive, sigma-delta and resonating neurons: spikes and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compare import complains

from lava_async import Execution, Layered, Network, Random, netx, simulate_batch
from lava_async.training import UnlayeredNetwork
from lava_async.training.blocks import slayer

CUBA = {"threshold": 0.8, "current_decay": 0.4, "voltage_decay": 0.15}
ALIF = CUBA | {"threshold_step": 0.3, "refractory_decay": 0.6, "threshold_decay": 0.3}
RESONATOR = {"threshold": 0.5, "period": 8, "decay": 0.1}
SIGMA = {"threshold": 0.1, "activation": torch.nn.functional.relu}
NEURONS = {"cuba": CUBA, "alif": ALIF, "rf": RESONATOR, "rf_iz": RESONATOR, "sigma_delta": SIGMA}
STEPS = 15


def block(family, name, *args, **options):
    shift = {} if family == "sigma_delta" else {"delay_shift": False}
    return getattr(getattr(slayer().block, family), name)(dict(NEURONS[family]), *args, **shift, **options)


def chain(*families, sizes=(12, 9, 7, 4)):
    """All-to-all blocks of these families, one after another."""
    torch.manual_seed(0)
    ends = zip(families, (*sizes[: len(families)],), (*sizes[1 : len(families)], sizes[-1]), strict=True)
    return [block(family, "Dense", a, b, weight_scale=3) for family, a, b in ends]


def picture(family, other):
    """Convolution, pooling, a dense end."""
    torch.manual_seed(1)
    return [
        block(family, "Conv", 2, 3, 3, weight_scale=5),
        block(family, "Pool", 2),
        block(other, "Conv", 3, 4, 2, weight_scale=5),
        getattr(slayer().block, family).Flatten(),
        block(other, "Dense", 4, 4, weight_scale=5),
    ]


NETWORKS = {
    "alif": lambda: chain("alif", "alif", "alif"),
    "rf": lambda: chain("rf", "rf"),
    "rf_iz": lambda: chain("rf_iz", "rf_iz", "rf_iz"),
    "sigma_delta": lambda: chain("sigma_delta", "sigma_delta", "sigma_delta"),
    "mixed": lambda: [
        *chain("cuba", "alif", "rf_iz", sizes=(12, 20, 20, 9)),
        *chain("alif", sizes=(9, 4)),
    ],
    "picture": lambda: picture("alif", "rf_iz"),
    "sigma-delta input": lambda: [slayer().block.sigma_delta.Input(SIGMA), *chain("sigma_delta", "sigma_delta")],
    "sigma-delta output": lambda: [
        slayer().block.sigma_delta.Input(SIGMA),
        *chain("sigma_delta", "sigma_delta"),
        slayer().block.sigma_delta.Output(SIGMA, 4, 3, weight_scale=3),
    ],
}


def shape_of(name):
    return (2, 6, 6) if name == "picture" else (12,)


def spikes_for(name, batch=5):
    rng = np.random.default_rng(1)
    shape = (batch, *shape_of(name), STEPS)
    if "sigma" in name:
        return torch.tensor(np.cumsum(rng.integers(-3, 4, shape), -1) / 32, dtype=torch.float32)
    return torch.tensor(rng.random(shape) < 0.3, dtype=torch.float32)


def weights_of(blocks):
    return [p for b in blocks if hasattr(b, "synapse") for p in b.synapse.parameters() if p.requires_grad]


@pytest.mark.parametrize("engine", ["compiled", "dense"])
@pytest.mark.parametrize("name", NETWORKS)
def test_layered_they_are_slayers_blocks_spike_for_spike_with_slayers_gradient(name, engine):
    blocks = NETWORKS[name]()
    net = UnlayeredNetwork(blocks, schedule=Layered(), surrogate="slayer", engine=engine, input_shape=shape_of(name))
    x = spikes_for(name).requires_grad_("sigma" in name)
    ours, slayers = net(x), x
    for b in blocks:
        slayers = b(slayers)
    assert torch.equal(ours, slayers)
    assert (ours != 0).sum() > 8
    cotangent = torch.tensor(np.random.default_rng(2).normal(size=ours.shape), dtype=torch.float32)
    by = [*weights_of(blocks), *([x] if x.requires_grad else [])]
    gradients = (torch.autograd.grad((out * cotangent).sum(), by) for out in (ours, slayers))
    for a, b in zip(*gradients, strict=True):
        assert (a - b).abs().max() <= 3e-6 * b.abs().max()


@pytest.mark.parametrize("name", NETWORKS)
def test_without_layers_they_are_deployed_as_they_are_trained(name, tmp_path):
    """What the network sends in training, `simulate` gives for what is deployed, and for the file of that."""
    net = UnlayeredNetwork(NETWORKS[name](), schedule=Random(4), seed=3, input_shape=shape_of(name)).eval()
    x = spikes_for(name)
    sent = net.run(x).counts.detach().numpy()
    scale = 2**12 if "sigma" in name else 1
    counted = (x * (64 if "input" in name or "output" in name else scale)).flatten(1, -2).numpy().astype(int)
    deployed = simulate_batch(net.to_network(), counted, schedule=Random(4), seed=3)
    np.testing.assert_array_equal(deployed.emitted, sent * scale)
    net.export_hdf5(tmp_path / "net.net")
    loaded = netx.load(tmp_path / "net.net")
    assert isinstance(loaded, Network)
    again = simulate_batch(loaded, counted, execution=Execution(Random(4), seed=3))
    np.testing.assert_array_equal(again.emitted, deployed.emitted)


@pytest.mark.parametrize("name", ["alif", "rf_iz", "sigma_delta", "mixed"])
def test_without_layers_both_engines_have_one_gradient(name):
    blocks, gradients = NETWORKS[name](), []
    x = spikes_for(name, batch=2)[..., :6]
    for engine in ("compiled", "dense"):
        net = UnlayeredNetwork(blocks, schedule=Random(3), engine=engine)
        gradients.append(torch.autograd.grad(net(x).sum(), weights_of(blocks)))
    for a, b in zip(*gradients, strict=True):
        assert (a - b).abs().max() <= 1e-5 * b.abs().max() + 1e-7


@pytest.mark.parametrize("family", ["alif", "rf_iz", "sigma_delta"])
def test_they_learn(family):
    """A few steps of Adam bring the output nearer to what is wanted."""
    blocks = chain(family, family, sizes=(12, 16, 4))
    net = UnlayeredNetwork(blocks, schedule=Random(4))
    x = spikes_for(family)
    wanted = torch.tensor([6.0, 0.0, 3.0, 1.0])
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=0.02), []
    for _ in range(12):
        loss = ((net(x, samples=np.arange(len(x))).sum(-1) - wanted) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses) < 0.8 * losses[0]


def test_what_cannot_be_run_is_named():
    numbers = chain("sigma_delta")[0]
    complains(
        lambda: UnlayeredNetwork([numbers], schedule=Layered())(torch.full((1, 12, 2), 0.3)),
        "spikes = 0.30000001192092896: must be multiples of 1/4096 (or give the network an Input block)",
    )
    tanh = slayer().block.sigma_delta.Dense({"threshold": 0.1, "activation": torch.tanh}, 3, 2)
    complains(
        lambda: UnlayeredNetwork([tanh], schedule=Layered()),
        f"blocks[0] (Dense).neuron.activation = {torch.tanh!r}: must be torch.nn.functional.relu",
    )
