"""Fetching data sets onto this machine, with the package tonic (``pip install "lava-async[datasets]"``).

tonic knows the addresses and checksums and shows the progress. The files are read by this package.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from lava_async.data.paths import SOURCES, listed
from lava_async.errors import InvalidValue, not_among
from lava_async.extras import needs

__all__ = ["DOWNLOADS", "download"]

#: Class of tonic, and the arguments of each of its parts.
DOWNLOADS: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "nmnist": ("NMNIST", ({"train": True}, {"train": False})),
    "shd": ("SHD", ({"train": True}, {"train": False})),
    "ssc": ("SSC", ({"split": "train"}, {"split": "valid"}, {"split": "test"})),
    "dvs_gesture": ("DVSGesture", ({"train": True}, {"train": False})),
}


def download(name: str, folder: str | Path) -> Path:
    """Fetch a data set, unless it is there, and return the folder that its loader takes.

    Parameters
    ----------
    name : str
        One of `DOWNLOADS`.
    folder : path
        Where to put it: into a folder named by tonic's class, such as NMNIST.

    Raises
    ------
    InvalidValue
        If it cannot be fetched: there is no such data set, or no connection.
    MissingExtra
        If tonic is not installed.

    Examples
    --------
    >>> from lava_async.data.download import download
    >>> download("mnist_of_somebody", "data")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: download: data = 'mnist_of_somebody': must be one of nmnist, shd, ssc, dvs_gesture
    """
    if name in SOURCES and name not in DOWNLOADS and SOURCES[name].page:
        allowed = f"one of {', '.join(DOWNLOADS)}; get {listed(SOURCES[name].files)} from {SOURCES[name].page}"
        raise InvalidValue("download: data", name, allowed)
    if name not in DOWNLOADS:
        raise not_among("download: data", name, DOWNLOADS)
    with needs("datasets", "a download"):
        datasets = import_module("tonic.datasets")
    kind, parts = DOWNLOADS[name]
    folder = Path(folder).expanduser()
    for part in parts:
        try:
            getattr(datasets, kind)(save_to=str(folder), **part)
        except (OSError, RuntimeError) as error:
            files, page = listed(SOURCES[name].files), SOURCES[name].page
            allowed = f"a download (is there a connection?), or put {files} into {folder / kind} yourself, from {page}"
            raise InvalidValue(f"download of {name}", " ".join(str(error).split()), allowed) from None
    return folder
