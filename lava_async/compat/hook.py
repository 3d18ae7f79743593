"""The import hook: changes the text of a module of Lava before it runs, and its objects after it ran."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from lava_async.compat.objects import OBJECT_PATCHES
from lava_async.compat.sources import DEFERRED_MODULES, SOURCE_PATCHES

#: What was changed so far: module -> names of the changes.
applied: dict[str, list[str]] = {}


class PatchError(ImportError):
    """A module of Lava is not the one that a change was written for."""


class PatchingLoader(SourceFileLoader):
    """Loads one module of Lava with its changes. No .pyc is written, so that nothing changed stays on disk."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the changed text."""
        path = self.get_filename(fullname)
        text = self.get_data(path).decode("utf-8")
        for patch in SOURCE_PATCHES.get(fullname, ()):
            if patch.needed():
                for old, new, times in patch.replacements:
                    if text.count(old) != times:
                        raise PatchError(
                            f"{fullname} contains {old!r} {text.count(old)} times where lava_async expects {times}: "
                            "install lava-nc 0.10.0 and lava-dl 0.6.0",
                            name=fullname,
                        )
                    text = text.replace(old, new)
                _note(fullname, patch.name)
        return self.source_to_code(text.encode(), path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, and change its objects."""
        super().exec_module(module)
        _patch_objects(module)


class DeferringLoader(SourceFileLoader):
    """Runs a module when one of its names is used; importlib's LazyLoader does so at `__file__` already."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module a `__getattr__` that runs it."""
        execute = super().exec_module

        def __getattr__(name: str) -> Any:  # noqa: N807
            if name.startswith("__"):
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            del module.__dict__["__getattr__"]
            try:
                execute(module)
            except BaseException:  # Whoever asks again gets the same error.
                module.__dict__["__getattr__"] = __getattr__
                raise
            return getattr(module, name)

        module.__dict__["__getattr__"] = __getattr__


class PatchFinder:
    """Finds the modules that have a change; all others are found as usual."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return a spec with one of the loaders above, or None."""
        if not name.startswith("lava."):
            return None
        loader: type[SourceFileLoader]
        if name in DEFERRED_MODULES:
            loader = DeferringLoader
            _note(name, "imported when used")
        elif any(patch.needed() for patch in SOURCE_PATCHES.get(name, ())) or any(
            patch.needed() for patch in OBJECT_PATCHES.get(name, ())
        ):
            loader = PatchingLoader
        else:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Change modules of Lava while they are imported; ``import lava_async`` does this, and again does nothing.

    What was imported before is changed in place where that is possible.

    Raises
    ------
    ImportError
        If Lava was imported before, and what it needs here cannot be changed any more.

    Examples
    --------
    >>> import lava_async.compat
    >>> lava_async.compat.install()
    >>> from lava.proc.lif.process import LIF
    >>> LIF(shape=(1,), vth=10).vth.init
    10
    """
    if PatchFinder in sys.meta_path:
        return
    known = {*SOURCE_PATCHES, *OBJECT_PATCHES} & set(sys.modules)
    for name in filter(_is_left_over, known):
        del sys.modules[name]
    loaded = [sys.modules[name] for name in sorted(known & set(sys.modules))]
    missed = [module.__name__ for module in loaded if _needs_other_text(module.__name__)]
    # NumPy 2.2, the last for Python 3.10, still accepts what the texts replace.
    if missed and sys.version_info >= (3, 11):
        raise ImportError(
            "Lava was imported before lava_async, which must change it for this version of Python: "
            f"start again and import lava_async first (too late for {', '.join(missed)})"
        )
    for module in loaded:
        _patch_objects(module)
    sys.meta_path.insert(0, PatchFinder)


def _note(module: str, change: str) -> None:
    applied.setdefault(module, []).append(change)


def _patch_objects(module: ModuleType) -> None:
    for patch in OBJECT_PATCHES.get(module.__name__, ()):
        if patch.needed():
            patch.apply(module)
            _note(module.__name__, patch.name)


def _needs_other_text(name: str) -> bool:
    """Tell whether a module ran that needs another text here."""
    return any(patch.needed() and not patch.optional for patch in SOURCE_PATCHES.get(name, ()))


def _is_left_over(name: str) -> bool:
    """Tell whether the import of a module's package failed, so that the module is imported again with it."""
    while name := name.rpartition(".")[0]:
        if name not in sys.modules:
            return True
    return False
