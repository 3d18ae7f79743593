"""Reports for browsers: one file with text, sortable tables, pictures and wavefronts that opens from disk."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from matplotlib.figure import Figure

from lava_async.errors import InvalidValue

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
        Rows, the first of them the head; a click on a head sorts by it.
    picture : matplotlib Figure, optional
        Shown as a vector graphic.
    says : str
        What the picture shows, for those who cannot see it.
    page : str
        A whole page of HTML in a frame, as :func:`lava_async.plots.wavefront_html` returns.
    """

    title: str
    text: str = ""
    table: Sequence[Sequence[str]] = ()
    picture: Figure | None = None
    says: str = ""
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
    """
    names = [f"part-{n}" for n in range(1, len(sections) + 1)]
    parts = {
        "TITLE": html.escape(title),
        "TEXT": html.escape(text),
        "LINKS": "".join(f'<li><a href="#{name}">{html.escape(s.title)}</a></li>'
                         for name, s in zip(names, sections, strict=True)),
        "SECTIONS": "\n".join(_section(name, s) for name, s in zip(names, sections, strict=True)),
    }  # fmt: skip
    page = files("lava_async.plots").joinpath("report_page.html").read_text(encoding="utf-8")
    return re.sub("@@([A-Z]+)@@", lambda mark: parts[mark[1]], page)


def _section(name: str, section: Section) -> str:
    parts = [f'<section id="{name}"><h2>{html.escape(section.title)}</h2>']
    if section.text:
        parts.append(f"<p>{html.escape(section.text)}</p>")
    if section.table:
        parts.append(_table(section.title, section.table))
    if section.picture is not None:
        if not section.says:
            raise InvalidValue(f"Section({section.title!r}).says", section.says, "what the picture shows")
        parts.append(_picture(section.picture, section.says))
    if section.page:
        frame = html.escape(section.page, quote=True)
        parts.append(f'<iframe title="{html.escape(section.title)}" sandbox="allow-scripts" srcdoc="{frame}"></iframe>')
    return "\n".join([*parts, "</section>"])


def _table(title: str, rows: Sequence[Sequence[str]]) -> str:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise InvalidValue(f"Section({title!r}).table, lengths of its rows", sorted(lengths), "one length")
    head, *body = rows
    numeric = [all(_NUMBER.fullmatch(row[j].strip()) for row in body) for j in range(len(head))]
    cells = "".join(f'<th scope="col"><button type="button">{html.escape(cell)}</button></th>' for cell in head)
    lines = [f'<div class="wide"><table aria-label="{html.escape(title)}"><thead><tr>{cells}</tr></thead><tbody>']
    for row in body:
        kinds = [' class="number"' if n else "" for n in numeric]
        columns = zip(kinds, row, strict=True)
        lines.append("<tr>" + "".join(f"<td{kind}>{html.escape(cell)}</td>" for kind, cell in columns) + "</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _picture(figure: Figure, says: str) -> str:
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    data = base64.b64encode(out.getvalue()).decode()
    return f'<img alt="{html.escape(says)}" src="data:image/svg+xml;base64,{data}">'
