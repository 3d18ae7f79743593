"""Labelled spikes: the noun, the fixed split of the digits, and the files of MNIST."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lava_async.data import SPLITS, SpikeDataset
from lava_async.data.digits import digits
from lava_async.data.events import saccade
from lava_async.data.mnist import mnist, read_idx
from lava_async.errors import InvalidType, InvalidValue

MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist"

# ---------------------------------------------------------------------------------------------- the noun


def dataset(**change) -> SpikeDataset:
    fields = {
        "spikes": np.arange(4 * 6 * 2, dtype=np.uint8).reshape(4, 6, 2),
        "labels": np.array([0, 1, 2, 1]),
        "shape": (2, 1, 3),
        "name": "example",
        "n_classes": 3,
    }
    return SpikeDataset(**(fields | change))


def test_a_subset_keeps_order_shape_name_and_classes():
    subset = dataset().subset([3, 0])
    assert (len(subset), subset.n_channels, subset.n_steps, subset.n_classes) == (2, 6, 2, 3)
    assert (subset.shape, subset.name) == ((2, 1, 3), "example")
    np.testing.assert_array_equal(subset.labels, [1, 0])
    np.testing.assert_array_equal(subset.spikes, dataset().spikes[[3, 0]])
    assert len(dataset().subset([])) == 0
    assert dataset().subset(np.arange(4)) == dataset()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"spikes": np.full((4, 6, 2), 0.5)}, InvalidValue, "spikes .* = 0.5.*encode real values"),
        ({"spikes": np.zeros((4, 6), np.uint8)}, InvalidValue, r"spikes\.shape.*\(4, 6\).*\(B, C, T\)"),
        ({"labels": ["a", "b", "a", "b"]}, InvalidType, "labels.*number the classes"),
        ({"labels": [0, 0.5, 1, 2]}, InvalidValue, r"labels = 0\.5.*no fractions"),
        ({"labels": np.zeros((4, 1, 1), np.int64)}, InvalidValue, r"labels\.shape.*\(B,\)"),
        ({"labels": np.array([0, 1])}, InvalidValue, "labels = 2.*4"),
        ({"labels": np.array([0, 1, 3, 1])}, InvalidValue, r"labels = 3.*0 \.\. 2"),
        ({"shape": (2, 2, 3)}, InvalidValue, r"shape = \(2, 2, 3\).*6"),
        ({"shape": (6,)}, InvalidValue, r"shape = \(6,\).*\(polarity, height, width\)"),
    ],
)
def test_fields_that_do_not_fit_are_named(change, error, words):
    with pytest.raises(error, match=f"SpikeDataset.*{words}"):
        dataset(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": [0, 1, 2, 1]},
        {"labels": np.eye(3)[[0, 1, 2, 1]]},
        {"labels": np.array([[0], [1], [2], [1]])},
        {"spikes": np.arange(48.0).reshape(4, 6, 2)},
        {"spikes": np.arange(48).reshape(4, 6, 2)},
    ],
    ids=["list", "one-hot", "column", "floats", "int64"],
)
def test_other_forms_of_the_same_content_are_the_same_data_set(change):
    assert dataset(**change) == dataset()


def test_counts_above_a_byte_become_events():
    data = dataset(spikes=np.full((4, 6, 2), 300))
    assert data.events.count.max() == 300


@pytest.mark.parametrize(
    ("indices", "error", "words"),
    [
        ([0, 4], InvalidValue, r"4.*0 \.\. 3"),
        ([-1], InvalidValue, r"-1.*0 \.\. 3"),
        ([True, False, True, True], InvalidType, "integers"),
        ([[0, 1]], InvalidValue, r"\(1, 2\)"),
    ],
)
def test_bad_indices_are_named(indices, error, words):
    with pytest.raises(error, match=rf"SpikeDataset\.subset.*{words}"):
        dataset().subset(indices)


# ---------------------------------------------------------------------------------------------- digits


@pytest.fixture(scope="module")
def parts() -> dict[str, SpikeDataset]:
    return {split: digits(split) for split in SPLITS}


def fingerprint(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def test_the_parts_are_disjoint_and_complete(parts):
    """Together they are all 1,797 digits, each once."""
    together = digits("train+validation+test")
    assert [len(parts[split]) for split in SPLITS] == [1085, 357, 355]
    rows = np.concatenate([parts[split].spikes.reshape(-1, 2000) for split in SPLITS])
    rows = np.column_stack([rows, np.concatenate([parts[split].labels for split in SPLITS])])
    everything = np.column_stack([together.spikes.reshape(-1, 2000), together.labels])
    assert len(everything) == 1797
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], everything[np.lexsort(everything.T)])


def test_no_digit_stands_in_two_parts(parts):
    """Not even a copy: no two of the event streams are equal."""
    rows = np.concatenate([parts[split].spikes.reshape(-1, 2000) for split in SPLITS])
    assert len(np.unique(rows, axis=0)) == 1797


def test_the_split_is_stratified(parts):
    counts = np.array([np.bincount(parts[split].labels, minlength=10) for split in SPLITS])
    assert np.abs(counts - np.array([[3], [1], [1]]) * counts.sum(axis=0) / 5).max() < 1.5


def test_split_and_events_are_fixed(parts):
    """A change here makes every published number incomparable."""
    assert [fingerprint(parts[split].labels) for split in SPLITS] == [
        "00ec453733f58fce",
        "b070f04a562e00f2",
        "ee6ec0ae7823271a",
    ]
    assert [fingerprint(parts[split].spikes) for split in SPLITS] == [
        "cca46edd9a663881",
        "4121ba86132f67dd",
        "bd3549708a8c44a3",
    ]


def test_joined_splits_are_in_the_order_of_the_file_whatever_the_order_of_the_names():
    assert digits("validation+train") == digits("train+validation")


def test_digits_are_binary_two_polarity_frames_of_ten_steps(parts):
    for split, part in parts.items():
        assert part.name == f"digits {split}"
        assert (part.shape, part.n_channels, part.n_steps, part.n_classes) == ((2, 10, 10), 200, 10, 10)
        assert (part.spikes.dtype, part.labels.dtype, part.spikes.max()) == (np.uint8, np.int64, 1)
        assert 0.12 < part.spikes.mean() < 0.16  # a digit fills most of so few pixels
        assert part.spikes.any(axis=1).mean() > 0.99  # the sensor never stops


def test_a_linear_classifier_reads_the_digits(parts):
    """Ridge regression, chosen on validation, as everything must be. (That of sklearn settles how Python starts
    processes, after which Lava cannot be imported.)"""
    train, validation = (
        parts[split].spikes.reshape(-1, 2000) - parts["train"].spikes.reshape(-1, 2000).mean(axis=0)
        for split in ("train", "validation")
    )
    wanted = np.eye(10)[parts["train"].labels] - 0.1
    weights = train.T @ np.linalg.solve(train @ train.T + 30 * np.eye(len(train)), wanted)
    assert ((validation @ weights).argmax(axis=1) == parts["validation"].labels).mean() > 0.95


@pytest.mark.parametrize("split", ["training", "", "train+train", "train,test", None])
def test_unknown_splits_are_named(split):
    with pytest.raises(InvalidValue, match=r"digits\.split = .*'train' or 'validation' or 'test'"):
        digits(split)


# ---------------------------------------------------------------------------------------------- MNIST


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def write_mnist(folder: Path, pack=gzip.compress, suffix: str = ".gz", train: int = 12, test: int = 5) -> None:
    rng = np.random.default_rng(5)
    for prefix, n in (("train", train), ("t10k", test)):
        images, labels = rng.integers(0, 256, (n, 28, 28)), np.arange(n) % 10
        (folder / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(idx(images)))
        (folder / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(labels)))


@given(npst.arrays(np.uint8, npst.array_shapes(max_dims=4, min_side=0, max_side=4)), st.booleans())
@settings(max_examples=30, deadline=None)
def test_idx_files_are_read_as_written(tmp_path_factory, array, compressed):
    path = tmp_path_factory.mktemp("idx") / "array"
    path.write_bytes(gzip.compress(idx(array)) if compressed else idx(array))
    np.testing.assert_array_equal(read_idx(path), array)
    assert read_idx(path).shape == array.shape


@pytest.mark.parametrize(("pack", "suffix"), [(gzip.compress, ".gz"), (bytes, "")])
def test_mnist_is_encoded_from_packed_and_plain_files(tmp_path, pack, suffix):
    write_mnist(tmp_path, pack, suffix)
    data = mnist("test", folder=tmp_path, cache=False)
    images = read_idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}")
    dense = SpikeDataset(saccade(images, size=(34, 34)), np.arange(5), (2, 34, 34), "mnist test", polarity="on_off")
    assert data == replace(dense, spikes=dense.events)


def test_validation_is_the_last_sixth_of_the_training_file(tmp_path):
    write_mnist(tmp_path)
    both, train, validation = (
        mnist(split, folder=tmp_path, cache=False) for split in ("train+validation", "train", "validation")
    )
    assert (len(both), len(train), len(validation)) == (12, 10, 2)
    np.testing.assert_array_equal(both.dense(), np.concatenate([train.dense(), validation.dense()]))
    np.testing.assert_array_equal(both.labels, np.concatenate([train.labels, validation.labels]))
    for limit in (3, 11):
        first = mnist("train+validation", folder=tmp_path, limit=limit)
        assert (first.spikes, first.labels.tolist()) == (both.spikes[:limit], both.labels[:limit].tolist())
    assert mnist("train+test", folder=tmp_path, limit=11).labels.tolist() == [*train.labels.tolist(), 0]


def test_a_missing_file_is_named_in_one_line(tmp_path):
    with pytest.raises(
        InvalidValue, match=r"mnist: t10k-images-idx3-ubyte\[\.gz\] and .* = 'missing': must be put in"
    ) as error:
        mnist("test", folder=tmp_path, cache=False)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


DAMAGED = {
    "cut gzip": (gzip.compress(idx(np.zeros((3, 28, 28))))[:-9], "gzip"),
    "cut gzip header": (gzip.compress(b"")[:5], "gzip"),
    "damaged gzip": (gzip.compress(idx(np.zeros((3, 28, 28))))[:10] + b"\xff" * 40, "gzip"),
    "byte missing": (idx(np.zeros((3, 28, 28)))[:-1], r"elements = 2351.*2352.*\(3, 28, 28\)"),
    "byte too many": (idx(np.zeros((3, 28, 28))) + b"0", "elements = 2353"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "first bytes.*HDF.*idx"),
    "floats": (b"\0\0\x0d\x01" + bytes(8), "first bytes.*unsigned bytes"),
    "cut header": (b"\0\0\x08\x03\0\0", "first bytes"),
    "empty": (b"", "is empty"),
    "page": (b"<!DOCTYPE html><html>404", "page of HTML.*fetch it again"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
    "bomb": (
        gzip.compress(b"\0\0\x08\x03" + np.array([100_000, 28, 28], ">u4").tobytes() + bytes(78_400_000)),
        "uncompressed bytes",
    ),
    "other size": (idx(np.zeros((3, 28, 27))), r"shape = \(3, 28, 27\).*\(B, 28, 28\)"),
    "fewer images": (idx(np.zeros((4, 28, 28))), "4, one per image"),
}


@pytest.mark.parametrize(("content", "words"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_and_foreign_files_are_named(tmp_path, content, words):
    write_mnist(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(InvalidValue, match=rf"t10k-.*{words}"):
        mnist("test", folder=tmp_path, cache=False)


@pytest.mark.parametrize(("change", "words"), [({"split": "all"}, "split = 'all'"), ({"limit": 0}, "limit = 0.*>= 1")])
def test_bad_arguments_of_mnist_are_named(tmp_path, change, words):
    with pytest.raises(InvalidValue, match=rf"mnist\.{words}"):
        mnist(**{"folder": tmp_path, "split": "test", "cache": False} | change)


def test_the_planes_of_the_polarities_may_be_off_then_on(tmp_path):
    """As in slayer's tutorials and in tonic: the same events, in channels that changed places."""
    write_mnist(tmp_path)
    for load in (
        digits,
        lambda split, **options: mnist(split, folder=tmp_path, cache=False, **options),
        lambda split, **options: mnist(split, folder=tmp_path, limit=3, **options),
    ):
        ours, theirs = load("test"), load("test", polarity="off_on")
        assert (ours.polarity, theirs.polarity) == ("on_off", "off_on")
        half = ours.n_channels // 2
        np.testing.assert_array_equal(theirs.dense(), np.roll(ours.dense(), half, axis=1))
        with pytest.raises(InvalidValue, match=r"polarity = 'offon'.*did you mean 'off_on'"):
            load("test", polarity="offon")


@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("suffix", [".gz", ""])
def test_files_are_found_where_and_as_others_keep_them(tmp_path, place, suffix):
    """torchvision keeps MNIST/raw; archives name train-images.idx3-ubyte."""
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    write_mnist(tmp_path / place, gzip.compress if suffix else bytes, suffix)
    if not suffix:
        for path in list((tmp_path / place).iterdir()):
            path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    (tmp_path / place / "._t10k-images-idx3-ubyte").write_bytes(b"\x00\x05\x16\x07")
    assert len(mnist("test", folder=tmp_path, cache=False)) == 5


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST files are not in ../shared/data/mnist")
def test_real_mnist_has_the_activity_of_n_mnist():
    """About 1,000 events per sample, as the first saccade of N-MNIST."""
    data = mnist("test", folder=MNIST, limit=1000)
    assert data.shape == (2, 34, 34)
    assert 0.03 < data.dense().mean() < 0.05
    assert np.bincount(data.labels, minlength=10).min() > 80
    assert not data.dense().reshape(-1, 2, 34, 34, 10)[:, :, [0, -1]].any()  # digits stay clear of the border
