"""``lava-async inspect``: what stands in a .net file, and whether it fits on Loihi."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lava_async.commands import Command, Report, table, whole
from lava_async.hardware.limits import Fit, check
from lava_async.hardware.summary import Histogram, LayerSummary, histogram, summarize
from lava_async.hardware.targets import TARGETS
from lava_async.network import Network
from lava_async.schedules import Momentum, schedule

BAR = 48


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.net", help="a network of netx, slayer or lava-async")
    parser.add_argument("--target", choices=TARGETS, help="only this chip; exit code 1 if the network does not fit")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report for browsers, too")
    parser.add_argument("--largest-input", type=whole(0), default=1, metavar="N",
                        help="largest count of an input spike, its payload (default: %(default)s)")  # fmt: skip


def _run(args: Namespace) -> Report:
    from lava_async import netx

    network, noted = netx.load(args.model), netx.metadata(args.model)
    layers, weights = summarize(network), histogram(network)
    fits = [check(network, target, largest_input=args.largest_input) for target in ([args.target] if args.target
            else TARGETS)]  # fmt: skip
    synapses = sum(c.synapses for layer in layers for c in layer.incoming)
    data = {
        "model": str(args.model), "arithmetic": network.params.tag, "input_shape": network.input_shape,
        "neurons": network.n_neurons, "synapses": synapses, "outputs": len(network.outputs),
        "layers": [asdict(layer) for layer in layers],
        "weights": {"edges": weights.edges.tolist(), "counts": weights.counts.tolist()},
        "metadata": noted, "targets": [_fit(fit) for fit in fits],
    }  # fmt: skip
    head = (f"{args.model}: {network.n_neurons:,} neurons, {synapses:,} synapses, input {_shape(network.input_shape)}, "
            f"{len(network.outputs)} outputs, {network.params.tag}")  # fmt: skip
    parts = [head, _layers(layers), "Weights:\n" + _bars(weights), "Neurons (least .. largest):\n" + _neurons(layers)]
    if noted:
        parts.append("Noted in the file:\n" + "\n".join(f"  {name}: {_short(value)}" for name, value in noted.items()))
    parts += [_target(fit) for fit in fits]
    if args.html is not None:
        _write(args.html, network, fits, str(args.model), noted)
        parts.append(f"Written to {args.html}")
    return Report("\n\n".join(parts), data, ok=not args.target or fits[0].ok)


def _write(file: Path, network: Network, fits: list[Fit], name: str, noted: dict[str, Any]) -> None:
    from lava_async.experiments.files import replacing
    from lava_async.experiments.inspection import inspection_html

    order = schedule(**noted["schedule"]) if "schedule" in noted else Momentum(8)
    with replacing(file) as temporary:
        page = inspection_html(network, fits, name=name, metadata=noted, schedule=order)
        temporary.write_text(page, encoding="utf-8")


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _layers(layers: tuple[LayerSummary, ...]) -> str:
    head = ["layer", "shape", "neurons", "receives from", "type", "synapses", "weights", "values", "bits", "delay"]
    rows = [head]
    for layer in layers:
        first = [layer.name, _shape(layer.shape), f"{layer.neurons:,}"]
        for c in layer.incoming:
            values, bits = f"{c.low:g} .. {c.high:g}", "-" if c.bits is None else str(c.bits)
            numbers = [f"{c.synapses:,}", f"{c.weights:,}", values, bits, str(c.longest_delay)]
            rows.append([*first, c.source, c.kind, *numbers])
            first = [""] * 3
        if not layer.incoming:
            rows.append([*first, "nothing", "-", "0", "0", "-", "-", "0"])
    return table(rows)


def _bars(weights: Histogram) -> str:
    most = max(int(weights.counts.max(initial=0)), 1)
    rows = []
    for low, high, count in zip(weights.edges[:-1], weights.edges[1:], weights.counts.tolist(), strict=True):
        bar = "#" * -(-count * BAR // most)
        rows.append(f"{low:>9.4g} .. {high - weights.whole:<9.4g} {count:>10,}  {bar}".rstrip())
    return "\n".join(rows)


def _neurons(layers: tuple[LayerSummary, ...]) -> str:
    names = list(layers[0].parameters)
    rows = [["layer", *names]]
    for layer in layers:
        ranges = layer.parameters.values()
        rows.append([layer.name, *(f"{a:g}" if a == b else f"{a:g} .. {b:g}" for a, b in ranges)])
    return table(rows)


def _target(fit: Fit) -> str:
    words = {True: "ok", False: "NO", None: "?"}
    rows = [["limit", "needed", "allowed", "", "layers"]]
    for c in fit.checks:
        rows.append([c.title, c.needed, c.allowed, words[c.ok], ", ".join(map(str, c.layers))])
    return f"{fit.mapping.target.title}:\n{table(rows)}\n{fit.verdict[0].upper()}{fit.verdict[1:]}."


def _fit(fit: Fit) -> dict[str, Any]:
    mapping = fit.mapping
    return {
        "target": mapping.target.name, "fits": fit.ok, "verdict": fit.verdict, "cores": mapping.n_cores,
        "chips": mapping.n_chips, "checks": [asdict(c) for c in fit.checks],
        "loads": [asdict(load) for load in mapping.loads],
    }  # fmt: skip


COMMAND: Command = Command(
    "inspect",
    "show what stands in a .net file and whether it fits on Loihi",
    "Show the layers, weights, neurons and metadata of a .net file, the cores that it needs on Loihi 1 and Loihi 2 by\n"
    "a simple mapping, and every limit of the chips: what fits, what does not, what to change.",
    "  lava-async inspect lava-async-demo/unlayered.net\n"
    "  lava-async inspect model.net --target loihi1        exit code 1 if it does not fit\n"
    "  lava-async inspect model.net --html model.html      a report for browsers, with one time step to step through\n"
    "  lava-async inspect model.net --json",
    _arguments,
    _run,
)
