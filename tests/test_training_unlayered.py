"""UnlayeredNetwork: slayer's blocks, trained as they are deployed, spike for spike and voltage for voltage."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
import torch

from lava_async import (
    Fifo,
    FirstOutput,
    Layered,
    Momentum,
    Network,
    Quiescence,
    Random,
    Replay,
    SpikeTrain,
    netx,
    simulate_batch,
)
from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons.loihi import ONE
from lava_async.spikes import SpikeBatch
from lava_async.training import ATan, UnlayeredNetwork, dense_blocks
from lava_async.training.blocks import slayer

ENGINES = ("compiled", "dense")
NEURON = {"threshold": 0.7, "current_decay": 0.3, "voltage_decay": 0.2}
SCHEDULES = [Layered(), Random(2), Momentum(3, noise=0.5), Fifo(1)]

ADRF = {"threshold": 1, "threshold_step": 1, "period": 8, "decay": 0.1, "refractory_decay": 0.5, "threshold_decay": 0.5}


def spikes(seed=0, shape=(4, 12, 10)):
    return torch.from_numpy(np.random.default_rng(seed).random(shape) < 0.4).float()


def make(name):
    """Blocks 12-9-5 with a feature of slayer's."""
    torch.manual_seed(5)
    cuba, norm = slayer().block.cuba, slayer().neuron.norm
    neuron, options = dict(NEURON), {}
    if name == "norm":
        neuron["norm"] = norm.MeanOnlyBatchNorm
    if name == "decays per channel":
        neuron |= {"shared_param": False, "current_decay": (0.1, 0.9), "voltage_decay": (0.1, 0.5)}
    if name == "weight norm":
        options["weight_norm"] = True
    blocks = []
    for n_in, n_out in ((12, 9), (9, 5)):
        if name == "mask":
            options["mask"] = (torch.rand(n_out, n_in) < 0.5).float()
        blocks.append(cuba.Dense(dict(neuron), n_in, n_out, weight_scale=4, delay_shift=False, **options))
    if name == "norm":
        slayers(blocks, spikes(9))  # In train mode, so that the running means are not zero.
    return [block.eval() for block in blocks]


def slayers(blocks, x):
    for block in blocks:
        x = block(x)
    return x


def autocast(net):
    """Mark that a network runs under autocast; what autocast does to it is in the test."""
    return net


FEATURES = ["plain", "norm", "decays per channel", "weight norm", "mask"]


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.name)
def test_training_deployment_and_file_give_the_same(feature, schedule, tmp_path):
    blocks, x = make(feature), spikes()
    net = UnlayeredNetwork(blocks, schedule=schedule, until=FirstOutput(2), surrogate=ATan(), seed=7).eval()
    kept = copy.deepcopy([block.state_dict() for block in blocks])
    net.export_hdf5(tmp_path / "net.net")
    how = {"schedule": schedule, "until": FirstOutput(2), "seed": 7}
    deployed = simulate_batch(net.to_network(), x.numpy(), **how)
    loaded = simulate_batch(netx.load(tmp_path / "net.net"), x.numpy(), **how)
    assert deployed.output.sum() > 10
    for engine in ENGINES:
        run = UnlayeredNetwork(blocks, surrogate=ATan(), engine=engine, **how).eval().run(x)
        for result in (deployed, loaded):
            np.testing.assert_array_equal(run.counts.detach(), result.counts)
            np.testing.assert_array_equal(run.voltage * ONE, result.voltage)
            np.testing.assert_array_equal(run.current * ONE, result.current)
            np.testing.assert_array_equal(run.forward_steps, result.forward_steps)
    for block, before in zip(blocks, kept, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(block.state_dict().values(), before.values(), strict=True))


@pytest.mark.parametrize("feature", FEATURES)
def test_layered_is_slayer(feature):
    blocks, x = make(feature), spikes(3)
    net = UnlayeredNetwork(blocks, schedule=Layered())
    assert torch.equal(net.eval()(x), slayers(blocks, x))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.name)
@pytest.mark.parametrize("feature", ["plain", "norm", "weight norm"])
def test_engines_agree_on_the_gradient_of_every_parameter(feature, schedule):
    blocks, x = make(feature), spikes(1)
    weight = torch.from_numpy(np.random.default_rng(2).normal(size=(4, 14, 10))).float()
    gradients = []
    for engine in ENGINES:
        net = UnlayeredNetwork(
            blocks, schedule=schedule, refractory_dropout=0.3, input_dropout=0.2, engine=engine
        ).train()
        parameters = [p for p in net.parameters() if p.requires_grad]
        gradients.append(torch.autograd.grad((net.run(x).counts * weight).sum(), parameters))
    for a, b in zip(*gradients, strict=True):
        assert b.abs().max() > 0
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * b.abs().max().item())


def test_decays_learn_where_slayers_neuron_says_so():
    blocks = dense_blocks([12, 9, 5], **NEURON, gain=3.0, requires_grad=True)
    gradients = []
    for engine in ENGINES:
        net = UnlayeredNetwork(blocks, schedule=Random(2), engine=engine).eval()
        decays = [p for name, p in net.named_parameters() if "decay" in name]
        gradients.append(torch.stack(torch.autograd.grad(net(spikes()).sum(), decays)))
    assert gradients[0].abs().min() > 0
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-9)


def test_dropouts_are_for_training_only():
    blocks = dense_blocks([12, 9, 5], **NEURON, gain=3.0)
    plain = UnlayeredNetwork(blocks, schedule=Random(2))
    net = UnlayeredNetwork(blocks, schedule=Random(2), refractory_dropout=0.9, input_dropout=0.5)
    assert torch.equal(net.eval()(spikes()), plain.eval()(spikes()))
    trained = net.train().run(spikes()).counts
    assert trained.max() > 1, "refractory dropout lets neurons fire again"
    assert not torch.equal(trained, plain.train().run(spikes()).counts)


def test_each_training_run_draws_anew_and_a_resumed_one_draws_the_same():
    net = UnlayeredNetwork(dense_blocks([12, 9, 5], **NEURON, gain=3.0), schedule=Random(1)).train()
    first, second = net.run(spikes()).counts, net.run(spikes()).counts
    assert not torch.equal(first, second)
    assert net.samples_seen == 8
    net.samples_seen.zero_()
    assert torch.equal(net.run(spikes()).counts, first)
    assert torch.equal(net.run(spikes(), samples=range(4, 8)).counts, second)
    assert torch.equal(net.eval().run(spikes()).counts, first), "eval mode numbers samples from 0"
    assert net.samples_seen == 4, "only training runs without given numbers are counted"


def test_a_sample_does_not_depend_on_its_batch():
    net = UnlayeredNetwork(dense_blocks([12, 9, 5], **NEURON, gain=3.0), schedule=Random(1)).eval()
    whole = net(spikes())
    for b in range(4):
        assert torch.equal(net(spikes()[b : b + 1], samples=[b])[0], whole[b])


def test_input_may_be_a_tensor_of_any_type_trains_or_a_batch_of_events():
    net = UnlayeredNetwork(dense_blocks([12, 9, 5], **NEURON, gain=3.0), schedule=Random(1)).eval()
    x = spikes()
    expected = net(x)
    for form in (
        x.to(torch.uint8),
        x.double(),
        x.bool(),
        SpikeBatch.from_dense(x.numpy()),
        [SpikeTrain.from_dense(each.numpy()) for each in x],
    ):
        assert torch.equal(net(form), expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("convert", [torch.nn.Module.double, torch.nn.Module.float, autocast], ids=lambda f: f.__name__)
def test_spikes_are_the_same_in_double_precision_and_under_autocast(engine, convert):
    make_net = partial(UnlayeredNetwork, schedule=Random(2), surrogate=ATan(), engine=engine)
    want = make_net(make("plain")).eval()(spikes())
    with torch.autocast("cpu", torch.bfloat16, enabled=convert is autocast):
        assert torch.equal(convert(make_net(make("plain")).eval())(spikes()).float(), want)
    mixed = make_net(make("plain")).eval()
    mixed.blocks[0].double()
    assert torch.equal(mixed(spikes()).float(), want)


@pytest.mark.parametrize("feature", FEATURES)
def test_weights_of_a_plain_slayer_network_may_be_loaded(feature):
    """Its state_dict, as lava-dl's tutorials save it, before and after it ran."""
    elsewhere = torch.nn.Module()
    elsewhere.blocks = torch.nn.ModuleList(make(feature))
    for block in elsewhere.blocks:
        with torch.no_grad():
            learned = block.synapse.weight_g if feature == "weight norm" else block.synapse.weight
            learned.mul_(-0.7)
    net = UnlayeredNetwork(make(feature), schedule=Layered()).train()
    net(spikes())
    if feature != "decays per channel":  # slayer draws them when it first runs.
        net.load_state_dict(elsewhere.state_dict())
        assert int(net.samples_seen) == len(spikes())
    slayers(elsewhere.blocks, spikes())
    net.load_state_dict(elsewhere.state_dict())
    for name, value in elsewhere.state_dict().items():
        assert torch.equal(net.state_dict()[name], value)
    elsewhere.blocks.load_state_dict(net.blocks.state_dict())
    assert torch.equal(net.eval()(spikes()), slayers(elsewhere.blocks.eval(), spikes()))


def test_a_record_that_ended_at_its_first_output_replays_with_its_gradient():
    x, gradients = spikes()[:1], []
    net = UnlayeredNetwork(make("plain"), schedule=Random(2), until=FirstOutput(), surrogate=ATan()).eval()
    record = simulate_batch(net.to_network(), x.numpy(), schedule=Random(2), until=FirstOutput(), record="groups")
    assert record.dropped.any()
    for engine in ENGINES:
        again = UnlayeredNetwork(net.blocks, schedule=Replay(record.groups[0]), surrogate=ATan(), engine=engine).eval()
        run = again.run(x)
        np.testing.assert_array_equal(run.counts.detach(), record.counts)
        gradients.append(torch.autograd.grad(run.counts.square().sum(), net.blocks[0].synapse.weight)[0])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_a_copy_is_a_network_of_its_own():
    net = UnlayeredNetwork(dense_blocks([12, 9, 5], **NEURON, gain=3.0), schedule=Random(1)).eval()
    twin = copy.deepcopy(net)
    expected = net(spikes())
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert torch.equal(net(spikes()), expected)
    assert twin(spikes()).sum() == 0


def test_the_file_says_how_the_network_was_meant_to_run(tmp_path):
    net = UnlayeredNetwork(dense_blocks([12, 5]), schedule=Random(8), until=FirstOutput(1), seed=4)
    net.export_hdf5(tmp_path / "net.net", data="digits")
    said = netx.metadata(tmp_path / "net.net")
    assert said["schedule"] == {"name": "random", "group_size": 8}
    assert said["until"] == {"name": "FirstOutput", "extra_steps": 1}
    assert (said["seed"], said["data"]) == (4, "digits")


def test_export_replaces_a_file_whole_or_not_at_all(tmp_path):
    net = UnlayeredNetwork(dense_blocks([12, 5]), schedule=Random(8))
    net.export_hdf5(tmp_path / "net.net")
    before = (tmp_path / "net.net").read_bytes()
    with pytest.raises(netx.NetxError, match="metadata thing"):
        net.export_hdf5(tmp_path / "net.net", thing=object())
    assert (tmp_path / "net.net").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["net.net"]


def test_making_blocks_and_networks_leaves_the_global_random_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    cuba = slayer().block.cuba
    UnlayeredNetwork(dense_blocks([12, 5]), schedule=Random(8))
    assert torch.equal(torch.rand(4), expected)
    block = cuba.Dense({**NEURON, "shared_param": False}, 4, 3)
    torch.manual_seed(3)
    UnlayeredNetwork([block], schedule=Random(8), seed=1)
    assert torch.equal(torch.rand(4), expected)


def test_blocks_are_the_same_for_a_seed_and_xavier_uniform():
    a, b, other = (dense_blocks([300, 200], threshold=0.5, gain=2.0, seed=seed)[0].synapse.weight for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, other)
    bound = 2.0 * 0.5 * np.sqrt(6 / 500)
    assert a.abs().max() <= bound
    assert a.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.02)


def test_numbers_of_numpy_and_torch_make_the_blocks_that_pythons_make():
    plain = dense_blocks([6, 8, 3], threshold=1.0, voltage_decay=0.25, gain=2.0, seed=4)
    numbers = {"threshold": np.float32(1), "voltage_decay": torch.tensor(0.25), "gain": np.float64(2)}
    others = dense_blocks(np.array([6, 8, 3]), **numbers, seed=np.int64(4))
    for one, other in zip(plain, others, strict=True):
        assert torch.equal(one.synapse.weight, other.synapse.weight)
        assert one.neuron.threshold == other.neuron.threshold
    with pytest.raises(InvalidValue, match=r"dense_blocks\.threshold = array\(\[1., 2.\]\): must be one number"):
        dense_blocks([6, 3], threshold=np.array([1.0, 2.0]))


def test_network_is_what_netx_reads():
    net = UnlayeredNetwork(make("norm"), schedule=Layered()).to_network()
    block = make("norm")[0]
    assert isinstance(net, Network)
    np.testing.assert_array_equal(net.params.vth[:9], block.neuron.v_th_mant)
    np.testing.assert_array_equal(net.params.du[:9], block.neuron.cx_current_decay - 1)
    np.testing.assert_array_equal(net.params.dv[:9], block.neuron.cx_voltage_decay)
    np.testing.assert_array_equal(net.params.bias_mant[:9], block.neuron.norm.bias.detach())
    np.testing.assert_array_equal(net.params.bias_exp[:9], 6)


# ------------------------------------------------------------------------------------------------ bad input


def dense(neuron=None, **options):
    return slayer().block.cuba.Dense({**NEURON, **(neuron or {})}, 4, 3, **options)


def norm(name):
    return getattr(slayer().neuron.norm, name)


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        (list, "blocks = []: must be at least one block"),
        (lambda: [torch.nn.Linear(4, 3)], "blocks[0] = 'torch.nn.modules.linear.Linear': must be a block of cuba"),
        (
            lambda: [dense(), slayer().block.cuba.KWTA(dict(NEURON), 3, 3, 1)],
            "blocks[1] = 'lava.lib.dl.slayer.block.cuba.KWTA'",
        ),
        (
            lambda: [slayer().block.adrf.Dense(ADRF, 4, 3)],
            "blocks[0] = 'lava.lib.dl.slayer.block.adrf.Dense': must be a block of cuba, alif, rf, rf_iz, sigma_delta",
        ),
        (lambda: [dense(), dense()], "blocks[1] (Dense): number of inputs = 4: must be 3, the neurons of blocks[0]"),
        (lambda: [dense(delay=True)], "blocks[0] (Dense).delay = "),
        (lambda: [dense(pre_hook_fx=None)], "blocks[0] (Dense).synapse.pre_hook_fx = None: must be 8-bit quantization"),
        (lambda: [dense({"graded_spike": True})], "blocks[0] (Dense).neuron.graded_spike = True: must be False"),
        (lambda: [dense({"persistent_state": True})], "blocks[0] (Dense).neuron.persistent_state = True: must be"),
        (lambda: [dense({"dropout": torch.nn.Dropout()})], "blocks[0] (Dense).neuron.drop = 'Dropout'"),
        (lambda: [dense({"scale": 32})], "blocks[0] (Dense).neuron.scale = 32: must be 64"),
        (
            lambda: [dense({"norm": norm("WgtScaleBatchNorm")})],
            "blocks[0] (Dense).neuron.norm = 'WgtScaleBatchNorm': must be None or MeanOnlyBatchNorm",
        ),
        (lambda: [dense(pre_hook_fx=lambda w: w)], "blocks[0] (Dense).weight = 'between grid points': must be multi"),
    ],
)
def test_blocks_that_cannot_be_run_are_named(blocks, error):
    with pytest.raises((InvalidValue, InvalidType)) as caught:
        UnlayeredNetwork(blocks(), schedule=Random(2))
    assert error in str(caught.value)


def test_a_threshold_of_zero_has_a_surrogate_unless_it_is_slayers():
    UnlayeredNetwork([dense({"threshold": 0.0})], schedule=Random(2))
    with pytest.raises(InvalidValue, match=r"neuron \(tau_rho, scale_rho\) = \(0\.0, 1\): must be > 0"):
        UnlayeredNetwork([dense({"threshold": 0.0})], schedule=Random(2), surrogate="slayer")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            {"schedule": "random"},
            "UnlayeredNetwork.schedule = 'random': must be a Schedule, such as Random(group_size=8); "
            "lava_async.schedules.schedule('random') makes one by its name",
        ),
        ({"until": 3}, "UnlayeredNetwork.until = 3: must be a StopRule, such as Quiescence()"),
        ({"credit": "some"}, "credit = 'some': must be one of delivered, all, keep, last"),
        ({"reset": "hard"}, "reset = 'hard': must be one of detached, differentiated"),
        ({"refractory_dropout": 1.5}, "UnlayeredNetwork.refractory_dropout = 1.5: must be a probability in 0 .. 1"),
        ({"input_dropout": -0.1}, "UnlayeredNetwork.input_dropout = -0.1: must be a probability in 0 .. 1"),
        ({"seed": -1}, "UnlayeredNetwork.seed = -1: must be >= 0"),
        ({"engine": "fast"}, "UnlayeredNetwork.engine = 'fast': must be one of compiled, dense"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, error):
    with pytest.raises((InvalidValue, InvalidType)) as caught:
        UnlayeredNetwork(dense_blocks([4, 3]), **{"schedule": Random(2), "until": Quiescence(), **options})
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("x", "samples", "error"),
    [
        (torch.ones(2, 5, 3), None, "spikes.shape = (2, 5, 3): must be (B, 4, T)"),
        (torch.ones(4, 3), None, "spikes.shape = (4, 3): must be (B, 4, T)"),
        (torch.full((1, 4, 3), 0.5), None, "must be integers"),
        (torch.full((1, 4, 3), -1.0), None, "spikes = -1: must be in 0 .. 16777215 for training"),
        (torch.full((1, 4, 3), float("nan")), None, "spikes [0, 0, 0] = nan: must be"),
        (torch.ones(2, 4, 3), [0], "samples.shape = (1,): must be (2,), one number per sample"),
    ],
)
def test_input_that_cannot_be_used_is_named(x, samples, error):
    with pytest.raises(InvalidValue) as caught:
        UnlayeredNetwork(dense_blocks([4, 3]), schedule=Random(2))(x, samples)
    assert error in str(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named(engine, bad):
    """An infinite one is NaN after slayer's quantization, or at the limit of its grid."""
    net = UnlayeredNetwork(make("plain"), schedule=Random(2), engine=engine).eval()
    with torch.no_grad():
        net.blocks[1].synapse.weight[0, 0] = bad
    if bad != bad:
        with pytest.raises(InvalidValue, match=r"blocks\[1\] \(Dense\).weight = nan: must be finite numbers"):
            net.to_network()
    else:
        assert int(net.to_network().synapses[1].weights[0, 0]) == 254


def test_sizes_of_blocks_are_checked():
    with pytest.raises(InvalidValue, match=r"dense_blocks\.sizes"):
        dense_blocks([3])
    with pytest.raises(InvalidValue, match=r"dense_blocks\.sizes = 0"):
        dense_blocks([3, 0])
