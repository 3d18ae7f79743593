"""``lava-async run``: a model on data, on a file of spikes or on random spikes, and what it did."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lava_async.commands.base import Command, Report, table, whole
from lava_async.commands.models import add_model, add_schedule_options, load, with_bias_channel
from lava_async.commands.spikes import add_spike_options, load_spikes
from lava_async.execution import chosen
from lava_async.model_files import BIAS_CHANNEL

if TYPE_CHECKING:
    from lava_async.engine import BatchResult
    from lava_async.network import Network

SHOWN = 20


def _arguments(parser: ArgumentParser) -> None:
    add_model(parser)
    add_spike_options(parser)
    parser.add_argument(
        "--samples", type=whole(1), default=10, metavar="N", help="number of samples (default: %(default)s)"
    )
    add_schedule_options(parser)
    parser.add_argument(
        "--seed",
        type=whole(0),
        metavar="N",
        help="seed of random schedules and random spikes (default: as in the file, else 0)",
    )
    parser.add_argument(
        "--cost", choices=("davies2018", "sanafe"), help="add energy and time on Loihi 1, at these prices"
    )


def _run(args: Namespace) -> Report:
    from lava_async.simulation import simulate_batch

    network, noted = load(args)
    how = chosen(network.execution)
    given = load_spikes(args, network.n_inputs - bool(noted.get(BIAS_CHANNEL)), noted, args.samples, how.seed)
    spikes = with_bias_channel(noted, given.spikes)
    result = simulate_batch(network, spikes, execution=how)
    order = how.schedule
    data = {
        "model": str(args.model),
        "input": given.name,
        "samples": len(given.spikes),
        **how.config(),
        "layers": _layers(network, result),
        "runs": _runs(result, given.labels),
    }
    parts = [f"{args.model} on {given.name}, {how.title}:", _layer_table(data["layers"]), _run_table(data["runs"])]
    if args.cost:
        from lava_async import hardware

        found = hardware.cost(
            network, result, args.cost, layered=order.layered, mapping=hardware.place(network, "loihi1")
        )
        data["cost"] = {
            "preset": args.cost,
            "source": found.preset.source,
            "not_published": found.not_published,
            "energy": {group: found.energy(group) / found.samples for group in hardware.GROUPS},
            "entries": {e.name: {"count": e.count, "energy": e.energy, "serial_time": e.time} for e in found.entries},
        }
        parts.append(f"Cost, {found.preset.source}:\n{table(found.rows())}")
    return Report("\n\n".join(parts), data, _spikes(result))


def _layers(network: Network, result: BatchResult) -> list[dict[str, Any]]:
    rows = []
    for layer, here in zip(network.layers, network.layer_slices, strict=True):
        counts = result.counts[:, here]
        rows.append(
            {
                "name": layer.name,
                "neurons": layer.size,
                "spikes_per_sample": counts.sum() / len(counts),
                "active": float((counts.sum(axis=2) > 0).mean()),
            }
        )
    return rows


def _runs(result: BatchResult, labels: NDArray[np.int64] | None) -> list[dict[str, Any]]:
    outputs = result.output.sum(axis=2)
    return [
        {
            "sample": b,
            "label": None if labels is None else int(labels[b]),
            "class": int(np.argmax(outputs[b])),
            "output": outputs[b].tolist(),
            "spikes": int(result.counts[b].sum()),
            "forward_steps": int(result.forward_steps[b].sum()),
            "synaptic_operations": int(result.synaptic_operations[b]),
            "neuron_updates": int(result.neuron_updates[b]),
            "dropped": int(result.dropped[b]),
            **({} if result.step_ps is None else {"microseconds": float(result.step_ps[b].sum()) / 1e6}),
        }
        for b in range(len(outputs))
    ]


def _layer_table(layers: list[dict[str, Any]]) -> str:
    rows = [["layer", "neurons", "spikes per sample", "neurons that fire"]]
    for i, layer in enumerate(layers):
        spikes, active = f"{layer['spikes_per_sample']:,.1f}", f"{layer['active']:.1%}"
        rows.append([layer["name"] or f"layer {i}", f"{layer['neurons']:,}", spikes, active])
    return table(rows)


def _run_table(runs: list[dict[str, Any]]) -> str:
    timed = ["time / us"] if runs and "microseconds" in runs[0] else []
    rows = [["sample", "label", "class", "spikes", "forward steps", "synaptic operations", *timed, "output spikes"]]
    for run in runs[:SHOWN]:
        label = "-" if run["label"] is None else str(run["label"])
        numbers = [f"{run[name]:,}" for name in ("spikes", "forward_steps", "synaptic_operations")]
        numbers += [f"{run['microseconds']:,.1f}"] if timed else []
        rows.append([str(run["sample"]), label, str(run["class"]), *numbers, _list(run["output"])])
    more = f"\n... and {len(runs) - SHOWN} samples more (--json shows all)" if len(runs) > SHOWN else ""
    return table(rows) + more


def _list(values: list[int]) -> str:
    return " ".join(map(str, values[:SHOWN])) + (" ..." if len(values) > SHOWN else "")


def _spikes(result: BatchResult) -> Iterator[dict[str, int]]:
    """Yield every spike count that is not 0."""
    for b, counts in enumerate(result.counts):
        for step, neuron in np.argwhere(counts.T).tolist():
            yield {"sample": b, "step": step, "neuron": neuron, "count": int(counts[neuron, step])}


COMMAND: Command = Command(
    "run",
    "run a model on data or random spikes and show what it did",
    "Run a model, in the arithmetic it was made for, and show per layer and per sample what happened: spikes, output\n"
    "counts, forward steps, synaptic operations; on request the cost on Loihi 1.",
    "  lava-async run model.net                                   ten digits, as it was trained\n"
    "  lava-async run model.net --schedule momentum --cost davies2018\n"
    "  lava-async run model.net --random 0.05 --steps 50 --csv > spikes.csv\n"
    "  lava-async run model.nir --spikes mine.npy --json",
    _arguments,
    _run,
    rows="a row per spike: sample, step, neuron, count",
)
