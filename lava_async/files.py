"""Files that appear whole or not at all, standard JSON, and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_LFS = b"version https://git-lfs.github.com/spec/"
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def why_unreadable(path: str | os.PathLike[str]) -> str | None:
    """Return why a file has no content to be read, as the rest of a sentence about it, or None if it has.

    Parameters
    ----------
    path : path-like
        A file that somebody wants to read. It is opened without waiting for anything, as a FIFO would ask for.

    Returns
    -------
    str or None
        That it is missing, may not be read, is a folder, a FIFO or a device, is empty, or is a pointer of Git LFS.

    Examples
    --------
    >>> why_unreadable("/no/such/file")
    'cannot be read: No such file or directory'
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        return f"cannot be read: {error.strerror if isinstance(error, OSError) else error}"
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            return "cannot be read: Is a directory"
        if not stat.S_ISREG(mode):
            return f"is {_KINDS.get(stat.S_IFMT(mode), 'not a file')}, must be a regular file"
        begin = os.read(descriptor, len(_LFS))
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    finally:
        os.close(descriptor)
    if not begin:
        return "is empty: copy or download it again"
    if begin == _LFS:
        return "is a pointer of Git LFS, not the file itself: fetch it with git lfs pull"
    return None


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give the path of a temporary file, with the same suffix, that takes the place of `path` at the end.

    Parameters
    ----------
    path : Path
        What is to be written; as long as that is not done, and if it fails, it stays as it was. Of a link, the file
        that it leads to is replaced, and the link stays.
    durable : bool
        Wait until the content is on the disk, so that a power failure leaves no half of a file.

    Raises
    ------
    OSError
        What goes wrong while it is written, with `path` as the second name.
    """
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        if durable:
            _sync(temporary)
        with suppress(OSError):  # A file that only its owner may read stays one.
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        os.replace(temporary, path)
        if durable:
            _sync(path.parent)  # The name, too.
    except OSError as error:
        if error.errno is None or error.filename2 is not None:
            raise
        # Which file cannot be written: the system names none, or the temporary one.
        raise OSError(error.errno, error.strerror, str(temporary), None, str(path)) from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def leftovers(path: Path) -> list[Path]:
    """Return the files that :func:`replacing` began to write for `path` in processes that were killed."""
    path = Path(os.path.realpath(path))
    name = re.compile(rf"\.{re.escape(path.stem)}\.[0-9a-f]{{8}}{re.escape(path.suffix)}")
    return [x for x in path.parent.iterdir() if name.fullmatch(x.name) and x.is_file() and not x.is_symlink()]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes | memoryview, *, durable: bool = False) -> None:
    """Write a file, whole or not at all; arguments as of :func:`replacing`."""
    with replacing(path, durable=durable) as temporary, temporary.open("xb") as file:
        file.write(content)


def as_json(data: object) -> str:
    """Return data as standard JSON, which knows no NaN: it becomes null."""
    return json.dumps(_without_nan(data), indent=2, allow_nan=False)


def as_csv(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """Yield the lines of rows as CSV: a head, then a line each.

    Parameters
    ----------
    rows : sequence or iterator of mappings
        Those of an iterator have the keys of the first all. What is in a mapping of its own is in columns such as
        ``schedule.name``, the numbers of a list stand behind one another, and None is nothing.

    Examples
    --------
    >>> list(as_csv([{"a": {"b": 1, "c": None}, "d": [1, 2]}]))
    ['a.b,a.c,d', '1,,1 2']
    """
    names: list[str] | None = None
    if isinstance(rows, Sequence):
        names = list(dict.fromkeys(name for row in map(_flat, rows) for name in row))
        yield from [_csv_line(names)] if names else []
    for row in map(_flat, rows):
        if names is None:
            names = list(row)
            yield _csv_line(names)
        yield _csv_line([row.get(name) for name in names])


def _csv_line(values: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
    return found


def write_json(path: Path, data: object) -> None:
    """Write data as JSON."""
    write_bytes(path, (as_json(data) + "\n").encode())


def _without_nan(data: object) -> object:
    if isinstance(data, dict):
        return {key: _without_nan(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_without_nan(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
