"""The reference of all keys of a config, as the page on training shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from inspect import Parameter, getdoc, signature
from types import NoneType
from typing import Any, get_args

from lava_async.experiments.config import Config
from lava_async.experiments.neurons import NEURONS
from lava_async.experiments.sections import LayerConfig
from lava_async.experiments.tables import Table, describe, hints, keys, rest_of, toml_name
from lava_async.experiments.toml import toml_value
from lava_async.schedules import SCHEDULES, by_name
from lava_async.stopping import STOP_RULES
from lava_async.training.losses import LOSSES
from lava_async.training.surrogates import SURROGATES

MEMBERS: dict[str, Mapping[str, Callable[..., object]]] = {
    "network": NEURONS,
    "schedule": {name: SCHEDULES[name] for name in by_name(trainable=True)},
    "until": {name: rule for name, rule in STOP_RULES.items() if not rule.ends_samples},
    "gradient": SURROGATES,
    "loss": LOSSES,
    "optimizer": {},
}
"""What the other keys of a table are options of; those of optimizers are in the documentation of torch."""
_PARAMETER = re.compile(r"^(\w+) : [^\n]*\n((?:    [^\n]*\n?)+)", re.MULTILINE)
"""A parameter in a numpydoc docstring, and what is said about it."""
_ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")
"""A name that Sphinx links."""


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
    for each in keys(kind):
        allowed = describe(hints(kind)[each.name], each).replace("|", "\\|")
        yield f"| `{toml_name(each)}` | {allowed} | {_default(each)} | {each.metadata['doc']} |"

    if rest_of(kind) is not None:
        yield from _options(MEMBERS[name], {toml_name(each) for each in keys(kind)})


def _options(members: Mapping[str, Callable[..., object]], own: set[str]) -> Iterator[str]:
    """Yield a row per option of members of a kind, from their signatures and docstrings, without keys of the table."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for name, member in members.items():
        meanings = dict(_PARAMETER.findall(getdoc(member) or ""))
        for option, parameter in signature(member).parameters.items():
            if option not in own:
                default = "must be given" if parameter.default is Parameter.empty else _written(parameter.default)
                meaning = _ROLE.sub(r"`\1`", " ".join(meanings.get(option, "").split()))
                rows.setdefault((option, default, meaning), []).append(name)
    for (option, default, meaning), names in rows.items():
        yield f"| `{option}` | of {', '.join(names)} | {default} | {meaning} |"


def _default(each: Field[Any]) -> str:
    if each.default is MISSING:
        return "must be given" if each.default_factory is MISSING else ""
    return _written(each.default)


def _written(value: Any) -> str:
    return "" if value is None else f"`{toml_value(value)}`"
