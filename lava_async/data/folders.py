"""Folders of a user's own events: what is in them, what their files say, and a small example."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import hdf5
from lava_async.data import split_names
from lava_async.data.files import EmptySplit
from lava_async.data.reading import read_array, read_arrays, read_table, read_text, visible
from lava_async.data.times import UNITS, window_ns
from lava_async.errors import DataWarning, InvalidType, InvalidValue, nearest, not_among
from lava_async.records import check_int

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["HELP", "Folder", "read_events"]

#: File with what holds for all files of a folder.
SETTINGS = "data.toml"
#: Columns of events, and what else they may be called.
COLUMNS = {
    "t": ("time", "times", "timestamp", "ts"),
    "x": ("channel", "unit", "units"),
    "y": (),
    "p": ("polarity", "pol", "on"),
}
_KEYS = ("size", "window_ms", "steps", "time", "classes")
#: Of the files of each class, in the order of names, every so many is for validation if there is no such folder.
_EVERY = 6

HELP = """\
Your own data: a folder with a folder per split and class, a file per sample.

    mine/
      data.toml              what holds for all files (or say it as options)
      train/left/000.csv     a sample of the class "left"
      train/right/000.csv
      test/left/000.csv      and so on; validation/ if you like: without it,
                             every 6th file of each class of train is kept
                             back for validation

A file holds the events of one sample, in columns: t (time), x (pixel or
channel) and, if there are any, y and p (polarity: 1 is ON; 0 or -1 is OFF).

    .csv         a line of names, then a line per event; others are ignored
                     t,x,y,p
                     1200,3,4,1
    .npz         an array per column, or one structured array
    .npy         a structured array, as tonic gives events
    .h5, .hdf5   a dataset per column

data.toml:

    size = [8, 8]                 height and width of the sensor, or [channels]
    time = "us"                   unit of t: s, ms, us (default) or ns
    window_ms = 10.0              width of a time step
    steps = 20                    number of time steps
    classes = ["left", "right"]   default: the folders of train, sorted

Then, with  lava-async data example mine  as a start:

    lava-async data show mine
    lava-async train mine/train.toml
    lava-async evaluate lava-async-train/train/network.net --data mine

In a config:

    [data]
    name = "mine"                        the folder; or  name = "events" and
    options = { window_ms = 5.0 }        options = { folder = "mine", ... }

Or a function of yours, named as package.module:function. It takes split
("train", "validation" or "test") and returns a Dataset or DataLoader of
torch, of pairs of spikes (C, T) and label, or two arrays, (B, C, T) and (B,):

    [data]
    name = "mydata:load"

In Python: fit(network, dataset, ...), or, for events with times and for
frames, fit(network, lava_async.data.own.from_samples(dataset, ...), ...).
"""


@dataclass(frozen=True)
class Folder:
    """A folder of events that has been looked through.

    Parameters
    ----------
    path : Path
        The folder.
    splits : tuple of str
        Splits that are wanted.
    size : (height, width)
        Of the sensor.
    window_ms, steps, time
        As in :func:`lava_async.data.own.events`.
    classes : tuple of str
        Names of the folders of the classes.
    has_polarity : bool
        Whether the files tell polarities.
    empty : tuple of str
        Names of folders that are no classes, since no file of events is in them.

    Examples
    --------
    >>> from lava_async.data.example import write_example
    >>> from lava_async.data.folders import Folder
    >>> _ = write_example("my_data")
    >>> folder = Folder.open("train", "my_data")
    >>> folder.classes, folder.size, folder.steps
    (('left', 'right'), (8, 8), 20)
    """

    path: Path
    splits: tuple[str, ...]
    size: tuple[int, int]
    window_ms: float
    steps: int
    time: str
    classes: tuple[str, ...]
    has_polarity: bool
    empty: tuple[str, ...]

    @classmethod
    def open(cls, split: str, folder: str | Path | None, **options: object) -> Folder:
        """Return a folder, with what options and the file in it say.

        Raises
        ------
        InvalidType, InvalidValue
            If something is missing or wrong, naming it.
        """
        splits = split_names("events.split", split)
        if folder is None:
            raise InvalidValue("events.folder", None, "given: the folder of your data (lava-async train --data-help)")
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise InvalidValue("events.folder", str(folder), "a folder that is there")
        told = _settings(path) | {name: value for name, value in options.items() if value is not None}
        there = {} if told.get("classes") else {each.name: _events_in(each) for each in _folders(path / "train")}
        classes = told.get("classes") or _numbered([name for name, has_events in there.items() if has_events])
        empty = tuple(name for name, has_events in there.items() if not has_events)
        if not classes:
            raise InvalidValue(f"{path / 'train'}: folders", 0, "one per class, with a file per sample in each")
        time = told.get("time", "us")
        if time not in UNITS:
            raise not_among(f"{path}: time", time, UNITS)
        if empty:
            text = f"no events in {', '.join(empty)}: no class (if it is to be one, say classes in {SETTINGS})"
            warnings.warn(f"{path / 'train'}: {text}", DataWarning, stacklevel=4)
        found = cls(path, splits, (1, 1), 1.0, 1, time, tuple(map(str, classes)), True, empty)
        first = found.files(splits[0])[0][0]
        columns = read_events(first)
        for name in ("size", "window_ms", "steps"):
            if name not in told:
                raise InvalidValue(f"{path}: {name}", None, found._advice(name, told))
        size = told["size"] if isinstance(told["size"], (list, tuple)) else [told["size"]]
        if len(size) not in (1, 2):
            raise InvalidValue(f"{path}: size", size, "[height, width], or [channels]")
        sides = [check_int(f"{path}: size", side, least=1) for side in size]
        window = float(window_ns(f"{path}: window_ms", told["window_ms"]) / 10**6)
        return cls(
            path,
            splits,
            (1, sides[0]) if len(sides) == 1 else (sides[0], sides[1]),
            window,
            check_int(f"{path}: steps", told["steps"], least=1),
            time,
            found.classes,
            "p" in columns,
            empty,
        )

    def files(self, split: str) -> list[tuple[Path, int]]:
        """Return the files of a split and their labels.

        Raises
        ------
        InvalidValue
            If there are none, or a folder is none of the classes.
        """
        place = self.path / split
        halved = split != "test" and not (self.path / "validation").is_dir()
        if halved:
            place = self.path / "train"
        found, strangers = [], []
        for folder in _folders(place):
            files = sorted(visible(file for file in folder.iterdir() if file.is_file()))
            if folder.name in self.empty:
                continue
            if folder.name not in self.classes:
                raise not_among(f"{place}: class", folder.name, self.classes)
            strangers += [file for file in files if file.suffix.lower() not in READERS]
            mine = [file for file in files if file.suffix.lower() in READERS]
            if halved:
                held = [n % _EVERY == _EVERY - 1 for n in range(len(mine))]
                mine = [file for file, back in zip(mine, held, strict=True) if back == (split == "validation")]
            found += [(file, self.classes.index(folder.name)) for file in mine]
        if strangers:
            text = f"{len(strangers)} files are no events and are left out, as {strangers[0]}"
            warnings.warn(f"{place}: {text} (events: {', '.join(READERS)})", DataWarning, stacklevel=4)
        if not found:
            more = f", at least {_EVERY} of a class where there is no folder validation" if halved else ""
            raise EmptySplit(f"{self.path}: samples of {split}", 0, f"files in {place / 'CLASS'}{more}")
        return found

    def _advice(self, name: str, told: dict[str, Any]) -> str:
        """Say what would hold all events of the first split."""
        latest = height = width = 0.0
        for path, _ in self.files(self.splits[0]):
            events = read_events(path)
            if len(events["t"]):
                latest = max(latest, float(events["t"].max()) / UNITS[self.time])
                width = max(width, float(events["x"].max()) + 1)
                height = max(height, float(events["y"].max()) + 1 if "y" in events else 0)
        sides = f"[{height:.0f}, {width:.0f}]" if height else f"[{width:.0f}]"
        window = window_ns(f"{self.path}: window_ms", told.get("window_ms", 10.0)) / 10**6
        steps = f"{int(latest * 1000 // float(window)) + 1} of {float(window):g} ms"
        advice = {"size": sides, "window_ms": "10.0", "steps": steps}[name]
        held = f"the events of {self.splits[0]} reach to {latest:g} s and {sides}"
        return f"given, in {self.path / SETTINGS} or as an option, as {name} = {advice}: {held}"


def _settings(path: Path) -> dict[str, Any]:
    """Return what the file of a folder says."""
    file = path / SETTINGS
    if not file.exists():
        return {}
    try:
        told = tomllib.loads(read_text(file, "TOML"))
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"file {file}", str(error), "TOML") from None
    for name, value in told.items():
        if name not in _KEYS:
            listed = ", ".join(_KEYS) + nearest(name, _KEYS)
            raise InvalidValue(f"file {file}: {name}", value, f"left out: the keys here are {listed}")
    if not isinstance(told.get("classes", []), list):
        raise InvalidType(f"file {file}: classes", told["classes"], "an array of strings")
    return told


def _folders(place: Path) -> list[Path]:
    return sorted(visible(each for each in place.iterdir() if each.is_dir())) if place.is_dir() else []


def _events_in(folder: Path) -> bool:
    """Tell whether a folder has a file of events."""
    return any(file.suffix.lower() in READERS for file in visible(folder.iterdir()))


def _numbered(names: list[str]) -> list[str]:
    """Return names in order, those that are numbers by their value."""
    return sorted(
        names,
        key=lambda name: [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)],
    )


def read_events(path: str | Path) -> dict[str, NDArray[Any]]:
    r"""Return the columns t, x and, if there are any, y and p of a file of events.

    Raises
    ------
    InvalidValue
        If the file is damaged, of another format, or lacks a column.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.folders import read_events
    >>> _ = Path("sample.csv").write_text("t,x\n5,1\n12,0\n")
    >>> read_events(Path("sample.csv"))
    {'t': array([ 5, 12]), 'x': array([1, 0])}
    """
    path = Path(path)
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise InvalidValue(f"file {path}", path.suffix, "a file of events: " + ", ".join(READERS))
    return read(path)


def _named(path: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return columns under their names here."""
    fields = [array for array in arrays.values() if array.dtype.names is not None]
    if len(fields) == 1:
        arrays = {name: fields[0][name] for name in fields[0].dtype.names or ()}
    small = {name.lower(): array for name, array in arrays.items()}
    found = {}
    for name, others in COLUMNS.items():
        there = [each for each in (name, *others) if each in small]
        if there:
            found[name] = small[there[0]]
        elif name in ("t", "x"):
            raise InvalidValue(
                f"file {path}: columns", ", ".join(arrays), f"among them {name} (or {', '.join(others)})"
            )
    for name, array in found.items():
        if array.ndim != 1 or array.dtype.kind not in "biuf" or len(array) != len(found["t"]):
            allowed = f"numbers, one for each of the {len(found['t'])} events"
            raise InvalidValue(f"file {path}: {name}", f"{array.dtype} of shape {array.shape}", allowed)
    return found


def _csv(path: Path) -> dict[str, NDArray[Any]]:
    every = [each for name, others in COLUMNS.items() for each in (name, *others)]
    columns: dict[str, NDArray[Any]] = {}
    for name, column in read_table(path, (), every).items():
        integers = np.isfinite(column).all() and (column == np.rint(column)).all() and (np.abs(column) < 2**53).all()
        columns[name] = column.astype(np.int64) if integers else column
    return _named(path, columns)


def _npy(path: Path) -> dict[str, NDArray[Any]]:
    return _named(path, {"events": read_array(path)})


def _h5(path: Path) -> dict[str, NDArray[Any]]:
    try:
        node = hdf5.read(path)
        groups = [member for member in node.members.values() if isinstance(member, hdf5.H5Group)]
        if len(groups) == len(node.members) == 1:  # All lies in one group, as events/t.
            node = groups[0]
        return _named(path, {name: node.dataset(name) for name in node.members})
    except hdf5.Hdf5Error as error:
        problem = str(error).removeprefix(f"{path}: ")
        allowed = "HDF5 with the datasets t, x and, if there are any, y and p"
        raise InvalidValue(f"file {path}", problem, allowed) from None


#: Reads events by the ending of the file.
READERS: dict[str, Callable[[Path], dict[str, NDArray[Any]]]] = {
    ".csv": _csv,
    ".npz": lambda path: _named(path, read_arrays(path)),
    ".npy": _npy,
    ".h5": _h5,
    ".hdf5": _h5,
}
