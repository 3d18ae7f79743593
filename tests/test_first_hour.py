"""What a stranger tries first: names that are nearly right, losses and optimizers of torch, events, folders, paths."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compare import complains

from lava_async import CubaParams, Network, Random, Timed, simulate
from lava_async.data import own
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.config import Config
from lava_async.experiments.train import train
from lava_async.forms import plain
from lava_async.training import Gradient, Trainer, UnlayeredNetwork, dense_blocks, evaluate, fit

RNG = np.random.default_rng(0)
SPIKES = (RNG.random((24, 12, 6)) < 0.3).astype(np.float32)
LABELS = RNG.integers(0, 3, 24)
ONE = Network.feedforward([[[1.0]]], CubaParams(1, 1, 0.5))


def network(**options):
    return UnlayeredNetwork(dense_blocks([12, 8, 3]), schedule=Random(group_size=4), **options)


def fitted(labels=LABELS, **options):
    return fit(network(), (SPIKES, labels), epochs=1, **options)


# ------------------------------------------------------------------------------------------------------------- names

NEARLY = {
    "counts": lambda: simulate(ONE, [[1]], record="count"),
    "compiled": lambda: simulate(ONE, [[1]], engine="compild"),
    "sanafe": lambda: Timed(preset="sanaf"),
    "loihi1": lambda: Timed(target="loihi"),
    "last": lambda: Gradient(credit="lst"),
    "detached": lambda: Gradient(reset="detatched"),
    "dense": lambda: network(engine="dens"),
    "cuba": lambda: dense_blocks([2, 1], family="cube"),
    "subtract": lambda: CubaParams(1, 1, 1, reset="substract"),
    "voltage": lambda: evaluate(network(), (SPIKES, LABELS), readout="voltages"),
    "us": lambda: own.from_events([], [], size=(1, 1), window_ms=1.0, steps=1, time="uss"),
    "cross_entropy": lambda: fitted(loss="crossentropy"),
    "AdamW": lambda: fitted(optimizer="AdmW"),
    "StepLR": lambda: fitted(scheduler="StepL"),
}


@pytest.mark.parametrize("meant", NEARLY)
def test_a_name_that_is_nearly_right_is_answered_with_the_one_that_is(meant):
    with pytest.raises(InvalidValue, match=f"must be one of .*; did you mean '{meant}'"):
        NEARLY[meant]()


def test_a_name_where_an_object_is_wanted_says_how_to_get_one():
    complains(
        lambda: simulate(ONE, [[1]], schedule="random"),
        "schedule = 'random': must be a Schedule, such as Random(group_size=8); "
        "lava_async.schedules.schedule('random') makes one by its name",
    )
    complains(lambda: simulate(ONE, [[1]], until="quiet"), "until = 'quiet': must be a StopRule, such as Quiescence()")


# --------------------------------------------------------------------------------------------- one's own training loop


@pytest.mark.parametrize("loss", ["cross_entropy", "spike_rate"])
def test_a_loss_may_be_named(loss):
    assert np.isfinite(fitted(loss=loss)[0].loss)


def test_losses_for_other_labels_are_named_and_may_be_named():
    real, several = RNG.random((24, 3)), (RNG.random((24, 3)) < 0.5).astype(float)
    for labels, loss in ((real, "regression"), (several, "multi_label")):
        assert np.isfinite(fitted(labels, loss=loss)[0].loss)
    with pytest.raises(InvalidValue, match=r"for labels that are no classes give loss=Regression\(\) or loss=MultiLa"):
        fitted(real)


@pytest.mark.parametrize("loss", [torch.nn.CrossEntropyLoss(), torch.nn.functional.cross_entropy])
def test_a_loss_of_torch_is_told_what_it_lacks(loss):
    name = "cross_entropy" if callable(loss) and hasattr(loss, "__name__") else "CrossEntropyLoss()"
    with pytest.raises(InvalidType) as caught:
        fitted(loss=loss)
    assert f"lambda output, labels: {name}(output.sum(2), labels)" in str(caught.value)
    assert np.isfinite(fitted(loss=lambda output, labels: loss(output.sum(2), labels))[0].loss)


def test_an_error_in_a_loss_of_ones_own_stays_as_it_is():
    def mine(output, labels):
        raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        fitted(loss=mine)


def other():
    return torch.optim.Adam(network().parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": 3}, "fit.loss = 3: must be a function of output counts"),
        ({"loss": torch.nn.MSELoss}, "fit.loss = <class"),
        (
            {"loss": lambda output, labels: output.detach().sum()},
            "fit.loss: what it returns = 'a constant': must be dif",
        ),
        ({"optimizer": torch.optim.SGD}, "must be an optimizer that was made for net.parameters(), or the name of one"),
        ({"optimizer": other()}, "fit.optimizer = 'Adam for others': must be one that was made for parameters of this"),
        ({"scheduler": torch.optim.lr_scheduler.StepLR}, "must be a scheduler that was made for the optimizer, or one"),
        ({"scheduler": "StepLR"}, "fit.scheduler: arguments of StepLR = {}: must be as torch takes them"),
        ({"callback": 3}, "fit.callback = 3: must be a function"),
        ({"on_batch": "yes"}, "fit.on_batch = 'yes': must be a function"),
    ],
)
def test_what_a_training_cannot_use_is_one_sentence(options, message):
    with pytest.raises((InvalidType, InvalidValue)) as caught:
        fitted(**options)
    assert message in str(caught.value)


def test_a_trainer_wants_functions_too():
    with pytest.raises(InvalidType, match=r"Trainer.run.on_epoch = 1: must be a function"):
        Trainer(network(), (SPIKES, LABELS), epochs=1).run(on_epoch=1)


def test_tensors_without_numbers_are_named():
    nothing = torch.empty(2, 12, 6, device="meta")
    for call in (lambda: network()(nothing), lambda: plain("spikes", nothing)):
        with pytest.raises(
            InvalidType, match="spikes = 'a tensor on the device meta': must be a tensor that holds num"
        ):
            call()
    with pytest.raises(InvalidType, match="a parameter = 'a tensor on the device meta'"):
        network().to("meta")(torch.tensor(SPIKES[:2]))


# ------------------------------------------------------------------------------------------------------- one's own data

FIELDS = np.dtype([(name, int) for name in "xytp"])


def recordings(n=6):
    """Pairs of events, as tonic has them, and a class."""
    found = []
    for k in range(n):
        events = np.zeros(20, FIELDS)
        events["x"], events["y"], events["p"] = RNG.integers(0, (4, 4, 2), (20, 3)).T
        events["t"] = np.sort(RNG.integers(0, 50_000, 20))
        found.append((events, k % 3))
    return found


EVENTS = {"size": (4, 4), "window_ms": 10.0, "steps": 5}


def test_batches_of_lists_of_events_are_those_events():
    pairs = recordings()

    def together(batch):
        return [events for events, _ in batch], torch.tensor([label for _, label in batch])

    loader = torch.utils.data.DataLoader(pairs, batch_size=4, collate_fn=together)
    found, wanted = own.from_samples(loader, **EVENTS), own.from_samples(pairs, **EVENTS)
    np.testing.assert_array_equal(found.dense(), wanted.dense())
    np.testing.assert_array_equal(found.labels, wanted.labels)


def test_a_loader_that_cannot_put_events_together_is_replaced_by_its_data():
    loader = torch.utils.data.DataLoader(recordings(), batch_size=4)
    with pytest.raises(InvalidType, match="samples = 'a DataLoader of events with fields': must be the Dataset itself"):
        own.from_samples(loader, **EVENTS)


def test_batches_with_the_time_first_are_named():
    frames = [(RNG.integers(0, 2, (5, 2, 3, 3)), k % 3) for k in range(8)]

    def together(batch, first):
        stacked = np.stack([sample for sample, _ in batch], 0 if first else 1)
        return torch.tensor(stacked), torch.tensor([label for _, label in batch])

    def loader(first):
        return torch.utils.data.DataLoader(frames, batch_size=4, collate_fn=lambda batch: together(batch, first))

    found, wanted = own.from_samples(loader(True), axes="TPHW"), own.from_samples(frames, axes="TPHW")
    np.testing.assert_array_equal(found.dense(), wanted.dense())
    with pytest.raises(InvalidValue, match=r"samples of the batch = 5: must be 4, one per label; .*batch_first=True"):
        own.from_samples(loader(False), axes="TPHW")


def test_samples_of_different_lengths_and_numbers_are_named():
    with pytest.raises(InvalidValue, match=r"sample 1: \(C, T\) = \(12, 6\): must be \(12, 5\), as of the samples bef"):
        own.from_samples([(np.ones((12, 5 + k)), 0) for k in range(2)])
    with pytest.raises(InvalidValue, match="samples: number of labels = 23: must be 24, one per sample"):
        own.from_samples((SPIKES, LABELS[1:]))


@pytest.fixture
def folder(tmp_path):
    """Two classes of two samples each, in training and test."""
    (tmp_path / "data.toml").write_text('size = [4]\nwindow_ms = 10.0\nsteps = 5\ntime = "ms"\n')
    for split in ("train", "validation", "test"):
        for name in ("left", "right"):
            (tmp_path / split / name).mkdir(parents=True)
            for k in range(2):
                (tmp_path / split / name / f"{k}.csv").write_text("t,x\n1.5,2\n20.25,3\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t;x\n1,5;2\n", "line 2 = '1,5;2': must be numbers for t, x, with a point for decimals: 1.5, not 1,5"),
        ("t,x\n1,5,2\n", "line 2: number of cells = 3: must be 2, one per column; decimals have a point, as in 1.5"),
    ],
)
def test_a_decimal_comma_is_recognized(text, message, folder):
    (folder / "train" / "left" / "0.csv").write_text(text)
    with pytest.raises(InvalidValue) as caught:
        own.events("train", folder=folder, cache=False)
    assert message in str(caught.value)


def test_empty_cells_at_the_end_of_a_line_do_not_count(folder):
    before = own.events("train", folder=folder, cache=False).dense()
    (folder / "train" / "left" / "0.csv").write_text("t,x\n1.5,2,\n20.25,3,,\n")
    np.testing.assert_array_equal(own.events("train", folder=folder, cache=False).dense(), before)


def test_an_empty_folder_is_no_class(folder):
    (folder / "train" / "middle").mkdir()
    with pytest.warns(UserWarning, match="no events in middle: no class"):
        data = own.events("train", folder=folder, cache=False)
    assert (data.n_classes, data.labels.tolist()) == (2, [0, 0, 1, 1])
    with (folder / "data.toml").open("a") as file:
        file.write('classes = ["left", "middle", "right"]\n')
    data = own.events("train", folder=folder, cache=False)
    assert (data.n_classes, data.labels.tolist()) == (3, [0, 0, 2, 2])


def test_a_training_writes_into_a_folder_whatever_names_it(folder, tmp_path):
    config = Config.from_toml(f'[network]\nsizes = [4, 2]\n[data]\nname = "{folder}"\n[training]\nepochs = 1\n')
    assert train(config, str(tmp_path / "trained")).folder == tmp_path / "trained"


def test_a_function_that_is_nearly_named_is_recognized(tmp_path, monkeypatch):
    (tmp_path / "my_loaders.py").write_text("def loader(split):\n    return []\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValue, match=r"has no attribute 'laoder'.*; did you mean 'loader'"):
        own.entry_point("my_loaders:laoder")
