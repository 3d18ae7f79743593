"""Hypothesis profiles, and what tests share.

Profile `ci`, the default, derives its examples from the tests themselves: a test passes always or never, here and in
continuous integration, whatever the machine and the order. ``HYPOTHESIS_PROFILE=thorough`` draws thousands of new ones
and prints how to draw those that fail again. Profile `sanitize` has few examples, since a core whose every access is
checked is many times as slow (``make sanitize``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Before numpy and torch start: tests share few cores, and results must not hang on how many.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from browser import Browser
from hypothesis import HealthCheck, settings

import lava_async  # noqa: F401 (before any test imports Lava)

# Tests share few cores, so time says nothing about an example.
common: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=60, derandomize=True, **common)
settings.register_profile("sanitize", max_examples=12, derandomize=True, **common)
settings.register_profile("thorough", max_examples=3000, derandomize=False, print_blob=True, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


#: Packages of extras: where one is not installed, the tests that import it are skipped, in whatever file they are.
OPTIONAL = {"lava", "matplotlib", "sklearn", "torch"}


def missing_package(error: BaseException | None) -> str | None:
    """Return the optional package that an import failed for, if it is not installed here."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    return name if name in OPTIONAL and find_spec(name) is None else None


class Module(pytest.Module):
    """A file of tests, skipped as a whole if it cannot be imported without an optional package."""

    def _getobj(self) -> Any:
        try:
            return super()._getobj()
        except self.CollectError as error:
            if name := missing_package(error.__cause__):
                pytest.skip(f"{name} is not installed", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    """Collect files of tests as above."""
    return Module.from_parent(parent, path=module_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that imports an optional package which is not installed."""
    try:
        yield
    except ImportError as error:
        if name := missing_package(error):
            pytest.skip(f"{name} is not installed")
        raise


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, once for all tests of pages; they are skipped where there is none."""
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built once, without network."""
    pytest.importorskip("sphinx", reason="no Sphinx here (the group `docs`)")
    folder = tmp_path_factory.mktemp("site")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    options = ["-W", "--keep-going", "-q", "-d", str(tmp_path_factory.mktemp("read"))]
    command = [sys.executable, "-m", "sphinx", *options, "docs", str(folder)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=280, env=os.environ | nowhere
    )
    assert done.returncode == 0, done.stderr
    return folder
