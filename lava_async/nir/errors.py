"""What goes wrong with NIR, and the package itself, imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class NirError(ValueError):
    """A graph or a network that cannot be said in the words of the other; names node or layer, field and value."""


class MissingNir(ImportError):  # noqa: N818 (reads as what it says)
    """The optional package is not installed."""


def package() -> Any:
    """Return the package `nir`.

    Raises
    ------
    MissingNir
        If it is not installed, saying what to install.
    """
    try:
        return import_module("nir")
    except ImportError:
        raise MissingNir('NIR needs the package nir: pip install "lava-async[nir]"') from None
