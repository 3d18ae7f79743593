"""Pages for browsers are files of HTML beside this one with marks, such as ``@@TITLE@@``, for what differs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files


def fill(name: str, parts: Mapping[str, str]) -> str:
    """Return a page with its marks replaced; ``@@HEAD@@`` stands for the head that all pages share.

    Parameters
    ----------
    name : str
        File of this folder.
    parts : dict from str to str
        HTML for each other mark; marks in it stay as they are.
    """
    folder = files("lava_async.plots")
    head, page = (folder.joinpath(file).read_text(encoding="utf-8") for file in ("page_head.html", name))
    return re.sub("@@([A-Z]+)@@", lambda mark: parts[mark[1]], page.replace("@@HEAD@@", head))
