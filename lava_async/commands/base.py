"""What every command is, and how commands read options and show tables."""

from __future__ import annotations

from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any


@dataclass(frozen=True)
class Report:
    """What a command found out.

    Parameters
    ----------
    text : str
        For terminals.
    data : dict or list
        The same for programs: what ``--json`` prints.
    rows : iterable of mappings
        The main table of it: what ``--csv`` prints.
    ok : bool
        False: what was to be shown does not hold; the exit code is 1.
    """

    text: str
    data: Any
    rows: Iterable[Mapping[str, Any]] = ()
    ok: bool = True


@dataclass(frozen=True)
class Command:
    """A command of ``lava-async``.

    Parameters
    ----------
    name, summary, description : str
        Its name, one line about it, and what ``--help`` says.
    examples : str
        Command lines with what they do.
    arguments : function of an ArgumentParser
        Adds its options.
    run : function of the parsed options
        Does the work, with progress on stderr if it takes long. None: another process reports.
    rows : str
        What its reports have a row for, as in "a row per schedule"; empty: they have none.
    goes_on : str
        What is said after Ctrl-C about going on; empty: nothing is kept.
    """

    name: str
    summary: str
    description: str
    examples: str
    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], Report | None]
    rows: str = ""
    goes_on: str = ""


def whole(least: int) -> Callable[[str], int]:
    """Return a type of options: an integer of at least `least`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value < 2**63:
            raise ArgumentTypeError(f"{text!r} must be an integer of at least {least}")
        return value

    return parse


def output(*endings: str) -> Callable[[str], Path]:
    """Return a type of options: a file that can be written, so that a mistake is seen before the work is done.

    Parameters
    ----------
    *endings : str
        What its name may end with, as ".png".
    """

    def parse(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in endings:
            raise ArgumentTypeError(f"{text!r} does not end with {' or '.join(endings)}")
        if path.is_dir():
            raise ArgumentTypeError(f"{text!r} is a folder, must be a file")
        if not path.absolute().parent.is_dir():
            raise ArgumentTypeError(f"{text!r} would be in a folder that does not exist: make it first")
        return path

    return parse


#: Formats of pictures, as in `lava_async.plots.style.FORMATS`; the parser must not import matplotlib.
PICTURES = ("png", "svg", "pdf")


def add_formats(parser: ArgumentParser, default: Sequence[str] = ("png",)) -> None:
    """Add the option that says in which formats a command writes its pictures.

    Parameters
    ----------
    parser : ArgumentParser
        Gets it.
    default : list of str
        What is written if nothing is said.
    """
    parser.add_argument(
        "--format",
        nargs="+",
        choices=PICTURES,
        default=list(default),
        help="formats of the pictures; svg and pdf stay sharp at any size "
        f"(default: {' '.join(default) or 'inside the report only'})",
    )


def complete(action: Action, names: Callable[[], Iterable[str]]) -> None:
    """Let a shell complete an argument by names and files; argcomplete reads what is noted here.

    Parameters
    ----------
    action : Action
        What ``add_argument`` returned.
    names : function
        Returns the names.
    """

    def completer(prefix: str, **_: object) -> list[str]:
        return [*(name for name in names() if name.startswith(prefix)), *sorted(glob(prefix + "*"))]

    action.completer = completer  # type: ignore[attr-defined]


#: Columns of a terminal that a table fits, if its numbers and words do: that is tried for the narrower ones first.
LEAST_COLUMNS, COLUMNS = 60, 80


def table(rows: list[list[str]], width: int | None = None) -> str:
    """Return rows as aligned text: words to the left, numbers to the right.

    Parameters
    ----------
    rows : list of list of str
        The first of them is the head.
    width : int, optional
        Wider tables get heads of several lines, then words of several lines. Default: the terminal's, 60 .. 80; a table
        that does not fit a narrow terminal is made for 80.

    Examples
    --------
    >>> print(table([["trained", "forward steps"], ["layered", "3"]], width=16))
             forward
    trained    steps
    ----------------
    layered        3
    """
    columns = list(zip(*rows, strict=True))
    numeric = [all(cell.lstrip("-")[:1].isdigit() or cell in ("", "-") for cell in column[1:]) for column in columns]
    whole = [max(map(len, column)) for column in columns]
    heads = [_least([column[0]], max(map(len, column[1:]), default=0)) for column in columns]
    words = [w if n else _least(column) for w, n, column in zip(heads, numeric, columns, strict=True)]
    gap, widths = 2, whole
    for most in [max(LEAST_COLUMNS, min(COLUMNS, get_terminal_size().columns)), COLUMNS] if width is None else [width]:
        # In this order: heads are broken, gaps are narrower, words are broken.
        tried = [(gap, _narrowed(whole, heads, most, gap)) for gap in (2, 1)]
        tried += [(gap, _narrowed(widths, words, most, gap)) for gap, widths in tried]
        if fits := next((each for each in tried if _total(each[1], each[0]) <= most), None):
            gap, widths = fits
            break
    head, *body = ([wrap(cell, w) or [""] for cell, w in zip(row, widths, strict=True)] for row in rows)
    lines = _lines(head, widths, numeric, gap, bottom=True)
    below = [line for row in body for line in _lines(row, widths, numeric, gap, bottom=False)]
    return "\n".join([*lines, "-" * max(map(len, [*lines, *below])), *below])


def _least(cells: Sequence[str], least: int = 0) -> int:
    """Return the width to which cells can be broken between words."""
    return max([least, *(len(word) for cell in cells for word in cell.split())])


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _narrowed(widths: Sequence[int], least: Sequence[int], width: int, gap: int) -> list[int]:
    """Return widths of which the widest that can be are narrower, until all of them fit."""
    found = list(widths)
    while _total(found, gap) > width:
        wide = [i for i, low in enumerate(least) if found[i] > low]
        if not wide:
            break
        found[max(wide, key=lambda i: found[i])] -= 1
    return found


def _lines(cells: list[list[str]], widths: list[int], numeric: list[bool], gap: int, *, bottom: bool) -> list[str]:
    """Return the lines of a row; shorter cells are at its bottom, or at its top."""
    height = max(map(len, cells))
    blank = [[""] * (height - len(cell)) for cell in cells]
    filled = [[*b, *cell] if bottom else [*cell, *b] for b, cell in zip(blank, cells, strict=True)]
    return [
        (" " * gap)
        .join(cell[k].rjust(w) if n else cell[k].ljust(w) for cell, w, n in zip(filled, widths, numeric, strict=True))
        .rstrip()
        for k in range(height)
    ]
