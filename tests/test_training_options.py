"""What `fit` and `Trainer` take: losses and labels, class weights, optimizers and schedulers, and when they end."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

from lava_async import Random
from lava_async.errors import InvalidType, InvalidValue
from lava_async.training import (
    ATan,
    CrossEntropy,
    MultiLabel,
    Regression,
    SpikeMax,
    SpikeRate,
    Trainer,
    UnlayeredNetwork,
    dense_blocks,
    fit,
)
from lava_async.training.losses import balanced, score
from lava_async.training.optimization import optimizers


def toy(n=64, seed=0):
    """Two classes of 6 channels: the first or the second half is more active."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    rate = np.where((np.arange(6) < 3) == (labels[:, None] == 0), 0.7, 0.1)
    return SimpleNamespace(spikes=(rng.random((n, 6, 4)) < rate[:, :, None]).astype(np.uint8), labels=labels)


def network(seed=0):
    return UnlayeredNetwork(dense_blocks([6, 8, 2], gain=2.0, seed=seed), schedule=Random(2), surrogate=ATan(1.0))


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def rates_of(data=None, epochs=4, **options):
    """Learning rate after each epoch, of one batch each."""
    net, found = network(), []
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    if callable(options.get("scheduler")):
        options["scheduler"] = options["scheduler"](optimizer)
    how = {"batch_size": 64, "optimizer": optimizer, **options}
    fit(net, data or toy(), epochs=epochs, callback=lambda _: found.append(optimizer.param_groups[0]["lr"]), **how)
    return found


# --- Losses ----------------------------------------------------------------------------------------------------------


def test_any_function_is_a_loss():
    def loss(output, labels):
        assert labels.dtype == torch.int64
        return torch.nn.functional.cross_entropy(0.5 * output.sum(2), labels)

    own, ours = network(), network()
    histories = [fit(net, toy(), epochs=2, loss=f) for net, f in ((own, loss), (ours, CrossEntropy(0.5)))]
    assert torch.equal(weights(own), weights(ours))
    assert [e.loss for e in histories[0]] == [e.loss for e in histories[1]]
    assert [e.accuracy for e in histories[0]] == [e.accuracy for e in histories[1]]


@pytest.mark.parametrize("loss", [SpikeRate(), SpikeMax(), CrossEntropy(0.5)])
def test_losses_that_need_classes_take_one_hot_rows(loss):
    data = toy()
    rows = SimpleNamespace(spikes=data.spikes, labels=np.eye(2)[data.labels])
    nets = [network(), network()]
    for net, each in zip(nets, (data, rows), strict=True):
        fit(net, each, epochs=1, loss=loss)
    assert torch.equal(weights(nets[0]), weights(nets[1]))


def both():
    """Labels of two outputs: the channels of its half are active, of one, both or neither."""
    labels = np.stack([np.arange(64) % 2, np.arange(64) // 2 % 2], 1)
    rate = np.repeat(np.where(labels, 0.7, 0.05), 3, axis=1)
    drawn = np.random.default_rng(0).random((64, 6, 4))
    return SimpleNamespace(spikes=(drawn < rate[:, :, None]).astype(np.uint8), labels=labels)


def test_samples_may_have_several_labels():
    net = network()
    history = fit(net, both(), both(), epochs=15, loss=MultiLabel(rate=0.3), learning_rate=0.05, batch_size=8)
    assert history[-1].loss < history[0].loss
    assert max(epoch.validation for epoch in history) > 0.85


def test_numbers_can_be_learned():
    data = toy()
    targets = SimpleNamespace(spikes=data.spikes, labels=np.where(data.labels[:, None] == [0, 1], 3.0, 0.5))
    net = network()
    history = fit(net, targets, targets, epochs=15, loss=Regression(), learning_rate=0.05, batch_size=8)
    assert history[-1].loss < history[0].loss / 2
    assert max(e.validation for e in history) == pytest.approx(-1.0, abs=0.6), "minus the mean squared error"
    assert all(e.validation < 0 for e in history)


def test_targets_may_be_given_for_each_time_step():
    data = toy()
    targets = np.repeat(np.where(data.labels[:, None] == [0, 1], 1.0, 0.0)[:, :, None], 4, axis=2)
    net = network()
    history = fit(net, SimpleNamespace(spikes=data.spikes, labels=targets), epochs=10, loss=Regression(), batch_size=8)
    assert history[-1].loss < history[0].loss
    with pytest.raises(InvalidValue, match=r"labels\.shape = \(32, 3\): must be \(32, 2\), a number per output"):
        fit(net, SimpleNamespace(spikes=data.spikes, labels=np.zeros((64, 3))), epochs=1, loss=Regression())


@pytest.mark.parametrize("batched", [False, True])
def test_targets_come_from_a_dataset_or_a_data_loader_of_torch(batched):
    data = both()
    pairs = TensorDataset(torch.from_numpy(data.spikes), torch.from_numpy(data.labels).float())
    given = DataLoader(pairs, batch_size=10) if batched else pairs
    nets = [network(), network()]
    for net, each in zip(nets, (data, given), strict=True):
        fit(net, each, epochs=1, loss=MultiLabel())
    assert torch.equal(weights(nets[0]), weights(nets[1]))


def test_a_score_is_the_part_of_the_right_answers_or_minus_the_error():
    output = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]])
    assert score(CrossEntropy(), output, torch.tensor([0, 0])) == 1.0
    assert score(MultiLabel(rate=0.5), output, torch.tensor([[1, 0], [1, 1]])) == 1.5
    assert score(Regression(scale=2.0), output, torch.tensor([[4.0, 0.0], [0.0, 2.0]])) == -2.0
    assert score(lambda y, labels: (y.sum(2) - labels).abs().mean(), output, torch.zeros(2, 2)) == -2.0


@pytest.mark.parametrize(
    ("loss", "labels", "error"),
    [
        (
            lambda output, labels: output.sum(2),
            toy().labels,
            r"fit\.loss: what it returns = \(32, 2\): must be a tensor",
        ),
        (lambda output, labels: 1.0, toy().labels, r"what it returns = 'float'"),
        (Regression(), np.array(["a"] * 64), "labels = array.*: must be numbers"),
        (Regression(), np.full((64, 2), np.nan), "labels = nan: must be finite numbers"),
        (Regression(), np.zeros((63, 2)), "fit.train: number of labels = 63: must be 64"),
    ],
)
def test_losses_and_labels_that_cannot_be_used_are_named(loss, labels, error):
    with pytest.raises((InvalidValue, InvalidType), match=error):
        fit(network(), SimpleNamespace(spikes=toy().spikes, labels=labels), epochs=1, loss=loss)


# --- Class weights ---------------------------------------------------------------------------------------------------


def test_class_weights_are_those_of_torchs_cross_entropy():
    output, labels = torch.rand(5, 2, 4), torch.tensor([0, 1, 1, 0, 1])
    expected = torch.nn.functional.cross_entropy(0.5 * output.sum(2), labels, torch.tensor([3.0, 1.0]))
    assert CrossEntropy(0.5, (3.0, 1.0))(output, labels) == expected


def test_balanced_classes_count_the_same():
    labels = np.repeat([0, 1], [60, 4])
    found = balanced(labels, 3)
    assert found[2] == 0.0
    assert found[0] * 60 == pytest.approx(found[1] * 4)
    assert sum(found[label] for label in labels) == pytest.approx(len(labels))
    rare = SimpleNamespace(spikes=toy().spikes, labels=np.where(np.arange(64) % 16 == 1, 1, 0))
    nets = [network(), network(), network()]
    for net, wanted in zip(nets, (None, "balanced", balanced(rare.labels, 2)), strict=True):
        fit(net, rare, epochs=1, class_weights=wanted)
    assert torch.equal(weights(nets[1]), weights(nets[2]))
    assert not torch.equal(weights(nets[0]), weights(nets[1]))


# --- Optimizers and schedulers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(optimizers()))
def test_an_optimizer_of_torch_may_be_named(name):
    net = network()
    before = weights(net)
    # Muon, for one, wants matrices: whatever it wants, the error says it.
    try:
        history = fit(net, toy(), epochs=1, optimizer=name.lower(), learning_rate=0.01)
    except InvalidValue as error:
        assert f"fit.optimizer: arguments of {name}" in str(error)  # noqa: PT017
        assert name == "Muon"
    else:
        assert np.isfinite(history[0].loss)
        assert not torch.equal(weights(net), before)


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("constant", None, [0.1] * 4),
        ("StepLR", {"step_size": 2, "gamma": 0.5}, [0.1, 0.05, 0.05, 0.025]),
        ("exponentiallr", {"gamma": 0.5}, [0.05, 0.025, 0.0125, 0.00625]),
        ("CosineAnnealingLR", None, 0.05 * (1 + np.cos(np.pi * np.arange(1, 5) / 4))),
        ("cosine", None, 0.05 * (1 + np.cos(np.pi * np.arange(1, 5) / 4))),
        ("OneCycleLR", {"pct_start": 0.5}, None),
    ],
)
def test_a_scheduler_may_be_named(name, options, expected):
    found = rates_of(scheduler=name, scheduler_options=options)
    if expected is None:  # one cycle: up, then down to next to nothing
        assert found[0] == pytest.approx(0.1)
        assert found[2] < 1e-4
    else:
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_scheduler_may_be_an_object_of_torch():
    expected = rates_of(scheduler="StepLR", scheduler_options={"step_size": 2, "gamma": 0.5})
    assert rates_of(scheduler=lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.5)) == expected


def test_a_plateau_is_one_of_the_errors_on_validation_samples():
    net, found = network(), []
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-9)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.5, eps=0)
    options = {"epochs": 6, "optimizer": optimizer, "scheduler": plateau}
    fit(net, toy(), toy(), callback=lambda _: found.append(optimizer.param_groups[0]["lr"] / 1e-9), **options)
    np.testing.assert_allclose(found, [1, 1, 0.5, 0.5, 0.25, 0.25])


def test_gradients_are_scaled_down_to_the_largest_norm():
    norms = {}
    for most in (None, 1e-3):
        net = network()
        before = weights(net)
        fit(net, toy(), epochs=1, batch_size=64, optimizer="SGD", learning_rate=1.0, max_grad_norm=most)
        norms[most] = float((weights(net) - before).norm())
    assert norms[None] > 0.01
    assert norms[1e-3] == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"optimizer": "adamm"}, r"fit\.optimizer = 'adamm': must be one of .*did you mean 'Adam'\?"),
        ({"optimizer": torch.optim.SGD([torch.zeros(1)], lr=1.0), "learning_rate": 0.1}, r"fit\.learning_rate = 0\.1"),
        ({"scheduler": "steplr"}, r"fit\.scheduler: arguments of StepLR = .*step_size"),
        ({"scheduler": "StepLR", "scheduler_options": {"gama": 1}}, r"fit\.scheduler: option gama = 1.*mean 'gamma'\?"),
        ({"scheduler": "stepper"}, r"fit\.scheduler = 'stepper': must be one of .*did you mean 'StepLR'\?"),
        (
            {"scheduler": 3},
            r"fit\.scheduler = 3: must be a scheduler that was made for the optimizer, or one of cosine",
        ),
        ({"scheduler_options": {"gamma": 1}}, r"fit\.scheduler_options = .*'cosine' has none"),
        (
            {"scheduler": lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1)], lr=1.0), 1)},
            r"fit\.scheduler\.optimizer = 'SGD': must be that of this training",
        ),
        ({"scheduler": "ReduceLROnPlateau", "scheduler_options": {"mode": "max"}}, r"fit\.scheduler\.mode = 'max'"),
        ({"max_grad_norm": 0.0}, r"fit\.max_grad_norm = 0\.0: must be a number > 0"),
        ({"patience": 2}, r"fit\.patience = 2: must be left out where there are no validation samples"),
        ({"class_weights": "even"}, r"fit\.class_weights = 'even': must be 'balanced', or a weight per output"),
        ({"class_weights": [1.0]}, r"fit\.class_weights = \[1\.0\]: must be 'balanced', or 2 numbers >= 0"),
        ({"class_weights": "balanced", "loss": SpikeMax()}, r"fit\.class_weights = 'balanced': must be left out"),
        ({"scale": 1.0, "loss": SpikeMax()}, r"fit\.scale = 1\.0: must be left out"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, error):
    with pytest.raises((InvalidValue, InvalidType), match=error):
        fit(network(), toy(), epochs=1, **options)


# --- Ends ------------------------------------------------------------------------------------------------------------


def test_patience_ends_a_training_that_gets_no_better():
    history = fit(network(), toy(), toy(), epochs=50, learning_rate=1e-9, patience=3)
    assert len(history) == 4, "the first epoch is the best, three more are not better"


def test_a_callback_is_told_each_batch_and_epoch_and_may_end_the_training():
    batches, epochs = [], []

    def on_batch(batch):
        batches.append((batch.epoch, batch.number))
        return batch.epoch == 2

    history = fit(network(), toy(), epochs=9, batch_size=32, on_batch=on_batch, callback=epochs.append)
    assert batches == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert epochs == history
    assert len(history) == 2
    assert len(fit(network(), toy(), epochs=9, callback=lambda epoch: epoch.number == 3)) == 3


def test_a_finished_training_goes_on_when_its_epochs_are_raised():
    """With its last weights and the whole state of the optimizer, though it ended with the best weights."""
    data, valid = toy(), toy(seed=1)
    options = {"batch_size": 16, "optimizer": "SGD", "learning_rate": 0.05, "scheduler": "constant", "seed": 3}
    net, other = network(), network()
    trainer, at_once = (Trainer(each, data, valid, epochs=n, **options) for each, n in ((net, 3), (other, 8)))
    first = trainer.run()
    assert len(first) == 3
    assert trainer.finished
    trainer.epochs = 8
    assert not trainer.finished
    found, expected = trainer.run(), at_once.run()
    assert [(e.loss, e.validation) for e in found] == [(e.loss, e.validation) for e in expected]
    assert torch.equal(weights(net), weights(other))


def test_the_state_of_a_finished_training_is_that_of_its_last_weights():
    data, valid = toy(), toy(seed=1)
    trainers = [Trainer(network(), data, valid, epochs=n, scheduler="constant") for n in (3, 5, 5)]
    trainers[0].run()
    trainers[1].load_state_dict(trainers[0].state_dict())
    assert [e.loss for e in trainers[1].run()] == [e.loss for e in trainers[2].run()]
