"""What a fresh process waits for: the import, and the first run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory

import numpy as np

from lava_async.bench import Case, Contender, Figure

#: Seconds that the import, and after it the first run, shall take at most.
IMPORT_SECONDS, FIRST_RUN_SECONDS = 0.25, 0.05

IMPORT = "import lava_async"
FIRST_RUN = """
net = lava_async.Network.feedforward([[[0.6, 0.6]], [[0.8]]], lava_async.CubaParams(1.0, 0.1, 0.5))
lava_async.simulate(net, [[1, 0, 1], [0, 1, 1]], schedule=lava_async.Random(2))
"""
CLOCK = """
import time
begun = time.perf_counter()
{}
imported = time.perf_counter()
{}
print(imported - begun, time.perf_counter() - imported)
"""
#: Fresh processes that tell their own times; medians are taken.
PROCESSES = 5


def cases(threads: int) -> Iterator[Case]:
    """Make the case; every process runs on one thread."""
    programs = {
        "import lava_async": IMPORT,
        "import and first simulate": IMPORT + FIRST_RUN,
        "import numpy": "import numpy",
        "nothing": "pass",
    }
    # Python compiles each file once, as installers do, even where the environment forbids it to keep what it compiled.
    cache = TemporaryDirectory(prefix="lava_async_bench_")
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache.name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    contenders = [
        Contender(
            name, partial(_output, environment, program), "a fresh Python from its start to its end", in_process=False
        )
        for name, program in programs.items()
    ]
    work = "warm file system, compiled Python files. The figures are by the clock inside the process"
    figures = partial(_by_its_own_clock, environment)
    yield Case("a fresh process", work, contenders, figures=figures, close=cache.cleanup)


def _by_its_own_clock(environment: dict[str, str], seconds: dict[str, float]) -> list[Figure]:
    told = [_output(environment, CLOCK.format(IMPORT, FIRST_RUN)).split() for _ in range(PROCESSES)]
    importing, running = np.median(np.array(told, float), axis=0).tolist()
    return [
        Figure("import lava_async", importing, "s", IMPORT_SECONDS),
        Figure("first simulate", running, "s", FIRST_RUN_SECONDS),
    ]


def _output(environment: dict[str, str], program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
