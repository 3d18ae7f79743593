"""Frozen dataclasses that are TOML tables: read with errors that name the key, written so that reading gives them.

A kind of table is a frozen dataclass derived from :class:`Table` whose fields are made by :func:`key`. Their
annotations say what is allowed: numbers, strings, ``Literal``, tuples (arrays), unions, other tables and tuples of them
(arrays of tables), and ``dict[str, Any]`` for what is checked elsewhere. A key without value, None, is left out.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints, overload

import numpy as np

from lava_async.errors import InvalidType, InvalidValue, nearest
from lava_async.experiments.toml import parse_toml, read_toml, to_toml

T = TypeVar("T", bound="Table")
F = TypeVar("F")
NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


@overload
def key(
    doc: str,
    default: F,
    *,
    least: float | None = None,
    most: float | None = None,
    options: Callable[[], Iterable[str]] | None = None,
    name: str | None = None,
    rest: bool = False,
) -> F: ...


@overload
def key(
    doc: str,
    *,
    least: float | None = None,
    most: float | None = None,
    options: Callable[[], Iterable[str]] | None = None,
    name: str | None = None,
) -> Any: ...


def key(
    doc: str,
    default: object = MISSING,
    *,
    least: float | None = None,
    most: float | None = None,
    options: Callable[[], Iterable[str]] | None = None,
    name: str | None = None,
    rest: bool = False,
) -> object:
    """Return a field of a table.

    Parameters
    ----------
    doc : str
        What it means, one sentence: for people, and for the reference of keys.
    default : object
        Its value if the key is left out; without one the key must be there.
    least, most : number, optional
        Range of the numbers in it.
    options : function, optional
        Returns the strings that are allowed.
    name : str, optional
        Key in TOML if it cannot be the field's name.
    rest : bool
        The field, a dict, holds all keys of the table that are none of its fields; the table checks them.
    """
    metadata = {"doc": doc, "least": least, "most": most, "options": options, "name": name, "rest": rest}
    return (
        field(default_factory=dict, metadata=metadata) if default == {} else field(default=default, metadata=metadata)
    )


@dataclass(frozen=True)
class Table:
    """A table of TOML; subclasses add fields, and what must hold between them in :meth:`check`.

    Raises
    ------
    InvalidType, InvalidValue
        If a value cannot be used, naming the key, the value and what is allowed.
    """

    title: ClassVar[str] = "config"
    """What errors call a text of this kind, unless it has a name."""

    def __post_init__(self) -> None:
        annotations = hints(type(self))
        for each in fields(self):
            value = _conform(_place(self, each), getattr(self, each.name), annotations[each.name], each)
            object.__setattr__(self, each.name, value)
        self.check()

    def check(self) -> None:
        """Raise InvalidValue, by :meth:`wrong`, if the values do not fit together."""

    def wrong(self, name: str, allowed: str) -> InvalidValue:
        """Return the error that says what a field must be."""
        return InvalidValue(f"{type(self).__name__}.{name}", getattr(self, name), allowed)

    @classmethod
    def load(cls: type[T], path: str | Path) -> T:
        """Return what is in a file; errors begin with its path."""
        return parse(cls, read_toml(Path(path)), f"{path}: ")

    @classmethod
    def from_toml(cls: type[T], text: str, where: str | None = None) -> T:
        """Return what is in a text; errors begin with `where`."""
        where = where or cls.title
        return parse(cls, parse_toml(text, where), f"{where}: ")

    def plain(self) -> dict[str, Any]:
        """Return the table as TOML knows it: dicts, lists, strings, numbers; what is None is left out."""
        values = {toml_name(each): _plain(getattr(self, each.name)) for each in keys(type(self))}
        if (rest := rest_of(type(self))) is not None:
            values |= {name: _plain(value) for name, value in getattr(self, rest.name).items()}
        return {name: value for name, value in values.items() if value is not None}

    def to_toml(self) -> str:
        """Return the table as TOML text; reading it gives an equal table."""
        return to_toml(self.plain())


def parse(kind: type[T], data: object, where: str) -> T:
    """Return a table from what a TOML file holds.

    Parameters
    ----------
    kind : subclass of Table
        Which.
    data : dict
        Its content.
    where : str
        What errors call it: file and table.

    Raises
    ------
    InvalidType, InvalidValue
        If a key is unknown or missing, or its value is none that can be used.
    """
    if not isinstance(data, Mapping):
        raise InvalidType(where, data, "a table")
    known, annotations, rest = {toml_name(each): each for each in keys(kind)}, hints(kind), rest_of(kind)
    for name, value in data.items():
        if name not in known and rest is None:
            listed = ", ".join(known) + nearest(name, known)
            raise InvalidValue(_join(where, name), value, f"left out: the keys here are {listed}")
    values = {
        each.name: _read(annotations[each.name], data[name], _join(where, name))
        for name, each in known.items()
        if name in data
    }
    if rest is not None:
        values[rest.name] = {name: value for name, value in data.items() if name not in known}
    for name, each in known.items():
        if each.default is MISSING and each.default_factory is MISSING and name not in data:
            kinds = describe(annotations[each.name], each)
            raise InvalidValue(_join(where, name), None, f"given: {kinds}")
    try:
        return kind(**values)
    except (InvalidValue, InvalidType) as error:
        raise type(error)(_join(where, error.where.partition(".")[2]), error.value, error.allowed) from None


def hints(kind: type) -> dict[str, Any]:
    """Return the annotations of a table's fields."""
    return get_type_hints(kind)


def keys(kind: type[Table]) -> list[Field[Any]]:
    """Return the fields of a table that are keys of their own."""
    return [each for each in fields(kind) if not each.metadata["rest"]]


def rest_of(kind: type[Table]) -> Field[Any] | None:
    """Return the field of a table that holds all other keys, None if there is none."""
    return next((each for each in fields(kind) if each.metadata["rest"]), None)


def toml_name(each: Field[Any]) -> str:
    """Return the key of a field."""
    return each.metadata["name"] or each.name


def describe(hint: object, each: Field[Any]) -> str:
    """Say what a field may hold."""
    if each.metadata["options"]:
        names = "one of " + ", ".join(each.metadata["options"]())
        return names + (", or an array of them" if any(get_origin(arm) is tuple for arm in _arms(hint)) else "")
    least, most = each.metadata["least"], each.metadata["most"]
    limits = f" in {least} .. {most}" if None not in (least, most) else f" >= {least}" if least is not None else ""
    return " or ".join(_name(arm, limits) for arm in _arms(hint) if arm is not NoneType)


def _name(hint: Any, limits: str = "") -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(option) for option in get_args(hint))
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if isinstance(item, type) and issubclass(item, Table):
            return "an array of tables"
        return f"an array of {' or '.join(_SEVERAL.get(arm) or _name(arm) for arm in _arms(item))}{limits}"
    names = {bool: "true or false", int: f"an integer{limits}", float: f"a number{limits}", str: "a string"}
    return names.get(hint, "a table")


_SEVERAL = {int: "integers", float: "numbers", str: "strings"}


def _arms(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)


def _read(hint: Any, value: Any, where: str) -> Any:
    """Return a value of a TOML file with the tables in it."""
    for arm in _arms(hint):
        if isinstance(arm, type) and issubclass(arm, Table):
            return parse(arm, value, where)
        if get_origin(arm) is tuple and isinstance(get_args(arm)[0], type) and issubclass(get_args(arm)[0], Table):
            if not isinstance(value, list):
                raise InvalidType(where, value, "an array of tables")
            return tuple(parse(get_args(arm)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    return value


def _conform(where: str, value: Any, hint: Any, each: Field[Any]) -> Any:
    """Return a value as its field holds it, or raise."""
    fitting = [found for arm in _arms(hint) if (found := _fit(value, arm)) is not _NOTHING]
    if not fitting:
        literals = [name for arm in _arms(hint) if get_origin(arm) is Literal for name in get_args(arm)]
        meant = nearest(value, literals) if isinstance(value, str) else ""
        raise InvalidType(where, value, describe(hint, each) + meant)
    least, most, options = (each.metadata[name] for name in ("least", "most", "options"))
    for x in fitting[0] if isinstance(fitting[0], tuple) else fitting:
        number = isinstance(x, (int, float)) and not isinstance(x, bool)
        largest = _LARGEST[type(x)] if number else 0
        low, high = -largest if least is None else least, largest if most is None else most
        if (number and not low <= x <= high) or (options and isinstance(x, str) and x not in options()):
            allowed = describe(hint, each)
            if number and least is None:
                allowed += ", finite"
            elif number and x > largest:
                allowed += f", at most {largest:.4g}"
            raise InvalidValue(where, x, allowed + (nearest(x, options()) if options and isinstance(x, str) else ""))
    return fitting[0]


_NOTHING = object()
_LARGEST = {int: 2**63 - 1, float: sys.float_info.max}


def _fit(value: Any, hint: Any) -> Any:
    """Return a value as one of a type without unions, or _NOTHING if it is none."""
    if get_origin(hint) is Literal:
        return value if isinstance(value, str) and value in get_args(hint) else _NOTHING
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            return _NOTHING
        arms = _arms(get_args(hint)[0])
        items = [next((x for arm in arms if (x := _fit(v, arm)) is not _NOTHING), _NOTHING) for v in value]
        return _NOTHING if _NOTHING in items else tuple(items)
    if get_origin(hint) is dict:
        return value if isinstance(value, dict) and all(isinstance(name, str) for name in value) else _NOTHING
    if hint in (int, float):
        fits = isinstance(value, (int, np.integer) if hint is int else NUMBERS) and not isinstance(
            value, (bool, np.bool_)
        )
        try:
            return hint(value) if fits else _NOTHING
        except OverflowError:  # An integer beyond float.
            return math.inf
    if hint is bool and isinstance(value, np.bool_):
        return bool(value)
    return value if isinstance(value, hint) else _NOTHING


def _plain(value: Any) -> Any:
    if isinstance(value, Table):
        return value.plain()
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _join(where: str, name: str) -> str:
    return f"{where}{'' if where.endswith(': ') else '.'}{name}"


def _place(table: Table, each: Field[Any]) -> str:
    return f"{type(table).__name__}.{toml_name(each)}"
