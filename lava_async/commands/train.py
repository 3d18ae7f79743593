"""``lava-async train``: a training from its config to its files."""

from __future__ import annotations

import math
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lava_async.commands.base import Command, Report, complete, table
from lava_async.commands.inputs import add_data_help
from lava_async.errors import InvalidValue
from lava_async.experiments.config import Config, shipped
from lava_async.experiments.toml import parse_toml

if TYPE_CHECKING:
    from lava_async.experiments.train import Trained
    from lava_async.training.history import Batch, Epoch
    from lava_async.training.trainer import Trainer


def _setting(text: str) -> tuple[str, Any]:
    """Return name and value of ``KEY=VALUE``, the value as in TOML; what is no TOML is taken as a string."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE, as in training.seed=1")
    try:
        return name.strip(), parse_toml(f"value = {value}", text)["value"]
    except InvalidValue:
        return name.strip(), value.strip()


def _arguments(parser: ArgumentParser) -> None:
    names = ", ".join(shipped())
    config = parser.add_argument(
        "config", metavar="CONFIG.toml", help=f"the config; or the name of a shipped one: {names}"
    )
    complete(config, shipped)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where the files go; a training found there is resumed (default: ./lava-async-train/CONFIG)",
    )
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="another value for a key of the config, as in training.seed=1",
    )
    add_data_help(parser)


def _run(args: Namespace) -> Report | None:
    path = _path(args.config)
    config = Config.load(path)
    if args.settings:
        config = config.with_values(dict(args.settings))
    from lava_async.experiments.train import train  # imported last: torch takes seconds
    from lava_async.progress import ProgressBar

    validation, epochs, first = "", config.training.epochs, os.environ.get("RANK", "0") == "0"
    with ProgressBar(disable=not first, desc="load torch") as bar:

        def on_read(done: int, of: int) -> None:
            bar.set_description_str("read data", refresh=False)
            bar.total, bar.n = of, done
            bar.refresh()

        def on_start(trainer: Trainer) -> None:
            bar.initial = trainer.step  # What was done before says nothing about the time that is left.
            bar.reset(trainer.epochs * trainer.n_batches)
            bar.update(trainer.step)

        def on_batch(batch: Batch) -> None:
            bar.set_description_str(f"epoch {batch.epoch} of {epochs}", refresh=False)
            bar.set_postfix_str(_numbers(batch) + validation, refresh=False)
            bar.update()

        def on_epoch(epoch: Epoch) -> None:
            nonlocal validation
            validation = "" if math.isnan(epoch.validation) else f", validation {epoch.validation:.1%}"
            bar.set_postfix_str(_numbers(epoch) + validation)

        out = args.out or Path("lava-async-train") / path.stem
        trained = train(config, out, on_read=on_read, on_start=on_start, on_batch=on_batch, on_epoch=on_epoch)
    return None if trained.results is None else Report(_text(trained), trained.results, trained.results["history"])


def _path(name: str) -> Path:
    """Return the file of that name, or the shipped one."""
    path = Path(name)
    if not path.exists() and path.parent == Path(".") and (found := shipped().get(path.name.removesuffix(".toml"))):
        return found
    return path


def _numbers(state: Batch | Epoch) -> str:
    return f"loss {state.loss:.3f}, accuracy {state.accuracy:.1%}, spikes {state.spikes_per_sample:.0f}"


def _text(trained: Trained) -> str:
    results = trained.results
    assert results is not None
    rows = [["epoch", "loss", "accuracy", "spikes", "validation", "seconds"]]
    for e in trained.history:
        valid = "-" if math.isnan(e.validation) else f"{e.validation:.1%}"
        rows.append(
            [
                str(e.number),
                f"{e.loss:.4f}",
                f"{e.accuracy:.1%}",
                f"{e.spikes_per_sample:.0f}",
                valid,
                f"{e.seconds:.1f}",
            ]
        )
    lines = [table(rows)]
    if results["validation"] is not None:
        lines.append(f"Kept: the weights of epoch {results['kept_epoch']}, the best on the validation samples.")
    if test := results.get("test"):
        order = test["schedule"]
        executed = order["name"] + (f", F = {order['group_size']}" if order.get("group_size") else "")
        lines.append(
            f"{results['config']['data']['test']}, {test['samples']} samples, {executed}: accuracy "
            f"{test['accuracy']:.1%}, at first output {test['accuracy_at_first_output']:.1%}, "
            f"{test['spikes_per_sample']:.0f} spikes per sample"
        )
    names = ", ".join(sorted(path.name for path in trained.folder.iterdir() if not path.name.startswith(".")))
    return "\n".join([*lines, f"In {trained.folder}: {names}"])


COMMAND = Command(
    "train",
    "train a network described by a TOML file",
    "Train a network described by a TOML file: network, data, schedules, loss, optimizer. The folder receives the\n"
    "trained network (network.net), history.csv, results.json and the complete config. A training that was\n"
    "interrupted, or even killed, resumes when it is started again, and ends with exactly the weights that it would\n"
    "have had.",
    "  lava-async train digits                                      a shipped example, some seconds\n"
    "  lava-async train my.toml --out runs/1 --set training.seed=1\n"
    "  torchrun --nproc-per-node 2 -m lava_async train my.toml      two processes share each batch",
    _arguments,
    _run,
    rows="a row per epoch",
    goes_on="the same command goes on from the last checkpoint",
)
