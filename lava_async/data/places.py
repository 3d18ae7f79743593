"""Where the files of data sets are looked for, and the one line that says which files to put where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from lava_async.errors import InvalidValue

__all__ = ["DATA_VARIABLE", "find", "places"]

#: Environment variable that says where data sets are: a folder with a folder for each.
DATA_VARIABLE = "LAVA_ASYNC_DATA"


def places(names: Sequence[str], folder: str | Path | None = None) -> list[Path]:
    """Return the folders in which a data set is looked for, in order.

    Parameters
    ----------
    names : list of str
        What its own folder may be called.
    folder : path, optional
        The folder of its files, or one that has its own folder; default: $LAVA_ASYNC_DATA, none if that is not set.
    """
    base = folder if folder is not None else os.environ.get(DATA_VARIABLE)
    if base is None or base == "":
        return []
    base = Path(base).expanduser()
    return [*(base / name for name in names), base]


def find(
    name: str, wanted: Sequence[str], folder: str | Path | None = None, *, names: Sequence[str] = (), hint: str = ""
) -> list[Path]:
    """Return the paths of the files (or folders) of a data set, all from the first place that has them all.

    Parameters
    ----------
    name : str
        The data set; its own folder may be called so.
    wanted : list of str
        Names of the files; ``a|b`` means that either will do.
    folder : path, optional
        See :func:`places`.
    names : list of str
        What else its own folder may be called.
    hint : str
        How to get the files, for the error.

    Raises
    ------
    InvalidValue
        If they are not there, in one line: which files to put where.
    """
    looked = places([name, *names], folder)
    missing: list[str] = []
    for place in looked:
        found = [next((p for o in options.split("|") if (p := place / o).exists()), None) for options in wanted]
        if all(found):
            return [path for path in found if path is not None]
        here = [options for options, path in zip(wanted, found, strict=True) if path is None]
        missing = here if not missing or len(here) < len(missing) else missing
    files = " and ".join(options.replace("|", " or ") for options in missing or wanted)
    if looked:
        where = f"in {looked[0]} or {looked[-1]}"
    else:
        where = f"in a folder named by the option folder or by {DATA_VARIABLE} (or in its subfolder {name})"
    found_or_not = "missing" if looked else None
    raise InvalidValue(f"data {name}: {files}", found_or_not, f"put {where}{'; ' if hint else ''}{hint}")
