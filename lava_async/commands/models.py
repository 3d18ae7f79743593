"""Models that commands take: files of netx and of NIR."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from lava_async.commands import whole
from lava_async.network import Network
from lava_async.schedules import SCHEDULES, Layered, Schedule, Timed, schedule

NIR_SUFFIX = ".nir"
RULES = ("schedule", "until", "refractory", "input_first", "seed")
"""What is noted about how a network is run."""


def load(path: Path, dt: float | None = None) -> tuple[Network, dict[str, Any]]:
    """Return a network and what is noted about it.

    Parameters
    ----------
    path : Path
        A .net file, or one of NIR if its name ends with .nir.
    dt : float, optional
        Length of a time step of NIR in seconds.
    """
    if path.suffix == NIR_SUFFIX:
        from lava_async import nir

        return nir.read(path, dt=dt), {}
    from lava_async import netx

    return netx.load(path), netx.metadata(path)


def order_of(args: Namespace, name: str) -> Schedule:
    """Return the schedule of a name, with the group size or the preset that the options say."""
    if name == Timed.name:
        return schedule(name, preset=args.preset)
    return schedule(name, **({"group_size": args.group_size} if SCHEDULES[name].grouped else {}))


def add_schedule_options(parser: ArgumentParser) -> None:
    """Add the options that :func:`order_of` reads beside the name."""
    parser.add_argument("--group-size", type=whole(1), default=8, metavar="F",
                        help="of schedules with a queue (default: %(default)s)")  # fmt: skip
    parser.add_argument("--preset", choices=("sanafe", "davies2018"), default="sanafe",
                        help="timed: whose times of Loihi 1 (default: %(default)s)")  # fmt: skip


def rules(args: Namespace, noted: dict[str, Any]) -> dict[str, Any]:
    """Return schedule, stop rule and switches of a run: what the options say, else what is noted, else the defaults.

    Parameters
    ----------
    args : Namespace
        Its `model`, `schedule`, `group_size`, `preset` and `seed` count.
    noted : dict
        Metadata of the model.
    """
    from lava_async import netx
    from lava_async.stopping import Quiescence

    given: dict[str, Any] = {} if args.schedule is None else {"schedule": order_of(args, args.schedule)}
    given |= {} if args.seed is None else {"seed": args.seed}
    wanted = tuple(name for name in RULES if name not in given)
    defaults = {"schedule": Layered(), "until": Quiescence(), "refractory": True, "input_first": True, "seed": 0}
    return {**defaults, **netx.execution(noted, str(args.model), wanted), **given}
