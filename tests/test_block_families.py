"""Every family of slayer's neurons with every block: what runs, slayer's own with layers, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compare import complains
from slayer_blocks import delays
from test_training_blocks_models import NEURONS, STEPS

from lava_async import Execution, Layered, Random, netx, simulate_batch
from lava_async.errors import InvalidType
from lava_async.training import UnlayeredNetwork
from lava_async.training.blocks import slayer

SHAPE = (2, 6, 6)
ADAPTIVE = {"threshold_step": 0.3, "threshold_decay": 0.3, "refractory_decay": 0.5}
OF = NEURONS | dict.fromkeys(("adrf", "adrf_iz"), NEURONS["rf"] | ADAPTIVE)
RUN = "cuba", "alif", "rf", "rf_iz", "sigma_delta"
UNSHIFTED = "Flatten", "Average", "Affine", "KWTA", "Output", "TimeDecimation"


def one(family, name, *args, **options):
    """A block of a family, None if slayer has none of the name."""
    made = getattr(getattr(slayer().block, family), name, None)
    if made is None:
        return None
    shift = {} if name in UNSHIFTED or family == "sigma_delta" else {"delay_shift": False}
    neuron = () if name in ("Flatten", "Average", "TimeDecimation") else (dict(OF[family]),)
    return made(*neuron, *args, **shift, **options)


def network(family, name):
    """A small network with such a block; None where slayer has none."""
    torch.manual_seed(0)
    flat, grid = one(family, "Flatten"), {"weight_scale": 4}
    dense, last = (one(family, "Dense", *sizes, weight_scale=4) for sizes in ((72, 10), (10, 4)))
    networks = {
        "Dense": [flat, dense],
        "Conv": [one(family, "Conv", 2, 3, 3, **grid), flat],
        "Pool": [one(family, "Pool", 2, weight_scale=2), flat],
        "Unpool": [one(family, "Unpool", 2, weight_scale=2), flat],
        "Average": [flat, dense, one(family, "Average", 5)],
        "Input": [one(family, "Input"), flat, dense],
        "Input without neurons": [getattr(slayer().block, family).Input(delay_shift=False), flat, dense],
        "Delay": [flat, dense, delays(slayer().axon.Delay(), *(float(i % 3) for i in range(10))), last],
    }
    if family == "sigma_delta":  # whose Input without neurons fails
        del networks["Input without neurons"]
    if name == "ConvT" and family != "adrf_iz":  # slayer's own does not exist there
        networks[name] = [one(family, "ConvT", 2, 3, 2, **grid), flat]
    if name == "Affine" and family not in ("rf", "rf_iz"):  # whose constructor fails
        networks[name] = [flat, dense, one(family, "Affine", 10, 4, **grid)]
    if name == "Recurrent":
        networks[name] = [flat, one(family, "Recurrent", 72, 8, **grid)]
    if name == "Output":
        networks[name] = [flat, dense, one(family, "Output", 10, 4, **grid)]
    if name == "KWTA":
        networks[name] = [flat, one(family, "KWTA", 72, 10, 3)]
    if name == "TimeDecimation":
        networks[name] = [one(family, "TimeDecimation", 2), flat, dense]
    blocks = networks.get(name)
    return None if blocks is None or any(b is None for b in blocks) else blocks


def given(family):
    rng, shape = np.random.default_rng(1), (3, *SHAPE, STEPS)
    if family == "sigma_delta":
        return torch.tensor(np.cumsum(rng.integers(-3, 4, shape), -1) / 32, dtype=torch.float32)
    return torch.tensor(rng.random(shape) < 0.3, dtype=torch.float32)


NAMES = "Dense", "Conv", "ConvT", "Pool", "Unpool", "Recurrent", "Average", "Affine", "Input", "Input without neurons"
CASES = [(family, name) for family in RUN for name in (*NAMES, "Delay", "Output")]
ABSENT = {
    ("alif", "Affine"),
    ("sigma_delta", "Affine"),
    ("sigma_delta", "Recurrent"),
    ("rf", "Affine"),
    ("rf_iz", "Affine"),
}
ABSENT |= {("sigma_delta", "Input without neurons")}
ABSENT |= {(family, "Output") for family in RUN[:4]}
"""Which slayer has not, or cannot make."""
FAILS = {("rf", "Recurrent"), ("rf_iz", "Recurrent")}
"""Which slayer makes and cannot run; here they run."""
REFUSED = {(family, "Input") for family in ("rf", "rf_iz")}


@pytest.mark.parametrize(("family", "name"), [case for case in CASES if case not in REFUSED])
def test_with_layers_a_block_is_slayers_own(family, name):
    blocks = network(family, name)
    assert (blocks is None) == ((family, name) in ABSENT)
    if blocks is None:
        return
    x, options = given(family), {"input_shape": SHAPE}
    ours = UnlayeredNetwork(blocks, schedule=Layered(), surrogate="slayer", **options)(x)
    if (family, name) in FAILS:
        with pytest.raises(AttributeError):
            blocks[1](blocks[0](x))
        assert (ours != 0).any()
        return
    slayers = x
    for block in blocks:
        slayers = block(slayers)
    assert (slayers != 0).sum() > 8
    assert torch.equal(ours, slayers)
    if name == "Recurrent":  # slayer's own gradient is cut: see docs/slayer_blocks.md
        return
    learned = [p for block in blocks for p in block.parameters() if p.requires_grad]
    cotangent = torch.tensor(np.random.default_rng(2).normal(size=ours.shape), dtype=torch.float32)
    by = [torch.autograd.grad((out * cotangent).sum(), learned) for out in (ours, slayers)] if learned else [(), ()]
    for a, b in zip(*by, strict=True):
        assert (a - b).abs().max() <= 3e-6 * b.abs().max()


@pytest.mark.parametrize(("family", "name"), [case for case in CASES if case not in REFUSED | ABSENT])
def test_without_layers_it_is_deployed_as_it_is_trained(family, name, tmp_path):
    net = UnlayeredNetwork(network(family, name), schedule=Random(4), seed=3, input_shape=SHAPE).eval()
    x, scale = given(family), 2**12 if family == "sigma_delta" else 1
    counted = (x * (64 if (family, name) == ("sigma_delta", "Input") else scale)).flatten(1, -2).numpy().astype(int)
    sent = net.run(x).counts.detach().numpy()
    np.testing.assert_array_equal(simulate_batch(net.to_network(), counted, seed=3).emitted, sent * scale)
    net.export_hdf5(tmp_path / "net.net")
    loaded = netx.load(tmp_path / "net.net")
    np.testing.assert_array_equal(
        simulate_batch(loaded, counted, execution=Execution(Random(4), seed=3)).emitted, sent * scale
    )


@pytest.mark.parametrize("family", [*RUN[:4], "adrf", "adrf_iz"])
def test_blocks_that_cannot_run_are_refused_with_the_reason(family):
    reasons = {"KWTA": "its winners are those of a whole layer", "TimeDecimation": "it adds up time steps"}
    if family.startswith("adrf"):
        reason = "no model here has a phase and an adaptive threshold"
        reasons = dict.fromkeys(("Dense", "Conv", "Pool", "Input"), reason)
    for name, reason in reasons.items():
        if (blocks := network(family, name)) is not None:
            with pytest.raises(InvalidType, match=rf"slayer\.block\.{family}\.\w+': must be .*\({reason}") as caught:
                UnlayeredNetwork(blocks, schedule=Random(1), input_shape=SHAPE)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", ["rf", "rf_iz"])
def test_resonators_behind_the_input_are_refused_as_slayers_own_cannot_run_them(family):
    with pytest.raises((AssertionError, ValueError)):
        one(family, "Input")(torch.ones(1, 3, 2))
    complains(
        lambda: UnlayeredNetwork([one(family, "Input")], schedule=Random(1), input_shape=(3,)),
        f"blocks[0] (Input) = 'slayer.block.{family}.Input with neurons': must be without neurons: slayer's own cannot "
        "run them, since a resonator takes two numbers",
    )
