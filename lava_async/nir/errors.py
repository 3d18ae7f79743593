"""What goes wrong with NIR, and the package itself, imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from lava_async.extras import MissingExtra


class NirError(ValueError):
    """A graph or a network that cannot be expressed in the terms of the other; names node or layer, field and value."""

    def __init__(self, text: str) -> None:
        # Names of nodes come from files of strangers and are printed on terminals.
        super().__init__("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


class NirWarning(UserWarning):
    """A graph that can be read, but hardly means what it says."""


class MissingNir(MissingExtra):
    """The optional package is not installed."""


def package() -> ModuleType:
    """Return the package `nir`.

    Raises
    ------
    MissingNir
        If it is not installed, saying what to install.
    """
    try:
        return import_module("nir")
    except ImportError:
        raise MissingNir("NIR", "nir", "nir") from None
