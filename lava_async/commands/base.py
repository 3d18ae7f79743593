"""What every command is, and how commands read options and show tables."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Report:
    """What a command found out.

    Parameters
    ----------
    text : str
        For people.
    data : dict or list
        The same for programs: what ``--json`` prints.
    ok : bool
        False: what was to be shown does not hold; the exit code is 1.
    """

    text: str
    data: Any
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
    """

    name: str
    summary: str
    description: str
    examples: str
    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], Report | None]


def whole(least: int) -> Callable[[str], int]:
    """Return a type of options: a whole number of at least `least`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value < 2**63:
            raise ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
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


def table(rows: list[list[str]]) -> str:
    """Return rows, the first of them the head, as aligned text: words to the left, numbers to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [all(cell.lstrip("-")[:1].isdigit() or cell in ("", "-") for cell in column[1:]) for column in columns]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
