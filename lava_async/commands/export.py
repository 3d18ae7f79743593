"""``lava-async export``: a model in another format."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lava_async import models
from lava_async.commands.base import Command, Report, complete, output
from lava_async.commands.models import add_decay, nir_options, seconds
from lava_async.errors import InvalidValue
from lava_async.model_files import is_nir, load_model
from lava_async.neurons import LoihiParams


class NothingToWrite(ValueError):  # noqa: N818 (reads as what it says)
    """No file was named."""


def _arguments(parser: ArgumentParser) -> None:
    model = parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a .net file, one of NIR (.nir), or the name of a model"
    )
    complete(model, models.names)
    parser.add_argument("--nir", type=output(".nir"), metavar="FILE.nir", help="write it as NIR")
    parser.add_argument(
        "--net",
        type=output(".net", ".h5", ".hdf5"),
        metavar="FILE.net",
        help="write it as .net, with the metadata of MODEL",
    )
    parser.add_argument(
        "--float", action="store_true", help="turn Loihi's integers into floating point, in which decays do not round"
    )
    parser.add_argument(
        "--dt",
        type=seconds,
        metavar="SECONDS",
        help="length of a time step in NIR (default: as in MODEL, else 1e-4)",
    )
    add_decay(parser)


def _run(args: Namespace) -> Report:
    from lava_async import netx, nir

    if args.nir is None and args.net is None:
        raise NothingToWrite("give --nir FILE or --net FILE: what to write")
    how = nir_options(args)
    if not is_nir(args.model):
        how["dt"] = None  # It is that of the file that is written.
    network, noted = load_model(args.model, **how)
    if args.float:
        network = nir.as_float(network)
    elif args.nir is not None and isinstance(network.params, LoihiParams):
        raise InvalidValue("--float", False, f"given: {args.model} has Loihi's integers, which NIR cannot express")
    written = {}
    if args.nir is not None:
        nir.write(network, args.nir, dt=args.dt or nir.DT)
        written["nir"] = str(args.nir)
    if args.net is not None:
        netx.save(network, args.net, **noted)
        written["net"] = str(args.net)
    data = {"model": str(args.model), "arithmetic": network.params.tag, "neurons": network.n_neurons, **written}
    if args.net is not None:
        data |= {name: value for name, value in netx.metadata(args.net).items() if name.startswith("stock_")}
    text = (
        f"{args.model}: {network.n_neurons:,} neurons, {network.params.tag}, written to {', '.join(written.values())}"
    )
    if data.get("stock_reason"):
        text += f"\nStock netx will not read {args.net}: {data['stock_reason']}"
    return Report(text, data)


COMMAND: Command = Command(
    "export",
    "write a model in another format: NIR or .net",
    "Write a model as NIR, which other simulators and chips read, or as .net. If the format cannot\n"
    "express the model, an error says why, and nothing is written.",
    "  lava-async export model.net --nir model.nir --float      Loihi's integers as floating point\n"
    "  lava-async export theirs.nir --net ours.net --dt 1e-3\n"
    "  lava-async export old.net --net new.net                  an old .net file in today's format",
    _arguments,
    _run,
)
