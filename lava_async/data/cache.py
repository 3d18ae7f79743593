"""A cache on disk of what takes long to read or encode. Writes are atomic; corrupt entries are detected and rebuilt.

A file holds plain arrays (npz, nothing pickled) and the key that it was made for: name, parameters, and name, size and
time of change of every source file. It is written under a temporary name and renamed; the archive has a checksum of
each array, which is verified whenever it is read. What is damaged or of another key is made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.data.reading import read_arrays
from lava_async.files import replacing
from lava_async.spikes import SpikeBatch

__all__ = ["FOLDER_VARIABLE", "cache_folder", "cached_events", "sources"]

log = logging.getLogger(__name__)

#: Environment variable that says where the cache is.
FOLDER_VARIABLE = "LAVA_ASYNC_CACHE"
#: Changes when files or encoders change: older files are then made again.
_FORMAT = 2


def cache_folder(folder: str | Path | None = None) -> Path:
    """Return the folder of the cache: `folder`, or $LAVA_ASYNC_CACHE, or lava-async in the user's cache folder.

    Examples
    --------
    >>> from lava_async.data.cache import cache_folder
    >>> cache_folder("my_cache").name
    'my_cache'
    """
    if folder is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = os.environ.get(FOLDER_VARIABLE) or home / "lava-async"
    return Path(folder).expanduser()


def sources(files: Iterable[Path]) -> str:
    r"""Return a checksum of the names, sizes and times of change of files.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.cache import sources
    >>> file = Path("events.csv")
    >>> _ = file.write_text("t,x\n")
    >>> before = sources([file])
    >>> _ = file.write_text("t,x\n5,1\n")
    >>> before == sources([file])
    False
    """
    digest = hashlib.sha256()
    for path in files:
        status = path.stat()
        digest.update(f"{path.parent.name}/{path.name}:{status.st_size}:{status.st_mtime_ns};".encode())
    return digest.hexdigest()


def cached_events(
    name: str,
    key: Mapping[str, object],
    build: Callable[[], tuple[SpikeBatch, NDArray[Any], NDArray[Any]]],
    cache: str | Path | bool | None = None,
) -> tuple[SpikeBatch, NDArray[np.int64], NDArray[np.int64]]:
    """Return events, labels and groups from the cache, or build and keep them.

    Parameters
    ----------
    name : str
        Of the data set, which the file's name begins with.
    key : dict of JSON values
        All that the result depends on.
    build : function
        Makes (events, (B,) labels, (B,) groups): a group is what splits must not tear apart, such as a speaker.
    cache : path or bool, optional
        The folder; None or True: see :func:`cache_folder`; False: no cache.

    Returns
    -------
    (SpikeBatch, (B,) int64, (B,) int64)

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.cache import cached_events
    >>> from lava_async.spikes import SpikeBatch
    >>> def build():
    ...     print("encoding")
    ...     return SpikeBatch.of(np.ones((2, 3, 4), np.uint8)), np.array([0, 1]), np.array([0, 0])
    ...
    >>> first = cached_events("toy", {"steps": 4}, build, cache="my_cache")
    encoding
    >>> again = cached_events("toy", {"steps": 4}, build, cache="my_cache")
    >>> again[0].shape, again[1]
    ((2, 3, 4), array([0, 1]))
    """
    if cache is False:
        events, labels, groups = build()
        return events, labels.astype(np.int64), groups.astype(np.int64)
    text = json.dumps({"format": _FORMAT, "name": name, **key}, sort_keys=True)
    folder = cache_folder(None if cache is True else cache)
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
    found = _read(path, text)
    if found is None:
        log.info("%s: building %s", name, path)
        events, labels, groups = build()
        found = events, labels.astype(np.int64), groups.astype(np.int64)
        try:
            _write(path, text, *found)
        except OSError as error:
            log.warning("%s is not kept in the cache %s: %s", name, folder, error)
    return found


def _write(path: Path, key: str, events: SpikeBatch, labels: NDArray[Any], groups: NDArray[Any]) -> None:
    """Write a file, in the smallest types that hold the numbers."""
    arrays = {
        "channel": events.channel,
        "count": events.count,
        "sizes": np.diff(events.start, axis=1),
        "labels": labels,
        "groups": groups,
        "n_channels": np.array(events.n_channels),
    }
    small: dict[str, Any] = {name: _smallest(array) for name, array in arrays.items()}
    if events.count.max(initial=1) == 1:
        small["count"] = np.ones(0, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, durable=True) as temporary:
        np.savez(temporary, key=np.frombuffer(key.encode(), np.uint8), **small)


def _read(path: Path, key: str) -> tuple[SpikeBatch, NDArray[np.int64], NDArray[np.int64]] | None:
    """Return what a file holds; None if it is missing, damaged or not of this key."""
    try:
        if not path.exists():
            return None
        arrays = read_arrays(path)
        if arrays["key"].tobytes() != key.encode():
            raise ValueError("made for another key")
        sizes, channel = arrays["sizes"].astype(np.int64), arrays["channel"]
        bounds = np.concatenate([[0], np.cumsum(sizes.ravel())])
        n_steps = sizes.shape[1]
        start = bounds[np.arange(len(sizes))[:, None] * n_steps + np.arange(n_steps + 1)]
        counts = arrays["count"] if len(arrays["count"]) else np.ones(len(channel), np.int32)
        for array in (channel, counts, start):  # Those that cannot be written to are checked, and not copied.
            array.flags.writeable = False
        events = SpikeBatch(channel, counts, start, int(arrays["n_channels"]))
        labels, groups = (arrays[name].astype(np.int64) for name in ("labels", "groups"))
        if labels.shape != (len(events),) or groups.shape != labels.shape:
            raise ValueError("labels or groups missing")
        return events, labels, groups
    except Exception as error:  # Whatever a damaged file leads to, it is made again.
        log.warning("%s is damaged and is made again: %s", path, " ".join(str(error).split()) or type(error).__name__)
        return None


def _smallest(array: NDArray[Any]) -> NDArray[Any]:
    """Return non-negative integers in the smallest type that holds them."""
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))
