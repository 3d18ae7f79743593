"""``lava-async demo``: the main job."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from lava_async.commands.base import Command, Report, add_formats, table, whole
from lava_async.commands.evaluate import COLUMNS, UNITS, cells

if TYPE_CHECKING:
    from lava_async.experiments.demo import Demo


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="seed of all random draws (default: 0)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("lava-async-demo"),
        metavar="FOLDER",
        help="where to write; files of the same names are replaced (default: %(default)s)",
    )
    add_formats(parser)
    parser.add_argument("--fast", action="store_true", help="smaller and shorter: checks that everything works")


def _run(args: Namespace) -> Report:
    from lava_async.progress import ProgressBar

    with ProgressBar(total=1.0, desc="load torch and Lava") as bar:

        def progress(what: str, share: float) -> None:
            bar.set_description_str(what, refresh=False)
            bar.update(min(share, bar.total - bar.n))
            bar.refresh()

        progress("load torch and Lava", 0)
        from lava_async.experiments.demo import DemoConfig, run_demo

        config = DemoConfig(seed=args.seed)
        demo = run_demo(config.fast() if args.fast else config, args.out, progress, formats=args.format)
        progress("done", 1.0)
    return Report(_text(demo, fast=args.fast), demo.data(), demo.data()["rows"], demo.exact)


def _text(demo: Demo, *, fast: bool) -> str:
    rows = [["trained", "executed", *COLUMNS]]
    for row in demo.rows:
        executed = row.executed + (f", F = {demo.config.group_size}" if row.executed != "layered" else "")
        rows.append([row.trained, executed, *cells(row.evaluation)])
    lines = [table(rows), UNITS, ""]
    for name, x in demo.exactness.items():
        line = f"{name}.net in Lava: {x.equal} of {x.samples} samples with the spikes of training ({x.spikes:,} spikes)"
        differing = ", ".join(f"{station} {n}" for station, n in x.differing.items() if n)
        lines.append(line + (f"; samples that differ from training: {differing}" if differing else ""))
    if fast:
        lines.append("The fast demo: a small network, little training, few samples. Its accuracies mean little.")
    folder = demo.files["results"].parent
    lines.append(f"Written to {folder}: " + ", ".join(path.name for path in demo.files.values()))
    return "\n".join([*lines, "", *_go_on(folder, demo.files["picture"])])


def _go_on(folder: Path, picture: Path) -> list[str]:
    """Return what to try next, and first how the command is found where it is not on PATH."""
    bin_folder = Path(sys.prefix) / "bin"
    found = shutil.which("lava-async")
    activate = bin_folder / "activate"
    steps = []
    if activate.is_file() and (found is None or Path(found).parent != bin_folder):
        steps = [f"  . {shlex.quote(os.path.relpath(activate))}"]
    return [
        f"The picture is {picture}. To go on:",
        *steps,
        f"  lava-async inspect {shlex.quote(str(folder / 'unlayered.net'))}",
        "  lava-async models",
        "  lava-async data example my_data",
    ]


COMMAND = Command(
    "demo",
    "train, evaluate, export and run in Lava: the main job",
    "Train a network on handwritten digits twice, with layer synchronization and without (unlayered backpropagation,\n"
    "random schedule), evaluate both under layered, random and momentum execution, export both to .net files, run\n"
    "these in Lava in fixed point, and compare every spike with training. Takes one to three minutes.",
    "  lava-async demo                        everything; results go to ./lava-async-demo\n"
    "  lava-async demo --fast --out try       a quick look\n"
    "  lava-async demo --seed 1 --json        other random numbers, results for programs",
    _arguments,
    _run,
    rows="a row per training and execution",
)
