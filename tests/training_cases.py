"""A training that takes seconds, done once per file of tests, and ways to stop one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from lava_async.experiments.config import Config
from lava_async.experiments.train import train
from lava_async.training.checkpoint import read_checkpoint

SMALL = Config.from_toml("""
[network]
sizes = [200, 8, 10]
gain = 2.0
voltage_decay = [0.2, 0.9]
learn_decays = true

[data]
name = "digits"
limit = 48

[schedule]
name = ["random", "momentum"]
group_size = [2, "all"]

[gradient]
refractory_dropout = 0.2
input_dropout = 0.1

[loss]
penalty = 0.001

[optimizer]
learning_rate = 0.02

[training]
epochs = 3
batch_size = 12
""")


def weights(folder):
    """The final weights, and all that the checkpoint holds."""
    return read_checkpoint(folder / "checkpoint.pt")["trainer"]


def same(a, b):
    """Bitwise, in all that is nested in it; times aside."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a if name != "seconds")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b or (a != a and b != b)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One training that nothing interrupts."""
    return train(SMALL, tmp_path_factory.mktemp("whole"))


# ------------------------------------------------------------------------------------------------- interruption


class Killed(BaseException):
    """Nothing that is caught on the way."""


LIFE = """
import faulthandler, os, sys
from pathlib import Path
faulthandler.dump_traceback_later(240, exit=True)  # says where it stands still, if it does
from lava_async.experiments.config import Config
from lava_async.experiments.train import train
train(Config.load(sys.argv[1]), Path(sys.argv[2]), on_batch=lambda _: os.write(1, b"."))
"""


def start(config, folder, **environment):
    """Start a process that trains, and writes a dot after each batch."""
    path = folder.with_suffix(".toml")
    path.write_text(config.to_toml())
    command = [sys.executable, "-c", LIFE, str(path), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})
