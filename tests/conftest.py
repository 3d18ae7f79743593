"""Hypothesis profiles, and kernels that are compiled before workers share the tests.

Profile `ci`, the default, derives its examples from the tests themselves: a test passes always or never, here and in
continuous integration, whatever the machine and the order. ``HYPOTHESIS_PROFILE=thorough`` draws thousands of new ones
and prints how to draw those that fail again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before numpy and torch start: tests share few cores, and results must not hang on how many.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from browser import Browser
from hypothesis import HealthCheck, settings

import lava_async  # noqa: F401 (before any test imports Lava)

# An example may wait for a kernel to compile, so time says nothing about it.
common: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=60, derandomize=True, **common)
settings.register_profile("thorough", max_examples=3000, derandomize=False, print_blob=True, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, once for all tests of pages; they are skipped where there is none."""
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile, before workers start, what else each of them would compile: a minute of a core for each kernel."""
    workers = getattr(session.config.option, "numprocesses", None)
    if workers and not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        script = str(Path(__file__).with_name("warm_up.py"))
        both = [subprocess.Popen([sys.executable, script, kind]) for kind in ("float", "fixed")]
        codes = [process.wait() for process in both]
        if any(codes):
            raise pytest.UsageError(f"{script} failed")
