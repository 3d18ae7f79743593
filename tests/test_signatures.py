"""Public signatures say what they take and give: no `Any` where a type can be named.

`NDArray[Any]` is an array of any type of numbers, and ``dict[str, Any]`` is plain data, as of JSON: both say what they
are. What is found is `Any` for a whole argument or result.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import lava_async

ROOT = Path(lava_async.__file__).parent
UNTYPED = {
    # A key without a default has the type of its annotation, which no function can name; so has dataclasses.field.
    "experiments/tables.py: key: return",
}
"""What no type says, and why."""


def untyped() -> Iterator[str]:
    """Yield the public arguments and results that are annotated as `Any`, or as `Any` or something else."""
    for path in sorted(ROOT.rglob("*.py")):
        part = path.relative_to(ROOT).as_posix()
        for scope, function in _public(ast.parse(path.read_text())):
            a = function.args
            arguments = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(x for x in (a.vararg, a.kwarg) if x)]
            annotated = [*((x.arg, x.annotation) for x in arguments), ("return", function.returns)]
            for name, annotation in annotated:
                if annotation is not None and "Any" in ast.unparse(annotation).split(" | "):
                    yield f"{part}: {scope}{function.name}: {name}"


def _public(tree: ast.AST, scope: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        name = getattr(node, "name", "_")
        if isinstance(node, ast.ClassDef) and not name.startswith("_"):
            yield from _public(node, f"{scope}{name}.")
        elif isinstance(node, ast.FunctionDef) and (not name.startswith("_") or name in ("__init__", "__call__")):
            yield scope, node


def test_no_argument_or_result_is_any():
    assert {*untyped()} == UNTYPED
