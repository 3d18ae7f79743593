"""Reports for browsers: one file with text, sortable tables, pictures and wavefronts that opens from disk."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib import rc_context
from matplotlib.figure import Figure

from lava_async.errors import InvalidValue
from lava_async.plots.style import VECTOR
from lava_async.plots.template import fill

#: Longer tables get a field to filter their rows.
LONG = 20
#: Pictures are shrunk to this part of their width on small screens; what is wider then can be scrolled.
SMALLEST = 0.65
#: What the cells of a column of numbers look like.
_NUMBER = re.compile(r"[-−]?[\d,]*\.?\d+(e[-+]?\d+)?\s?%?|-|", re.IGNORECASE)


@dataclass(frozen=True)
class Section:
    """A part of a report; what is left out is not shown.

    Parameters
    ----------
    title : str
        Heading.
    text : str
        Paragraph below it; line breaks stay.
    table : list of list of str
        Rows, the first of them the head; a click on a head sorts by it. Long ones can be filtered by words.
    pictures : dict from str to matplotlib Figure
        Shown side by side as vector graphics; the keys say what each shows, for those who cannot see it.
    page : str
        A whole page of HTML in a frame, as :func:`lava_async.plots.wavefront_html` returns.

    Examples
    --------
    >>> from lava_async.plots import Section
    >>> Section("Accuracy", table=[["trained", "accuracy"], ["layered", "96.9 %"]]).title
    'Accuracy'
    """

    title: str
    text: str = ""
    table: Sequence[Sequence[str]] = ()
    pictures: Mapping[str, Figure] = field(default_factory=dict)
    page: str = ""


def report_html(title: str, sections: Sequence[Section], *, text: str = "") -> str:
    """Return a report as one page that loads nothing.

    Parameters
    ----------
    title : str
        Of the page.
    sections : list of Section
        Its parts, in order.
    text : str
        A paragraph at the top.

    Returns
    -------
    str
        HTML, for wide screens and phones, for pointer and keyboard, light and dark.

    Raises
    ------
    InvalidValue
        If the rows of a table differ in length, or a picture comes without words.

    Examples
    --------
    >>> from lava_async.plots import Section, report_html
    >>> page = report_html("Digits", [Section("Accuracy", table=[["trained", "accuracy"], ["layered", "96.9 %"]])])
    >>> "<table" in page, "https://" in page
    (True, False)
    """
    names = [f"part-{n}" for n in range(1, len(sections) + 1)]
    parts = {
        "TITLE": html.escape(title),
        "TEXT": html.escape(text),
        "LINKS": "".join(
            f'<li><a href="#{name}">{html.escape(s.title)}</a></li>' for name, s in zip(names, sections, strict=True)
        ),
        "SECTIONS": "\n".join(_section(name, s) for name, s in zip(names, sections, strict=True)),
    }
    return fill("report_page.html", parts)


def _section(name: str, section: Section) -> str:
    parts = [f'<section id="{name}"{" data-page" if section.page else ""}><h2>{html.escape(section.title)}</h2>']
    if section.text:
        parts.append(f"<p>{html.escape(section.text)}</p>")
    if section.table:
        parts.append(_table(name, section.title, section.table))
    if section.pictures:
        shown = "".join(_picture(section.title, says, figure) for says, figure in section.pictures.items())
        parts.append(f'<div class="pictures">{shown}</div>')
    if section.page:
        frame = html.escape(section.page, quote=True)
        parts.append(f'<iframe title="{html.escape(section.title)}" sandbox="allow-scripts" srcdoc="{frame}"></iframe>')
    return "\n".join([*parts, "</section>"])


def _table(name: str, title: str, rows: Sequence[Sequence[str]]) -> str:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise InvalidValue(f"Section({title!r}).table, lengths of its rows", sorted(lengths), "one length")
    head, *body = rows
    numeric = [all(_NUMBER.fullmatch(row[j].strip()) for row in body) for j in range(len(head))]
    cells = "".join(f'<th scope="col"><button type="button">{html.escape(cell)}</button></th>' for cell in head)
    lines = []
    if len(body) > LONG:
        box = f'<input type="search" data-table="{name}-table">'
        lines.append(f'<label class="filter">Rows with the words {box}</label>')
    lines.append(
        f'<div class="wide"><table id="{name}-table" aria-label="{html.escape(title)}"><thead><tr>{cells}</tr>'
        "</thead><tbody>"
    )
    for row in body:
        kinds = [' class="number"' if n else "" for n in numeric]
        columns = zip(kinds, row, strict=True)
        lines.append("<tr>" + "".join(f"<td{kind}>{html.escape(cell)}</td>" for kind, cell in columns) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _picture(title: str, says: str, figure: Figure) -> str:
    if not says:
        raise InvalidValue(f"Section({title!r}).pictures, a key", says, "what the picture shows")
    out = io.BytesIO()
    with rc_context(VECTOR):
        figure.savefig(out, format="svg", metadata={"Date": None})
    data = base64.b64encode(out.getvalue()).decode()
    least = round(SMALLEST * figure.get_figwidth() * 96)
    # Without a pointer, arrow keys scroll what has the focus.
    return (
        f'<div tabindex="0" role="group" aria-label="{html.escape(says)}"><img alt="{html.escape(says)}" '
        f'style="min-width: {least}px" src="data:image/svg+xml;base64,{data}"></div>'
    )
