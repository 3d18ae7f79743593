"""``lava-async inspect``: what is in a file of a network, and whether it fits on Loihi."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lava_async.chips.targets import TARGETS
from lava_async.commands.base import Command, Report, output, table, whole
from lava_async.commands.models import Named, add_mapping_options, add_model, nir_options, order_of
from lava_async.hardware import check, core_rows, hop_rows
from lava_async.hardware.machine import mapping_of
from lava_async.schedules import Timed

if TYPE_CHECKING:
    from lava_async.experiments.inspection import Inspection
    from lava_async.hardware.summary import Histogram

#: Longest bar of the histogram, and longest note of a file, in characters.
BAR, NOTE = 44, 100


def _arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--target", choices=TARGETS, help="only this chip; exit code 1 if the network does not fit")
    add_mapping_options(parser)
    parser.add_argument("--cores", action="store_true", help="Loihi 1: also show every core and the routes of messages")
    parser.add_argument(
        "--html", type=output(".html", ".htm"), metavar="FILE.html", help="write a report for browsers, too"
    )
    parser.add_argument(
        "--largest-input",
        type=whole(0),
        default=1,
        metavar="N",
        help="largest payload of an input spike (default: %(default)s)",
    )


def _run(args: Namespace) -> Report:
    from lava_async.experiments.inspection import Inspection, limit_rows, verdict

    targets = [args.target] if args.target else list(TARGETS)
    found = Inspection.load(args.model, targets, largest_input=args.largest_input, **nir_options(args))
    parts = [
        f"{found.name}: {found.headline}",
        table(found.layer_rows()),
        "Weights:\n" + _bars(found.weights),
        "Neurons (least .. largest):\n" + table(found.neuron_rows()),
    ]
    if found.network.execution is not None:
        parts.append(f"Runs by default: {found.network.execution.title}.")
    if found.metadata:
        notes = [f"  {name}: {_short(str(value))}" for name, value in found.metadata.items()]
        parts.append("\n".join(["Noted in the file:", *notes]))
    for fit in found.fits:
        parts.append(f"{fit.mapping.target.title}:\n{table(limit_rows(fit, brief=True))}\n{verdict(fit)}")
    plain = found.plain()
    if args.cores or args.mapping or args.neurons_per_core or args.tiles:
        mapping = mapping_of(cast(Timed, order_of(args, Named(Timed.name, {}))), found.network)
        fit = check(found.network, mapping=mapping, largest_input=args.largest_input)
        cores, hops = core_rows(mapping), hop_rows(found.network, mapping)
        parts += [f"This mapping {fit.verdict}", table(cores)]
        parts.append("Messages that one spike of each neuron makes:\n" + table(hops))
        plain["mapping"] = {"verdict": fit.verdict, "core_of": mapping.core_of.tolist(), "cores": cores, "hops": hops}
    if args.html is not None:
        _write(args.html, found)
        parts.append(f"Written to {args.html}")
    return Report("\n\n".join(parts), plain, _rows(found), ok=not args.target or found.fits[0].ok)


def _rows(found: Inspection) -> list[dict[str, object]]:
    """Return a row for what leads into a layer from each of its sources."""
    return [
        {"layer": layer.name, "shape": layer.shape, "neurons": layer.neurons, **asdict(source)}
        for layer in found.layers
        for source in layer.incoming
    ]


def _write(file: Path, found: Inspection) -> None:
    from lava_async.experiments.inspection_page import inspection_html
    from lava_async.files import replacing

    with replacing(file) as temporary:
        temporary.write_text(inspection_html(found), encoding="utf-8")


def _short(text: str) -> str:
    return text if len(text) <= NOTE else text[: NOTE - 3] + "..."


def _bars(weights: Histogram) -> str:
    most = max(int(weights.counts.max(initial=0)), 1)
    rows = []
    for low, high, count in zip(weights.edges[:-1], weights.edges[1:], weights.counts.tolist(), strict=True):
        bar = "#" * -(-count * BAR // most)
        rows.append(f"{low:>9.4g} .. {high - weights.whole:<9.4g} {count:>10,}  {bar}".rstrip())
    return "\n".join(rows)


COMMAND: Command = Command(
    "inspect",
    "show what is in a .net or .nir file and whether it fits on Loihi",
    "Show the layers, weights, neurons and metadata of a file, the cores that it needs on Loihi 1 and Loihi 2 by\n"
    "a simple mapping, and every limit of the chips: what fits, what does not, what to change.",
    "  lava-async inspect lava-async-demo/unlayered.net\n"
    "  lava-async inspect model.net --target loihi1        exit code 1 if it does not fit\n"
    "  lava-async inspect model.net --html model.html      a report for browsers, with one time step to step through\n"
    "  lava-async inspect model.net --json",
    _arguments,
    _run,
    rows="a row per layer and source",
)
