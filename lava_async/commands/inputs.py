"""Data that commands take: data sets by name, and a user's own."""

from __future__ import annotations

import argparse
import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _ActionsContainer
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lava_async.data import SPLITS, registry
from lava_async.data.polarities import warn_of_planes
from lava_async.errors import InvalidValue, nearest

if TYPE_CHECKING:
    from lava_async.data import SpikeDataset


class _DataHelp(argparse.Action):
    """Shows how a user's own data are given, and ends."""

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        from lava_async.data.folders import HELP

        sys.stdout.write(HELP)
        parser.exit()


def add_data_help(parser: ArgumentParser) -> None:
    """Add the option that shows the format of a user's own data."""
    parser.add_argument("--data-help", action=_DataHelp, nargs=0, help="show how to provide your own data, and exit")


def data_name(text: str) -> str:
    """Return the name of a data set, a type of options."""
    if text not in registry.names():
        listed = ", ".join(registry.names())
        raise ArgumentTypeError(f"{text!r} is none of {listed}{nearest(text, registry.DATA)} (--data-help)")
    return text


def option(text: str) -> tuple[str, Any]:
    """Return KEY=VALUE, the value as in JSON, else a string: a type of options."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def add_data_options(parser: ArgumentParser, group: _ActionsContainer | None = None) -> None:
    """Add the options that :func:`load_data` reads.

    Parameters
    ----------
    parser : ArgumentParser
        Of the command.
    group : ArgumentParser, optional
        Where ``--data`` belongs, if it excludes others.
    """
    (group or parser).add_argument(
        "--data",
        type=data_name,
        metavar="NAME",
        help=f"the data set: one of {', '.join(registry.DATA)}; or your own (--data-help)",
    )
    parser.add_argument(
        "--folder", type=Path, metavar="FOLDER", help="where the files of the data are (default: $LAVA_ASYNC_DATA)"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="KEY=VALUE",
        help="an option of the data set, such as window_ms=10; repeatable",
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="part of the data (default: %(default)s)")
    add_data_help(parser)


def load_data(args: Namespace, noted: Mapping[str, object], limit: int | None = None) -> SpikeDataset:
    """Return the data that options name, and warn if the network was trained on other planes of polarities.

    Parameters
    ----------
    args : Namespace
        Its `data`, `folder`, `option` and `split` count.
    noted : dict
        Metadata of the network.
    limit : int, optional
        Only the first so many samples.

    Raises
    ------
    InvalidValue
        If no data are named.
    """
    if args.data is None:
        config = noted.get("config")
        trained = config.get("data") if isinstance(config, dict) else None
        name = trained.get("name") if isinstance(trained, dict) else None
        hint = f"; it was trained on {name}" if isinstance(name, str) else ""
        listed = ", ".join(registry.names())
        raise InvalidValue("--data", None, f"given: one of {listed}{hint} (--data-help tells more)")
    options = dict(args.option)
    if args.folder is not None:
        options["folder"] = args.folder
    if limit is not None and args.data == "mnist":  # It encodes no more than that.
        options["limit"] = limit
    data = registry.load(args.data, args.split, **options)
    warn_of_planes(noted.get("polarity"), data.polarity, data.name)
    return data if limit is None else data.subset(range(min(limit, len(data))))
