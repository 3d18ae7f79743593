"""Hypothesis profiles: `ci` draws the same examples every time; HYPOTHESIS_PROFILE=thorough looks for new ones."""

from __future__ import annotations

import os

# Before numpy and torch start: tests share few cores, and results must not hang on how many.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

# An example may wait for a kernel to compile, so time says nothing about it.
common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=60, derandomize=True, **common)
settings.register_profile("thorough", max_examples=3000, print_blob=True, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
