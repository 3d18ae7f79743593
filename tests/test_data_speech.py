"""Spoken words in the format of SHD, from files that the test writes exactly so."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from lava_async.data import registry
from lava_async.data.frames import Frames, Recording
from lava_async.data.polarities import POLARITIES
from lava_async.data.speech import shd, spoken_digits, ssc
from lava_async.data.times import time_steps, window_ns
from lava_async.errors import DataWarning, InvalidType, InvalidValue

SPOKEN = Path(__file__).parents[2] / "shared" / "data" / "spoken_digits"
SECONDS = [[0.0, 0.0199, 0.02, 0.5], [0.041, 0.0405], [], [1.37]]
UNITS = [[0, 699, 3, 7], [5, 5], [], [1]]


def write_h5(path: Path, seconds=SECONDS, units=UNITS, labels=(3, 19, 0, 7), speakers=(0, 1, 0, 2)) -> Path:
    """As the files of Cramer et al. are: lists of float16 seconds and of uint16 units, one per sample."""
    with h5py.File(path, "w") as file:
        for name, lists, kind in (("times", seconds, np.float16), ("units", units, np.uint16)):
            kept = file.create_dataset(f"spikes/{name}", len(lists), h5py.vlen_dtype(kind))
            for i, each in enumerate(lists):
                kept[i] = np.array(each, kind)
        file["labels"] = np.array(labels, np.uint16)
        file["extra/speaker"] = np.array(speakers, np.uint16)
        file["extra/keys"] = np.array([b"zero", b"one"])
        file["extra/meta_info/gender"] = np.array([b"m"])
    return path


def read(folder: Path, split: str = "test", function=shd, **options):
    return function(split, folder=folder, cache=False, **options)


def test_spikes_fall_into_windows_of_time(tmp_path):
    write_h5(tmp_path / "shd_test.h5")
    data = read(tmp_path)
    assert (data.shape, data.n_channels, data.n_steps, data.n_classes) == ((1, 1, 700), 700, 70, 20)
    assert data.labels.tolist() == [3, 19, 0, 7]
    places = [[0, 0, 0], [0, 3, 1], [0, 7, 25], [0, 699, 0], [1, 5, 2], [3, 1, 68]]
    assert np.argwhere(data.dense()).tolist() == places
    assert data.dense()[1, 5, 2] == 2


def test_channels_and_windows_can_be_coarser_and_frames_binary(tmp_path):
    write_h5(tmp_path / "shd_test.h5")
    data = read(tmp_path, window_ms=50, steps=2, reduce=10, max_count=1, late="drop")
    assert (data.shape, data.n_steps) == ((1, 1, 70), 2)
    assert np.argwhere(data.dense()).tolist() == [[0, 0, 0], [0, 69, 0], [1, 0, 0]]
    assert data.dense().max() == 1


@pytest.mark.parametrize("function", [shd, spoken_digits])
def test_validation_speakers_are_not_trained_on(tmp_path, function):
    n = 20
    write_h5(
        tmp_path / "shd_train.h5",
        [[0.1]] * n,
        [[b] for b in range(n)],
        [b % 20 for b in range(n)],
        [b % 10 for b in range(n)],
    )
    train, validation, both = (read(tmp_path, s, function) for s in ("train", "validation", "train+validation"))
    speakers = [{int(c) % 10 for c in data.events.channel} for data in (train, validation)]
    assert [len(s) for s in speakers] == [8, 2]
    assert not speakers[0] & speakers[1]
    assert both.events.channel.tolist() == list(range(n))
    assert both.name == f"{function.__name__} train+validation"


def test_the_authors_validation_words_are_used(tmp_path):
    (tmp_path / "SSC").mkdir()
    for i, name in enumerate(("train", "valid", "test")):
        write_h5(tmp_path / "SSC" / f"ssc_{name}.h5", [[0.1]] * 2, [[i]] * 2, [34, i], [0, 1])
    assert read(tmp_path, "validation", ssc).events.channel.tolist() == [1, 1]
    everything = read(tmp_path, "test+validation+train", ssc)
    assert (everything.labels.tolist(), everything.n_classes) == ([34, 0, 34, 1, 34, 2], 35)


def test_a_file_that_changed_is_read_again(tmp_path):
    path = write_h5(tmp_path / "shd_test.h5")
    options = {"folder": tmp_path, "cache": tmp_path / "cache"}
    before = shd("test", **options)
    assert shd("test", **options) == before
    write_h5(path, labels=(4, 4, 4, 4), seconds=[[0.1] * 9] * 4, units=[range(9)] * 4)
    assert shd("test", **options).labels.tolist() == [4, 4, 4, 4]
    assert shd("test", **options, reduce=7).shape == (1, 1, 100)


def test_files_that_are_missing_are_named(tmp_path, monkeypatch):
    with pytest.raises(
        InvalidValue, match=r"data ssc: ssc_valid\.h5 = 'missing': must be put in .*ssc or .*data build"
    ):
        read(tmp_path, "validation", ssc)
    monkeypatch.delenv("LAVA_ASYNC_DATA", raising=False)
    with pytest.raises(InvalidValue, match=r"shd_train\.h5 = None.*LAVA_ASYNC_DATA.*\n?") as error:
        shd("train")
    assert "\n" not in str(error.value)


def test_damaged_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "shd_test.h5"
    for content in (b"", b"no HDF5", write_h5(path).read_bytes()[:3000]):
        path.write_bytes(content)
        with pytest.raises(InvalidValue, match=r"file .*shd_test\.h5 = "):
            read(tmp_path)
    for change, words in (
        ({"units": [[0, 700, 3, 7], *UNITS[1:]]}, r"channel = 700.*0 \.\. 699.*1 of 7 events"),
        ({"units": [[0], *UNITS[1:]]}, "units of sample 0 = 1.*4, one per time"),
        ({"labels": (1, 2, 3)}, "labels has 3 rows, must have 4"),
        ({"labels": (1, 2, 3, 20)}, r"labels = 20.*0 \.\. 19"),
    ):
        write_h5(path, **change)
        with pytest.raises(InvalidValue, match=words):
            read(tmp_path)
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(InvalidValue, match="HDF5 with spikes/times"):
        read(tmp_path)


@pytest.mark.filterwarnings("ignore::lava_async.errors.DataWarning")
def test_a_flipped_bit_ends_in_samples_or_in_one_error_and_never_in_a_crash(tmp_path):
    path = write_h5(tmp_path / "shd_test.h5")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    read_well, said = 0, []
    for place in rng.integers(0, len(whole), 40):
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        try:
            read_well += len(read(tmp_path)) > 0
        except InvalidValue as error:
            said.append(str(error))
    assert read_well > 0
    assert all("shd" in sentence and "\n" not in sentence for sentence in said)


@pytest.mark.parametrize(
    ("option", "error", "words"),
    [
        ({"window_ms": 0}, InvalidValue, r"shd\.window_ms = 0.*> 0"),
        ({"steps": 0}, InvalidValue, r"shd\.steps = 0"),
        ({"steps": 1.5}, InvalidType, r"shd\.steps = 1\.5"),
        ({"reduce": 701}, InvalidValue, r"shd\.reduce = 701.*<= 700"),
        ({"max_count": 0}, InvalidValue, r"shd\.max_count = 0"),
        ({"split": "valid"}, InvalidValue, r"shd\.split = 'valid'"),
    ],
)
def test_bad_options_are_named(tmp_path, option, error, words):
    with pytest.raises(error, match=words):
        read(tmp_path, **option)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("window_ms", [10.0, 20.0, 12.5])
def test_an_event_at_k_windows_is_in_step_k_whatever_the_type_of_the_times(tmp_path, kind, window_ms):
    path, n = tmp_path / "shd_test.h5", 50
    with h5py.File(path, "w") as file:
        for name, values in (("times", (np.arange(n) * (window_ms / 1000)).astype(kind)), ("units", np.zeros(n, int))):
            file.create_dataset(f"spikes/{name}", 1, h5py.vlen_dtype(values.dtype))[0] = values
        file["labels"] = [0]
    data = read(tmp_path, window_ms=window_ms, steps=n)
    assert (data.dense()[0, 0] == 1).all()


def test_events_outside_all_time_steps_are_counted_and_the_unit_is_suspected(tmp_path):
    path = write_h5(tmp_path / "shd_test.h5", [[100, 900, 1200], [], [], []], [[0, 1, 2], [], [], []])
    with pytest.raises(InvalidValue, match=r"events outside all time steps = 3: must be 0 of 3.*read as s; in ms they"):
        read(tmp_path)
    write_h5(path, [[0.1, 1.2], [], [], []], [[0, 1], [], [], []])
    with pytest.raises(InvalidValue, match=r"= 1: must be 0 of 2: .*end at 1 s, and the latest .*give steps=61"):
        read(tmp_path, steps=50)
    for time, words in ((np.nan, "finite"), (-0.1, "1 events lie before 0")):
        write_h5(path, [[time], [], [], []], [[0], [], [], []])
        with pytest.raises(InvalidValue, match=words):
            read(tmp_path)


def test_words_are_cut_to_a_second_with_a_warning(tmp_path):
    write_h5(tmp_path / "ssc_test.h5", [[0.1, 1.2]], [[0, 1]], [0], [0])
    with pytest.warns(DataWarning, match=r"ssc_test\.h5.*1 of 2 are left out"):
        assert read(tmp_path, "test", ssc).events.count.sum() == 1


def test_times_that_all_fall_into_the_first_step_are_suspect(tmp_path):
    write_h5(tmp_path / "shd_test.h5", [np.arange(20) * 1e-6], [range(20)], [0], [0])
    with pytest.warns(DataWarning, match="all 20 events lie in time step 0 of 70"):
        read(tmp_path)


def test_by_default_there_are_as_many_steps_as_the_samples_are_long(tmp_path):
    write_h5(tmp_path / "shd_test.h5")
    assert [read(tmp_path, window_ms=w).n_steps for w in (20, 10, 3)] == [70, 140, 467]


def test_one_speaker_leaves_nothing_for_validation_and_that_is_said(tmp_path):
    path = write_h5(tmp_path / "shd_train.h5")
    with h5py.File(path, "a") as file:
        del file["extra/speaker"]
    assert len(read(tmp_path, "train")) == 4
    with pytest.raises(InvalidValue, match=r"shd: samples of validation = 0.*1 groups.*validation = 0\.2"):
        read(tmp_path, "validation")


@pytest.mark.parametrize("labels", [[0.5, 1, 2, 3], [-1, 0, 0, 0]])
def test_labels_that_are_no_classes_are_named(tmp_path, labels):
    path = write_h5(tmp_path / "shd_test.h5")
    with h5py.File(path, "a") as file:
        del file["labels"]
        file["labels"] = labels
    with pytest.raises(InvalidValue, match=r"shd_test\.h5: labels = "):
        read(tmp_path)


# ---------------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize("window_ms", [1, 0.1, 1 / 3, 2.5, np.float32(0.1), 33.3, 1e-3])
@pytest.mark.parametrize("per_second", [1, 10**3, 10**6, 10**9])
def test_k_windows_are_in_step_k_and_a_nanosecond_less_is_not(window_ms, per_second):
    window = window_ns("window", window_ms)
    k = np.arange(1, 400)
    exact = [int(n * window) if (n * window).denominator == 1 else round(n * window) for n in k.tolist()]
    assert time_steps("t", np.array(exact), 10**9, window).tolist() == k.tolist()
    assert time_steps("t", np.array(exact) - 1, 10**9, window).tolist() == (k - 1).tolist()
    floats = np.array([float(n * window / 10**9 * per_second) for n in k.tolist()])
    assert time_steps("t", floats, per_second, window).tolist() == k.tolist()
    assert time_steps("t", floats * 0 - 1, per_second, window).max() < 0


def test_integer_times_are_exact_and_huge_ones_do_not_wrap():
    window = window_ns("window", 20)
    assert time_steps("t", [0, 19_999, 20_000, -1, -20_000, -20_001], 10**6, window).tolist() == [0, 0, 1, -1, -1, -2]
    huge = np.array([2**63 - 1, -(2**63)])
    assert [s > 0 for s in time_steps("t", huge, 1, window)] == [True, False]
    assert time_steps("t", np.array([2**64 - 1], np.uint64), 10**9, window) > 0
    with pytest.raises(InvalidValue, match="t = inf: must be finite"):
        time_steps("t", [np.inf], 1, window)
    with pytest.raises(InvalidValue, match="at least a nanosecond"):
        window_ns("window", 1e-9)


def test_polarities_are_kept_added_or_dropped():
    """ON comes first; a pixel of the coarser frame is a square of 2 x 2; what does not fill one is dropped."""
    recording = Recording(
        np.array([0.0, 999.0, 1000.0, 2000.0, -1.0]),
        np.array([0, 1, 3, 0, 0]),
        np.array([0, 1, 2, 4, 0]),
        np.array([True, False, True, True, True]),
    )
    found = {
        p: Frames((5, 4), 1.0, 3, 2, p, late="drop").encode([recording, recording]).to_dense()[1] for p in POLARITIES
    }
    # Both pixels (0, 0) and (1, 1) fall into the first square, (2, 3) into the last; row 4 is half a square.
    assert np.argwhere(found["both"]).tolist() == [[0, 0], [3, 1], [4, 0]]
    assert found["merged"].tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    np.testing.assert_array_equal(found["both"][:4], found["on"])
    np.testing.assert_array_equal(found["both"][4:], found["off"])
    np.testing.assert_array_equal(found["both"], found["on_off"])
    np.testing.assert_array_equal(found["off_on"], np.concatenate([found["off"], found["on"]]))
    with pytest.raises(InvalidValue, match=r"events outside all time steps = 1: must be 0 of 5.*1 events lie before 0"):
        Frames((5, 4), 1.0, 3).encode([recording])
    with pytest.raises(InvalidValue, match=r"polarity = 'up'.*both, on_off"):
        Frames((5, 4), 1.0, 3, 2, "up")
    with pytest.raises(InvalidValue, match=r"event x = 3.*0 \.\. 2"):
        Frames((5, 3), 1.0, 3).encode([recording])


# ---------------------------------------------------------------------------------------------- registry, real files


def test_every_data_set_has_its_name_and_says_what_it_takes():
    for name in registry.DATA:
        function = registry.loader(name)
        assert function.__name__ == name
        assert "progress" not in str(registry.options(name))
    with pytest.raises(InvalidValue, match=r"data\.options\.window = 3: must be left out: shd takes folder, window_ms"):
        registry.load("shd", "test", window=3)


@pytest.mark.skipif(not SPOKEN.is_dir(), reason="no spoken digits in ../shared/data")
def test_the_spoken_digits_are_balanced_and_fill_53_steps():
    data = registry.load("spoken_digits", "test", folder=SPOKEN, cache=False)
    assert data.spikes.shape == (1000, 700, 53)
    assert np.bincount(data.labels).tolist() == [50] * 20
    with h5py.File(SPOKEN / "shd_test.h5") as file:
        assert data.events.count.sum() == sum(map(len, file["spikes/times"][:]))  # none is lost
