"""Pages for browsers are files of HTML beside this one with marks, such as ``@@TITLE@@``, for what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files

from lava_async.terminal import printable


def fill(name: str, parts: Mapping[str, str]) -> str:
    """Return a page with its marks replaced; ``@@HEAD@@`` stands for the head that all pages share.

    Parameters
    ----------
    name : str
        File of this folder.
    parts : dict from str to str
        HTML for each other mark; marks in it stay as they are.
    """
    page = fragment(name).replace("@@HEAD@@", fragment("page_head.html"))
    # Names of strangers may command the terminal in which somebody looks at the file.
    return re.sub("@@([A-Z]+)@@", lambda mark: printable(parts[mark[1]]), page)


def fragment(name: str) -> str:
    """Return a file of this folder as it is."""
    return files("lava_async.plots").joinpath(name).read_text(encoding="utf-8")


def as_json(data: object) -> str:
    """Return data for a script element of a page, which no name in them can leave."""
    # Neither "</script>" in a name must end the data, nor "<!--<script>" what ends them.
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
