"""``lava-async calibrate``: thresholds of a trained network, chosen for the order in which it will run."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any

from lava_async.commands.base import Command, Report, output, table, whole
from lava_async.commands.inputs import add_data_options, load_data
from lava_async.commands.models import add_model, add_schedule_options, load
from lava_async.errors import InvalidValue
from lava_async.execution import Fields, chosen
from lava_async.model_files import BIAS_CHANNEL
from lava_async.schedules import Timed
from lava_async.stopping import MARGIN_AT, Margin

if TYPE_CHECKING:
    from lava_async.calibration import Calibration, Point

GOALS = ("accuracy", "first output", "operations", "nanoseconds")
SEARCHES = ("quick", "layers")


def _accuracy(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text!r} must be an accuracy between 0 and 1")
    return value


def _arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument(
        "--out", type=output(".net", ".h5", ".hdf5"), metavar="FILE.net", required=True, help="where to write it"
    )
    add_data_options(parser)
    parser.set_defaults(split="validation")
    parser.add_argument(
        "--samples", type=whole(1), default=2000, metavar="N", help="use the first N samples (default: %(default)s)"
    )
    add_schedule_options(parser, default=Timed.name)
    parser.add_argument(
        "--objective",
        choices=GOALS,
        default="accuracy",
        help="accuracy at the end or at the first output spike, or the cost of decisions (default: %(default)s)",
    )
    parser.add_argument(
        "--margin", type=whole(1), metavar="M", help="end samples as soon as their best output leads by M spikes"
    )
    parser.add_argument(
        "--at", choices=MARGIN_AT, default="spike", help="--margin counts at a spike or a step (default: %(default)s)"
    )
    parser.add_argument(
        "--at-least",
        type=_accuracy,
        metavar="ACCURACY",
        help="operations and nanoseconds: the lowest accuracy allowed, 0 .. 1",
    )
    parser.add_argument(
        "--search",
        choices=SEARCHES,
        default="quick",
        help="quick: one factor for hidden layers, one for outputs; layers: one per layer (default: %(default)s)",
    )
    parser.add_argument("--seed", type=whole(0), metavar="N", help="seed of random schedules (default: as in the file)")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="number of threads (default: one per core)")
    parser.add_argument(
        "--picture", type=output(".png", ".svg", ".pdf"), metavar="FILE", help="plot accuracy against the factors"
    )


def _run(args: Namespace) -> Report:
    from lava_async import netx
    from lava_async.calibration import calibrate, objective_of

    network, noted = load(args)
    if noted.get(BIAS_CHANNEL):
        raise InvalidValue(f"{args.model}", "with a bias channel", "a network whose biases are parameters")
    if args.margin is not None and args.objective == "first output":
        raise InvalidValue("--margin", args.margin, "left out with --objective 'first output'")
    until = None if args.margin is None else Margin(args.margin, args.at)
    objective = objective_of(args.objective, until=until, at_least=args.at_least)
    found = calibrate(
        network,
        load_data(args, noted, args.samples),
        chosen(None, network.execution),
        objective=objective,
        search=args.search,
        samples=args.samples,
        threads=args.threads,
        progress=True,
    )
    kept = {name: value for name, value in noted.items() if name not in Fields.__annotations__}
    netx.save(found.network, args.out, **{**kept, "calibration": found.notes()})
    if args.picture is not None:
        _draw(found, args)
    data = _data(found)
    return Report(_text(found, args), {"model": str(args.model), "out": str(args.out), **data}, data["tried"])


def _draw(found: Calibration, args: Namespace) -> None:
    from lava_async.plots import calibration_curve  # without the extra it says which one is missing
    from lava_async.plots.style import save_figure

    from matplotlib.figure import Figure  # isort: skip

    figure = Figure(figsize=(5.0, 3.2), layout="constrained")
    calibration_curve(figure.add_subplot(), found.curves()).set_title(f"{args.model.stem}, {args.schedule.name}")
    save_figure(figure, args.picture, dpi=150)


def _data(found: Calibration) -> dict[str, Any]:
    return {**found.notes(), "groups": found.groups, "tried": [point.numbers() for point in found.tried]}


def _text(found: Calibration, args: Namespace) -> str:
    head = [*found.groups, "accuracy", "at first output", "spikes", "operations to decision"]
    timed = found.before.nanoseconds is not None
    rows = [[*head, "ns to decision"] if timed else head]
    rows += [_cells(found, point, timed) for point in found.tried]
    best = f"{args.out}: thresholds times {', '.join(f'{factor:.3g}' for factor in found.factors)}, layer by layer."
    return "\n".join(
        [
            f"{args.model}, {found.samples} {args.split} samples, {args.schedule.name}; "
            f"wanted: {found.objective.title}",
            table(rows),
            f"Before: {_words(found.before)}.",
            f"After:  {_words(found.after)}.",
            best,
        ]
    )


def _cells(found: Calibration, point: Point, timed: bool) -> list[str]:
    factors = [f"{point.factors[layers[0]]:.3g}" for layers in found.groups.values()]
    cells = [f"{point.accuracy:.2%}", f"{point.at_first_output:.2%}", f"{point.spikes:.0f}", f"{point.operations:,.0f}"]
    return [*factors, *cells, *([f"{point.nanoseconds:,.0f}"] if timed else [])]


def _words(point: Point) -> str:
    return f"{point.accuracy:.2%}, {point.at_first_output:.2%} at first output, {point.spikes:.0f} spikes"


COMMAND: Command = Command(
    "calibrate",
    "choose thresholds of a trained network for the order in which it will run",
    "Choose factors for the thresholds of a trained network on validation samples, for the timing of a chip or for\n"
    "another schedule, and write the network with a record of the calibration. Nothing is trained. Integers of\n"
    "Loihi stay integers, and stock netx reads the file.",
    "  lava-async calibrate model.net --data digits --out calibrated.net\n"
    '  lava-async calibrate model.net --data digits --out calibrated.net --objective "first output"\n'
    "  lava-async calibrate model.net --data digits --out calibrated.net --objective operations --at-least 0.9\n"
    "  lava-async calibrate model.net --data mnist --out calibrated.net --search layers --picture factors.png",
    _arguments,
    _run,
    rows="a row per choice of factors that was tried",
)
