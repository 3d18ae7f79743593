"""`lava-async data`: what is there, building it, looking at it; and the pictures that it draws."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from lava_async import cli
from lava_async.data import pictures
from lava_async.data.paths import SOURCES
from lava_async.data.registry import DATA
from lava_async.errors import InvalidValue
from lava_async.spikes import SpikeTrain


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Run `lava-async data`, without data sets or a cache of this machine."""
    monkeypatch.delenv("LAVA_ASYNC_DATA", raising=False)
    monkeypatch.setenv("LAVA_ASYNC_CACHE", str(tmp_path / "cache"))

    def call(*argv):
        code = cli.main(["data", *map(str, argv)])
        return code, capsys.readouterr()

    return call


@pytest.fixture
def mnist_files(tmp_path):
    """A folder that has a folder mnist, of 12 + 5 images."""
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(5)
    for prefix, n in (("train", 12), ("t10k", 5)):
        for kind, array in (("images-idx3", rng.integers(0, 256, (n, 28, 28))), ("labels-idx1", np.arange(n) % 10)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            content = gzip.compress(head + array.astype(np.uint8).tobytes())
            (folder / f"{prefix}-{kind}-ubyte.gz").write_bytes(content)
    return folder.parent


def test_the_list_says_what_is_there_and_which_files_are_missing(call, mnist_files):
    code, shown = call("list", "--folder", mnist_files)
    assert code == 0
    assert f"mnist          {mnist_files / 'mnist'}" in shown.out
    assert "digits         come with the package" in shown.out
    assert f"shd_train.h5 and shd_test.h5 = 'missing': must be put in {mnist_files / 'shd'}" in shown.out
    found = json.loads(call("list", "--folder", mnist_files, "--json")[1].out)["data"]
    assert [*(entry["name"] for entry in found), "events"] == list(DATA)
    assert [entry["name"] for entry in found if entry["there"] and entry["name"] in SOURCES] == ["mnist"]


def test_building_shows_sizes_and_fills_the_cache(call, mnist_files):
    code, shown = call("build", "mnist", "--folder", mnist_files)
    assert code == 0
    assert "validation        2     2,312          10" in shown.out
    found = json.loads(call("list", "--folder", mnist_files, "--json")[1].out)["data"]
    assert next(entry["cached"] for entry in found if entry["name"] == "mnist") > 1000
    splits = json.loads(call("build", "mnist", "--folder", mnist_files, "--json")[1].out)["splits"]
    assert [splits[split]["samples"] for split in ("train", "validation", "test")] == [10, 2, 5]


def test_a_split_that_is_empty_is_said_beside_the_others(call, mnist_files):
    """Of five training samples, a sixth is none."""
    folder = mnist_files / "mnist"
    content = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())
    small = content[:4] + np.array([5], ">u4").tobytes() + content[8 : 16 + 5 * 784]
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(small))
    labels = gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(labels[:4] + np.array([5], ">u4").tobytes() + labels[8:13])
    code, shown = call("build", "mnist", "--folder", mnist_files)
    assert code == 0
    assert "train        5" in shown.out
    assert "data mnist: samples of validation = 0: must be at least 1" in shown.out


def test_showing_gives_class_balance_and_a_raster(call, tmp_path):
    code, shown = call("show", "digits", "--sample", 3, "--out", tmp_path / "sample.png")
    assert code == 0
    for words in ("355       200          10", "10 classes of 34 .. 36 samples", "Sample 3, class"):
        assert words in shown.out
    assert sum(line.startswith("|") and len(line) == 12 for line in shown.out.splitlines()) == 20
    assert (tmp_path / "sample.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(call("show", "digits", "--json")[1].out)
    assert (found["samples"], found["time_steps"], sum(found["samples_per_class"])) == (355, 10, 355)


def test_options_of_the_data_set_are_handed_on(call, mnist_files):
    show = ("show", "mnist", "--folder", mnist_files)
    assert json.loads(call(*show, "--option", "limit=3", "--json")[1].out)["samples"] == 3
    code, shown = call(*show, "--option", "size=3")
    assert (code, shown.err.count("\n")) == (1, 1)
    assert "options.size = 3: must be left out: mnist takes folder, limit, polarity, cache" in shown.err


def test_the_encoders_are_drawn(call, tmp_path):
    code, shown = call("encoders", "--out", tmp_path / "encoders.png")
    assert (code, shown.out) == (0, f"Drawn to {tmp_path / 'encoders.png'}\n")
    assert (tmp_path / "encoders.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["build"], "data build: NAME = None: must be one of digits"),
        (["show", "digits", "--sample", "355"], "--sample = 355: must be less than 355"),
        (["show", "shd"], "shd_test.h5 = None: must be put in"),
        (["encoders"], "--out = None: must be given"),
        (["build", "mnist", "--download", "x"], "download: data = 'mnist'"),
        (["show", "digts"], "package.module:function; did you mean 'digits'?"),
        (["example"], "data example: FOLDER = None: must be given"),
        (["example", "."], "data example: folder = '.': must be one that is not there yet, or empty"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said_in_one_line(call, argv, said):
    code, shown = call(*argv)
    assert code == 1
    assert said in shown.err
    assert shown.err.count("\n") == 1


def test_an_option_needs_a_value(call):
    with pytest.raises(SystemExit, match="2"):
        call("show", "digits", "--option", "window")


# ---------------------------------------------------------------------------------------------- pictures


def test_a_raster_has_a_mark_for_every_channel_and_time_step_that_spiked():
    dense = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 0], [0, 1, 1]])
    axes = pictures.raster(Figure().subplots(), SpikeTrain.from_dense(dense), (2, 1, 2), size=1.0)
    on, off = axes.collections
    assert sorted(map(tuple, on.get_offsets().astype(int).tolist())) == [(0, 0), (1, 1)]
    assert sorted(map(tuple, off.get_offsets().astype(int).tolist())) == [(1, 1), (2, 1)]
    assert sorted(on.get_sizes()) == [1, 2]
    plain = pictures.raster(Figure().subplots(), SpikeTrain.from_dense(dense))
    assert len(plain.collections[0].get_offsets()) == 4


def test_frames_show_on_in_white_and_off_in_black():
    panels = Figure().subplots(1, 2)
    dense = np.array([[1, 0], [0, 0], [0, 0], [0, 1]])
    pictures.frames(panels, SpikeTrain.from_dense(dense), (2, 1, 2), [0, 1])
    assert [axes.images[0].get_array().tolist() for axes in panels] == [[[1, 0]], [[0, -1]]]


def test_every_encoder_has_its_panel():
    panels = list(Figure().subplots(1, 5))
    pictures.draw_encoders(panels, np.linspace(0, 1, 12).reshape(3, 4), steps=5)
    assert [axes.get_title().split(":")[0] for axes in panels] == ["image $x$", "rate", "latency", "delta", "saccade"]
    with pytest.raises(InvalidValue, match="panels = 4"):
        pictures.draw_encoders(panels[:4], np.zeros((3, 4)))
