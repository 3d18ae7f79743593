"""Variants of training samples: where events go, what is lost, and what the draws depend on."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from lava_async.data.augmentation import Augmentation
from lava_async.errors import InvalidValue
from lava_async.experiments.config import Config
from lava_async.experiments.train import train
from lava_async.spikes import SpikeBatch

SHAPE = (2, 6, 5)
STEPS = 4


def batch(n: int = 3, density: float = 0.3, shape: tuple[int, int, int] = SHAPE) -> SpikeBatch:
    rng = np.random.default_rng(0)
    return SpikeBatch.from_dense((rng.random((n, int(np.prod(shape)), STEPS)) < density).astype(np.uint8))


def dense(spikes: SpikeBatch, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Return counts (B, polarity, height, width, T)."""
    return np.stack([spikes[b].to_dense() for b in range(len(spikes))]).reshape(len(spikes), *shape, spikes.n_steps)


def one_event(t: int = 1, y: int = 2, x: int = 2, shape: tuple[int, int, int] = SHAPE, copies: int = 200) -> SpikeBatch:
    counts = np.zeros((copies, *shape, STEPS), np.uint8)
    counts[:, 1, y, x, t] = 1
    return SpikeBatch.from_dense(counts.reshape(copies, -1, STEPS))


def places(spikes: SpikeBatch, shape: tuple[int, int, int] = SHAPE) -> set[tuple[int, ...]]:
    """Return (polarity, y, x, t) of all events of all samples."""
    return {tuple(place[1:].tolist()) for place in np.argwhere(dense(spikes, shape))}


def test_nothing_changes_without_a_reason():
    given = batch()
    assert Augmentation()(given, np.arange(3), shape=SHAPE) is given
    assert not Augmentation()
    np.testing.assert_array_equal(dense(Augmentation(delay=0.9)(given, np.arange(3), shape=SHAPE)), dense(given))


def test_a_shift_moves_a_sample_as_a_whole_and_by_whole_pixels():
    given = batch()
    moved = dense(Augmentation(shift=1)(given, np.arange(3), shape=SHAPE))
    found = set()
    for before, after in zip(dense(given), moved, strict=True):
        padded = np.pad(before, ((0, 0), (1, 1), (1, 1), (0, 0)))
        fits = [(y, x) for y in range(3) for x in range(3) if (padded[:, y : y + 6, x : x + 5] == after).all()]
        assert len(fits) == 1
        found.add(fits[0])
    assert len(found) > 1
    variants = Augmentation(shift=1)(one_event(), np.arange(200), shape=SHAPE)
    assert places(variants) == {(1, y, x, 1) for y in (1, 2, 3) for x in (1, 2, 3)}


def test_a_delay_moves_in_time_and_what_leaves_is_lost():
    variants = Augmentation(delay=2)(one_event(t=1), np.arange(200), shape=SHAPE)
    assert places(variants) == {(1, 2, 2, t) for t in (0, 1, 2, 3)}
    assert len(variants.channel) < 200  # Those that came before time 0 are gone.


def test_a_stretch_moves_later_events_further():
    early, late = (places(Augmentation(stretch=1.0)(one_event(t=t), np.arange(200), shape=SHAPE)) for t in (0, 2))
    assert {place[3] for place in early} == {0, 1}
    assert {place[3] for place in late} >= {1, 2, 3}


def test_zoom_and_rotation_leave_the_centre_where_it_is():
    shape = (2, 5, 5)
    still = Augmentation(zoom=0.3, rotate=180)(one_event(shape=shape), np.arange(200), shape=shape)
    assert places(still, shape) == {(1, 2, 2, 1)}
    around = Augmentation(rotate=180)(one_event(y=0, shape=shape), np.arange(200), shape=shape)
    assert {(y, x) for _, y, x, _ in places(around, shape)} >= {(0, 2), (2, 0), (4, 2), (2, 4)}
    nearer = places(Augmentation(zoom=1.0)(one_event(y=3, shape=shape), np.arange(200), shape=shape), shape)
    assert {(y, x) for _, y, x, _ in nearer} == {(3, 2), (4, 2)}


def test_events_that_meet_add_up_and_none_is_made():
    given = batch(density=0.9)
    there = dense(Augmentation(jitter=2)(given, np.arange(3), shape=SHAPE))
    assert there.max() > 1
    assert there.sum() < dense(given).sum()


def test_lost_events_are_as_many_as_the_share_says():
    given = batch(200)
    left = Augmentation(drop=0.25)(given, np.arange(200), shape=SHAPE)
    assert len(left.channel) / len(given.channel) == pytest.approx(0.75, abs=0.01)
    assert not len(Augmentation(drop=1.0)(given, np.arange(200), shape=SHAPE).channel)


def test_a_band_takes_columns_that_lie_side_by_side():
    shape = (1, 1, 50)
    given = SpikeBatch.from_dense(np.ones((40, 50, STEPS), np.uint8))
    left = dense(Augmentation(band=0.5)(given, np.arange(40), shape=shape), shape)[:, 0, 0, :, 0]
    assert (np.diff(left, axis=1) == 1).sum(axis=1).max() <= 1
    assert 0 <= (1 - left).sum(axis=1).min() <= (1 - left).sum(axis=1).max() <= 26


def test_a_sensor_of_one_row_is_a_line():
    shape = (2, 1, 5)
    variants = Augmentation(shift=1, jitter=1, zoom=0.2)(one_event(y=0, shape=shape), np.arange(200), shape=shape)
    assert {(p, y) for p, y, _, _ in places(variants, shape)} == {(1, 0)}
    assert len(variants.channel) == 200 - (200 - len(variants.channel))


def test_draws_depend_on_seed_and_number_of_the_sample_only():
    vary, given = Augmentation(shift=2, zoom=0.2, stretch=0.3, jitter=1, drop=0.2, band=0.2), batch(4)
    whole = dense(vary(given, np.array([5, 6, 7, 8]), shape=SHAPE, seed=3))
    for b in range(4):
        alone = SpikeBatch.of_one(given[b])
        np.testing.assert_array_equal(dense(vary(alone, np.array([5 + b]), shape=SHAPE, seed=3))[0], whole[b])
    assert (dense(vary(given, np.array([5, 6, 7, 8]), shape=SHAPE, seed=4)) != whole).any()
    assert (dense(vary(given, np.array([9, 6, 7, 8]), shape=SHAPE, seed=3))[0] != whole[0]).any()


@pytest.mark.parametrize(("field", "value"), [("shift", -1), ("drop", 1.5), ("band", -0.1), ("zoom", np.nan)])
def test_numbers_out_of_range_are_named(field, value):
    with pytest.raises(InvalidValue, match=field):
        Augmentation(**{field: value})


def test_a_shape_that_does_not_fit_the_channels_is_an_error():
    with pytest.raises(InvalidValue, match="shape"):
        Augmentation(shift=1)(batch(), np.arange(3), shape=(1, 6, 5))


def config(**values: object) -> Config:
    text = '[network]\nsizes = [200, 8, 10]\ngain = 2.0\n[data]\nname = "digits"\nlimit = 64\ntest = ""\n'
    return Config.from_toml(text + "[training]\nepochs = 2\n").with_values(values)


def test_a_training_that_was_stopped_goes_on_with_the_same_variants(tmp_path):
    varied = config(**{"augmentation.shift": 1, "augmentation.drop": 0.1})

    def stop(epoch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(varied, tmp_path / "stopped", on_epoch=stop)
    for folder in ("stopped", "whole"):
        train(varied, tmp_path / folder)
    stopped, whole = (
        list(csv.DictReader((tmp_path / folder / "history.csv").read_text().splitlines()))
        for folder in ("stopped", "whole")
    )
    assert stopped[1] | {"seconds": ""} == whole[1] | {"seconds": ""}


def test_variants_are_trained_on_and_a_table_of_zeros_changes_nothing(tmp_path):
    values = {"plain": {}, "zeros": {"augmentation.shift": 0}, "varied": {"augmentation.shift": 1}}
    losses = {name: train(config(**each), tmp_path / name).history[-1].loss for name, each in values.items()}
    assert losses["plain"] == losses["zeros"] != losses["varied"]
    assert "augmentation" not in config().plain()
