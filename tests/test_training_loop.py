"""Fit and evaluate."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lava_async import FirstOutput, Layered, Random, metrics, simulate_batch
from lava_async.data.digits import digits
from lava_async.errors import InvalidType, InvalidValue
from lava_async.training import ATan, UnlayeredNetwork, dense_blocks
from lava_async.training.loop import Epoch, evaluate, fit


def toy(n=64, seed=0):
    """Two classes of 6 channels: the first or the second half is more active."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    rate = np.where((np.arange(6) < 3) == (labels[:, None] == 0), 0.7, 0.1)
    return SimpleNamespace(spikes=(rng.random((n, 6, 4)) < rate[:, :, None]).astype(np.uint8), labels=labels)


def network(seed=0, **options):
    options = {"schedule": Random(2), "surrogate": ATan(1.0), **options}
    return UnlayeredNetwork(dense_blocks([6, 8, 2], gain=2.0, seed=seed), **options)


def weights(net):
    return [p.detach().clone() for p in net.parameters()]


def test_fit_learns():
    net = network()
    history = fit(net, toy(), toy(seed=1), epochs=8, batch_size=8, learning_rate=0.05)
    assert [e.number for e in history] == list(range(1, 9))
    assert history[-1].loss < history[0].loss
    assert evaluate(net, toy(seed=2), schedule=Random(2)).accuracy > 0.9
    assert not net.training


def test_a_seed_decides_everything_and_global_random_states_do_not():
    results = []
    for shift in (0, 1):
        torch.manual_seed(shift)
        net = network(refractory_dropout=0.2)
        history = fit(net, toy(), epochs=2, batch_size=16, seed=5)
        results.append((weights(net), [e.loss for e in history]))
    assert results[0][1] == results[1][1]
    assert all(torch.equal(a, b) for a, b in zip(results[0][0], results[1][0], strict=True))
    other = network(refractory_dropout=0.2)
    assert [e.loss for e in fit(other, toy(), epochs=2, batch_size=16, seed=6)] != results[0][1]


def test_fit_ends_with_the_weights_that_were_best_on_validation_and_keeps_them_in_a_file(tmp_path):
    net, seen = network(), []
    validation = toy(seed=1)

    def look(epoch: Epoch) -> None:
        seen.append((epoch.validation, weights(net)))

    history = fit(
        net,
        toy(),
        validation,
        epochs=6,
        batch_size=16,
        learning_rate=0.05,
        callback=look,
        checkpoint=tmp_path / "best.pt",
    )
    best = max(e.validation for e in history)
    expected = [w for accuracy, w in seen if accuracy == best][-1]
    assert all(torch.equal(a, b) for a, b in zip(weights(net), expected, strict=True))
    assert (
        metrics.accuracy(
            simulate_batch(net.to_network(), validation.spikes, schedule=Random(2)).output, validation.labels
        )
        == best
    )
    again = network(seed=9)
    again.load_state_dict(torch.load(tmp_path / "best.pt"))
    assert all(torch.equal(a, b) for a, b in zip(weights(again), expected, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_a_penalty_makes_hidden_neurons_quiet():
    runs = {}
    for penalty in (0.0, 0.05):
        net = network()
        fit(net, toy(), epochs=6, batch_size=16, learning_rate=0.02, penalty=penalty)
        runs[penalty] = evaluate(net, toy(seed=1), schedule=Random(2)).spikes_per_sample
    assert runs[0.05] < runs[0.0]


def test_the_learning_rate_falls_along_a_cosine_and_an_optimizer_may_be_given():
    net = network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    rates = []
    (group,) = optimizer.param_groups
    fit(net, toy(32), epochs=4, batch_size=32, optimizer=optimizer, callback=lambda _: rates.append(group["lr"]))
    np.testing.assert_allclose(rates, 0.05 * (1 + np.cos(np.pi * np.arange(1, 5) / 4)), atol=1e-12)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    fit(net, toy(32), epochs=1, optimizer=optimizer, cosine=False)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_loss_that_is_not_finite_is_an_error():
    net = network()
    with pytest.raises(FloatingPointError, match="loss is nan in epoch 1"):
        fit(net, toy(), epochs=1, penalty=float("nan"))


def test_a_progress_bar_is_shown_only_when_asked(capsys):
    fit(network(), toy(16), epochs=1)
    assert capsys.readouterr() == ("", "")
    fit(network(), toy(16), epochs=1, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 1 of 1" in err


def test_evaluate_takes_the_deployed_network_as_well():
    net = network()
    assert evaluate(net, toy(), schedule=Random(2)) == evaluate(net.to_network(), toy(), schedule=Random(2))


def test_evaluation_is_made_of_metrics():
    net, data = network().to_network(), toy()
    found = evaluate(net, data, schedule=Random(2), seed=3)
    whole, cut = (
        simulate_batch(net, data.spikes, schedule=Random(2), seed=3, **kw) for kw in ({}, {"until": FirstOutput()})
    )
    assert found.accuracy == metrics.accuracy(whole.output, data.labels)
    assert found.accuracy_at_first_output == metrics.accuracy(cut.output, data.labels)
    assert found.spikes_per_sample == whole.counts.sum() / len(data.labels)
    assert found.steps_to_first_output == metrics.latency(whole.first_output)
    assert found.synaptic_operations == whole.synaptic_operations.mean()


def test_layered_execution_has_no_first_output_to_stop_at():
    found = evaluate(network(), toy(), schedule=Layered())
    assert found.accuracy == found.accuracy_at_first_output


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"epochs": 0}, r"fit\.epochs = 0: must be >= 1"),
        ({"batch_size": 1.5}, r"fit\.batch_size = 1.5: must be an integer"),
    ],
)
def test_bad_settings_are_named(options, error):
    with pytest.raises((InvalidValue, InvalidType), match=error):
        fit(network(), toy(), **{"epochs": 1, **options})


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (np.full(64, 2), r"fit\.train\.labels = 2: must be classes, integers in 0 \.\. 1"),
        (np.full(64, -1), r"fit\.train\.labels = -1: must be classes, integers in 0 \.\. 1"),
        (np.zeros(63, int), "fit.train: number of labels = 63: must be 64"),
    ],
)
def test_bad_labels_are_named(labels, error):
    with pytest.raises(InvalidValue, match=error):
        fit(network(), SimpleNamespace(spikes=toy().spikes, labels=labels), epochs=1)


def test_digits_reach_90_percent_without_layer_synchronization():
    """200-64-64-10 under the random schedule, F = 8, in a few seconds."""
    blocks = dense_blocks([200, 64, 64, 10], gain=2.0)
    net = UnlayeredNetwork(blocks, schedule=Random(8), surrogate=ATan(1.2))
    fit(net, digits("train"), epochs=5, batch_size=64, learning_rate=2e-2)
    assert evaluate(net, digits("validation"), schedule=Random(8)).accuracy > 0.9
