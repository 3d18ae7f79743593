"""Hooks of MkDocs that make pages without copies in the tree.

Notebooks of tutorials/, CONTRIBUTING and CHANGELOG become pages, and the first example one to step through.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import six_neurons
from mkdocs.structure.files import File, Files
from pymdownx.highlight import Highlight

ROOT = Path(__file__).parents[1]
WAVEFRONT = "pictures/wavefront.html"


def on_startup(**_: Any) -> None:
    """Let mkdocstrings 1.0.6 work with pymdown-extensions 12.2 and later, whose Highlight takes a parser first."""
    original = Highlight.__init__
    if "md" in inspect.signature(original).parameters:
        Highlight.__init__ = lambda self, md=None, *args, **options: original(self, md, *args, **options)


def on_files(files: Files, *, config: Any) -> Files:
    """Add the generated pages."""
    pages = {"contributing.md": ROOT / "CONTRIBUTING.md", "changelog.md": ROOT / "CHANGELOG.md"}
    for page, source in pages.items():
        files.append(File.generated(config, page, content=source.read_text(encoding="utf-8")))
    for notebook in sorted((ROOT / "tutorials").glob("*.ipynb")):
        files.append(File.generated(config, f"tutorials/{notebook.stem}.md", content=as_markdown(notebook)))
    files.append(File.generated(config, WAVEFRONT, content=six_neurons.page()))
    return files


def as_markdown(notebook: Path) -> str:
    """Return a notebook without outputs as a page."""
    parts = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(
            source.replace(".ipynb)", ".md)") if cell["cell_type"] == "markdown" else f"```python\n{source}\n```"
        )
    return "\n\n".join(parts)


def on_page_content(html: str, **_: Any) -> str:
    """Take the roles of Sphinx, which docstrings of Python commonly have, out of a page."""
    return re.sub(r":(?:func|class|meth|mod|data):<code>~?([^<]*)</code>", r"<code>\1</code>", html)
