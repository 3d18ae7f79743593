"""``lava-async models``: the trained networks that come with the package."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from lava_async import models
from lava_async.commands.base import Command, Report, complete, table


def _arguments(parser: ArgumentParser) -> None:
    name = parser.add_argument("name", nargs="?", metavar="NAME", help="show the model card of this one")
    complete(name, models.names)


def _run(args: Namespace) -> Report:
    if args.name is not None:
        about = models.about(args.name)
        return Report(f"{about.card}\nFile: {about.path}", _plain(about), [_plain(about)])
    found = [models.about(name) for name in models.names()]
    rows = [["model", "accuracy", "trained to run", "layers", "size"]]
    for each in found:
        sizes = "-".join(map(str, each.sizes))
        rows.append([each.name, f"{each.accuracy:.1%}", _schedule(each), sizes, f"{each.n_bytes / 1e3:.0f} kB"])
    lines = [
        table(rows),
        "",
        "Accuracy on test samples, executed as it was trained to run. Commands take a",
        "name wherever they take a file; lava-async models NAME shows all about one.",
    ]
    plain = [_plain(each) for each in found]
    return Report("\n".join(lines), plain, plain)


def _schedule(about: models.About) -> str:
    return about.schedule.title


def _plain(about: models.About) -> dict[str, object]:
    return {
        "name": about.name,
        "data": about.data,
        "sizes": list(about.sizes),
        "schedule": about.schedule.config(),
        "until": about.until.config(),
        "accuracy": about.accuracy,
        "samples": about.samples,
        "bytes": about.n_bytes,
        "path": str(about.path),
    }


COMMAND = Command(
    "models",
    "list the trained networks that come with the package",
    "List the trained networks: accuracy on test samples, the schedule that each was trained to run by, its layers,\n"
    "and the size of its file. With a name: its model card.",
    "  lava-async models\n"
    "  lava-async models digits_robust              data, training, results, limits\n"
    "  lava-async evaluate digits_robust --data digits --schedule layered random",
    _arguments,
    _run,
    rows="a row per model",
)
