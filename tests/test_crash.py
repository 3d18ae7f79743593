"""Full disks, kills at any moment, folders that take nothing, little memory, few descriptors: the old file or the new.

A few moments each in ``make test``; ``make soak`` tries hundreds.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import limits
import numpy as np
import pytest
import torch

from lava_async import CubaParams, Network, netx
from lava_async.errors import InvalidValue
from lava_async.files import leftovers, write_json
from lava_async.training.checkpoint import read_checkpoint, write_checkpoint

NETWORKS = {version: Network.feedforward([np.full((40, 50), version)], CubaParams(1, 1, 1)) for version in (1.0, 2.0)}

KINDS = {
    # How a version of a file is written, and which version is read.
    "net": (lambda path, v: netx.save(NETWORKS[v], path), lambda path: netx.load(path).synapses[0].weights[0, 0]),
    "checkpoint": (
        lambda path, v: write_checkpoint(path, {"v": v, "weights": torch.full((300, 100), v)}),
        lambda path: read_checkpoint(path)["v"],
    ),
    "json": (
        lambda path, v: write_json(path, {"v": v, "rows": [[v] * 50] * 50}),
        lambda path: json.loads(path.read_text())["v"],
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


SHARES = [0.0, 0.3, 0.99, *(pytest.param(i / 200, marks=pytest.mark.soak) for i in range(200))]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_full_disk_the_old_file_stays(tmp_path, kind, share):
    write, read = KINDS[kind]
    path = tmp_path / "x.y"
    write(path, 1.0)
    room = int(path.stat().st_size * share)
    with limits.file_size(room), pytest.raises((OSError, netx.NetxError), match="too large"):
        write(path, 2.0)
    assert read(path) == 1.0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("times", [5, pytest.param(300, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new(tmp_path, kind, times):
    """The moment: a random part of a tenth of a second after the first file is there."""
    write, read = KINDS[kind]
    path, rng = tmp_path / "x.y", np.random.default_rng(times)
    for _ in range(times):
        write(path, 1.0)
        pid = os.fork()
        if pid == 0:  # Writes until it is killed, and must not go on with the tests.
            try:
                for i in range(10**9):
                    write(path, 2.0 - i % 2)
            finally:
                os._exit(1)
        time.sleep(rng.random() / 10)
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        assert read(path) in (1.0, 2.0)
        assert {x.name for x in tmp_path.iterdir()} <= {"x.y", *(x.name for x in leftovers(path))}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_takes_no_files_is_an_error(kind):
    write, _ = KINDS[kind]
    with pytest.raises((OSError, netx.NetxError), match=r"No such file|Permission denied|not permitted|Read-only"):
        write(Path("/proc/x.y"), 1.0)


LITTLE = """
import resource, sys
from pathlib import Path
from lava_async import netx
network = netx.load(sys.argv[1])
pages = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (pages + {more}, -1))
try:
    netx.load(sys.argv[1])
    print("done")
except (MemoryError, netx.NetxError) as error:
    print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert netx.load(sys.argv[1]) == network
"""


@pytest.mark.parametrize("more", [2**20, 2**24, *(pytest.param(i << 19, marks=pytest.mark.soak) for i in range(80))])
def test_reading_in_little_memory_is_an_error(tmp_path, more):
    path = tmp_path / "a.net"
    netx.save(Network.feedforward([np.random.default_rng(0).normal(size=(1000, 1000))], CubaParams(1, 1, 1)), path)
    done = subprocess.run(
        [sys.executable, "-c", LITTLE.format(more=more), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in ("done\n", "MemoryError\n", "NetxError\n")


@pytest.mark.parametrize("kind", KINDS)
def test_no_free_descriptor_is_an_error(tmp_path, kind):
    write, read = KINDS[kind]
    path = tmp_path / "x.y"
    write(path, 1.0)
    read(path)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    with limits.limit(resource.RLIMIT_NOFILE, free):
        for what in (lambda: write(path, 2.0), lambda: read(path)):
            with pytest.raises((OSError, netx.NetxError, InvalidValue), match="Too many open files"):
                what()
    assert read(path) == 1.0
    assert list(tmp_path.iterdir()) == [path]
