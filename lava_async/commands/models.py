"""Models that commands take: files of netx and of NIR."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import models
from lava_async.commands.base import complete, whole
from lava_async.model_files import BIAS_CHANNEL, Model, load_model
from lava_async.schedules import SCHEDULES, ExecutionKind, Timed, schedule


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
        help="length of a time step in a .nir file (default: what it says, else 1e-4)",
    )
    add_decay(parser)


def add_decay(parser: ArgumentParser) -> None:
    """Add how the decays and the resets of a file of NIR are read."""
    parser.add_argument(
        "--reset",
        choices=("zero", "subtract", "subtract_delayed"),
        help="what a spike does to the voltage in a .nir file: it becomes 0, or loses the threshold (sinabs), or loses "
        "it one time step later (snnTorch by default; default: what the file says, else zero)",
    )
    parser.add_argument(
        "--decay",
        choices=("euler", "exponential"),
        help="decay per time step in a .nir file: dt / tau, or 1 - exp(-dt / tau) as in sinabs and "
        "rockpool (default: euler)",
    )


def with_bias_channel(noted: dict[str, Any], spikes: NDArray[Any]) -> NDArray[Any]:
    """Return spikes (B, C, T) with the channel that a network needs whose currents filter a bias, if it does."""
    if not noted.get(BIAS_CHANNEL):
        return spikes
    from lava_async import nir

    return nir.add_bias_channel(spikes)


def order_of(args: Namespace, name: str) -> ExecutionKind:
    """Return the schedule of a name, with the group size or the preset that the options say."""
    given = dict(vars(args))
    if "chip" in SCHEDULES[name].options() and given.get("barriers"):
        return schedule(name, chip=order_of(args, Timed.name))
    per_core = given.get("neurons_per_core")
    given["neurons_per_core"] = per_core[0] if per_core and len(per_core) == 1 else per_core
    return schedule(name, **{each: given[each] for each in SCHEDULES[name].options() if given.get(each) is not None})


def add_schedule_options(parser: ArgumentParser) -> None:
    """Add the options that :func:`order_of` reads beside the name."""
    parser.add_argument(
        "--group-size", type=whole(1), default=8, metavar="F", help="of schedules with a queue (default: %(default)s)"
    )
    parser.add_argument(
        "--preset",
        choices=("sanafe", "davies2018"),
        default="sanafe",
        help="timed: whose times of Loihi 1 (default: %(default)s)",
    )
    add_mapping_options(parser)
    parser.add_argument(
        "--barriers",
        action="store_true",
        help="layered: tell the time on a chip that keeps layers in step by barriers, with the preset and mapping",
    )


def add_mapping_options(parser: ArgumentParser) -> None:
    """Add the options that say where neurons lie on a chip."""
    parser.add_argument(
        "--neurons-per-core",
        type=whole(1),
        nargs="+",
        metavar="N",
        help="timed: most neurons of a core, one number or one per layer (default: as many as it holds)",
    )
    parser.add_argument(
        "--tiles",
        type=whole(1),
        metavar="N",
        help="timed: spread the cores over N tiles (default: as few as hold them)",
    )
    parser.add_argument(
        "--mapping", type=core_list, metavar="FILE", help="timed: the core of each neuron, a list in .json or .npy"
    )


def core_list(text: str) -> tuple[int, ...]:
    """Return the numbers in a file, a type of options."""
    path = Path(text)
    try:
        found: Any = np.load(path, allow_pickle=False) if path.suffix == ".npy" else json.loads(path.read_text())
        numbers = np.asarray(found)
    except (OSError, ValueError) as error:
        raise ArgumentTypeError(f"{text!r} cannot be read as a list of cores: {error}") from None
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ArgumentTypeError(f"{text!r} must be a list of integers, the core of each neuron")
    return tuple(numbers.tolist())


def load(args: Namespace) -> Model:
    """Return the network of a file, which runs as the options say, else as the file notes, else as by default.

    Parameters
    ----------
    args : Namespace
        Its `model`, `dt`, `decay`, `reset`, `schedule`, `group_size`, `preset` and `seed` count.
    """
    order = None if args.schedule is None else order_of(args, args.schedule)
    return load_model(args.model, dt=args.dt, decay=args.decay, reset=args.reset, schedule=order, seed=args.seed)
