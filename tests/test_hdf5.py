"""HDF5 files of anybody: what is in them, or one error that names the file and the place, soon and in little memory."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import h5py
import numpy as np
import psutil
import pytest

from lava_async import hdf5
from lava_async.hdf5 import client


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def written(path, **members):
    with h5py.File(path, "w") as file:
        for name, value in members.items():
            file[name.replace("__", "/")] = value
    return path


def refused(path, *names) -> str:
    with pytest.raises(hdf5.Hdf5Error) as error:
        list(hdf5.rows(path, names)) if names else hdf5.read(path)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value).removeprefix(f"{path}: ")


# ------------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.float16(0.5),
        np.zeros((3, 0)),
        np.array([True, False]),
        np.array([b"one", b"three"]),
        np.array(7),
    ],
)
def test_an_array_is_read_as_it_is(path, value):
    found = hdf5.read(written(path, a__b__c=value)).group("a").group("b").dataset("c")
    assert found.dtype == np.asarray(value).dtype
    assert found.shape == np.shape(value)
    assert np.array_equal(found, value)


def test_strings_of_any_length_have_the_length_of_the_longest(path):
    written(path, edges=[["input", "fc"], ["fc", "größe"]], type="NIRGraph", none="")
    root = hdf5.read(path)
    assert [[text.decode() for text in row] for row in root.dataset("edges")] == [["input", "fc"], ["fc", "größe"]]
    assert (root.text("type"), root.text("none")) == ("NIRGraph", "")


def test_graphs_may_be_nested(path):
    name = "/".join(["nodes"] * 40)
    root = hdf5.read(written(path, **{name: 1}))
    for _ in range(39):
        root = root.group("nodes")
    assert root.integer("nodes", 0, 9) == 1


def test_a_dataset_with_several_names_is_read_once(path):
    with h5py.File(path, "w") as file:
        file["weight"] = np.ones((1000, 1000))
        for i in range(60):
            file[f"again {i}"] = file["weight"]
    root = hdf5.read(path)
    assert len(root.members) == 61
    assert all(each is root.members["weight"] for each in root.members.values() if each is not root.members["again 0"])


def test_rows_come_so_many_at_a_time(path):
    lists = [np.arange(n, dtype=np.float16) for n in (3, 0, 5, 1, 2)]
    with h5py.File(path, "w") as file:
        file["labels"] = np.arange(5)
        times = file.create_dataset("spikes/times", 5, h5py.vlen_dtype(np.float16))
        for i, each in enumerate(lists):
            times[i] = each
    parts = list(hdf5.rows(path, ("labels", "spikes/times"), optional=("speaker",), size=2))
    assert [(part["rows"], part["of"]) for part in parts] == [(2, 5), (4, 5), (5, 5)]
    assert np.concatenate([part["labels"] for part in parts]).tolist() == list(range(5))
    found = [each for part in parts for each in part["spikes/times"]]
    assert [each.dtype for each in found] == [np.float16] * 5
    assert all(np.array_equal(a, b) for a, b in zip(found, lists, strict=True))


def test_no_rows_are_no_parts(path):
    assert list(hdf5.rows(written(path, labels=np.zeros(0)), ("labels",))) == []


# ------------------------------------------------------------------------------------------------ what is refused


def test_rows_that_are_not_as_they_should_be(path):
    written(path, labels=np.zeros(4), times=np.zeros(3), matrix=np.zeros((4, 2)), names=[b"a"] * 4)
    assert refused(path, "labels", "times") == "/times has 3 rows, must have 4, as /labels"
    assert refused(path, "labels", "matrix") == "/matrix must be a dataset of one dimension"
    assert refused(path, "labels", "names") == "/names is of type object, must be numbers or lists of numbers"
    assert refused(path, "labels", "spikes/units") == "/spikes is missing"


def test_content_of_other_files_is_not_read(path):
    secret = path.with_name("secret")
    secret.write_bytes(np.arange(4.0).tobytes())
    written(path.with_name("other.h5"), x=np.arange(4.0))
    with h5py.File(path, "w") as file:
        file.create_dataset("external", 4, "f8", external=[(str(secret), 0, 32)])
        file["link"] = h5py.ExternalLink("other.h5", "x")
        layout = h5py.VirtualLayout(4, "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
        file.create_virtual_dataset("virtual", layout)
    root = hdf5.read(path)
    for name in ("external", "link", "virtual"):
        with pytest.raises(ValueError, match=r"is stored in another file|is a link to another place"):
            root.dataset(name)
        assert "in another file" in refused(path, name) or "another place" in refused(path, name)


def bomb(path, count, size):
    with h5py.File(path, "w", libver="latest") as file:
        for i in range(count):
            file.create_dataset(f"x{i}", size, "u1", chunks=(2**20,), compression="gzip")
    return path


def test_sizes_are_added_up_before_anything_is_read(path):
    assert "its datasets have 1073741824 bytes together, must be at most" in refused(bomb(path, 64, 2**24))
    root = hdf5.read(bomb(path, 2, 2**40))
    with pytest.raises(ValueError, match="x1: has 1099511627776 elements"):
        root.dataset("x1")


def test_lists_that_are_one_list_again_and_again_end(path):
    """Lists lie in a heap, and a row is the place of one: all rows of a small file may be the same long list."""
    n = 4096
    with h5py.File(path, "w") as file:
        times = file.create_dataset("times", n, h5py.vlen_dtype(np.uint8))
        times[:] = [np.zeros(1 if i else 60000, np.uint8) for i in range(n)]
        offset = times.id.get_offset()
    content = bytearray(path.read_bytes())
    content[offset : offset + 16 * n] = content[offset : offset + 16] * n
    path.write_bytes(content)
    assert refused(path, "times") == "/times has more numbers than this file can hold"


def test_a_chunk_per_byte_is_an_error(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", 2**26, "u1", chunks=(1,))[0] = 1
    with pytest.raises(hdf5.Hdf5Error, match=r"/x: (reading takes too long|cannot be read)"):
        hdf5.read(path).dataset("x")


def test_a_chunk_that_is_unpacked_for_every_part_is_an_error(path):
    """A chunk that is larger than the cache of HDF5 is unpacked for each part of it that is asked for."""
    with h5py.File(path, "w") as file:
        column = file.create_dataset("labels", 2**26, "u1", chunks=(2**26,), compression="gzip")
        column[-1] = 1
    with pytest.raises(hdf5.Hdf5Error, match=r"/labels: (reading takes too long|cannot be read)"):
        for _ in hdf5.rows(path, ("labels",), size=1000):
            pass


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: copy or download it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\n",
            "is a pointer of Git LFS, not the file itself: fetch it with git lfs pull",
        ),
        (b"PK\3\4" * 100, "is not an HDF5 file"),
    ],
)
def test_files_that_are_none(path, content, said):
    path.write_bytes(content)
    assert refused(path) == said


def test_a_truncated_file_is_named_as_such(path):
    content = written(path, x=np.arange(1000)).read_bytes()
    path.write_bytes(content[:-100])
    assert refused(path) == "is truncated: copy or download it again"


def test_a_fifo_is_not_waited_for(path):
    os.mkfifo(path)
    assert refused(path) == "is a FIFO, must be a regular file"


# ------------------------------------------------------------------------------------------- the reading process


def test_nothing_of_the_caller_is_kept_open(path, tmp_path):
    """The reader begins while a file is open; the file can be opened for writing as soon as it is closed here."""
    written(path, x=1)
    client._end()
    with h5py.File(tmp_path / "own.h5", "w"):
        hdf5.read(path)
    with h5py.File(tmp_path / "own.h5", "w"):
        hdf5.read(path)


def test_a_file_that_is_read_can_be_written_meanwhile(path):
    written(path, x=np.arange(3))
    parts = hdf5.rows(path, ("x",), size=1)
    next(parts)
    written(path, x=np.arange(3))


def test_a_reader_that_somebody_ends_is_started_again(path):
    written(path, x=1)
    hdf5.read(path)
    os.kill(client._reader._process.pid, signal.SIGKILL)
    client._reader._process.wait()
    assert hdf5.read(path).integer("x", 0, 1) == 1


def test_threads_and_forks_read_at_the_same_time(path):
    written(path, x=np.arange(10**5))
    found = []

    def load():
        found.extend(hdf5.read(path).dataset("x").sum() for _ in range(10))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    pid = os.fork()
    if pid == 0:
        os._exit(int(hdf5.read(path).dataset("x").sum() != np.arange(10**5).sum()))
    assert os.waitpid(pid, 0)[1] == 0
    for thread in threads:
        thread.join()
    assert found == [np.arange(10**5).sum()] * 80


def test_the_reader_ends_with_its_caller(path):
    written(path, x=1)
    code = (
        f"import os; from lava_async import hdf5; hdf5.read({str(path)!r}); "
        "print(hdf5.client._reader._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(timeout=10)


def test_no_descriptors_are_left(path):
    written(path, x=1)
    hdf5.read(path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        hdf5.read(path)
        next(hdf5.rows(bomb(path, 1, 2**20), ("x0",), size=10))
        written(path, x=1)
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_room_for_a_process_is_an_error(path):
    code = f"""
import resource
from lava_async import hdf5
resource.setrlimit(resource.RLIMIT_NOFILE, (6, 6))
try:
    hdf5.read({str(written(path, x=1))!r})
except hdf5.Hdf5Error as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no process can be started to read it (Too many open files)" in done.stdout


def test_memory_stays_small(path):
    bomb(path, 400, 2**26)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
