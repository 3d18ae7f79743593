"""Members of a kind by name: schedules, stop rules, losses, data sets ... this package's own and everybody else's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from lava_async.errors import InvalidType, InvalidValue

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(MutableMapping[str, T]):
    """The members of a kind, by name; ``docs/extending.md`` lists all kinds.

    A name stands for a member of this package, for one that a program has registered, or for an entry point of an
    installed package in the group ``lava_async.<kind>``; the first of them counts. Entry points, and members that are
    given as a text, are imported when they are asked for.

    Parameters
    ----------
    kind : str
        What the members are, in the plural, as ``"schedules"``.
    members : mapping of str to object or str
        Members of this package; a text says where one is, as ``"package.module:name"``.

    Examples
    --------
    >>> LOSSES = Registry("losses", {"squared": lambda output, labels: ((output - labels) ** 2).mean()})
    >>> absolute = LOSSES.register("absolute", lambda output, labels: abs(output - labels).mean())
    >>> list(LOSSES)
    ['squared', 'absolute']
    """

    def __init__(self, kind: str, members: Mapping[str, T | str]) -> None:
        self.kind = kind
        self._members: dict[str, T | str] = dict(members)
        self._entry_points: dict[str, EntryPoint] | None = None

    def register(self, name: str, member: T) -> T:
        """Make a member known in this process: commands, configs and files call it by its name.

        Parameters
        ----------
        name : str
            Its name.
        member : object
            What the recipe of its kind in ``docs/extending.md`` describes.

        Returns
        -------
        object
            The member.

        Raises
        ------
        InvalidType, InvalidValue
            If the name is no text, or another member has it.
        """
        where = f"name of one of the {self.kind}"
        if not isinstance(name, str) or not name:
            raise InvalidType(where, name, "a text that is not empty")
        if name in self and self[name] is not member:
            raise InvalidValue(where, name, f"different from {', '.join(self)}")
        self[name] = member
        return member

    def __getitem__(self, name: str) -> T:
        if name not in self._members:
            self._members[name] = self._load(self._installed()[name])
        found = self._members[name]
        if isinstance(found, str):
            module, _, attribute = found.partition(":")
            found = self._members[name] = getattr(import_module(module), attribute)
        return found  # A text has become a member.

    def __setitem__(self, name: str, member: T) -> None:
        self._members[name] = member

    def __delitem__(self, name: str) -> None:
        del self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._members, *self._installed())))

    def __len__(self) -> int:
        return len(self._members.keys() | self._installed().keys())

    def __contains__(self, name: object) -> bool:
        return name in self._members or name in self._installed()

    def _installed(self) -> dict[str, EntryPoint]:
        """Return the entry points of installed packages, which are looked up once."""
        if self._entry_points is None:
            from importlib.metadata import entry_points  # It takes a fifth of the time of `import lava_async`.

            self._entry_points = {point.name: point for point in entry_points(group=f"lava_async.{self.kind}")}
        return self._entry_points

    def _load(self, point: EntryPoint) -> T:
        """Import what an entry point names, or raise an error that says whose it is."""
        try:
            member: T = point.load()
        except Exception as error:
            package = "an installed package" if point.dist is None else f"the installed package {point.dist.name}"
            raise ImportError(
                f"{point.name!r}, one of the {self.kind} of {package}, cannot be imported from {point.value}: "
                f"{error} (update that package, or uninstall it)"
            ) from error
        return member
