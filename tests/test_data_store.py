"""Events that never become an array, the cache that keeps them, and the places where files are looked for."""

from __future__ import annotations

import importlib
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lava_async import CubaParams, Network, simulate, simulate_batch
from lava_async.data import SpikeDataset, held_out
from lava_async.data.cache import cache_folder, cached_events, sources
from lava_async.data.paths import DATA_VARIABLE, find_files
from lava_async.errors import InvalidValue
from lava_async.spikes import SpikeBatch

counts = npst.arrays(np.uint8, st.tuples(*[st.integers(1, 4)] * 3), elements=st.sampled_from([0, 0, 0, 1, 2, 255]))
DENSE = np.random.default_rng(3).integers(0, 3, (6, 4, 5), dtype=np.uint8)

# ---------------------------------------------------------------------------------------------- events as an array


@given(counts)
@settings(max_examples=30, deadline=None)
def test_events_hold_what_the_array_holds(dense):
    events = SpikeBatch.of(dense)
    np.testing.assert_array_equal(events.to_dense(), dense)
    assert events.shape == dense.shape
    assert [np.array_equal(events[b].to_dense(), dense[b]) for b in range(len(dense))] == [True] * len(dense)


@given(counts, st.data())
@settings(max_examples=30, deadline=None)
def test_events_are_chosen_as_rows_of_an_array_are(dense, data):
    chosen = data.draw(
        st.one_of(
            st.lists(st.integers(-len(dense), len(dense) - 1)),
            st.slices(len(dense)),
            npst.arrays(bool, len(dense)),
            st.just(range(len(dense))),
        )
    )
    rows = dense[np.array(chosen, int) if isinstance(chosen, list) else chosen]
    found = SpikeBatch.of(dense)[chosen]
    np.testing.assert_array_equal(found.to_dense(), rows)
    checked = SpikeBatch(found.channel, found.count, found.start, found.n_channels)
    assert checked == found
    assert found == SpikeBatch.concatenate([SpikeBatch.from_dense(rows)])


@given(counts, st.randoms())
@settings(max_examples=30, deadline=None)
def test_single_events_in_any_order_add_up(dense, random):
    dense = np.minimum(dense, 3)
    events = [(b, t, c) for (b, c, t), n in np.ndenumerate(dense) for _ in range(n)]
    random.shuffle(events)
    columns = np.array(events, int).reshape(-1, 3).T
    found = SpikeBatch.from_events(*columns, shape=dense.shape)
    assert found == SpikeBatch.of(dense)
    np.testing.assert_array_equal(found.clipped(2).to_dense(), np.minimum(dense, 2))
    assert found.clipped(None) is found


def test_batches_stand_one_after_another():
    events = SpikeBatch.of(DENSE)
    assert SpikeBatch.concatenate([events[:2], events[2:3], events[3:]]) == events
    with pytest.raises(InvalidValue, match=r"\(C, T\) = \[\(4, 2\), \(4, 5\)\]"):
        SpikeBatch.concatenate([events, SpikeBatch.of(DENSE[:, :, :2])])


def test_a_count_that_does_not_fit_is_not_cut_off():
    with pytest.raises(InvalidValue, match=r"count = 300.*0 \.\. 255"):
        SpikeBatch([0], [300], [[0, 1]], 1).to_dense()
    assert SpikeBatch([0], [300], [[0, 1]], 1).to_dense(np.int32).tolist() == [[[300]]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channel": [0, 4, 1]}, r"channel \[1\] = 4"),
        ({"count": [1, 0, 1]}, r"count \[1\] = 0"),
        ({"count": [1, 1]}, r"count\.shape = \(2,\)"),
        ({"start": [[0, 2], [2, 2]]}, r"start\[-1\] = 2: must be 3, the number of entries"),
        ({"start": [[0, 2], [1, 3]]}, "(?s)start = .*0 at first, and then where the sample before ends"),
        ({"start": [[0, 3], [2, 3]]}, "(?s)start = .*0 at first, and then where the sample before ends"),
        ({"start": [[1, 2], [2, 3]]}, "(?s)start = .*0 at first, and then where the sample before ends"),
        ({"start": [0, 3]}, r"start\.shape = \(2,\)"),
        ({"channel": [2, 0, 1]}, "(?s)channel = .*sorted by time, then channel, each pair once"),
        ({"channel": [2, 2, 1]}, "(?s)channel = .*sorted by time, then channel, each pair once"),
    ],
)
def test_lists_that_are_no_events_are_refused(change, words):
    """Kernels trust them with their memory."""
    fields = {"channel": [0, 3, 1], "count": [1, 2, 1], "start": [[0, 2], [2, 3]], "n_channels": 4}
    assert len(SpikeBatch(**fields)) == 2
    with pytest.raises(InvalidValue, match=words):
        SpikeBatch(**fields | change)


def test_what_is_no_index_is_refused():
    events = SpikeBatch.of(DENSE)
    with pytest.raises(IndexError):
        events[[6]]
    with pytest.raises(InvalidValue, match="axes of the index = 2"):
        events[[[0, 1]]]
    with pytest.raises(InvalidValue, match=r"SpikeBatch.spikes.shape = \(2,\): must be \(B, C, T\)"):
        SpikeBatch.of([1, 2])


def test_lists_that_may_be_written_to_are_copied_and_others_are_not():
    """A hundred million entries are held once; nobody changes under an engine what was checked."""
    fields = {"count": np.ones(3, np.int32), "start": np.array([[0, 2], [2, 3]]), "n_channels": 4}
    writable, fixed = (np.array([0, 3, 1], np.int32) for _ in range(2))
    fixed.flags.writeable = False
    batch = SpikeBatch(channel=writable, **fields)
    writable[:] = 99
    assert batch.channel.tolist() == [0, 3, 1]
    assert SpikeBatch(channel=fixed, **fields).channel is fixed


@pytest.mark.parametrize("module", ["lava_async.data", "lava_async.data.store"])
def test_the_old_name_works_and_says_the_new_one(module):
    with pytest.warns(DeprecationWarning, match="EventBatch is called lava_async.spikes.batch.SpikeBatch now"):
        assert importlib.import_module(module).EventBatch is SpikeBatch
    with pytest.raises(AttributeError, match="has no attribute 'EventBtch'"):
        importlib.import_module(module).EventBtch  # noqa: B018


def test_events_run_as_the_array_does():
    """Whole, in part, and one sample alone."""
    network = Network.feedforward([np.full((3, 4), 0.4), np.ones((2, 3))], CubaParams(du=1.0, dv=0.5, vth=1.0))
    events, dense = SpikeBatch.of(DENSE), simulate_batch(network, DENSE)
    np.testing.assert_array_equal(simulate_batch(network, events).counts, dense.counts)
    part = np.array([4, 1])
    np.testing.assert_array_equal(simulate_batch(network, events[part], samples=part).counts, dense.counts[part])
    np.testing.assert_array_equal(simulate(network, events[2]).counts, dense.counts[2])


def test_a_data_set_of_events_is_used_as_one_of_an_array():
    whole = SpikeDataset(DENSE, np.arange(6), (1, 2, 2), "dense")
    listed = SpikeDataset(whole.events, np.arange(6), (1, 2, 2), "listed")
    assert (len(listed), listed.n_channels, listed.n_steps) == (6, 4, 5)
    np.testing.assert_array_equal(listed.dense(), DENSE)
    np.testing.assert_array_equal(listed.subset([5, 0]).dense(), whole.subset([5, 0]).spikes)
    assert listed.events is listed.spikes
    assert whole.dense() is whole.spikes
    with pytest.raises(InvalidValue, match=r"SpikeDataset: number of labels = 5.*6"):
        SpikeDataset(listed.events, np.arange(5), (1, 2, 2), "listed")


def test_validation_takes_whole_groups_and_always_the_same():
    groups = np.repeat(np.arange(20), 3)
    kept_back = held_out(groups)
    assert np.unique(groups[kept_back]).tolist() == [2, 4, 6, 19]
    assert kept_back.sum() == 12
    assert held_out(np.array([7, 9])).sum() == 1
    assert not held_out(np.zeros(5, int)).any()


# ---------------------------------------------------------------------------------------------- cache


class Builder:
    """Builds the same events, and counts how often."""

    calls = 0

    def __call__(self):
        self.calls += 1
        return SpikeBatch.of(DENSE), np.arange(6, dtype=np.uint16), np.zeros(6, int)


def load(folder, build, **key):
    return cached_events("toy", {"window": 1, **key}, build, folder)


@pytest.mark.parametrize("most", [2, 1])
def test_what_was_built_once_is_read_from_then_on(tmp_path, most):
    build = Builder()
    events = SpikeBatch.of(np.minimum(DENSE, most))
    build_this = lambda: (events, *build()[1:])  # noqa: E731
    first, second = (load(tmp_path, build_this) for _ in range(2))
    assert build.calls == 1
    for found in (first, second):
        assert found[0] == events
        assert [found[i].tolist() for i in (1, 2)] == [[0, 1, 2, 3, 4, 5], [0] * 6]
        assert [found[i].dtype for i in (1, 2)] == [np.int64, np.int64]
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]  # nothing temporary stays


def test_other_parameters_have_a_file_of_their_own(tmp_path):
    build = Builder()
    for window in (1, 2, 1):
        load(tmp_path, build, window=window)
    assert (build.calls, len(list(tmp_path.iterdir()))) == (2, 2)


def test_without_a_cache_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("LAVA_ASYNC_CACHE", str(tmp_path))
    build = Builder()
    load(False, build)
    assert not list(tmp_path.iterdir())
    load(True, build)
    load(None, build)
    assert build.calls == 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other key"])
def test_a_damaged_file_is_made_anew(tmp_path, caplog, damage):
    build = Builder()
    load(tmp_path, build)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[content.index(b"channel.npy") + 150] ^= 1
    elif damage == "empty":
        content = bytearray()
    else:
        load(tmp_path / "other", build, window=2)
        (other,) = (tmp_path / "other").iterdir()
        content = other.read_bytes()
    path.write_bytes(content)
    before = build.calls
    assert load(tmp_path, build)[0] == SpikeBatch.of(DENSE)
    assert build.calls == before + 1
    assert "made again" in caplog.text
    load(tmp_path, build)
    assert build.calls == before + 1


def test_one_flipped_bit_anywhere_in_a_file_is_seen_or_harmless(tmp_path, caplog):
    build = Builder()
    load(tmp_path, build)
    (path,) = tmp_path.iterdir()
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    places = {
        *range(len(whole) - 700, len(whole)),
        *rng.integers(0, len(whole), 300).tolist(),
    }
    for place in sorted(places):
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        assert load(tmp_path, build)[0] == SpikeBatch.of(DENSE), place
    assert build.calls > 500


def test_a_crash_while_building_or_writing_leaves_no_file(tmp_path, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, crash)
    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path, Builder())
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    assert load(tmp_path / "file" / "cache", Builder())[0] == SpikeBatch.of(DENSE)
    assert "not kept in the cache" in caplog.text


def test_the_cache_is_the_users_unless_named(monkeypatch, tmp_path):
    monkeypatch.delenv("LAVA_ASYNC_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "lava-async"
    monkeypatch.setenv("LAVA_ASYNC_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert cache_folder(tmp_path) == tmp_path


def test_a_source_that_changed_is_another_source(tmp_path):
    path = tmp_path / "a"
    path.write_text("one")
    os.utime(path, ns=(0, 1))
    before = sources([path])
    assert sources([path]) == before
    os.utime(path, ns=(0, 2))
    touched = sources([path])
    path.write_text("three")
    os.utime(path, ns=(0, 1))
    assert len({before, touched, sources([path])}) == 3


# ---------------------------------------------------------------------------------------------- places


def test_files_are_found_in_the_folder_or_in_its_own_folder_there(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    (tmp_path / "SHD").mkdir()
    wanted = ["train.h5", "test.h5|test.h5.gz"]
    for name in ("train.h5", "test.h5.gz"):
        (tmp_path / "SHD" / name).touch()
    there = [tmp_path / "SHD" / "train.h5", tmp_path / "SHD" / "test.h5.gz"]
    assert find_files("shd", wanted) == there
    assert find_files("shd", wanted, tmp_path) == there
    assert find_files("shd", wanted, tmp_path / "SHD") == there


def test_what_is_missing_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    (tmp_path / "train.h5").touch()
    with pytest.raises(InvalidValue, match=r"data shd: test\.h5 = 'missing': must be put in .*shd or .*; .*--download"):
        find_files("shd", ["train.h5", "test.h5"], tmp_path)
    with pytest.raises(InvalidValue, match=r"a\.h5 or b\.h5 = None: must be put in a folder that.*LAVA_ASYNC_DATA"):
        find_files("shd", ["a.h5|b.h5"])
    with pytest.raises(InvalidValue, match=r"a\[\.gz\] = None"):
        find_files("mnist", ["a|a.gz"])
