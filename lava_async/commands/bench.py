"""``lava-async bench``: how fast things are, as ratios within one run."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from typing import Any

from lava_async.commands.base import Command, Report, table, whole

SUITES = ("forward", "training", "scaling", "lava", "start")
"""Files of `lava_async.bench`, which is in a checkout and in no wheel."""


class NoBenchmarks(RuntimeError):  # noqa: N818 (reads as what it says)
    """The benchmarks are not installed."""


def _arguments(parser: ArgumentParser) -> None:
    def add(flag: str, about: str, **options: Any) -> None:
        parser.add_argument(flag, help=f"{about} (default: %(default)s)", **options)

    add("--suite", "what to measure", choices=[*SUITES, "all"], default="forward")
    add("--repeats", "measured rounds", type=whole(1), default=7, metavar="N")
    add("--threads", "threads of every implementation", type=whole(1), default=1, metavar="N")


def _run(args: Namespace) -> Report:
    if find_spec("lava_async.bench") is None:
        raise NoBenchmarks("benchmarks are not installed: run 'make bench' in a checkout of the repository")
    os.environ["OMP_NUM_THREADS"] = str(args.threads)  # Before torch is imported.
    from lava_async.bench import cases, measure
    from lava_async.progress import ProgressBar

    measured: list[dict[str, Any]] = []
    for suite in SUITES if args.suite == "all" else [args.suite]:
        for case in cases(suite, args.threads):
            with ProgressBar(total=args.repeats + 1, desc=f"{case.name}, {args.repeats} rounds", leave=False) as bar:
                measured.append({"suite": suite, **measure(case, args.repeats, bar.update)})
    data = {"machine": _machine(), "threads": args.threads, "cases": measured}
    return Report(_text(data), data, _rows(measured))


def _machine() -> dict[str, Any]:
    import torch

    from lava_async.engine.config import processor, show_config

    return {"processor": processor(), "cores": os.cpu_count(), **show_config(), "torch": torch.__version__}


def _text(data: dict[str, Any]) -> str:
    machine = data["machine"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['instruction set']}; "
        f"threads used: {data['threads']}"
    ]
    for case in data["cases"]:
        lines += ["", f"{case['case']}: {case['work']}"]
        if case["activity"]:
            lines.append("per sample: " + ", ".join(f"{value:,.1f} {name}" for name, value in case["activity"].items()))
        rows = [["", "median", "fastest", "slowest", "ratio", "of fastest", "wanted", "memory"]]
        for result in case["results"]:
            times = [f"{1e3 * result[name]:,.3f} ms" for name in ("seconds", "fastest", "slowest")]
            wanted = f">= {result['target']:.3g}" if result["target"] else ""
            memory = "" if result["peak_bytes"] is None else f"{result['peak_bytes'] / 2**20:.1f} MB"
            ratios = [f"{result[name]:.2f}" for name in ("ratio", "ratio_of_fastest")]
            rows.append([result["contender"], *times, *ratios, wanted, memory])
        lines.append(table(rows))
        for figure in case["figures"]:
            wanted = f", wanted: <= {figure['most']:.3g}" if figure["most"] else ""
            lines.append(f"{figure['name']}: {figure['value']:.3g} {figure['unit']}".rstrip() + wanted)
        lines += [f"  {result['contender']}: {result['includes']}." for result in case["results"]]
    return "\n".join(lines)


def _rows(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("contender", "seconds", "fastest", "slowest", "ratio", "ratio_of_fastest", "target", "peak_bytes")
    return [
        {"suite": case["suite"], "case": case["case"], **{name: result[name] for name in names}}
        for case in measured
        for result in case["results"]
    ]


COMMAND = Command(
    "bench",
    "measure speed, as ratios within one run",
    "Measure speed as ratios within one run: implementations alternate, medians are compared, and every row says what\n"
    "its time includes and leaves out.",
    "  lava-async bench                       the engine against dense torch, slayer and stock netx\n"
    "  lava-async bench --suite all --json    everything, for programs\n"
    "  lava-async bench --threads 2 --csv     on two threads, as a table for a spreadsheet",
    _arguments,
    _run,
    rows="a row per implementation",
)
