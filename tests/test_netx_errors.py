"""Whatever is wrong with a file, a NetxError says where; nothing crashes, hangs, fills the memory or loads wrongly."""

from __future__ import annotations

import re
from dataclasses import replace

import h5py
import netx_files
import numpy as np
import pytest
from netx_files import write

from lava_async import LoihiParams, Network, netx
from lava_async.hdf5 import client


def problem(path) -> str:
    with pytest.raises(netx.NetxError) as error:
        netx.load(path)
    assert str(path) in str(error.value)
    return str(error.value).replace(f"{path}: ", "")


# --------------------------------------------------------------------------------------- the whole file


def test_a_file_that_does_not_exist(tmp_path):
    assert problem(tmp_path / "no.net") == "cannot be read: No such file or directory"


def test_a_folder(tmp_path):
    assert problem(tmp_path) == "cannot be read: Is a directory"


@pytest.mark.parametrize("content", [b"", b"layer 0: dense\n" * 100, b"\x89HDF\r\n\x1a\n", b"\0" * 4096])
def test_a_file_that_is_not_hdf5(tmp_path, content):
    path = tmp_path / "text.net"
    path.write_bytes(content)
    assert re.search("is not an HDF5 file|cannot be read|is empty", problem(path))
    with pytest.raises(netx.NetxError):
        netx.metadata(path)


def test_hdf5_from_elsewhere(tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data/points"] = np.arange(3)
    assert problem(tmp_path / "foreign.h5") == "/layer: missing"


@pytest.mark.parametrize("kept", [8, 96, 800, 2048, 6000, 9000, -1])
def test_a_truncated_file(tmp_path, kept):
    path = write(tmp_path / "a.net")
    path.write_bytes(path.read_bytes()[:kept])
    assert re.search("is truncated: copy or download it again|cannot be read|not an HDF5 file", problem(path))


def test_a_group_of_neurons_under_another_name(tmp_path):
    path = write(tmp_path / "a.net")
    with h5py.File(path, "a") as file:
        file.move("layer/2/neuron", "layer/2/on")
    assert problem(path) == "/layer/2/on: is a group, and there is none of the name neuron"


def test_a_layer_group_without_layers(tmp_path):
    with h5py.File(tmp_path / "a.net", "w") as file:
        file.create_group("layer")
    assert problem(tmp_path / "a.net") == "/layer/0: missing"


# ------------------------------------------------------------------------------------------- the fields


def link(group, name):
    group[name] = h5py.SoftLink("/layer/3/weight")


def elsewhere(group, name):
    group[name] = h5py.ExternalLink("other.h5", "/weight")


def outside(group, name):
    group.create_dataset(name, (3, 4), "f4", external=[("other.raw", 0, 48)])


def as_group(group, name):
    group.create_group(name)


def objects(group, name):
    group.create_dataset(name, (2,), h5py.special_dtype(vlen=np.int32))


def huge(group, name):
    group.create_dataset(name, (2**20, 2**20), "f4", chunks=(1024, 1024))


def bomb(group, name):
    group.create_dataset(name, (2**15, 2**15), "f8", chunks=(4096, 4096), compression="gzip")


def long_name(group, name):
    group.create_dataset(name, (1,), "S1000000000", chunks=(1,), compression="gzip")


BROKEN = {
    # The list of layers
    "/layer/extra: must be one of 0 .. 4": {"layer__extra": as_group},
    "/layer/4: must be a group, is a dataset": {"layer__4": 1},
    # Types
    "/layer/2/type: missing": {"layer2__type": None},
    "/layer/2/type = dense_comp: must be one of input, flatten, conv": {"layer2__type": "dense_comp"},
    "/layer/2/type = dnese: must be one of": {"layer2__type": "dnese"},
    "/layer/2/type: must be a dataset, is a group": {"layer2__type": as_group},
    "/layer/2/neuron/sinDecay: missing": {"layer2__neuron__type": "RF_PHASE"},
    "/layer/2/neuron/thDecay: missing": {"layer2__neuron__type": "ALIF"},
    "/layer/2/neuron/type = ADRF_IZ (resonators whose threshold adapts)": {"layer2__neuron__type": "ADRF_IZ"},
    "/layer/2/neuron/type: must be one string, is int64": {"layer2__neuron__type": 7},
    "/layer/2/neuron/gradedSpike = True: must be False": {"layer2__neuron__gradedSpike": True},
    "/layer/2/neuron/messageBits = 16: must be 0": {"layer2__neuron__messageBits": 16},
    # Shapes
    "/layer/0/shape: missing": {"layer0__shape": None},
    "/layer/0/shape = -2: must be in 1 ..": {"layer0__shape": (-2, 2, 1)},
    "/layer/0/shape = 4194305: must be in 1 .. 4194304": {"layer0__shape": (2**22 + 1,)},
    "/layer/0/shape = [100000, 100000, 100000]: must describe at most": {"layer0__shape": (10**5,) * 3},
    "/layer/0/shape.shape = (4,): must have 1 or 2 or 3 numbers": {"layer0__shape": (1, 2, 2, 1)},
    "/layer/1/shape = (5, 1, 1): must describe 4 neurons": {"layer1__shape": (5, 1, 1)},
    "/layer/2/weight.shape = (3, 4): must be (4, inputs)": {"layer2__shape": (4,)},
    "/layer/2/weight.shape = (3, 5): must be (3, 4)": {"layer2__weight": np.ones((3, 5)), "layer2__inFeatures": 5},
    "/layer/3/weight.shape = (2, 2): must be (2, 3)": {"layer3__weight": np.ones((2, 2)), "layer3__inFeatures": 2},
    "/layer/2/inFeatures = 5: must be 4": {"layer2__inFeatures": 5},
    "/layer/2/bias.shape = (2,): must be (3,)": {"layer2__bias": [1, 2]},
    "/layer/2/delay.shape = (5,): must be one number, (3,), (4,) or (3, 4)": {"layer2__delay": [1] * 5},
    "/layer/2/neuron/vDecay.shape = (2,): must be one number or 3, one per channel": {"layer2__neuron__vDecay": [1, 2]},
    # Values
    "/layer/2/weight: missing": {"layer2__weight": None},
    "/layer/2/weight = nan: must be finite": {"layer2__weight": np.full((3, 4), np.nan)},
    "/layer/2/weight = inf: must be finite": {"layer2__weight": np.full((3, 4), np.inf)},
    "/layer/2/weight = 0.5: must be integers": {"layer2__weight": np.full((3, 4), 0.5)},
    "/layer/2/weight = 256.0: must be in -256 .. 255": {"layer2__weight": np.full((3, 4), 256.0)},
    "/layer/2/weight = -257: must be in -256 .. 255": {"layer2__weight": np.full((3, 4), -257)},
    "/layer/2/weight: must be numbers, is |S3": {"layer2__weight": np.full((3, 4), b"one")},
    "/layer/2/bias = 1e+20: must be in": {"layer2__bias": [1e20, 0, 0]},
    "/layer/2/delay = -1: must be in": {"layer2__delay": -1},
    "/layer/2/neuron/iDecay = 4097: must be in 0 .. 4096": {"layer2__neuron__iDecay": 4097},
    "/layer/2/neuron/vThMant = -1: must be in 0 ..": {"layer2__neuron__vThMant": -1},
    "/layer/2/neuron/vDecay: missing": {"layer2__neuron__vDecay": None},
    # Storage
    "/layer/2/weight: is a link to another place": {"layer2__weight": link},
    "/layer/2/bias: is a link to another place": {"layer2__bias": elsewhere},
    "/layer/2/weight: is stored in another file": {"layer2__weight": outside},
    "/layer/2/weight: must be a dataset, is a group": {"layer2__weight": as_group},
    "/layer/2/weight: is of type object, must be numbers or strings": {"layer2__weight": objects},
    "/layer/2/weight: has 1099511627776 elements": {"layer2__weight": huge},
    "/layer/2/weight: has 1073741824 elements": {"layer2__weight": bomb},
    "/layer/2/type: has 1 elements": {"layer2__type": long_name},
}


@pytest.mark.parametrize("expected", BROKEN)
def test_a_broken_field_is_named_with_what_would_be_allowed(tmp_path, expected):
    assert problem(write(tmp_path / "a.net", **BROKEN[expected])).startswith(expected)


def test_the_same_file_unbroken_is_fine(tmp_path):
    network = netx.load(write(tmp_path / "a.net"))
    params = LoihiParams(du=1023, dv=128, vth=80, bias_mant=3, bias_exp=6)
    assert network == replace(Network.feedforward(list(netx_files.WEIGHTS.values()), params), input_shape=(2, 2, 1))


def test_groups_that_contain_each_other_do_not_go_on_for_ever(tmp_path, caplog):
    path = write(tmp_path / "a.net")
    with h5py.File(path, "a") as file:
        file["layer/2/neuron/again"] = file["layer"]
    assert netx.load(path) == netx.load(write(tmp_path / "b.net"))
    assert "/layer/2/neuron: not used: again" in caplog.text


def test_a_recurrent_layer_with_delays_is_refused_with_the_reason(tmp_path):
    path = write(tmp_path / "a.net", layer2__type="dense_rec", layer2__weight_rec=np.ones((3, 3)), layer2__delay=1)
    assert problem(path).startswith("/layer/2/delay: must not be given for dense_rec")


def test_fields_that_nobody_knows_are_not_skipped_silently(tmp_path, caplog):
    netx.load(write(tmp_path / "a.net", layer2__dropout=0.5, layer3__neuron__colour=3))
    assert "/layer/2: not used: dropout" in caplog.text
    assert "/layer/3/neuron: not used: colour" in caplog.text


# ------------------------------------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"layer2__delay": 63}, "/layer/2/delay: 63 is clipped to 62 time steps, as netx does"),
        (
            {"layer2__neuron__refDelay": 2},
            "/layer/2/neuron/refDelay: 2, the time steps of a refractory period: stock netx",
        ),
        ({"layer2__neuron__wgtExp": 2}, "/layer/2/neuron/wgtExp: 2, an exponent of the weights: stock netx ignores it"),
        ({"layer2__neuron__weight_exp": -1.0}, "/layer/2/neuron/weight_exp: -1, the exponent by which training scaled"),
        ({"layer0__weight": [36.0]}, "/layer/0/weight: without neurons: slayer transforms the input with it"),
        ({"layer2__neuron__theta": 5121}, "/layer/2/neuron/vThMant: 80 is not theta / 64 = 80.0156: the file may be"),
        ({"layer2__weight": np.full((3, 4), -64)}, "/layer/2/weight: Lava runs 0 for the weight -64"),
        ({"layer2__weight": np.array([[255, -1, 0, 0]] * 3)}, "/layer/2/weight: netx clips 255 to 254"),
        (
            {f"layer0__neuron__{k}": v for k, v in netx_files.CUBA.items()},
            "/layer/0/neuron/iDecay: is not 4096: slayer feeds weight * x + bias through the current, stock netx",
        ),
    ],
)
def test_what_stock_netx_would_run_differently_is_said(tmp_path, changes, text):
    with pytest.warns(netx.NetxWarning, match=re.escape(text)):
        netx.load(write(tmp_path / "a.net", **changes))


# --------------------------------------------------------------------------------------- libhdf5 failing


READER = """
import importlib.util, json, os, socket, sys, time
sys.path[:] = json.loads(sys.argv[1])
spec = importlib.util.spec_from_file_location("reader", {program!r})
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)
read = reader.h5py.Dataset.__getitem__

def misbehave(dataset, key):
    if dataset.name == "/layer/2/weight":
        {misbehave}
    return read(dataset, key)

reader.h5py.Dataset.__getitem__ = misbehave
reader.serve(socket.socket(fileno=0))
"""


@pytest.fixture
def misbehaving(tmp_path, monkeypatch):
    """Return what lets the file do to libhdf5 what corrupted files do: run a line of Python in the reader."""

    def install(misbehave):
        program = tmp_path / "reader.py"
        program.write_text(READER.format(program=str(client.PROGRAM), misbehave=misbehave))
        monkeypatch.setattr(client, "PROGRAM", program)
        monkeypatch.setattr(client, "_reader", own := client._Reader())
        started.append(own)

    started = []
    yield install
    for each in started:
        each.end()


@pytest.mark.parametrize(
    ("misbehave", "text"),
    [
        ("os.kill(os.getpid(), 11)", "reading ended with SIGSEGV"),
        ("os._exit(3)", "reading ended early"),
        ("reader.signal.alarm(1); time.sleep(1000)", "reading makes no progress"),
        ("while True: pass", "reading takes too long"),
        ("bytearray(2**34)", "cannot be read \\(MemoryError"),
    ],
)
def test_a_crash_or_a_hang_of_libhdf5_is_an_error_that_names_the_dataset(tmp_path, misbehaving, misbehave, text):
    path = write(tmp_path / "a.net")
    misbehaving(misbehave)
    assert re.match(f"/layer/2/weight: {text}", problem(path))
    with h5py.File(tmp_path / "b.net", "w") as file:
        file.create_group("layer")
    assert problem(tmp_path / "b.net") == "/layer/0: missing"  # The next file is read as ever.
