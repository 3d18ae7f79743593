"""``lava-async view``: one sample under several schedules, as a page for browsers."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lava_async.commands.base import Command, Report, output, table, whole
from lava_async.commands.models import add_model, add_schedule_options, load, order_of, with_bias_channel
from lava_async.commands.spikes import add_spike_options, load_spikes
from lava_async.errors import InvalidValue
from lava_async.execution import Execution, chosen
from lava_async.model_files import BIAS_CHANNEL
from lava_async.schedules import Layered, Momentum

if TYPE_CHECKING:
    from lava_async.engine import Result

#: Larger networks are not drawn neuron by neuron.
MOST_NEURONS = 5000


def _arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    add_spike_options(parser)
    parser.add_argument(
        "--sample", type=whole(0), default=0, metavar="N", help="number of the sample (default: %(default)s)"
    )
    parser.add_argument(
        "--out",
        type=output(".html", ".htm"),
        default=Path("view.html"),
        metavar="FILE.html",
        help="where to write the page (default: %(default)s)",
    )
    parser.add_argument("--first", type=whole(0), default=0, metavar="T", help="first time step that is shown")
    parser.add_argument("--last", type=whole(0), metavar="T", help="last time step that is shown (default: all)")
    add_schedule_options(parser, several=True)
    parser.add_argument(
        "--seed",
        type=whole(0),
        metavar="N",
        help="seed of random schedules and random spikes (default: as in the file, else 0)",
    )


def _run(args: Namespace) -> Report:
    from lava_async.plots import sample_html  # without the extra it says which one is missing
    from lava_async.simulation import simulate

    orders = [order_of(args, wanted) for wanted in args.schedule or ()]
    network, noted = load(args)
    if network.n_inputs + network.n_neurons > MOST_NEURONS:
        size = f"{network.n_inputs + network.n_neurons:,} channels and neurons"
        raise InvalidValue(str(args.model), size, f"at most {MOST_NEURONS:,} to be drawn one by one")
    how = chosen(network.execution)
    given = load_spikes(args, network.n_inputs - bool(noted.get(BIAS_CHANNEL)), noted, args.sample + 1, how.seed)
    if args.sample >= len(given.spikes):
        raise InvalidValue("--sample", args.sample, f"less than {len(given.spikes)}, the samples of {given.name}")
    spikes = with_bias_channel(noted, given.spikes[args.sample : args.sample + 1])[0]
    steps = range(args.first, spikes.shape[1] if args.last is None else args.last + 1)
    if not 0 <= args.first < steps.stop <= spikes.shape[1]:
        raise InvalidValue("--first .. --last", f"{args.first} .. {steps.stop - 1}", f"in 0 .. {spikes.shape[1] - 1}")
    runs: dict[str, Result] = {}
    for each in _executions(how, orders):
        if each.schedule.title in runs:
            raise InvalidValue("--schedule", each.schedule.title, "given once: each run needs a heading of its own")
        runs[each.schedule.title] = simulate(network, spikes, sample=args.sample, execution=each, record="trace")
    label = None if given.labels is None else int(given.labels[args.sample])
    head = f"{args.model}, sample {args.sample} of {given.name}" + ("" if label is None else f", class {label}")
    page = sample_html(network, runs, spikes, steps=steps, title=head)

    from lava_async.files import replacing

    with replacing(args.out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    rows = [_row(name, run) for name, run in runs.items()]
    cells = [[name if name != "forward_steps" else "forward steps" for name in rows[0]]]
    cells += [[str(value) for value in row.values()] for row in rows]
    text = f"{head}:\n\n{table(cells)}\n\nWritten to {args.out} ({len(page) / 1e6:.1f} MB); open it in a browser."
    data = {"model": str(args.model), "input": given.name, "sample": args.sample, "label": label}
    return Report(text, {**data, "file": str(args.out), "steps": [steps.start, steps.stop - 1], "runs": rows}, rows)


def _executions(how: Execution, orders: list[Any]) -> list[Execution]:
    """Return the executions that are shown: as said, else layered beside the one of the file, else beside momentum."""
    if not orders:
        orders = [Layered(), Momentum(8) if how.schedule.layered else how.schedule]
    return [how.but(schedule=order) for order in orders]


def _row(name: str, run: Result) -> dict[str, Any]:
    return {
        "executed": name,
        "class": int(np.argmax(run.output.sum(axis=1))),
        "spikes": int(run.counts.sum()),
        "forward_steps": int(run.forward_steps.sum()),
        "dropped": run.dropped,
    }


COMMAND: Command = Command(
    "view",
    "write a page that shows one sample under several schedules, side by side",
    "Run one sample under one or more schedules and write a page for browsers in which you step through the forward\n"
    "steps: which spikes are delivered, which wait in the queue, and the voltage and threshold of each neuron.\n"
    "One file that loads nothing, smaller than 2 MB.",
    "  lava-async view digits_robust                                  layered beside the file's own execution\n"
    "  lava-async view model.net --data digits --sample 3 --schedule layered momentum --group-size 1\n"
    "  lava-async view model.net --random 0.05 --steps 5 --out page.html\n"
    "  lava-async view model.net --data shd --first 10 --last 19      only these time steps",
    _arguments,
    _run,
    rows="a row per schedule",
)
