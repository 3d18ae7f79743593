"""Every example in a docstring does what it says, and what users import first has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import lava_async

PRIVATE = ("__main__", ".bench", ".compat", ".neurobench")
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(lava_async.__path__, "lava_async.")
    if not any(part in found.name for part in PRIVATE)
)


@pytest.mark.lava
def test_the_examples_of_all_docstrings_do_what_they_say():
    failed: list[str] = []
    tried = 0
    for name in MODULES:
        module = importlib.import_module(name)
        found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE, report=False)
        failed += [name] * bool(found.failed)
        tried += found.attempted
    assert tried > 100
    assert not failed


def test_what_lava_async_offers_first_has_an_example():
    offered = {name: getattr(lava_async, name) for name in lava_async.__all__}
    wanted = {
        name: each
        for name, each in offered.items()
        if inspect.isfunction(each) or (inspect.isclass(each) and not issubclass(each, Exception))
    }
    assert not [name for name, each in wanted.items() if "Examples\n" not in (each.__doc__ or "")]


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
