"""Spikes that commands run a model on: of a data set, of a file, or random ones."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.commands.base import whole
from lava_async.commands.inputs import add_data_options, load_data
from lava_async.errors import InvalidValue

#: Input channels of the data set that comes with the package: a network of so many runs on it, if nothing else is said.
DIGITS = 200


class Input(NamedTuple):
    """Spikes (B, C, T), labels (B,) or None, and a name."""

    spikes: NDArray[Any]
    labels: NDArray[np.int64] | None
    name: str


def share(text: str) -> float:
    """Return a probability, a type of options."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text!r} must be a probability between 0 and 1")
    return value


def add_spike_options(parser: ArgumentParser) -> None:
    """Add the options that :func:`load_spikes` reads; only one source of spikes can be given."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--spikes", type=Path, metavar="FILE.npy", help="run it on counts (C, T) or (B, C, T)")
    source.add_argument(
        "--random",
        type=share,
        metavar="SHARE",
        help="run it on random spikes; the probability of one per channel and time step",
    )
    add_data_options(parser, source)
    parser.add_argument(
        "--steps", type=whole(1), default=20, metavar="T", help="time steps of random spikes (default: %(default)s)"
    )


def load_spikes(args: Namespace, n_inputs: int, noted: Mapping[str, object], samples: int, seed: int) -> Input:
    """Return what a model is run on.

    Parameters
    ----------
    args : Namespace
        Its options of :func:`add_spike_options` count.
    n_inputs : int
        Input channels of the model.
    noted : dict
        Metadata of the model.
    samples : int
        Only the first so many; of random spikes so many are drawn.
    seed : int
        Of random spikes.
    """
    if args.random is not None:
        rng = np.random.default_rng(seed)
        spikes = np.empty((samples, n_inputs, args.steps), np.uint8)
        for sample in spikes:  # One at a time: a byte each instead of nine, and Ctrl-C is answered.
            sample[:] = rng.random(sample.shape) < args.random
        return Input(spikes, None, f"random spikes of probability {args.random:g}")
    if args.spikes is not None:
        return Input(_from_file(args.spikes)[:samples], None, str(args.spikes))
    if args.data is None and n_inputs == DIGITS:
        args.data = "digits"
    data = load_data(args, noted, samples)
    return Input(data.dense(), data.labels, data.name)


def _from_file(path: Path) -> NDArray[Any]:
    """Return counts (B, C, T) of a file of numpy; pickles are refused."""
    from lava_async.data.reading import read_array

    try:
        spikes = read_array(path)
    except InvalidValue as error:
        raise InvalidValue("--spikes", str(path), f"a file of numpy with an array of integers ({error})") from None
    if spikes.ndim not in (2, 3):
        raise InvalidValue("--spikes", str(path), "one array of counts, (C, T) or (B, C, T)")
    return spikes if spikes.ndim == 3 else spikes[None]
