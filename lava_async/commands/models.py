"""Models that commands take: files of netx and of NIR."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async import models
from lava_async.commands.base import complete, whole
from lava_async.data.reading import read_array, read_text
from lava_async.errors import InvalidValue, nearest
from lava_async.execution import Fields
from lava_async.experiments.toml import parse_toml
from lava_async.model_files import BIAS_CHANNEL, Model, NirOptions, load_model
from lava_async.schedules import SCHEDULES, ExecutionKind, Timed, by_name, schedule
from lava_async.stopping import STOP_RULES, stop_rule


def seconds(text: str) -> float:
    """Return a positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r} must be a positive number of seconds")
    return value


def add_model(parser: ArgumentParser) -> None:
    """Add the file of a network, and how one of NIR is read."""
    model = parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a .net file, one of NIR (.nir), or the name of a model"
    )
    complete(model, models.names)
    parser.add_argument(
        "--dt",
        type=seconds,
        metavar="SECONDS",
        help="length of a time step in a .nir file (default: as in the file, else 1e-4)",
    )
    add_decay(parser)


def add_decay(parser: ArgumentParser) -> None:
    """Add how the decays and the resets of a file of NIR are read."""
    parser.add_argument(
        "--framework",
        choices=("norse", "rockpool", "sinabs", "snntorch", "spikingjelly", "spyx"),
        help="framework that wrote a .nir file; its own equations are used where they differ from those of NIR",
    )
    parser.add_argument(
        "--reset",
        choices=("zero", "subtract", "subtract_delayed"),
        help="what a spike does to the voltage in a .nir file: sets it to 0, subtracts the threshold (sinabs), or "
        "subtracts it one time step later (snnTorch by default; default: as in the file, else zero)",
    )
    parser.add_argument(
        "--decay",
        choices=("euler", "exponential"),
        help="decay per time step in a .nir file: dt / tau, or 1 - exp(-dt / tau) as in sinabs and "
        "rockpool (default: what --framework implies, else euler)",
    )


def nir_options(args: Namespace) -> NirOptions:
    """Return what the options of :func:`add_model` say about a file of NIR."""
    return {"dt": args.dt, "decay": args.decay, "reset": args.reset, "framework": args.framework}


def with_bias_channel(noted: Mapping[str, object], spikes: NDArray[Any]) -> NDArray[Any]:
    """Return spikes (B, C, T) with the channel that a network needs whose currents filter a bias, if it does."""
    if not noted.get(BIAS_CHANNEL):
        return spikes
    from lava_async import nir

    return nir.add_bias_channel(spikes)


class Named(NamedTuple):
    """A schedule or stop rule as an option says it: its name and its own options."""

    name: str
    options: dict[str, Any]


def named(names: Callable[[], Iterable[str]]) -> Callable[[str], Named]:
    """Return a type of options: ``NAME`` or ``NAME:OPTION=VALUE,...``, values as in TOML or bare words.

    Parameters
    ----------
    names : function
        Returns the names that there are.
    """

    def parse(text: str) -> Named:
        name, _, options = text.partition(":")
        known = list(names())
        if name not in known:
            raise ArgumentTypeError(f"{name!r} is none of {', '.join(known)}{nearest(name, known)}")
        try:
            return Named(name, parse_toml(f"options = {{{options}}}", text)["options"])
        except InvalidValue:
            pairs = [each.partition("=") for each in options.split(",")]
            if not all(equals and key.strip() for key, equals, _ in pairs):
                raise ArgumentTypeError(f"{text!r} is not NAME or NAME:OPTION=VALUE,...") from None
            return Named(name, {key.strip(): _value(value) for key, _, value in pairs})

    return parse


def _value(text: str) -> Any:
    try:
        return parse_toml(f"value = {text}", text)["value"]
    except InvalidValue:
        return text.strip()


def order_of(args: Namespace, wanted: Named) -> ExecutionKind:
    """Return a schedule with its own options, else with those that are options of the command."""
    given, taken = dict(vars(args)), SCHEDULES[wanted.name].options()
    per_core = given.get("neurons_per_core")
    given["neurons_per_core"] = per_core[0] if per_core and len(per_core) == 1 else per_core
    if given.get("barriers"):
        given["chip"] = order_of(Namespace(**{**vars(args), "barriers": False}), Named(Timed.name, {}))
    shared = {each: given[each] for each in taken if given.get(each) is not None}
    return schedule(wanted.name, **{**shared, **wanted.options})


def add_schedule_options(parser: ArgumentParser, *, several: bool = False, default: str | None = None) -> None:
    """Add the options that say how a network runs.

    Parameters
    ----------
    parser : ArgumentParser
        Gets them.
    several : bool
        Whether several schedules can be given.
    default : str, optional
        The schedule, unless one is given; default: as in the file.
    """
    listed = f"{', '.join(by_name())}, with options as in momentum:noise=0.5"
    parser.add_argument(
        "--schedule",
        type=named(by_name),
        nargs="+" if several else None,
        default=default,
        metavar="NAME",
        help=f"{'one or more' if several else 'one'} of {listed} "
        f"(default: {default or 'as in the file, else layered'})",
    )
    parser.add_argument(
        "--group-size",
        type=whole(1),
        default=8,
        metavar="F",
        help="group size of schedules with a queue (default: %(default)s)",
    )
    parser.add_argument(
        "--preset",
        choices=("sanafe", "davies2018"),
        default="sanafe",
        help="timed: source of the times of Loihi 1 (default: %(default)s)",
    )
    add_mapping_options(parser)
    parser.add_argument(
        "--barriers",
        action="store_true",
        help="layered: also report times of a chip that keeps layers in step by barriers, with preset and mapping",
    )
    parser.add_argument(
        "--until",
        type=named(lambda: STOP_RULES),
        metavar="RULE",
        help=f"when a time step ends: one of {', '.join(STOP_RULES)}, with options as in FirstOutput:extra_steps=2 "
        "(default: as in the file, else Quiescence)",
    )


def add_mapping_options(parser: ArgumentParser) -> None:
    """Add the options that say where neurons lie on a chip."""
    parser.add_argument(
        "--neurons-per-core",
        type=whole(1),
        nargs="+",
        metavar="N",
        help="timed: largest number of neurons per core, for all or for each layer (default: as many as fit)",
    )
    parser.add_argument(
        "--tiles",
        type=whole(1),
        metavar="N",
        help="timed: spread the cores over N tiles (default: as few as possible)",
    )
    parser.add_argument(
        "--mapping", type=core_list, metavar="FILE", help="timed: the core of each neuron, a list in .json or .npy"
    )


def core_list(text: str) -> tuple[int, ...]:
    """Return the numbers in a file, a type of options."""
    path = Path(text)
    try:
        found = read_array(path) if path.suffix == ".npy" else json.loads(read_text(path, "a list of cores"))
        numbers = np.asarray(found)
    except (ValueError, RecursionError) as error:
        raise ArgumentTypeError(f"{text!r} cannot be read as a list of cores: {error}") from None
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{text!r} must be a list of integers, the core of each neuron")
    return tuple(numbers.tolist())


def fields_of(args: Namespace, wanted: Named | None) -> Fields:
    """Return what the options say about how a network runs.

    Parameters
    ----------
    args : Namespace
        Its `group_size`, `preset`, `until` and `seed` count.
    wanted : Named, optional
        The schedule.
    """
    return {
        "schedule": None if wanted is None else order_of(args, wanted),
        "until": None if args.until is None else stop_rule(args.until.name, **args.until.options),
        "seed": args.seed,
    }


def load(args: Namespace) -> Model:
    """Return the network of a file, which runs as the options say, else as the file notes, else as by default.

    Parameters
    ----------
    args : Namespace
        Its `model`, `dt`, `decay`, `reset`, `schedule`, `group_size`, `preset`, `until` and `seed` count; of several
        schedules the first.
    """
    wanted = args.schedule[0] if isinstance(args.schedule, list) else args.schedule
    return load_model(args.model, **nir_options(args), **fields_of(args, wanted))
