"""Names of earlier versions, which go on working for a while and say what they are called now."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

from lava_async.errors import nearest


def renamed(module: str, names: Mapping[str, object], known: Mapping[str, object]) -> Callable[[str], object]:
    """Return a ``__getattr__`` for a module (PEP 562) that answers to old names with a DeprecationWarning.

    Parameters
    ----------
    module : str
        Name of the module.
    names : mapping of str to object
        Old names, and what they stand for today.
    known : mapping of str to object
        The names that the module has: its ``globals()``.
    """

    def find(name: str) -> object:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}{nearest(name, known)}")
        found = names[name]
        home, today = getattr(found, "__module__", module), getattr(found, "__qualname__", name)
        warnings.warn(f"{module}.{name} is called {home}.{today} now", DeprecationWarning, stacklevel=2)
        return found

    return find
