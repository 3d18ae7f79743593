"""A user's own data: folders of events, functions of modules, datasets and loaders of torch and tonic."""

from __future__ import annotations

import shutil

import h5py
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from lava_async import CubaParams, Network, Random, cli, netx
from lava_async.data import registry
from lava_async.data.example import write_example
from lava_async.data.folders import HELP, read_events
from lava_async.data.own import from_events, from_samples
from lava_async.errors import DataWarning, InvalidType, InvalidValue
from lava_async.experiments.config import Config
from lava_async.experiments.train import train
from lava_async.spikes import SpikeBatch, SpikeTrain
from lava_async.training import UnlayeredNetwork, dense_blocks, evaluate, fit

# ---------------------------------------------------------------------------------------------- folders

COLUMNS = {"t": [0, 1500, 2999], "x": [0, 2, 1], "y": [1, 0, 0], "p": [1, 0, 1]}
DTYPE = np.dtype([("x", "<i8"), ("y", "<i8"), ("t", "<i8"), ("p", "<i8")])


def structured(columns=COLUMNS):
    events = np.zeros(len(columns["t"]), DTYPE)
    for name, values in columns.items():
        events[name] = values
    return events


def write_csv(path, head="t,x,y,p", mark=b"", end="\n", separator=","):
    lines = [
        head.replace(",", separator),
        *(separator.join(map(str, row)) for row in zip(*COLUMNS.values(), strict=True)),
    ]
    path.write_bytes(mark + (end.join(lines) + end).encode())


def write_h5(path, group=""):
    with h5py.File(path, "w") as file:
        for name, values in COLUMNS.items():
            file[group + name] = values


FILES = {
    "a.csv": write_csv,
    "windows.csv": lambda path: write_csv(path, mark=b"\xef\xbb\xbf", end="\r\n", separator=";"),
    "tabs.CSV": lambda path: write_csv(path, "timestamp,X,Y,polarity", separator="\t"),
    "a.npz": lambda path: np.savez(path, **COLUMNS),
    "fields.npz": lambda path: np.savez_compressed(path, events=structured()),
    "a.npy": lambda path: np.save(path, structured()),
    "a.h5": write_h5,
    "group.hdf5": lambda path: write_h5(path, "events/"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_every_format_has_the_same_events(tmp_path, name):
    FILES[name](tmp_path / name)
    events = read_events(tmp_path / name)
    assert {field: events[field].tolist() for field in events} == COLUMNS


@pytest.fixture
def mine(tmp_path):
    """A folder of two classes, 6 files of each for training, 2 for testing, of 2 x 3 pixels and 3 ms."""
    for split, n in (("train", 6), ("test", 2)):
        for name in ("b", "a"):
            (tmp_path / "mine" / split / name).mkdir(parents=True)
            for i in range(n):
                write_csv(tmp_path / "mine" / split / name / f"{i}.csv")
    (tmp_path / "mine" / "data.toml").write_text("size = [2, 3]\nwindow_ms = 1.0\nsteps = 3\n")
    return tmp_path / "mine"


def load(folder, split="train", **options):
    return registry.load("events", split, folder=folder, cache=False, **options)


def test_a_folder_is_a_data_set(mine):
    data = load(mine)
    assert (data.shape, data.n_steps, data.n_classes, data.polarity) == ((2, 2, 3), 3, 2, "on_off")
    assert data.labels.tolist() == [0] * 5 + [1] * 5  # classes in the order of their names
    assert np.argwhere(data.dense()[0]).tolist() == [[1, 2], [3, 0], [8, 1]]
    assert load(mine, "validation").labels.tolist() == [0, 1]  # every sixth
    assert load(mine, "test").labels.tolist() == [0, 0, 1, 1]
    assert len(load(mine, "train+validation")) == 12
    assert registry.load(str(mine), "test", cache=False) == load(mine, "test")
    assert load(mine, polarity="off_on").polarity == "off_on"
    assert load(mine, window_ms=1.5, steps=2, polarity="merged").spikes.shape == (10, 6, 2)
    assert load(mine, classes=["b", "a"]).labels.tolist() == [1] * 5 + [0] * 5


def test_a_folder_of_validation_is_used(mine):
    shutil.copytree(mine / "test", mine / "validation")
    assert [len(load(mine, split)) for split in ("train", "validation", "test")] == [12, 4, 4]


def test_channels_alone_have_no_polarity(mine):
    for path in mine.glob("*/*/*.csv"):
        path.write_text("time,channel,volts\n0.0,2,7\n2.5,0,8\n")
    (mine / "data.toml").write_text('size = [3]\nwindow_ms = 1\nsteps = 3\ntime = "ms"\n')
    data = load(mine)
    assert (data.shape, data.polarity) == ((1, 1, 3), None)
    assert np.argwhere(data.dense()[0]).tolist() == [[0, 2], [2, 0]]


def test_stray_files_are_left_out_with_a_warning_and_hidden_ones_without(mine):
    (mine / "train" / ".git").mkdir()
    (mine / "train" / "a" / "._0.csv").write_bytes(b"\x00\x05\x16\x07")
    assert len(load(mine)) == 10
    (mine / "train" / "a" / "notes.txt").write_text("x")
    with pytest.warns(DataWarning, match=r"1 files are no events and are left out, as .*notes\.txt"):
        assert len(load(mine)) == 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda f: (f / "data.toml").write_text("window_ms = 1.0\nsteps = 3\n"),
            r"size = None: must be given, in .*data\.toml.*as size = \[2, 3\]: the events of train reach to "
            r"0\.002999 s",
        ),
        (
            lambda f: (f / "data.toml").write_text("size = [2, 3]\nwindow_ms = 1.0\n"),
            r"steps = None: .*as steps = 3 of 1 ms",
        ),
        (lambda f: (f / "data.toml").write_text("size = [2, 3]\nwindow_ms = 0\n"), "window_ms = 0: must be > 0"),
        (lambda f: (f / "data.toml").write_text("sise = [2, 3]"), r"data\.toml: sise = .*did you mean 'size'"),
        (lambda f: (f / "data.toml").write_text("size = "), r"data\.toml = .*must be TOML"),
        (lambda f: (f / "data.toml").write_text('time = "sec"'), "time = 'sec'.*one of s, ms, us, ns"),
        (
            lambda f: (f / "data.toml").write_text("size = [1, 3]\nwindow_ms = 1\nsteps = 3"),
            r"0\.csv: event y = 1: must be in 0 \.\. 0: 1 of 3 events lie outside",
        ),
        (
            lambda f: (f / "data.toml").write_text("size = [3, 2]\nwindow_ms = 1\nsteps = 3"),
            "x and y seem to be swapped",
        ),
        (
            lambda f: (f / "data.toml").write_text("size = [2, 3]\nwindow_ms = 1\nsteps = 2"),
            r"outside all time steps = 10: must be 0 of 30: .*end at 0\.002 s.*give steps=3",
        ),
        (
            lambda f: (f / "data.toml").write_text('size = [2, 3]\nwindow_ms = 1\nsteps = 3\ntime = "s"'),
            r"times are read as s; in us they would fit",
        ),
        (
            lambda f: (f / "train" / "a" / "0.csv").write_text("t,y\n1,2\n"),
            r"0\.csv: columns = .*among them x \(or channel",
        ),
        (lambda f: (f / "train" / "b" / "0.csv").write_text("t,x,y,p\n1,2,0\n"), r"0\.csv: line 2 = '1,2,0'"),
        (lambda f: (f / "train" / "b" / "0.csv").write_text(""), r"0\.csv = 'is empty"),
        (
            lambda f: (f / "train" / "b" / "0.csv").write_text("5,1,1,1\n"),
            r"columns = '5, 1, 1, 1': must be some of t, ",
        ),
        (lambda f: (f / "train" / "b" / "0.csv").write_text("t,x,t\n1,2,3\n"), r"columns named t = 2: must be one"),
        (lambda f: (f / "train" / "b" / "0.csv").write_text("t,x,y,p\n1,2.5,0,1\n"), r"0\.csv: event x = 2\.5"),
        (lambda f: (f / "train" / "b" / "0.csv").write_text("t,x,y,p\nnan,2,0,1\n"), "finite"),
        (lambda f: (f / "train" / "b" / "0.npz").write_bytes(b"PK\x03\x04"), r"0\.npz = .*npz format"),
        (lambda f: (f / "train" / "b" / "0.h5").write_bytes(b"\x89HDF\r\n\x1a\n"), r"0\.h5 = .*must be HDF5 with the"),
        (lambda f: shutil.rmtree(f / "train"), r"train: folders = 0: must be one per class"),
        (
            lambda f: (
                (f / "train" / "c").mkdir()
                or (f / "data.toml").write_text('size=[2,3]\nwindow_ms=1\nsteps=3\nclasses=["a","b"]')
            ),
            "class = 'c': must be one of a, b",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_what_would_be_right(mine, change, words):
    change(mine)
    with pytest.raises((InvalidValue, InvalidType), match=words):
        load(mine)


def test_a_split_that_is_empty_is_said(mine):
    shutil.rmtree(mine / "test")
    with pytest.raises(InvalidValue, match=r"samples of test = 0: must be files in .*test/CLASS"):
        load(mine, "test")
    for path in mine.glob("train/*/[1-5].csv"):
        path.unlink()
    with pytest.raises(InvalidValue, match=r"samples of validation = 0: .*at least 6 of a class"):
        load(mine, "validation")


def test_a_file_that_changed_is_read_again(mine, tmp_path):
    options = {"folder": mine, "cache": tmp_path / "cache"}
    before = registry.load("events", "train", **options)
    assert registry.load("events", "train", **options) == before
    (mine / "train" / "a" / "0.csv").write_text("t,x,y,p\n0,0,0,1\n")
    assert registry.load("events", "train", **options) != before


# ---------------------------------------------------------------------------------------------- example, commands


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example") / "mine"
    write_example(folder)
    return folder


def test_the_example_trains_and_is_evaluated_as_the_help_says(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(example.parent)
    config = Config.load(example / "train.toml")
    trained = train(config, tmp_path / "run")
    assert trained.results["test"]["accuracy"] >= 0.9
    assert netx.metadata(tmp_path / "run" / "network.net")["polarity"] == "on_off"
    assert cli.main(["evaluate", str(tmp_path / "run" / "network.net"), "--data", "mine"]) == 0
    assert "20 samples of events test" in capsys.readouterr().out
    assert cli.main(["data", "show", "mine"]) == 0
    assert "2 classes of 10 .. 10 samples" in capsys.readouterr().out
    monkeypatch.chdir(example)
    assert cli.main(["data", "show", "mydata:load", "--option", "window_ms=20"]) == 0
    assert "samples  channels  time steps" in capsys.readouterr().out


def test_the_example_has_every_format_and_is_not_written_over(example):
    assert {path.suffix for path in example.glob("*/*/*")} == {".csv", ".npz", ".h5"}
    with pytest.raises(InvalidValue, match="not there yet"):
        write_example(example)


@pytest.mark.parametrize("command", ["train", "evaluate", "study", "run", "data"])
def test_every_command_that_takes_data_shows_how_they_are_given(capsys, command):
    with pytest.raises(SystemExit, match="0"):
        cli.main([command, "--data-help"])
    assert capsys.readouterr().out == HELP
    assert max(map(len, HELP.splitlines())) <= 80


# ---------------------------------------------------------------------------------------------- functions


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "some_data.py").write_text("""
import numpy as np

def load(split, n=4):
    rng = np.random.default_rng(len(split))
    return (rng.random((n, 6, 5)) < 0.4).astype(np.float32), np.eye(3)[np.arange(n) % 3]

def no_split(n):
    return None

def wrong(split):
    return 3
""")
    monkeypatch.chdir(tmp_path)


def test_a_function_gives_the_splits(module):
    data = registry.load("some_data:load", "train", n=5)
    assert (data.spikes.shape, data.labels.tolist(), data.n_classes) == ((5, 6, 5), [0, 1, 2, 0, 1], 3)
    assert len(registry.load("some_data:load", "train+test")) == 8
    config = Config.from_toml("""
[network]
sizes = [6, 3]
[data]
name = "some_data:load"
options = { n = 7 }
""")
    assert config.data.options == {"n": 7}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("some_data:missing", {}, "no attribute 'missing'"),
        ("no_such_module:load", {}, "No module named 'no_such_module'"),
        ("some_data:no_split", {}, "the argument split"),
        ("os:system", {}, "the argument split"),
        (":", {}, "package.module:function"),
        ("some_data:load", {"m": 3}, r"options\.m = 3: must be left out: some_data:load takes n"),
        ("some_data:wrong", {}, "pairs of spikes and labels"),
    ],
)
def test_what_is_no_such_function_is_said(module, name, options, words):
    with pytest.raises((InvalidValue, InvalidType), match=words):
        registry.load(name, "train", **options)


# ---------------------------------------------------------------------------------------------- torch, tonic

SPIKES = (np.random.default_rng(0).random((12, 6, 5)) < 0.4).astype(np.uint8)
LABELS = np.arange(12) % 3


class Samples(Dataset):
    """As users write it: no iterator, labels as integers, spikes as floats."""

    def __len__(self):
        return len(SPIKES)

    def __getitem__(self, i):
        if i >= len(self):
            raise RuntimeError("asked for more than there is")
        return torch.from_numpy(SPIKES[i]).float(), int(LABELS[i])


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(SpikeTrain.from_dense(s), torch.tensor(l)) for s, l in zip(SPIKES, LABELS, strict=True)])


TENSORS = TensorDataset(torch.from_numpy(SPIKES).bfloat16(), torch.eye(3)[LABELS])
HELD = {
    "dataset": Samples(),
    "stream": Stream(),
    "tensors": TENSORS,
    "loader": DataLoader(Samples(), 5),
    "loader of one-hot": DataLoader(TENSORS, 5),
    "loader of single samples": DataLoader(Samples(), None),
    "pair": (SPIKES, LABELS),
    "pair of tensors": (torch.from_numpy(SPIKES), torch.from_numpy(LABELS)),
    "list of pairs": list(zip(SPIKES, LABELS, strict=True)),
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_whatever_holds_the_samples_they_are_the_same(held):
    data = from_samples(held)
    assert data.events == SpikeBatch.of(SPIKES)
    assert (data.labels.tolist(), data.n_classes, data.shape) == (LABELS.tolist(), 3, (1, 1, 6))


@pytest.mark.parametrize("held", ["dataset", "loader", "pair"])
def test_training_and_evaluation_take_them(held):
    def loss(data):
        net = UnlayeredNetwork(dense_blocks([6, 8, 3], gain=3.0), schedule=Random(2))
        history = fit(net, data, data, epochs=1)
        return history[0].loss, evaluate(net, data, schedule=Random(2))

    assert loss(HELD[held]) == loss(from_samples((SPIKES, LABELS)))


NETWORK = Network.feedforward([np.ones((3, 6))], CubaParams(du=1, dv=1, vth=0.5))
EVENTS = [structured(), structured({**COLUMNS, "x": [1, 1, 1]})]


class Recorded:
    """As data sets of tonic are: structured events, sensor_size = (width, height, polarities)."""

    sensor_size = (3, 2, 2)

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return EVENTS[i], i


def test_real_values_are_graded_input():
    assert np.array_equal(from_samples([(SPIKES[0] * 0.5, 0)]).dense()[0], SPIKES[0] * 0.5)


def test_events_of_tonic_become_spikes():
    data = from_samples(Recorded(), window_ms=1.0, steps=3)
    assert (data.shape, data.polarity, data.labels.tolist()) == ((2, 2, 3), "on_off", [0, 1])
    assert np.argwhere(data.dense()[0]).tolist() == [[1, 2], [3, 0], [8, 1]]
    columns = [dict.fromkeys("txyp") | {name: events[name] for name in events.dtype.names} for events in EVENTS]
    assert from_events(columns, [0, 1], size=(2, 3), window_ms=1.0, steps=3, name="samples") == data
    swapped = from_samples(Recorded(), window_ms=1.0, steps=3, polarity="off_on")
    np.testing.assert_array_equal(swapped.dense(), np.roll(data.dense(), 6, axis=1))


def test_tonic_and_we_make_the_same_frames():
    transforms = pytest.importorskip("tonic.transforms")
    frames = transforms.ToFrame(sensor_size=(3, 2, 2), time_window=1000, include_incomplete=True)
    theirs = from_samples([(frames(events), i) for i, events in enumerate(EVENTS)], axes="TPHW")
    assert theirs == from_samples(Recorded(), window_ms=1.0, steps=3, polarity="off_on")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: from_samples(Recorded()), "window_ms = None: must be given to lava_async.data.own.from_samples"),
        (lambda: evaluate(NETWORK, Recorded(), schedule=Random(2)), "window_ms = None"),
        (lambda: from_samples([(structured(), 0)], window_ms=1.0, steps=3), "size = None: must be given"),
        (lambda: from_samples([(np.zeros((4, 2, 3, 3)), 0)]), r"shape = \(4, 2, 3, 3\).*axes='TPHW', time first"),
        (lambda: from_samples([(np.zeros((4, 2, 3, 3)), 0)], axes="THWP"), "axes = 'THWP'.*CHWT"),
        (lambda: from_samples([]), "number of samples = 0"),
        (lambda: from_samples([SPIKES[0]]), "item 0 = .*a pair: spikes, label"),
        (lambda: from_samples([(SPIKES[0], 0.5)]), "labels = 0.5.*no fractions"),
        (lambda: from_samples((SPIKES, LABELS), late="drop"), "late = .*these samples are no events"),
        (lambda: from_events(EVENTS, [0, 1], size=(2, 2), window_ms=1, steps=3), "event x = 2.*outside the sensor"),
        (lambda: from_events(EVENTS, [0, 1], size=(2, 3), window_ms=1, steps=3, time="ms"), "in us they would fit"),
        (lambda: from_events(EVENTS, [0], size=(2, 3), window_ms=1, steps=3), "number of labels = 1"),
        (lambda: from_events([SPIKES[0]], [0], size=(2, 3), window_ms=1, steps=3), "fields t, x"),
    ],
)
def test_what_must_be_said_and_is_not_is_an_error(call, words):
    with pytest.raises((InvalidValue, InvalidType), match=words):
        call()


def test_frames_may_have_their_time_first_or_last():
    frames = SPIKES.reshape(12, 2, 1, 3, 5)
    last = from_samples(list(zip(frames, LABELS, strict=True)), axes="CHWT")
    first = from_samples(list(zip(np.moveaxis(frames, -1, 1), LABELS, strict=True)), axes="TPHW")
    assert last.events == first.events == SpikeBatch.of(SPIKES)
    assert (last.shape, last.polarity, first.polarity) == ((2, 1, 3), None, "off_on")
    batches = DataLoader(TensorDataset(torch.from_numpy(frames), torch.from_numpy(LABELS)), 5)
    assert from_samples(batches, axes="CHWT").events == last.events


def test_a_network_notes_the_order_of_polarities_that_it_was_trained_on(tmp_path):
    data = from_samples(Recorded(), window_ms=1.0, steps=3, polarity="off_on")
    net = UnlayeredNetwork(dense_blocks([12, 3]), schedule=Random(2))
    fit(net, data, epochs=1)
    net.export_hdf5(tmp_path / "a.net")
    assert netx.metadata(tmp_path / "a.net")["polarity"] == "off_on"
    assert isinstance(netx.load(tmp_path / "a.net"), Network)
