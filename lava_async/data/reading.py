"""Files of arrays and tables that anybody may have made: read whole, or named in one error.

Nothing is unpickled, and the sizes that a file states are checked against those it has before memory is asked for.
Text may begin with the byte-order mark that editors of Windows write.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue, nearest
from lava_async.files import why_unreadable
from lava_async.hdf5 import most_bytes

__all__ = ["inflated", "read_array", "read_arrays", "read_bytes", "read_table", "read_text", "visible"]


def visible(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that are not hidden, as ``._NAME``, which macOS writes beside files, is.

    Parameters
    ----------
    paths : iterable of Path
        Files or folders.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.reading import visible
    >>> [path.name for path in visible([Path("train/0.csv"), Path("train/._0.csv")])]
    ['0.csv']
    """
    return [path for path in paths if not path.name.startswith(".")]


def read_bytes(path: str | Path, what: str) -> bytes:
    """Return the content of a file.

    Parameters
    ----------
    path : path
        The file.
    what : str
        What it must be, for errors.

    Raises
    ------
    InvalidValue
        If it is no regular file, cannot be read, is empty, or is a pointer of Git LFS or a page of HTML instead.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.reading import read_bytes
    >>> _ = Path("page.bin").write_bytes(b"<!DOCTYPE html><html>not found</html>")
    >>> read_bytes("page.bin", "a recording")
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: file page.bin = 'a page of HTML': must be a recording; the download went wrong:
    fetch it again
    """
    problem = why_unreadable(path)
    if problem:
        raise InvalidValue(f"file {path}", problem, what)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidValue(f"file {path}", error.strerror, f"{what}, which can be read") from None
    if content[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise InvalidValue(f"file {path}", "a page of HTML", f"{what}; the download went wrong: fetch it again")
    return content


def read_text(path: str | Path, what: str) -> str:
    """Return the text in a file, in UTF-8, without a byte-order mark.

    Raises
    ------
    InvalidValue
        If it cannot be read or is not UTF-8.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.reading import read_text
    >>> _ = Path("notes.txt").write_text("left, right")
    >>> read_text("notes.txt", "a text")
    'left, right'
    """
    try:
        return read_bytes(path, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidValue(f"file {path}", str(error), f"{what}, text in UTF-8") from None


def inflated(path: str | Path, content: bytes, most: int) -> bytes:
    """Return gzip-compressed bytes uncompressed, unless there are more than `most` of them.

    Raises
    ------
    InvalidValue
        If they are damaged, cut off, or too many.

    Examples
    --------
    >>> import gzip
    >>> from lava_async.data.reading import inflated
    >>> inflated("labels.gz", gzip.compress(b"504"), most=100)
    b'504'
    >>> inflated("labels.gz", gzip.compress(b"504"), most=2)
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: file labels.gz: uncompressed bytes = 'over 2': must be less, for a file of this
    size
    """
    import gzip

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            found = file.read(most + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise InvalidValue(f"file {path}", str(error), "complete gzip data (is it cut off?)") from None
    if len(found) > most:
        raise InvalidValue(f"file {path}: uncompressed bytes", f"over {most}", "less, for a file of this size")
    return found


def array_in(where: str, content: bytes) -> NDArray[Any]:
    """Return the array in the bytes of a file in npy format, read-only.

    Raises
    ------
    InvalidValue
        If they are none, hold objects, or are not as many as the array needs.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from lava_async.data.reading import array_in
    >>> file = io.BytesIO()
    >>> np.save(file, np.arange(3))
    >>> array_in("three.npy", file.getvalue())
    array([0, 1, 2])
    """
    stream, form = io.BytesIO(content), np.lib.format
    allowed = "an array in npy format, of numbers"
    try:
        version = form.read_magic(stream)
        read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
        shape, by_columns, dtype = read(stream)
    except Exception as error:  # Headers are Python literals: whatever is wrong with them, the file is damaged.
        raise InvalidValue(where, " ".join(str(error).split())[:200], allowed) from None
    if dtype.hasobject or dtype.itemsize == 0 or any(n < 0 for n in shape):
        raise InvalidValue(where, f"an array of {dtype} of shape {shape}", allowed)
    if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        stated = f"{math.prod(shape) * dtype.itemsize}, for {dtype} of shape {shape}"
        raise InvalidValue(f"{where}: bytes of the array", len(content) - stream.tell(), stated)
    array = np.frombuffer(content, dtype, offset=stream.tell())
    return array.reshape(shape, order="F" if by_columns else "C")


def read_array(path: str | Path) -> NDArray[Any]:
    """Return the array in a file in npy format, read-only.

    Raises
    ------
    InvalidValue
        If the file is damaged or of another format.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.reading import read_array
    >>> np.save("three.npy", np.arange(3))
    >>> read_array("three.npy")
    array([0, 1, 2])
    """
    return array_in(f"file {path}", read_bytes(path, "an array in npy format"))


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """Return the arrays in a file in npz format, read-only, by name.

    Raises
    ------
    InvalidValue
        If the file is damaged, of another format, or its arrays are larger than a file of this size should hold.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.data.reading import read_arrays
    >>> np.savez("both.npz", x=np.arange(2), y=np.ones(1))
    >>> read_arrays("both.npz")
    {'x': array([0, 1]), 'y': array([1.])}
    """
    where, arrays = f"file {path}", {}
    problem = why_unreadable(path)
    if problem:
        raise InvalidValue(where, problem, "arrays in npz format")
    most = most_bytes(Path(path).stat().st_size)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > most:
                raise InvalidValue(f"{where}: uncompressed bytes", f"over {most}", "less, for a file of this size")
            for member in members:
                name = member.filename.removesuffix(".npy")
                arrays[name] = array_in(f"{where}: {name}", archive.read(member))
    except InvalidValue:
        raise
    except Exception as error:  # zipfile raises a dozen kinds of errors on damaged archives.
        raise InvalidValue(where, " ".join(str(error).split())[:200], "arrays in npz format") from None
    return arrays


def read_table(
    path: str | Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, NDArray[np.float64]]:
    r"""Return columns of a table of numbers in text: .csv, with commas, semicolons, tabs or spaces.

    The first line names the columns; others than those that are wanted may be there. Lines that are empty or begin with
    ``#`` do not count.

    Parameters
    ----------
    path : path
        The file.
    columns, optional : list of str
        Names of the columns that must and that may be there, in small letters.

    Returns
    -------
    dict
        From the name of a column to its (rows,) float64.

    Raises
    ------
    InvalidValue
        If the file cannot be read, lacks a column, or a line is no row of numbers.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.reading import read_table
    >>> _ = Path("events.csv").write_text("t,x,p\n5,1,1\n12,0,0\n")
    >>> read_table("events.csv", ["t", "x"], optional=["y"])
    {'t': array([ 5., 12.]), 'x': array([1., 0.])}
    """
    text = read_text(path, "a table of text")
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if not lines:
        raise InvalidValue(f"file {path}: lines", 0, "a line that names the columns, and one per row")
    head = lines[0][1]
    separator = next((mark for mark in (",", ";", "\t") if mark in head), None)
    names = [name.strip().strip("\"'").lower() for name in head.split(separator)]
    wanted = [*columns, *(name for name in optional if name in names)]
    missing = [name for name in columns if name not in names]
    if missing:
        hint = nearest(missing[0], names)
        raise InvalidValue(f"file {path}: columns", ", ".join(names), f"among them {', '.join(missing)}{hint}")
    if not wanted:
        raise InvalidValue(f"file {path}: columns", ", ".join(names)[:80], f"some of {', '.join(optional)}")
    for name in wanted:
        if names.count(name) > 1:
            raise InvalidValue(f"file {path}: columns named {name}", names.count(name), "one")
    places = [names.index(name) for name in wanted]
    rows = np.empty((len(lines) - 1, len(places)))
    for row, (number, line) in zip(rows, lines[1:], strict=True):
        cells = line.split(separator)
        try:
            row[:] = [float(cells[place]) for place in places]
        except (IndexError, ValueError):
            comma = any(re.fullmatch(r"\s*[+-]?\d+,\d+\s*", cell) for cell in cells)
            hint = ", with a point for decimals: 1.5, not 1,5" if comma else ""
            raise InvalidValue(
                f"file {path}: line {number}", line[:80], f"numbers for {', '.join(wanted)}{hint}"
            ) from None
        if any(
            cell.strip() for cell in cells[len(names) :]
        ):  # Else 1,5 would be two columns, and all behind it others.
            allowed = f"{len(names)}, one per column; decimals have a point, as in 1.5"
            raise InvalidValue(f"file {path}: line {number}: number of cells", len(cells), allowed)
    return dict(zip(wanted, rows.T, strict=True))
