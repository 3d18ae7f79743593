"""The reference of all keys of a config, as the page on training shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from types import NoneType
from typing import Any, get_args

from lava_async.experiments.config import Config
from lava_async.experiments.sections import LayerConfig
from lava_async.experiments.tables import Table, describe, hints, toml_name
from lava_async.experiments.toml import toml_value


def reference() -> str:
    """Return one table in Markdown per table of a config: key, what it may hold, default, meaning."""
    sections = [(toml_name(each), _table(hints(Config)[each.name])) for each in fields(Config)]
    sections.insert(1, ("network.layers", LayerConfig))
    return "\n\n".join("\n".join(_section(name, kind)) for name, kind in sections)


def _table(hint: Any) -> Any:
    """Return the kind of table that an annotation allows, besides None."""
    return next((arm for arm in get_args(hint) if arm is not NoneType), hint)


def _section(name: str, kind: type[Table]) -> Iterator[str]:
    heading = f"[[{name}]]" if kind is LayerConfig else f"[{name}]"
    summary = (kind.__doc__ or "").splitlines()[0]
    yield from (f"### `{heading}`", "", summary, "", "| key | what | default | meaning |", "|---|---|---|---|")
    for each in fields(kind):
        allowed = describe(hints(kind)[each.name], each).replace("|", "\\|")
        yield f"| `{toml_name(each)}` | {allowed} | {_default(each)} | {each.metadata['doc']} |"


def _default(each: Field[Any]) -> str:
    if each.default is MISSING:
        return "must be given" if each.default_factory is MISSING else ""
    return "" if each.default is None else f"`{toml_value(each.default)}`"
