"""``lava-async study``: networks trained in several ways and executed in several ways, over seeds."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lava_async.commands.base import Command, Report, add_formats, complete, table, whole
from lava_async.commands.inputs import add_data_help
from lava_async.errors import InvalidValue
from lava_async.experiments.cells import Cell, run_cell
from lava_async.experiments.study import StudyConfig, shipped
from lava_async.experiments.sweep import sweep
from lava_async.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Cells that are named where several failed for one reason.
NAMED = 3


def _arguments(parser: ArgumentParser) -> None:
    names = ", ".join(shipped())
    study = parser.add_argument(
        "study", metavar="CONFIG.toml", help=f"the study; or the name of one that is shipped: {names}"
    )
    complete(study, shipped)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where the files go; a study found there is resumed (default: ./lava-async-study/CONFIG)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="run cells on a Dask cluster, which sees the same DIR; "
        "it is trusted: anyone who can reach it can run code as you",
    )
    parser.add_argument(
        "--workers",
        type=whole(1),
        default=1,
        metavar="N",
        help="run cells in N processes of this machine (default: 1, this process)",
    )
    parser.add_argument(
        "--export",
        nargs=4,
        action="append",
        default=[],
        metavar=("SETTING", "TRAINING", "SEED", "FOLDER"),
        help="also write this network with its card into a folder; may be repeated",
    )
    add_formats(parser, ())
    parser.add_argument(
        "--report-only", action="store_true", help="run nothing; write the report of the results so far"
    )
    add_data_help(parser)


def _run(args: Namespace) -> Report:
    path = Path(args.study)
    if not path.exists() and path.parent == Path("."):
        path = shipped().get(path.name.removesuffix(".toml"), path)
    study = StudyConfig.load(path)
    out = (args.out or Path("lava-async-study") / path.stem).absolute()
    out.mkdir(parents=True, exist_ok=True)
    from lava_async.progress import ProgressBar

    failed: list[tuple[Cell, Exception]] = []
    cells = [] if args.report_only else [cell for cell in study.cells() if cell.missing(out)]
    with ProgressBar(
        total=len(study.cells()),
        initial=len(study.cells()) - len(cells),
        desc=f"{len(cells)} of {len(study.cells())} trainings to do",
        disable=not cells,
    ) as bar:

        def on_done(cell: Cell, error: Exception | None) -> None:
            bar.set_postfix_str(printable(cell.name if error is None else f"{cell.name} failed"), refresh=False)
            bar.update()

        work = partial(run_cell, out=out)
        for generation in sorted({cell.generation for cell in cells}):  # Trainings that go on with others come later.
            due = [cell for cell in cells if cell.generation == generation]
            failed += sweep(due, work, scheduler=args.scheduler, workers=args.workers, on_done=on_done)
    from lava_async.experiments.report import write_report

    rows = write_report(study, out, f"Study: {path.stem}", formats=args.format)
    _export(study, out, args.export)
    missing = [cell.name for cell in study.cells() if cell.missing(out)]
    data = {
        "study": study.plain(),
        "rows": rows,
        "cells": len(study.cells()),
        "failed": {cell.name: str(error) for cell, error in failed},
        "missing": missing,
    }
    return Report(_text(rows, data, out), data, rows, ok=not failed)


def _export(study: StudyConfig, out: Path, wanted: list[list[str]]) -> None:
    """Write the networks that are to be given away."""
    from lava_async.experiments.model_card import write_model

    cells = {(cell.setting, cell.training, str(cell.seed)): cell for cell in study.cells()}
    for setting, training, seed, folder in wanted:
        if (setting, training, seed) not in cells:
            raise InvalidValue("--export", f"{setting}, {training}, {seed}", "setting, training and seed of a network")
        write_model(cells[setting, training, seed], out, Path(folder))


def _text(rows: list[dict[str, Any]], data: Mapping[str, Any], out: Path) -> str:
    lines = [
        [
            "setting",
            "trained",
            "executed",
            "read out at",
            "seeds",
            "accuracy",
            "spikes",
            "steps to first output",
            "synaptic operations",
        ]
    ]
    for row in rows:
        lines.append(
            [
                row["setting"],
                row["training"],
                row["execution"],
                row["readout"],
                str(len(row["seeds"])),
                f"{row['accuracy']:.1%}",
                f"{row['spikes']:.0f}",
                f"{row['steps_to_first_output']:.2f}",
                f"{row['synaptic_operations']:,.0f}",
            ]
        )
    text = [table(lines)] if rows else []
    for error in dict.fromkeys(data["failed"].values()):  # One line for each, however many cells it ended.
        names = [name for name, each in data["failed"].items() if each == error]
        others = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        text.append(f"Failed, {len(names)} of {data['cells']}: {error} ({', '.join(names[:NAMED])}{others})")
    if data["missing"]:
        text.append(f"{len(data['missing'])} cells are not finished; the same command goes on with them.")
    pictures = ", pictures" if (out / "pictures").is_dir() else ""
    return "\n".join([*text, f"In {out}: report.html, results.csv, results.json, cells{pictures}"])


COMMAND = Command(
    "study",
    "train in several ways, execute in several ways, compare",
    "Run a study described by a TOML file: networks trained in several ways, each executed under several schedules\n"
    "and read out at several times, over seeds. A study that was interrupted, or even killed, resumes when it is\n"
    "started again; finished work is not repeated. Networks are evaluated on test samples unless the file says\n"
    "otherwise. The folder receives report.html, which opens from disk, results.csv and results.json.",
    "  lava-async study digits                                    a shipped study, some minutes\n"
    "  lava-async study my.toml --out studies/1 --workers 4       in four processes\n"
    "  lava-async study my.toml --scheduler tcp://host:8786       on a cluster",
    _arguments,
    _run,
    rows="a row per training, execution and read-out",
    goes_on="the same command goes on, and does nothing again that is finished",
)
