"""The graph of imports between files: arrows run one way, from the commands down to the records.

Read with `ast`: imports at module level, inside functions and for type checkers count alike, so that no late import
hides a circle. A file points to each module that it names, and to every package whose ``__init__`` runs on the way
there, except the packages that it is in itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

import pytest

import lava_async

ROOT = Path(lava_async.__file__).parent


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_module(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def imports(module: str) -> frozenset[str]:
    """Return the files of this package that run because a file imports them."""
    found: set[str] = set()
    for name in _named(ast.parse(FILES[module].read_text())):
        run = [part for part in accumulate(name.split("."), "{}.{}".format) if part in FILES]
        # The packages that a file is in run before it anyway; it needs them only where it names what they define.
        found |= {part for part in run if not f"{module}.".startswith(f"{part}.")}
        if run and run[-1] != name and name != "lava_async._core":
            found.add(run[-1])
    return frozenset(found - {module})


def _named(tree: ast.AST) -> Iterator[str]:
    """Yield the full names of what a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(module: str) -> set[str]:
    """Return all files that run when a file is imported, the packages that it is in aside."""
    found: set[str] = set()
    todo = [module]
    while todo:
        new = imports(todo.pop()) - found
        found |= new
        todo += new
    return found


def circles() -> set[frozenset[str]]:
    """Return the sets of files that reach each other."""
    all_reached = {module: reached(module) for module in FILES}
    return {
        frozenset(other for other in there if module in all_reached[other])
        for module, there in all_reached.items()
        if module in there
    }


def test_no_file_reaches_itself():
    assert not [sorted(circle) for circle in circles()]


KINDS = [
    "neurons",
    "schedules",
    "synapses",
    "netx.layers",
    "netx.neurons",
    "commands",
    "training.blocks",
    "training.losses",
]


@pytest.mark.parametrize("package", KINDS)
def test_a_kind_has_its_base_class_in_a_file_of_its_own(package):
    """A member imports `base`, never the package that lists it."""
    prefix = f"lava_async.{package}"
    members = [module for module in FILES if module.startswith(f"{prefix}.")]
    assert f"{prefix}.base" in members
    assert not [module for module in members if prefix in imports(module)]


@pytest.mark.parametrize("module", ["execution", "neurons", "schedules", "stopping", "synapses"])
def test_naming_how_a_network_runs_imports_no_engine(module):
    assert not [other for other in reached(f"lava_async.{module}") if other.startswith("lava_async.engine")]


def test_the_picture_of_the_documentation_is_true():
    page = (ROOT.parent / "docs" / "imports.md").read_text()
    rows = {
        part: int(row)
        for row, parts in re.findall(r"^\| (\d+) \| ([^|]+) \|", page, re.MULTILINE)
        for part in re.findall(r"`(\w+)`", parts)
    }
    parts = {module: module.split(".")[1] for module in FILES if "." in module}
    assert set(rows) <= set(parts.values())
    arrows = {(parts[m], parts[other]) for m in parts for other in imports(m) & parts.keys()}
    up = {(a, b) for a, b in arrows if a != b and {a, b} <= rows.keys() and rows[a] <= rows[b]}
    assert not {(a, b) for a, b in up if rows[a] > 0}  # The lowest row is of checks and errors, side by side.


def test_the_map_shows_the_parts_of_the_page():
    """`python docs/draw_house.py` draws it again."""
    image = pytest.importorskip("PIL.Image")
    page = (ROOT.parent / "docs" / "imports.md").read_text()
    rows = re.findall(r"^\| [1-9]\d* \| ([^|]+) \|", page, re.MULTILINE)
    with image.open(ROOT.parent / "docs" / "pictures" / "house.png") as shown:
        assert shown.text["parts"].split() == sorted(part for row in rows for part in re.findall(r"`(\w+)`", row))
