"""Every public name has an example, and every example in a docstring does what it says."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import lava_async

PRIVATE = ("__main__", ".bench", ".compat", ".neurobench")
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(lava_async.__path__, "lava_async.")
    if not any(part in found.name for part in PRIVATE)
)


#: Public names without an example, by what their full names begin with, and why.
WITHOUT = {
    "lava_async.commands.": "parts of the command line, whose examples are those of --help (test_help_examples.py)",
    "lava_async.compat.": "patches of Lava, applied when it is imported: nothing to call",
    "lava_async.netx.convert.": "parts of netx.load and netx.save, which have examples",
    "lava_async.netx.layers.": "found by name in LAYER_TYPES, which has an example, as has their base class",
    "lava_async.netx.meta.execution": "deprecated",
    "lava_async.netx.neurons.layer_params": "takes what only netx.save makes",
    "lava_async.netx.neurons.input_params": "takes what only netx.save makes",
    "lava_async.training.gradient.GradientEngine": "a protocol; UnlayeredNetwork has the examples",
}


@pytest.mark.lava
def test_the_examples_of_all_docstrings_do_what_they_say(tmp_path, monkeypatch):
    """Each module runs in a folder of its own, since examples write files."""
    failed: list[str] = []
    tried = 0
    for name in MODULES:
        module = importlib.import_module(name)
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE, report=False)
        failed += [name] * bool(found.failed)
        tried += found.attempted
    assert tried > 1400
    assert not failed


def on_the_pages():
    """Yield (module, name) of what the pages of docs/api show."""
    for page in sorted((Path(__file__).parents[1] / "docs" / "api").glob("*.md")):
        text = page.read_text()
        for module, names in re.findall(r"^\.\. automodule:: (\S+)\n   :members:(.*)$", text, re.MULTILINE):
            home = importlib.import_module(module)
            shown = names.split(", ") if names else [n for n, each in vars(home).items() if is_of(home, n, each)]
            yield from ((home, name.strip()) for name in shown)
        for path in re.findall(r"^\.\. auto(?:function|class):: (\S+)$", text, re.MULTILINE):
            module, _, name = path.rpartition(".")
            yield importlib.import_module(module), name


def is_of(module, name, each):
    return not name.startswith("_") and getattr(each, "__module__", "") == module.__name__


def public():
    """Return the functions and classes that are public, besides errors, by full name."""
    listed = [
        (module, name) for module in map(importlib.import_module, MODULES) for name in vars(module).get("__all__", ())
    ]
    found = {}
    for module, name in [*listed, *on_the_pages(), *((lava_async, name) for name in lava_async.__all__)]:
        each = getattr(module, name)
        if inspect.isfunction(each) or (inspect.isclass(each) and not issubclass(each, BaseException)):
            found[f"{each.__module__}.{each.__qualname__}"] = each
    return found


@pytest.mark.lava
def test_every_public_name_has_an_example():
    found = public()
    assert len(found) > 300
    wanted = {name: each for name, each in found.items() if not name.startswith(tuple(WITHOUT))}
    assert not [name for name, each in wanted.items() if "Examples\n" not in (each.__doc__ or "")]
    assert all(any(name.startswith(each) for name in found) for each in WITHOUT)


def raises(function):
    """Tell whether a function raises an error itself."""
    return inspect.isfunction(function) and "raise " in inspect.getsource(function)


@pytest.mark.lava
def test_functions_of_modules_that_list_what_is_public_say_what_they_raise():
    silent = []
    for name in MODULES:
        if ".commands" in name:
            continue
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            each = getattr(module, public)
            if raises(each) and "Raises\n" not in (each.__doc__ or ""):
                silent.append(f"{each.__module__}.{public}")
    assert not silent
