"""A small folder of events to begin with: a dot that moves to the left or to the right, in all formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue
from lava_async.files import replacing

__all__ = ["write_example"]

_SIDE, _STEPS, _WINDOW_US = 8, 20, 10_000
_CLASSES = ("left", "right")
#: Samples of each class.
_SAMPLES = {"train": 30, "test": 10}
_SETTINGS = f"""\
# What holds for all files in this folder; options of a command or a config come first.
size = [{_SIDE}, {_SIDE}]
time = "us"
window_ms = {_WINDOW_US / 1000}
steps = {_STEPS}
classes = ["left", "right"]
"""
_TRAIN = """\
# lava-async train {folder}/train.toml
[network]
sizes = [{inputs}, 64, 2]

[data]
name = "{folder}"

[training]
batch_size = 16
"""
_FUNCTION = '''\
"""The same data by a function: name = "mydata:load" in the table data of a config, in this folder."""

from pathlib import Path

from lava_async.data.own import events


def load(split, window_ms=10.0):
    """Return a split: any Dataset or DataLoader of torch of (spikes (C, T), label) will do as well."""
    return events(split, folder=Path(__file__).parent, window_ms=window_ms)
'''


def write_example(folder: str | Path) -> list[Path]:
    """Write a small data set into a new folder, with a config that trains on it.

    Parameters
    ----------
    folder : path
        Is made; it must not be there, or be empty.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InvalidValue
        If the folder has something in it.

    Examples
    --------
    >>> from lava_async.data.example import write_example
    >>> files = write_example("my_data")
    >>> sorted({file.suffix for file in files})
    ['.csv', '.h5', '.npz', '.py', '.toml']
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidValue("data example: folder", str(folder), "one that is not there yet, or empty")
    files = []
    for part, (split, number) in enumerate(_SAMPLES.items()):
        for label, name in enumerate(_CLASSES):
            place = folder / split / name
            place.mkdir(parents=True, exist_ok=True)
            for n in range(number):
                columns = _moving_dot(np.random.default_rng([part, label, n]), -1 if name == "left" else 1)
                files.append(_write(place, n, columns))
    texts = {
        "data.toml": _SETTINGS,
        "mydata.py": _FUNCTION,
        "train.toml": _TRAIN.format(folder=folder.as_posix(), inputs=2 * _SIDE**2),
    }
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        files.append(folder / name)
    return files


def _moving_dot(rng: np.random.Generator, way: int) -> dict[str, NDArray[np.int64]]:
    """Return events of a dot that crosses the sensor: ON where it comes, OFF where it was; a tenth is noise."""
    row, begin, speed = rng.integers(1, _SIDE - 1), rng.integers(0, 4 * _WINDOW_US), rng.uniform(0.8, 1.2)
    rows: list[list[int]] = []
    for step in range(_SIDE):
        x = step if way > 0 else _SIDE - 1 - step
        t = int(begin + step * 2 * _WINDOW_US * speed * 0.8)
        for dy in (-1, 0, 1):
            rows.append([t + int(rng.integers(500)), x, row + dy, 1])
            if step:
                rows.append([t + 500 + int(rng.integers(500)), x - way, row + dy, 0])
    noise = [
        [int(rng.integers(_STEPS * _WINDOW_US)), *rng.integers(0, _SIDE, 2).tolist(), int(rng.integers(2))]
        for _ in range(len(rows) // 10)
    ]
    table = np.array(sorted(rows + noise), np.int64)
    return {name: table[:, column] for column, name in enumerate(("t", "x", "y", "p"))}


def _write(place: Path, number: int, columns: dict[str, Any]) -> Path:
    """Write a sample, most of them as .csv, one in five each as .npz and .h5."""
    path = place / f"{number:03d}{'.npz' if number % 5 == 3 else '.h5' if number % 5 == 4 else '.csv'}"
    with replacing(path) as temporary:
        if path.suffix == ".npz":
            np.savez(temporary, **columns)
        elif path.suffix == ".h5":
            import h5py

            with h5py.File(temporary, "x") as file:
                for name, values in columns.items():
                    file[name] = values
        else:
            lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
