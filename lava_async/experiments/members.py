"""Options of the members that a table names, as a loss or a stop rule: what their signatures take, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import Parameter, signature
from typing import Any

from lava_async.errors import InvalidType, InvalidValue, nearest
from lava_async.experiments.tables import Table, keys, toml_name

#: What a name in a config stands for: called with options, it returns a schedule, a loss ...
Member = Callable[..., object]


def check_member(table: Table, field: str, members: Mapping[str, Member]) -> None:
    """Raise an error unless the member that a table names takes the options of the table, by its signature."""
    name = getattr(table, field)
    if name not in members:
        raise table.wrong(field, f"one of {', '.join(members)}{nearest(name, members)}")
    own = {toml_name(each) for each in keys(type(table))}
    takes = {option: p for option, p in signature(members[name]).parameters.items() if option not in own}
    options = without_defaults_of_others(vars(table)["options"], {name: takes}, members)
    object.__setattr__(table, "options", options)
    check_known(table, options, {name: takes})
    for option, p in takes.items():
        if p.default is Parameter.empty and option not in options:
            raise InvalidValue(f"{type(table).__name__}.{option}", None, f"given: {name} needs it")
    with named_after(table):
        members[name](**options)


def check_known(table: Table, given: Mapping[str, object], taken: Mapping[str, Iterable[str]]) -> None:
    """Raise an error unless each option is one that one of the chosen members takes; `taken` says which these take."""
    own = [toml_name(each) for each in keys(type(table))]
    known = list(dict.fromkeys(own + [option for options in taken.values() for option in options]))
    for name, value in given.items():
        if name not in known:
            allowed = f"left out: the keys here are {', '.join(known)}{nearest(name, known)}"
            raise InvalidValue(f"{type(table).__name__}.{name}", value, allowed)


def without_defaults_of_others(
    given: Mapping[str, object], chosen: Mapping[str, Iterable[str]], members: Mapping[str, Member]
) -> dict[str, Any]:
    """Return options without those that say nothing: 0.1 wrote defaults of all members into each config.toml."""
    others = [signature(member).parameters for name, member in members.items() if name not in chosen]
    idle = [(name, option.default) for options in others for name, option in options.items()]
    taken = {option for options in chosen.values() for option in options}
    return {name: value for name, value in given.items() if name in taken or (name, value) not in idle}


@contextmanager
def named_after(table: Table) -> Iterator[None]:
    """Let errors of a member, as of "FirstOutput.extra_steps", name the table."""
    try:
        yield
    except (InvalidValue, InvalidType) as error:
        option = error.where.partition(".")[2]
        raise type(error)(f"{type(table).__name__}.{option}", error.value, error.allowed) from None
