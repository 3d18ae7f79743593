"""Everything that reads files of strangers: how it is called, what it may raise, and a sound file to begin with.

The tests damage the sound files in a few ways, ``tests/fuzz.py`` does it all night.
"""

from __future__ import annotations

import gzip
import struct
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lava_async import CubaParams, LoihiParams, Network, Random, netx
from lava_async.commands.models import core_list
from lava_async.commands.spikes import _from_file
from lava_async.data import cache
from lava_async.data.folders import read_events
from lava_async.data.frames import Frames
from lava_async.data.gesture import read_aedat, read_gesture_array
from lava_async.data.mnist import read_idx
from lava_async.data.nmnist import read_nmnist
from lava_async.data.own import events
from lava_async.data.speech import read_speech
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.config import Config
from lava_async.experiments.study import StudyConfig
from lava_async.spikes import SpikeBatch

INVALID = (InvalidValue, InvalidType)


@dataclass(frozen=True)
class Reader:
    """A reader: `read` a file named ``x`` + `suffix`, which raises `errors` and nothing else; `write` a sound one."""

    suffix: str
    read: Callable[[Path], Any]
    errors: tuple[type[Exception], ...]
    write: Callable[[Path], Any]


def _net(path: Path) -> None:
    weights = [np.arange(-60, 60).reshape(10, 12), np.arange(-30, 30).reshape(6, 10)]
    params = LoihiParams(du=np.arange(16), dv=5, vth=80, bias_mant=64)
    netx.save(Network.feedforward(weights, params), path, schedule=Random(8), seed=1)


def _read_net(path: Path) -> None:
    netx.load(path)
    netx.load_execution(path)


def _nir(path: Path) -> None:
    from lava_async import nir

    nir.write(Network.feedforward([np.ones((3, 4)), np.ones((2, 3))], CubaParams(0.5, 0.5, 1.0)), path)


def _read_nir(path: Path) -> None:
    from lava_async import nir

    nir.read(path)


def _nir_errors() -> tuple[type[Exception], ...]:
    from lava_async.nir import NirError

    return (NirError,)


def _checkpoint(path: Path) -> None:
    import torch

    from lava_async.training.checkpoint import write_checkpoint

    write_checkpoint(path, {"a": torch.ones(3, 4), "b": [1, 2.5, None, "c"], "d": {"e": (True, {1: torch.zeros(2)})}})


def _read_checkpoint(path: Path) -> None:
    from lava_async.training.checkpoint import read_checkpoint, unpacked

    read_checkpoint(path)
    unpacked(path.read_bytes()[90:])  # What is behind the digest, whether that fits or not.


def _speech(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["labels"] = np.arange(3)
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            lists = file.create_dataset(f"spikes/{name}", 3, h5py.vlen_dtype(kind))
            for i in range(3):
                lists[i] = np.linspace(0, 0.05, i + 2).astype(kind)


#: Events of one sample, by column.
EVENTS = {"t": np.arange(0, 900, 30), "x": np.arange(30) % 8, "y": np.arange(30) % 5, "p": np.arange(30) % 2}
_FIELDS = np.array(list(zip(*EVENTS.values(), strict=True)), [(name, np.int64) for name in EVENTS])


def _csv(path: Path) -> None:
    lines = zip(*EVENTS.values(), strict=True)
    path.write_text("t,x,y,p\n" + "".join(",".join(map(str, line)) + "\n" for line in lines))


def _h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, column in EVENTS.items():
            file[name] = column


def _folder(path: Path) -> None:
    """Write data.toml of a folder whose events are sound."""
    path.write_text('size = [5, 8]\ntime = "us"\nwindow_ms = 0.1\nsteps = 10\nclasses = ["a", "b"]\n')
    for name in ("train/a", "train/b"):
        (path.parent / "folder" / name).mkdir(parents=True, exist_ok=True)
        _csv(path.parent / "folder" / name / "0.csv")


def _read_folder(path: Path) -> None:
    path.replace(path.parent / "folder" / "data.toml")
    events("train", folder=path.parent / "folder", cache=False)


_KEY = '{"name": "fuzz"}'


def _cache(path: Path) -> None:
    spikes = np.random.default_rng(0).integers(0, 2, (5, 6, 4))
    cache._write(path, _KEY, SpikeBatch.of(spikes), np.arange(5), np.arange(5))


def _read_cache(path: Path) -> None:
    if cache._read(path, _KEY) is None:  # It says so in the log, and is made again.
        raise InvalidValue("cache", "damaged", "made again")


READERS = {
    "net": Reader(".net", _read_net, (netx.NetxError,), _net),
    "nir": Reader(".nir", _read_nir, _nir_errors(), _nir),
    "checkpoint": Reader(".pt", _read_checkpoint, (InvalidValue, ValueError), _checkpoint),
    "config": Reader(
        ".toml",
        Config.load,
        INVALID,
        lambda path: path.write_text('[network]\nsizes = [200, 10]\n[data]\nname = "digits"\nlimit = 0x10\n'),
    ),
    "study": Reader(
        ".toml",
        StudyConfig.load,
        INVALID,
        lambda path: path.write_text(
            'seeds = [0]\n[[trainings]]\nname = "a"\n[[executions]]\nschedule = "random"\ngroup_size = [8]\n'
            '[base.network]\nsizes = [200, 10]\n[base.data]\nname = "digits"\n'
        ),
    ),
    "speech": Reader(
        ".h5", lambda path: read_speech(path, Frames((1, 700), 20.0, 4, 1, "merged", None, "shd")), INVALID, _speech
    ),
    "idx": Reader(
        "-ubyte.gz",
        read_idx,
        INVALID,
        lambda path: path.write_bytes(gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 2, 4, 4) + bytes(32))),
    ),
    "nmnist": Reader(".bin", read_nmnist, INVALID, lambda path: path.write_bytes(bytes(range(1, 26)))),
    "aedat": Reader(
        ".aedat",
        read_aedat,
        INVALID,
        lambda path: path.write_bytes(
            b"#!AER-DAT3.1\r\n#!END-HEADER\r\n"
            + struct.pack("<HHIIIIII", 1, 0, 8, 4, 0, 2, 2, 2)
            + struct.pack("<IIII", 3 << 17 | 5 << 2 | 1, 10, 7 << 17 | 9 << 2 | 3, 20)
        ),
    ),
    "gesture": Reader(
        ".npy",
        read_gesture_array,
        INVALID,
        lambda path: np.save(path, np.array([[1, 2, 1, 0.0], [3, 4, 0, 10.0], [5, 6, 1, 12.5]])),
    ),
    "events_csv": Reader(".csv", read_events, INVALID, _csv),
    "events_npz": Reader(".npz", read_events, INVALID, lambda path: np.savez(path, **EVENTS)),
    "events_npy": Reader(".npy", read_events, INVALID, lambda path: np.save(path, _FIELDS)),
    "events_h5": Reader(".h5", read_events, INVALID, _h5),
    "folder": Reader(".toml", _read_folder, INVALID, _folder),
    "cache": Reader(".npz", _read_cache, INVALID, _cache),
    "mapping": Reader(".json", core_list, (ArgumentTypeError,), lambda path: path.write_text("[0, 0, 1, 1, 2]")),
    "spikes": Reader(".npy", _from_file, INVALID, lambda path: np.save(path, np.ones((2, 3, 4), np.uint8))),
}


def mutated(original: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, overwrite bytes, cut the end off, cut a piece out or put one in twice."""
    data = np.frombuffer(original, np.uint8).copy()
    where = rng.integers(0, len(data), rng.integers(1, 9))
    kind = rng.integers(6)
    if kind == 0:
        data[where] ^= (1 << rng.integers(0, 8, len(where))).astype(np.uint8)
    elif kind == 1:
        data[where] = rng.integers(0, 256, len(where))
    elif kind == 2:
        data[where] = 255
    else:
        cut, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
        piece = data[cut : cut + length]
        data = (data[:cut], np.delete(data, slice(cut, cut + length)), np.insert(data, cut, piece))[kind - 3]
    return data.tobytes()
