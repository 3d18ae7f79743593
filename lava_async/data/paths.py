"""Where the files of data sets are looked for, and the one line that says which files to put where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lava_async.errors import InvalidValue

__all__ = ["DATA_VARIABLE", "SOURCES", "Source", "candidates", "find_files", "listed"]

#: Environment variable that says where data sets are: a folder with a folder for each.
DATA_VARIABLE = "LAVA_ASYNC_DATA"


def candidates(names: Sequence[str], folder: str | Path | None = None) -> list[Path]:
    """Return the folders in which a data set is looked for, in order.

    Parameters
    ----------
    names : list of str
        What its own folder may be called.
    folder : path, optional
        The folder of its files, or one that has its own folder; default: $LAVA_ASYNC_DATA, none if that is not set.

    Examples
    --------
    >>> from lava_async.data.paths import candidates
    >>> [path.as_posix() for path in candidates(["shd", "SHD"], "data")]
    ['data/shd', 'data/SHD', 'data']
    """
    base = folder if folder is not None else os.environ.get(DATA_VARIABLE)
    if base is None or base == "":
        return []
    base = Path(base).expanduser()
    return [*(base / name for name in names), base]


@dataclass(frozen=True)
class Source:
    """The files of a data set.

    Parameters
    ----------
    files : tuple of str
        Names of files or folders; ``a|b`` means that either will do.
    names : tuple of str
        What its own folder may be called, besides its name.
    download : bool
        It can be fetched.
    page : str
        Where its authors, or those who keep it, offer it.

    Examples
    --------
    >>> from lava_async.data.paths import SOURCES
    >>> SOURCES["mnist"].files[0], SOURCES["shd"].names
    ('train-images-idx3-ubyte|train-images-idx3-ubyte.gz|train-images.idx3-ubyte', ('SHD',))
    """

    files: tuple[str, ...]
    names: tuple[str, ...] = ()
    download: bool = False
    page: str = ""


_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_ZENKE = "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/"
#: Data sets that have files, by name.
SOURCES: dict[str, Source] = {
    "mnist": Source(
        tuple(f"{name}|{name}.gz|{name.replace('-idx', '.idx')}" for name in _IDX),
        ("MNIST/raw", "MNIST"),
        page="http://yann.lecun.com/exdb/mnist/ (copies: https://ossci-datasets.s3.amazonaws.com/mnist/FILE.gz)",
    ),
    "spoken_digits": Source(("shd_train.h5", "shd_test.h5")),
    "shd": Source(("shd_train.h5", "shd_test.h5"), ("SHD",), download=True, page=_ZENKE),
    "ssc": Source(("ssc_train.h5", "ssc_valid.h5", "ssc_test.h5"), ("SSC",), download=True, page=_ZENKE),
    "nmnist": Source(
        ("Train", "Test"), ("NMNIST",), download=True, page="https://www.garrickorchard.com/datasets/n-mnist"
    ),
    "dvs_gesture": Source(
        ("ibmGestureTrain|trials_to_train.txt", "ibmGestureTest|trials_to_test.txt"),
        ("DVSGesture", "DvsGesture"),
        download=True,
        page="http://research.ibm.com/dvsgesture/",
    ),
}
#: What archives of data are called.
_PACKED = (".zip", ".tar.gz", ".tgz", ".tar", ".gz", ".bz2", ".xz", ".7z", ".rar")


def find_files(name: str, wanted: Sequence[str], folder: str | Path | None = None) -> list[Path]:
    """Return the paths of files of a data set, all from the first place that has them all.

    Parameters
    ----------
    name : str
        One of `SOURCES`.
    wanted : list of str
        Some of its files.
    folder : path, optional
        See :func:`candidates`.

    Raises
    ------
    InvalidValue
        If they are not there, in one line: which files to put where.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.data.paths import find_files
    >>> Path("SHD").mkdir()
    >>> Path("SHD/shd_test.h5").touch()
    >>> [path.as_posix() for path in find_files("shd", ["shd_test.h5"], ".")]
    ['SHD/shd_test.h5']
    """
    source = SOURCES[name]
    looked = candidates([name, *source.names], folder)
    missing: list[str] = []
    for place in looked:
        found = [next((p for o in options.split("|") if (p := place / o).exists()), None) for options in wanted]
        if all(found):
            return [path for path in found if path is not None]
        here = [options for options, path in zip(wanted, found, strict=True) if path is None]
        missing = here if not missing or len(here) < len(missing) else missing
    for place in looked:
        called = [*(each for options in missing for each in options.split("|")), *source.names]
        packed = [place / (each + ending) for each in called for ending in _PACKED]
        if there := [path for path in packed if path.is_file()]:
            raise InvalidValue(f"data {name}: {there[0]}", "an archive", "unpacked, in the folder in which it is")
    files = listed(missing or wanted)
    if looked:
        where = f"in {looked[0]} or {looked[-1]}"
    else:
        where = f"in a folder that the option folder or {DATA_VARIABLE} names (or in its subfolder {name})"
    hint = f"; get it from {source.page}" if source.page else ""
    hint += f", or by lava-async data build {name} --download FOLDER" if source.download else ""
    raise InvalidValue(f"data {name}: {files}", "missing" if looked else None, f"put {where}{hint}")


def listed(files: Sequence[str]) -> str:
    """Return names of files as words; ``a|b`` is "a or b".

    Examples
    --------
    >>> from lava_async.data.paths import listed
    >>> listed(["Train", "labels|labels.txt"])
    'Train and labels or labels.txt'
    """
    return " and ".join(_either(options) for options in files)


def _either(options: str) -> str:
    first, *others = options.split("|")
    return f"{first}[.gz]" if others[:1] == [f"{first}.gz"] else " or ".join([first, *others])
