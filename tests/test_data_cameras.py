"""Recordings of event cameras, from files that the test writes as the originals are, and how they are fetched."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lava_async.data import SPLITS, registry
from lava_async.data.download import DOWNLOADS, download
from lava_async.data.gesture import dvs_gesture, read_aedat
from lava_async.data.nmnist import nmnist, read_nmnist
from lava_async.errors import DataWarning, InvalidValue
from lava_async.extras import MissingExtra

# ---------------------------------------------------------------------------------------------- N-MNIST


def nmnist_bytes(events) -> bytes:
    """5 bytes per event (x, y, on, t): x, y, then the bit of polarity and 23 bits of time, high byte first."""
    content = bytearray()
    for x, y, on, t in events:
        content += bytes([x, y, on << 7 | t >> 16, t >> 8 & 255, t & 255])
    return bytes(content)


def write_nmnist(folder: Path, train: int = 12, test: int = 2) -> None:
    """Files are named by the number of the MNIST image, in a folder per digit."""
    for part, n in (("Train", train), ("Test", test)):
        for number in range(1, n + 1):
            path = folder / part / str((number * 7) % 10) / f"{number:05d}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(nmnist_bytes([(number, 0, 1, 5_000), (33, 33, 0, 99_999), (5, 6, 1, 100_000)]))


def test_an_nmnist_file_is_read_bit_by_bit(tmp_path):
    (tmp_path / "a.bin").write_bytes(nmnist_bytes([(1, 2, 1, 3), (33, 0, 0, 2**23 - 1), (0, 33, 1, 70_000)]))
    events = read_nmnist(tmp_path / "a.bin")
    assert events.x.tolist() == [1, 33, 0]
    assert events.y.tolist() == [2, 0, 33]
    assert events.on.tolist() == [True, False, True]
    assert events.time.tolist() == [3, 2**23 - 1, 70_000]


def test_an_overflow_of_time_is_no_event_and_moves_all_after_it(tmp_path):
    (tmp_path / "a.bin").write_bytes(
        nmnist_bytes([(1, 1, 1, 10), (0, 240, 0, 0), (2, 1, 1, 10), (0, 240, 0, 0), (3, 1, 1, 10)])
    )
    events = read_nmnist(tmp_path / "a.bin")
    assert events.time.tolist() == [10, 8202, 16394]
    assert events.x.tolist() == [1, 2, 3]


def test_nmnist_files_are_read_as_tonic_reads_them(tmp_path):
    io = pytest.importorskip("tonic.io")
    rng = np.random.default_rng(0)
    rows = [(*rng.integers(0, 34, 2), rng.integers(2), t) for t in np.sort(rng.integers(0, 300_000, 200))]
    rows.insert(100, (0, 240, 0, 0))
    (tmp_path / "a.bin").write_bytes(nmnist_bytes([tuple(map(int, row)) for row in rows]))
    dtype = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    theirs, ours = io.read_mnist_file(str(tmp_path / "a.bin"), dtype), read_nmnist(tmp_path / "a.bin")
    for name, column in (("x", ours.x), ("y", ours.y), ("t", ours.time), ("p", ours.on)):
        np.testing.assert_array_equal(theirs[name], column)


def test_the_first_saccade_or_all_three(tmp_path):
    write_nmnist(tmp_path / "NMNIST")
    options = {"folder": tmp_path, "cache": False}
    first, every = nmnist("test", **options), nmnist("test", **options, first_saccade=False)
    assert (first.spikes.shape, every.spikes.shape) == ((2, 2312, 10), (2, 2312, 30))
    pixels = first.dense().reshape(2, 2, 34, 34, 10)
    assert np.argwhere(pixels[0]).tolist() == [[0, 0, 1, 0], [1, 33, 33, 9]]  # ON is polarity 0
    assert every.events.count.sum() == first.events.count.sum() + 2
    small = nmnist("test", **options, window_ms=50, reduce=17, polarity="merged")
    assert small.shape == (1, 2, 2)
    assert np.argwhere(small.dense()[0]).tolist() == [[0, 0], [3, 1]]


def test_nmnist_validation_is_the_last_sixth_by_number(tmp_path):
    write_nmnist(tmp_path)
    parts = {split: nmnist(split, folder=tmp_path, cache=tmp_path / "cache") for split in (*SPLITS, "validation+train")}
    labels = [(number * 7) % 10 for number in range(1, 13)]
    assert [parts[split].labels.tolist() for split in SPLITS] == [labels[:10], labels[10:], labels[:2]]
    assert parts["validation+train"].labels.tolist() == labels
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_damaged_and_missing_recordings_are_named(tmp_path):
    with pytest.raises(InvalidValue, match=r"nmnist: Test = 'missing': must be put in .*nmnist.* data build nmnist"):
        nmnist("test", folder=tmp_path)
    (tmp_path / "Test").mkdir()
    with pytest.raises(InvalidValue, match=r"files in .*Test = 0: must be recordings"):
        nmnist("test", folder=tmp_path)
    write_nmnist(tmp_path)
    (tmp_path / "Test" / "7" / "00001.bin").write_bytes(b"1234567")
    with pytest.raises(InvalidValue, match=r"00001\.bin: bytes = 7.*multiple of 5"):
        nmnist("test", folder=tmp_path, cache=False)
    (tmp_path / "Test" / "7" / "00001.bin").write_bytes(nmnist_bytes([(34, 0, 0, 0)]))
    with pytest.raises(InvalidValue, match=r"00001\.bin: event x = 34.*1 of 1 events"):
        nmnist("test", folder=tmp_path, cache=False)


# ---------------------------------------------------------------------------------------------- DVS128 Gesture


def aedat_packet(events, kind: int = 1, overflow: int = 0, size: int = 8, time_at: int = 4, capacity=None) -> bytes:
    """A header of 28 bytes, then per event (x, y, on, valid, t) a word and a time, all little-endian."""
    numbers = [size, time_at, overflow, len(events) if capacity is None else capacity, len(events), len(events)]
    head = np.array([kind, 1], "<u2").tobytes() + np.array(numbers, "<u4").tobytes()
    words = [(x << 17 | y << 2 | on << 1 | valid, t) for x, y, on, valid, t in events]
    return head + np.array(words, "<u4").tobytes()


HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def write_authors(folder: Path, users=(1, 2, 3, 4, 5), test=(24,)) -> None:
    """As in the archive of the authors: two gestures per recording."""
    for part, who in (("train", users), ("test", test)):
        names = [f"user{user:02d}_led.aedat" for user in who]
        (folder / f"trials_to_{part}.txt").write_text("\n".join(names) + "\n")
        for user, name in zip(who, names, strict=True):
            events = [(user, 127, 1, 1, 1_000_000), (8, 8, 0, 1, 1_030_000), (9, 9, 0, 0, 1_030_000)]
            late = [(127, 0, 1, 1, 3_000_000 + 79_000)]
            special = aedat_packet([(0, 0, 0, 1, 5)], kind=0)
            (folder / name).write_bytes(HEADER + special + aedat_packet(events) + aedat_packet(late))
            table = "class,startTime_usec,endTime_usec\n1,1000000,2000000\n11,3000000,4000000\n"
            (folder / name.replace(".aedat", "_labels.csv")).write_text(table)


def write_tonic(folder: Path, users=(1, 2, 3, 4, 5), test=(24,)) -> None:
    """As in tonic's archive: an array of x, y, polarity, milliseconds per gesture."""
    for part, who in (("Train", users), ("Test", test)):
        for user in who:
            place = folder / f"ibmGesture{part}" / f"user{user:02d}_led"
            place.mkdir(parents=True)
            np.save(place / "0.npy", np.array([[user, 127, 1, 1000], [8, 8, 0, 1030]], float))
            np.save(place / "10.npy", np.array([[127, 0, 1, 500]], float))


def test_an_aedat_file_is_read_bit_by_bit(tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(
        HEADER
        + aedat_packet([(1, 2, 1, 1, 7), (127, 0, 0, 1, 8), (5, 5, 1, 0, 9)])
        + aedat_packet([(3, 127, 1, 1, 1)], overflow=1)
    )
    events = read_aedat(path)
    assert (events.x.tolist(), events.y.tolist()) == ([1, 127, 3], [2, 0, 127])
    assert events.on.tolist() == [True, False, True]
    assert events.time.tolist() == [7, 8, 2**31 + 1]


def test_aedat_files_are_read_as_tonic_reads_them(tmp_path):
    """Its own reader of whole files: valid events, no overflow."""
    io = pytest.importorskip("tonic.io")
    rng, path = np.random.default_rng(1), tmp_path / "a.aedat"
    rows = [
        [(*map(int, rng.integers(0, 128, 2)), int(rng.integers(2)), 1, t) for t in range(k, k + 50)] for k in (0, 50)
    ]
    path.write_bytes(HEADER + b"".join(map(aedat_packet, rows)))
    _, start, _ = io.read_aedat_header_from_file(str(path))
    theirs, ours = io.get_aer_events_from_file(str(path), 3.1, start), read_aedat(path)
    np.testing.assert_array_equal(theirs["timeStamp"], ours.time)
    np.testing.assert_array_equal(theirs["address"] >> 17, ours.x)
    np.testing.assert_array_equal(theirs["address"] >> 2 & 0x1FFF, ours.y)


def test_gestures_are_cut_out_and_begin_at_0(tmp_path):
    write_authors(tmp_path)
    data = dvs_gesture("test", folder=tmp_path, cache=False)
    assert (data.spikes.shape, data.shape, data.n_classes) == ((2, 2048, 75), (2, 32, 32), 11)
    assert data.labels.tolist() == [0, 10]
    pixels = data.dense().reshape(2, 2, 32, 32, 75)
    assert np.argwhere(pixels[0]).tolist() == [[0, 31, 6, 0], [1, 2, 2, 1]]
    assert np.argwhere(pixels[1]).tolist() == [[0, 0, 31, 3]]


def test_both_archives_hold_the_same(tmp_path):
    for name, write in (("DvsGesture", write_authors), ("DVSGesture", write_tonic)):
        (tmp_path / name[:3] / name).mkdir(parents=True)
        write(tmp_path / name[:3] / name)
    authors, tonic = (
        dvs_gesture("train", folder=tmp_path / name, cache=False, steps=3, late="drop") for name in ("Dvs", "DVS")
    )  # tonic's second gesture begins with its first event, the authors' with the label: step 3, not shown
    assert authors.labels.tolist() == tonic.labels.tolist() == [0, 10] * 4
    np.testing.assert_array_equal(authors.dense()[::2], tonic.dense()[::2])
    assert not authors.dense()[1::2].any()
    assert tonic.dense()[1::2, :, 0].sum() == 4


def test_validation_users_are_not_trained_on(tmp_path):
    write_tonic(tmp_path)
    train, validation = (dvs_gesture(s, folder=tmp_path, cache=tmp_path / "cache") for s in ("train", "validation"))
    assert (len(train), len(validation)) == (8, 2)
    assert len(dvs_gesture("train+validation+test", folder=tmp_path, cache=tmp_path / "cache")) == 12


def test_a_table_of_labels_may_have_other_columns_and_come_from_windows(tmp_path):
    write_authors(tmp_path)
    expected = dvs_gesture("test", folder=tmp_path, cache=False)
    table = "class;who;endTime_usec;startTime_usec\r\n1;a;2000000;1000000\r\n\r\n11;b;4000000;3000000\r\n"
    (tmp_path / "user24_led_labels.csv").write_bytes(b"\xef\xbb\xbf" + table.encode())
    (tmp_path / "trials_to_test.txt").write_bytes(b"\xef\xbb\xbfuser24_led.aedat\r\n\r\n")
    assert dvs_gesture("test", folder=tmp_path, cache=False) == expected


def test_hidden_files_and_other_folders_are_no_samples(tmp_path):
    write_tonic(tmp_path / "dvs")
    write_nmnist(tmp_path / "nmnist")
    expected = [
        len(dvs_gesture("test", folder=tmp_path / "dvs", cache=False)),
        len(nmnist("test", folder=tmp_path / "nmnist", cache=False)),
    ]
    user, digit = tmp_path / "dvs" / "ibmGestureTest" / "user24_led", tmp_path / "nmnist" / "Test" / "7"
    for folder, name in ((user, "._0.npy"), (digit, "._00001.bin")):
        (folder / name).write_bytes(b"\x00\x05\x16\x07" + bytes(78))
        (folder / ".DS_Store").write_bytes(b"Bud1")
        (folder / "Thumbs.db").write_bytes(b"x")
        (folder / "readme.txt").write_text("copied by me")
    (tmp_path / "dvs" / "ibmGestureTest" / "__MACOSX").mkdir()
    assert len(dvs_gesture("test", folder=tmp_path / "dvs", cache=False)) == expected[0]
    assert len(nmnist("test", folder=tmp_path / "nmnist", cache=False)) == expected[1]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("dvs/ibmGestureTest/user24_led/0 (copy).npy", r"name = '0 \(copy\)\.npy'.*LABEL\.npy"),
        ("dvs/ibmGestureTest/user24_led/11.npy", r"11\.npy: label = 11.*0 \.\. 10"),
        ("dvs/ibmGestureTest/userX/0.npy", "user = 'userX'.*userNN_LIGHT"),
        ("nmnist/Test/7/copy of 00001.bin", "name = 'copy of 00001.bin'.*NUMBER.bin"),
    ],
)
def test_files_of_other_names_are_named(tmp_path, path, words):
    write_tonic(tmp_path / "dvs")
    write_nmnist(tmp_path / "nmnist")
    (tmp_path / path).parent.mkdir(exist_ok=True)
    kept = next((tmp_path / path.split("/")[0]).glob(f"*Test/*/*{path[-4:]}"))
    (tmp_path / path).write_bytes(kept.read_bytes())
    load = dvs_gesture if path.startswith("dvs") else nmnist
    with pytest.raises(InvalidValue, match=words):
        load("test", folder=tmp_path / path.split("/")[0], cache=False)


def test_an_archive_that_is_not_unpacked_is_said(tmp_path):
    (tmp_path / "ibmGestureTest.tar.gz").write_bytes(b"")
    with pytest.raises(InvalidValue, match=r"ibmGestureTest\.tar\.gz = 'an archive': must be unpacked"):
        dvs_gesture("test", folder=tmp_path, cache=False)


@pytest.mark.parametrize("row", [[1, 1, 2, 0], [1, 1, 1, np.nan], [1.5, 1, 1, 0], [128, 1, 1, 0], [1, -1, 1, 0]])
def test_an_event_that_cannot_be_is_named_with_its_file(tmp_path, row):
    write_tonic(tmp_path)
    path = tmp_path / "ibmGestureTest" / "user24_led" / "0.npy"
    np.save(path, np.array([[1, 1, 0, 0], row]))
    with pytest.raises(InvalidValue, match=r"0\.npy: "):
        dvs_gesture("test", folder=tmp_path, cache=False)


def test_polarities_may_be_signed_and_times_are_microseconds(tmp_path):
    """2.3 ms and 22.3 ms are 20 ms apart, though their difference as floats is less."""
    write_tonic(tmp_path)
    path = tmp_path / "ibmGestureTest" / "user24_led" / "0.npy"
    np.save(path, np.array([[0, 0, -1, 2.3], [0, 0, 1, 22.3], [0, 0, 1, 62.3]]))
    data = dvs_gesture("test", folder=tmp_path, cache=False, polarity="off_on")
    assert data.polarity == "off_on"
    assert np.argwhere(data.dense()[0]).tolist() == [[0, 0], [1024, 1], [1024, 3]]


def test_events_after_the_time_steps_are_a_warning_or_an_error(tmp_path):
    write_tonic(tmp_path)
    options = {"folder": tmp_path, "cache": False, "steps": 1}
    with pytest.warns(DataWarning, match="1 of 3 are left out.*end at 0.02 s.*latest event is at 0.03 s.*steps=2"):
        assert dvs_gesture("test", **options).events.count.sum() == 2
    with pytest.raises(InvalidValue, match="events outside all time steps = 1: must be 0 of 3"):
        dvs_gesture("test", **options, late="error")
    assert dvs_gesture("test", **options, late="drop").events.count.sum() == 2
    assert dvs_gesture("test", **options | {"steps": 2}).events.count.sum() == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("user24_led.aedat", b"#!AER-DAT2.0\r\n", "AEDAT 3.1"),
        ("user24_led.aedat", HEADER + aedat_packet([(1, 1, 1, 1, 1)])[:-1], "last packet is cut off"),
        ("user24_led.aedat", HEADER + b"123", "last packet is cut off"),
        ("user24_led.aedat", HEADER + aedat_packet([(128, 1, 1, 1, 1)]), r"x = 128.*0 \.\. 127"),
        ("user24_led.aedat", HEADER + aedat_packet([(1, 1, 1, 1, 1)], size=16), "packet at byte 61 = '16 bytes"),
        ("user24_led.aedat", HEADER + aedat_packet([(1, 1, 1, 1, 1)], size=0), "= '0 bytes"),
        ("user24_led.aedat", HEADER + aedat_packet([(1, 1, 1, 1, 1)], time_at=0), "time from byte 0"),
        ("user24_led.aedat", HEADER + aedat_packet([], kind=9, size=2**32 - 1, capacity=2**32 - 1), "is cut off"),
        ("user24_led_labels.csv", b"class,start\n1,2,x\n", "columns = 'class, start'.*among them starttime_usec"),
        ("user24_led_labels.csv", b"class,startTime_usec,endTime_usec\n1,2,x\n", "line 2 = '1,2,x'.*numbers for class"),
        (
            "user24_led_labels.csv",
            b"class,startTime_usec,endTime_usec\n1,5,6\n",
            "events of class 1 = 0.*5 and 6",
        ),
        ("trials_to_test.txt", b"user24_led.aedat\n../x.aedat", r"a recording = '\.\./x\.aedat'.*without folders"),
        ("trials_to_test.txt", b"somebody.aedat", "user = 'somebody.aedat'.*userNN_LIGHT"),
        ("trials_to_test.txt", "user24_led.aedat".encode("utf-16"), "text in UTF-8"),
        ("user24_led_labels.csv", None, r"user24_led_labels\.csv = 'missing'"),
    ],
)
def test_damaged_gestures_are_named(tmp_path, name, content, words):
    write_authors(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidValue, match=words):
        dvs_gesture("test", folder=tmp_path, cache=False)


def test_damaged_arrays_of_gestures_are_named(tmp_path):
    write_tonic(tmp_path)
    path = tmp_path / "ibmGestureTest" / "user24_led" / "0.npy"
    np.save(path, np.zeros((3, 5)))
    with pytest.raises(InvalidValue, match=r"0\.npy: shape = \(3, 5\)"):
        dvs_gesture("test", folder=tmp_path, cache=False)
    path.write_bytes(b"")
    with pytest.raises(InvalidValue, match=r"0\.npy = .*npy format"):
        dvs_gesture("test", folder=tmp_path, cache=False)
    with pytest.raises(InvalidValue, match=r"ibmGestureTrain or trials_to_train.txt = 'missing'"):
        dvs_gesture("train", folder=tmp_path / "ibmGestureTest", cache=False)


# ---------------------------------------------------------------------------------------------- fetching


def test_tonic_fetches_what_the_loader_then_reads(tmp_path, monkeypatch):
    """With a stand-in for tonic: no test fetches anything."""

    def fetch(save_to, train):
        folder = Path(save_to) / "NMNIST"
        write_nmnist(folder, *((6, 0) if train else (0, 2)))

    monkeypatch.setitem(sys.modules, "tonic", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tonic.datasets", SimpleNamespace(NMNIST=fetch))
    assert len(nmnist("train+test", folder=download("nmnist", tmp_path), cache=False)) == 7


def test_what_cannot_be_fetched_is_said(tmp_path, monkeypatch):
    def fail(**_):
        raise OSError("no route to host")

    monkeypatch.setitem(sys.modules, "tonic.datasets", SimpleNamespace(SHD=fail))
    with pytest.raises(InvalidValue, match=r"download of shd = 'no route to host'.*or put shd_train.*into .*SHD.*zenk"):
        download("shd", tmp_path)
    with pytest.raises(InvalidValue, match=r"download: data = 'mnist': must be one of nmnist.*get train-images.*http"):
        download("mnist", tmp_path)

    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="tonic")

    monkeypatch.setattr("lava_async.data.download.import_module", missing)
    with pytest.raises(MissingExtra, match=r"pip install .*datasets"):
        download("shd", tmp_path)


def test_tonic_has_what_is_fetched_and_the_registry_reads_it():
    datasets = pytest.importorskip("tonic.datasets")
    assert all(hasattr(datasets, kind) for kind, _ in DOWNLOADS.values())
    assert DOWNLOADS.keys() <= registry.DATA.keys()
