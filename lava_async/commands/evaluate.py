"""``lava-async evaluate``: how well a network in a file does under schedules."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from lava_async.commands.base import Command, Report, table, whole
from lava_async.commands.inputs import add_data_options, load_data
from lava_async.commands.models import Named, add_model, add_schedule_options, load, order_of, with_bias_channel
from lava_async.complexity import complexity
from lava_async.engine.config import machine
from lava_async.errors import InvalidValue
from lava_async.execution import chosen
from lava_async.model_files import BIAS_CHANNEL
from lava_async.readout import READOUTS
from lava_async.stopping import MARGIN_AT, Margin

if TYPE_CHECKING:
    from lava_async.training import Evaluation

#: Heads of the columns of :func:`cells`.
COLUMNS = ["accuracy", "at first output", "spikes", "steps to first output", "synaptic operations"]
_WHOLE = "Footprint", "Effective_ACs", "Effective_MACs", "Dense"
TIMES = "nanoseconds_per_time_step", "nanoseconds_to_first_output"
DECISIONS = {
    "decided": "share_decided",
    "time steps": "time_steps_to_decision",
    "ns to decision": "nanoseconds_to_decision",
}
UNITS = "Spikes and synaptic operations are per sample, forward steps per time step."


def cells(found: Evaluation) -> list[str]:
    """Return the numbers of an evaluation as text."""
    return [
        f"{found.accuracy:.1%}",
        f"{found.accuracy_at_first_output:.1%}",
        f"{found.spikes_per_sample:.0f}",
        f"{found.steps_to_first_output:.2f}",
        f"{found.synaptic_operations:,.0f}",
    ]


def _arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    add_data_options(parser)
    parser.add_argument("--limit", type=whole(1), metavar="N", help="only the first N samples")
    add_schedule_options(parser, several=True)
    parser.add_argument(
        "--margin", type=whole(1), metavar="M", help="end a sample as soon as its best output leads by M spikes"
    )
    parser.add_argument(
        "--at", choices=MARGIN_AT, default="spike", help="--margin counts at a spike or a step (default: %(default)s)"
    )
    parser.add_argument("--seed", type=whole(0), metavar="N", help="seed of random schedules (default: as in the file)")
    parser.add_argument("--threads", type=whole(1), metavar="N", help="number of threads (default: one per core)")
    parser.add_argument(
        "--readout",
        choices=READOUTS,
        default=READOUTS[0],
        help="what decides the class: output spikes (default), or the voltages of outputs that never fire",
    )
    parser.add_argument(
        "--neurobench",
        action="store_true",
        help="the metrics of NeuroBench as well: footprint, sparsities, effective operations, and the time to decision",
    )


def _run(args: Namespace) -> Report:
    if args.margin is not None:
        if args.until is not None:
            raise InvalidValue("--margin", args.margin, "left out with --until, which may be Margin:margin=M")
        args.until = Named(Margin.__name__, {"margin": args.margin, "at": args.at})
    orders = [order_of(args, wanted) for wanted in args.schedule or ()]
    network, noted = load(args)
    how = chosen(network.execution)
    data = load_data(args, noted, args.limit)
    if noted.get(BIAS_CHANNEL):
        spikes = with_bias_channel(noted, data.dense())
        data = replace(data, spikes=spikes, shape=(1, 1, spikes.shape[1]))
    from lava_async.training.loop import evaluate  # imported last: torch takes seconds

    rows, table_rows = [], [["executed", *COLUMNS]]
    for order in orders or [how.schedule]:
        as_said: dict[str, Any] = {"execution": how.but(schedule=order), "threads": args.threads}
        found = evaluate(network, data, readout=args.readout, **as_said)
        row: dict[str, Any] = {"schedule": order.config(), **asdict(found)}
        if args.neurobench:
            row["neurobench"] = complexity(network, data, **as_said).as_neurobench()
        rows.append(row)
        table_rows.append([order.title, *cells(found)])
    if how.until.ends_samples:
        table_rows[0] += DECISIONS
        for cells_of, each in zip(table_rows[1:], rows, strict=True):
            cells_of += [_decided(each[name]) for name in DECISIONS.values()]
    if any(row["nanoseconds_per_time_step"] is not None for row in rows):
        table_rows[0] += [name.replace("_", " ") for name in TIMES]
        for cells_of, each in zip(table_rows[1:], rows, strict=True):
            cells_of += [_whole(each[name]) for name in TIMES]
    summary = {
        "model": str(args.model),
        "data": data.name,
        "samples": len(data),
        **{name: value for name, value in how.config().items() if name != "schedule"},
        "readout": args.readout,
        "machine": machine(),
        "rows": rows,
    }
    head = f"{args.model}, {len(data)} samples of {data.name}:"
    text = [head, table(table_rows), UNITS]
    if args.neurobench:
        text += ["", "As NeuroBench measures it; operations per sample:", table(_as_neurobench(table_rows, rows))]
    return Report("\n".join(text), summary, rows)


def _as_neurobench(table_rows: list[list[str]], rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return the metrics of NeuroBench as the cells of a table, each in the row of its execution."""
    found = [{**row["neurobench"], **row["neurobench"]["SynapticOperations"]} for row in rows]
    names = [name for name in found[0] if name != "SynapticOperations"]
    written = [[f"{each[name]:,.0f}" if name in _WHOLE else f"{each[name]:.4g}" for name in names] for each in found]
    return [["executed", *names], *([old[0], *cells_of] for old, cells_of in zip(table_rows[1:], written, strict=True))]


def _decided(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if value > 100 else f"{value:.2f}"


def _whole(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:,.0f}"


COMMAND = Command(
    "evaluate",
    "evaluate a network on a data set",
    "Run a .net or .nir file on data, in the arithmetic it was made for, under one or more schedules: accuracy,\n"
    "accuracy at the first output spike, spikes, forward steps and synaptic operations.",
    "  lava-async evaluate lava-async-demo/unlayered.net --data digits         as it was trained\n"
    "  lava-async evaluate lava-async-demo/layered.net --data digits --schedule layered random momentum\n"
    "  lava-async evaluate lava-async-demo/layered.net --data digits --schedule timed --margin 2\n"
    "  lava-async evaluate model.net --data mnist --folder mnist --limit 1000 --json\n"
    "  lava-async evaluate model.net --data my_data                            your own: see --data-help",
    _arguments,
    _run,
    rows="a row per schedule",
)
