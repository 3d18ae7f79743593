"""The words of docstrings, comments, messages and pages are those of the field, not homemade ones."""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

import lava_async

ROOT = Path(__file__).parents[1]
PACKAGE = Path(lava_async.__file__).parent
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "api").glob("*.md")),
    *sorted((ROOT / "tutorials").glob("*.*")),
    *sorted((ROOT / "netx_models").rglob("*.md")),
    *sorted((PACKAGE / "core").rglob("*.[hc]pp")),
    *sorted(PACKAGE.rglob("*.toml")),
]
INSTEAD = {
    r"\banew\b": "again",
    r"\bwhole numbers?\b": "integers",
    r"(?:^|[.:] )Who (?!am|are|is)\w+": "which neuron, layer or function",
    r"\b[Ww]hat stands in\b": "what is in",
    r"\bto and fro\b": "in serpentine order, both ways",
    r"\bstep with nobody\b": "under the AsyncProtocol",
    r"\bis worth under\b": "metrics of",
    r"\bmade small\b": "minimized",
    r"\b(is|are|was|were) worth\b(?! (a look|checking|it))|\bwhat [\w ]+ (is|are|was) worth\b": "metrics of",
    r"\b[Ww]ho (fires|fired|waits|waited|is heard|is next|was picked|may fire|reaches|is delivered)\b": "which neuron",
    r"\bwho of the\b": "which of the",
    r"\bnot one spike\b|\bwithout one spike\b": "identical spikes",
    r"\bstands? (in|below|above|at|beside|before|already)\b": "is in, is listed below",
    r"\bgo(es)? on bit for bit\b": "resumes with bit-identical results",
    r"\btakes? turns\b|\btake turns\b": "alternates",
    r"\bfront door\b": "main entry point",
    r"\bis no share of\b": "must be a probability between 0 and 1",
    r"\bas if there was none\b": "ignores",
    r"\bdiffer in weight\b": "are not equally authoritative",
    r"\bLava = training\b": "in Lava, all samples produced the spikes of training",
    r"\b[Nn]othing is drawn\b": "only dropout is random",
    r"\bAll keys that there are\b": "all keys",
    r"\bthe field is no\b|\bwhole number": "integer",
    r"\bowe[sd]?\b(?! =)": "propagated",
    r"\bFor people\.": "for terminals, display name",
    r"\bthe way back\b": "the backward pass",
    r"\bis there already\b": "existing",
    r"\bat the times of (a|the|its) chip\b": "under the timing of a chip",
    r"\b(mends|is worth|side by side on) (that|more of them)\b": "repairs, in parallel",
}
"""Words that a reader who knows PyTorch and Lava would stumble over, and what to say instead."""


def paragraphs(lines: Iterable[str], first: int = 1) -> Iterator[tuple[int, str]]:
    """Yield paragraphs as one line each, with the number of their first line; rows of tables are paragraphs."""
    start, words = first, ""
    for number, line in enumerate(lines, start=first):
        text = line.strip()
        if not text or text.startswith("|"):
            yield start, words
            yield number, text
            words = ""
        else:
            start, words = (start, f"{words} {text}") if words else (number, text)
    yield start, words


def said(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line numbers and paragraphs: of a page all of it, of a module its strings and comments."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        for cell in json.loads(text)["cells"]:
            yield from paragraphs("".join(cell["source"]).splitlines())
        return
    if path.suffix != ".py":
        yield from paragraphs(text.splitlines())
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from paragraphs(node.value.splitlines(), node.lineno)
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


RENAMED = {
    "lava_async.records": {"same", "count", "within", "member", "frozen"},
    "lava_async.engine": {"Checked"},
    "lava_async.simulation": {"Checked"},
    "lava_async.hdf5": {"Node"},
    "lava_async.netx.h5": {"Node", "put"},
    "lava_async.netx.neurons": {"said_of_input"},
    "lava_async.data": {"EventBatch"},
    "lava_async.training.wiring": {"Touch"},
    "lava_async.training.blocks": {"Sent", "kept"},
    "lava_async.training": {"ranks", "pending"},
    "lava_async.data.paths": {"find", "places"},
    "lava_async.data.files": {"Part", "load_parts"},
}
"""Names of 0.1, by module."""
GONE = {
    *("data.places", "data.parts", "training.ranks", "training.pending", "training.blocks.sent", "netx.plan"),
    *("experiments.curves", "experiments.cards", "experiments.layers", "experiments.reference"),
    *("hardware.lists", "hardware.timing", "proc.checked", "proc.time_steps", "engine.cut"),
}
"""Modules that have other names today."""
IDENTIFIERS = {
    *("owed", "lose_input", "deliver_back", "walk_back", "FlatWeights", "Widths", "Scratch", "NotSayableError"),
    *("PATIENCE", "GLANCE", "GRACE", "PULSE", "QUIET"),
}
"""Names that no module gives to anything."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_of_before_stay_out(path):
    """They go on working for others (`lava_async.renamed`); the package itself uses those of today."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    assert module.removeprefix("lava_async.") not in GONE
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None
            found += [a.name for a in node.names if a.name in RENAMED.get(node.module, ())]
        elif isinstance(node, (ast.Name, ast.Attribute, ast.arg, ast.FunctionDef, ast.ClassDef)):
            name = next(getattr(node, field) for field in ("id", "attr", "arg", "name") if hasattr(node, field))
            found += [name] if name in IDENTIFIERS else []
    assert not found


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("lava_async.records", "count", "check_int"),
        ("lava_async.records", "within", "check_range"),
        ("lava_async.simulation", "Checked", "StepRecord"),
        ("lava_async.netx.h5", "Node", "H5Group"),
        ("lava_async.netx.neurons", "said_of_input", "input_params"),
        ("lava_async.data", "EventBatch", "SpikeBatch"),
    ],
)
def test_old_names_go_on_working_and_say_what_they_are_called(module, old, new):
    home = import_module(module)
    with pytest.warns(DeprecationWarning, match=rf"{module}\.{old} is called .*\.{new} now"):
        assert getattr(home, old).__name__ == new
