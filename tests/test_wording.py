"""The words of docstrings, comments, messages and pages are those of the field, not homemade ones."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import lava_async

ROOT = Path(__file__).parents[1]
PACKAGE = Path(lava_async.__file__).parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
INSTEAD = {
    r"\banew\b": "again",
    r"\bwhole numbers?\b": "integers",
    r"(?:^|[.:] )Who (?!am|are|is)\w+": "which neuron, layer or function",
    r"\b[Ww]hat stands in\b": "what is in",
    r"\bto and fro\b": "in serpentine order, both ways",
    r"\bstep with nobody\b": "under the AsyncProtocol",
    r"\bis worth under\b": "metrics of",
    r"\bmade small\b": "minimized",
    r"\bFor people\.": "for terminals, display name",
    r"\bthe way back\b": "the backward pass",
    r"\bis there already\b": "existing",
}
"""Words that a reader who knows PyTorch and Lava would stumble over, and what to say instead."""


def said(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers and texts: of a page all of it, of a module its strings and comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from enumerate(text.splitlines(), start=1)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from enumerate(node.value.splitlines(), start=node.lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.parametrize(
    "path", [*PAGES, *sorted(PACKAGE.rglob("*.py"))], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_words_are_those_of_the_field(path):
    found = [
        f"{path.name}:{line}: {match[0]!r}: say {better!r}"
        for line, text in said(path)
        for word, better in INSTEAD.items()
        if (match := re.search(word, text.strip()))
    ]
    assert not found


def test_the_test_finds_words(tmp_path):
    (tmp_path / "module.py").write_text('"""Whole, and a whole number."""\n\nx = 1  # drawn anew\n')
    found = [re.search("|".join(INSTEAD), text) for _, text in said(tmp_path / "module.py")]
    assert [match[0] for match in found if match] == ["whole number", "anew"]
