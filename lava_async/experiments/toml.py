"""TOML text: read with errors that name the file, written so that reading gives the same."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lava_async.errors import InvalidType, InvalidValue
from lava_async.files import why_unreadable

MOST_BYTES = 2**20
"""Larger files are no config."""

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


_DEEPEST = 50


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises
    ------
    InvalidValue
        If it is missing or no TOML, with the line.
    """
    path = Path(path)
    where = f"file {path}"
    if not path.is_file() and not path.exists():
        raise InvalidValue(where, "missing", "a TOML file")
    problem = why_unreadable(path)
    if problem:
        raise InvalidValue(where, problem, "a TOML file")
    if path.stat().st_size > MOST_BYTES:
        raise InvalidValue(f"{where}: bytes", path.stat().st_size, f"at most {MOST_BYTES}")
    try:
        return parse_toml(path.read_text(encoding="utf-8"), where)
    except UnicodeDecodeError as error:
        raise InvalidValue(where, str(error), "TOML, text in UTF-8") from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Return what TOML text holds; errors begin with `where`."""
    try:
        found = tomllib.loads(text.removeprefix("\ufeff"))  # Editors of Windows begin files with a byte-order mark.
    except (ValueError, RecursionError) as error:  # Too many digits or levels are no TOMLDecodeError.
        raise InvalidValue(where, str(error), "TOML") from None
    if _is_deep(found):
        raise InvalidValue(where, "tables in tables", f"TOML of at most {_DEEPEST} levels")
    return found


def _is_deep(table: Mapping[str, object]) -> bool:
    """Tell whether tables and arrays lie in each other deeper than any config has them; keys with dots can say that."""
    level: list[Any] = [table]
    for _ in range(_DEEPEST):
        level = [
            each
            for outer in level
            for each in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(each, (dict, list))
        ]
    return bool(level)


def to_toml(table: Mapping[str, object]) -> str:
    """Return a table as TOML text; reading it gives an equal table."""
    return "\n".join(_lines(table, ())).strip() + "\n"


def _lines(table: Mapping[str, object], path: tuple[str, ...]) -> Iterable[str]:
    """Yield the lines of a table: values first, then the tables in it."""
    tables = {name: value for name, value in table.items() if isinstance(value, dict) and (value or not path)}
    arrays = {
        name: value
        for name, value in table.items()
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    }
    for name, value in table.items():
        if name not in tables and name not in arrays:
            yield f"{_key(name)} = {toml_value(value)}"
    for name, value in tables.items():
        yield from ("", f"[{'.'.join(map(_key, (*path, name)))}]", *_lines(value, (*path, name)))
    for name, items in arrays.items():
        for item in items:
            yield from ("", f"[[{'.'.join(map(_key, (*path, name)))}]]", *_lines(item, (*path, name)))


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _string(name)


def toml_value(value: object) -> str:
    """Return a value as TOML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {toml_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    raise InvalidType("value for TOML", value, "a string, number, true, false, or an array or table of such")


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\u{ord(c[0]):04x}", escaped) + '"'
