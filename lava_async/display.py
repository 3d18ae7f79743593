"""How objects are shown: a few lines in a terminal, a small table in a notebook, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, fields, is_dataclass
from html import escape
from itertools import islice
from typing import ClassVar

import numpy as np

WIDTH = 120
"""Most characters of a line."""
ROWS = 12
"""Most rows of a table in a notebook."""
_FEW = 4
"""So many numbers of an array, or members of a sequence, are written out."""


class Brief:
    """Mix-in for frozen dataclasses that may hold large arrays: they are shown by :meth:`facts`.

    Examples
    --------
    >>> from lava_async.synapses import Dense
    >>> Dense(-1, 0, [[1.0] * 100] * 50)
    Dense(source=-1, target=0, weights=(50, 100) float64, delay=None)
    """

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        # `dataclass` writes every array out, over pages, except in a class that has a __repr__ of its own.
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def facts(self) -> Mapping[str, str]:
        """Return what is shown of the object, as name and text; by default its fields."""
        return {f.name: brief(getattr(self, f.name)) for f in fields(self) if f.repr}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={text}" for name, text in self.facts().items())
        return shortened(f"{type(self).__name__}({shown})", 2 * WIDTH)

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, self.facts().items())


def brief(value: object) -> str:
    """Return a value as text: of large arrays shape and type, of long sequences how many of what.

    Parameters
    ----------
    value : object
        Anything.

    Examples
    --------
    >>> brief(np.zeros((8, 2, 3, 3), np.int8)), brief((1, 2)), brief([0.5] * 100)
    ('(8, 2, 3, 3) int8', '(1, 2)', '100 float')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.ndim <= 1 and value.size and value.dtype.kind in "biuf" and (value == value.flat[0]).all():
            return str(value.flat[0].item()) + (f" ({value.size} times)" if value.size > 1 else "")
        return str(value.tolist()) if value.size <= _FEW else f"{value.shape} {value.dtype}"
    if isinstance(value, (tuple, list, dict, set)) and (len(value) > _FEW or any(is_dataclass(x) for x in value)):
        kinds = sorted({type(x).__name__ for x in value})
        return f"{len(value)} {' and '.join(kinds) if len(kinds) < 3 else 'items'}"
    return shortened(repr(value), WIDTH)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, the last of them dots if it was longer."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def html_table(caption: str, rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    """Return a table for a notebook.

    Parameters
    ----------
    caption : str
        What the table is of.
    rows : iterable of tuple of str
        Cells; the first of each row is its name. Rows beyond :data:`ROWS` are left out, and the table says so.
    head : tuple of str
        Names of the columns.
    """
    shown = iter(rows)
    lines = [f"<caption>{escape(caption)}</caption>"]
    if head:
        lines.append("<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>")
    for name, *cells in islice(shown, ROWS):
        data = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th style="text-align: left">{escape(name)}</th>{data}</tr>')
    if more := sum(1 for _ in shown):
        lines.append(f'<tr><td colspan="{max(len(head), 2)}">and {more} more</td></tr>')
    return "<table>" + "".join(lines) + "</table>"
