"""Hypothesis profiles, and what tests share.

Profile `ci`, the default, derives its examples from the tests themselves: a test passes always or never, here and in
continuous integration, whatever the machine and the order. ``HYPOTHESIS_PROFILE=thorough`` draws thousands of new ones
and prints how to draw those that fail again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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
settings.register_profile("thorough", max_examples=3000, derandomize=False, print_blob=True, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, once for all tests of pages; they are skipped where there is none."""
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()
