"""UnlayeredNetwork is an ordinary Module of torch."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch

from lava_async import Random
from lava_async.errors import InvalidType, InvalidValue
from lava_async.training import UnlayeredNetwork, dense_blocks
from lava_async.training.blocks import slayer

SIZES = [12, 9, 5]


def network(seed=0):
    blocks = dense_blocks(SIZES, threshold=0.7, current_decay=0.3, voltage_decay=0.2, gain=3.0, seed=seed)
    return UnlayeredNetwork(blocks, schedule=Random(2))


def spikes():
    return (torch.rand(4, 12, 10, generator=torch.Generator().manual_seed(0)) < 0.4).float()


def gradients(net, x=None):
    net.zero_grad()
    net.eval()(spikes() if x is None else x).sum().backward()
    return [p.grad for p in net.parameters() if p.grad is not None]


def test_the_state_dict_holds_parameters_and_nothing_else():
    net = network()
    net.train()(spikes())
    assert net.state_dict().keys() == dict(net.named_parameters()).keys()


def test_a_state_dict_of_version_01_is_read_with_its_number_of_samples():
    net, other = network(), network(seed=3)
    other.load_state_dict({**net.state_dict(), "samples_seen": torch.tensor(7)})
    assert other.samples_seen == 7
    assert torch.equal(other.eval()(spikes()), net.eval()(spikes()))


def saved(net):
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def loaded(net):
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    other = network(seed=3)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


@pytest.mark.parametrize("copied", [copy.deepcopy, saved, loaded, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_answers_and_learns_as_the_network_does(copied):
    net = network()
    twin = copied(net)
    assert torch.equal(twin.eval()(spikes()), net.eval()(spikes()))
    assert all(torch.equal(a, b) for a, b in zip(gradients(twin), gradients(net), strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_may_be_of_any_precision(dtype):
    """What is on the grid of 8 bits in half precision is the same network in single precision."""
    net = network().to(dtype)
    single = copy.deepcopy(net).float()
    out = net.eval()(spikes().to(dtype))
    assert torch.equal(out, single.eval()(spikes()).to(out.dtype))
    assert out.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    for mine, other in zip(gradients(net), gradients(single), strict=True):
        assert mine.dtype == dtype
        torch.testing.assert_close(mine.float(), other, rtol=0.01, atol=1e-6)


def test_hooks_of_the_network_are_called():
    net, seen = network(), []
    net.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    net.register_full_backward_hook(lambda module, inputs, outputs: seen.append(outputs[0].shape))
    net(spikes().requires_grad_()).sum().backward()
    assert seen == [(4, 5, 10), (4, 5, 10)]


def test_forward_hooks_of_blocks_see_the_spikes_that_they_emit():
    net, seen = network().eval(), {}
    plain = net(spikes())
    for name, block in net.blocks.named_children():
        block.register_forward_hook(lambda block, inputs, output, name=name: seen.update({name: output}))
    assert torch.equal(net(spikes()), plain)
    counts = net.run(spikes()).counts
    assert torch.equal(torch.cat([seen["0"], seen["1"]], 1), counts)
    seen["0"].sum().backward()
    assert net.blocks[0].synapse.weight.grad.any(), "a loss on hidden spikes"


@pytest.mark.parametrize(
    ("register", "error"),
    [
        (lambda b: b[0].register_forward_pre_hook(print), r"blocks\[0\] \(Dense\): forward pre hooks = 1"),
        (lambda b: b[1].register_full_backward_hook(print), r"blocks\[1\] \(Dense\): backward hooks = 1"),
        (lambda b: b[2].register_forward_hook(print), r"blocks\[2\] \(Average\): forward hooks = 1: .*left out"),
    ],
)
def test_hooks_that_would_never_be_called_are_an_error(register, error):
    net = UnlayeredNetwork([*dense_blocks([12, 9, 6]), slayer().block.cuba.Average(num_outputs=3)], schedule=Random(2))
    register(net.blocks)
    with pytest.raises(InvalidValue, match=error):
        net(spikes())


def test_a_hook_cannot_change_what_was_delivered():
    net = network()
    net.blocks[0].register_forward_hook(lambda block, inputs, output: output * 0)
    with pytest.raises(InvalidType, match="what a forward hook returns = 'Tensor': must be None"):
        net(spikes())


def test_frozen_parameters_stay_and_the_rest_learns():
    net = network()
    net.blocks[0].requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1.0)
    before = copy.deepcopy(net.state_dict())
    gradients(net)
    optimizer.step()
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"blocks.1.synapse.weight"}
