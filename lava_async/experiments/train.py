"""A training from its config to its files, which a run that was killed goes on with.

::

    config.toml       the config, with all defaults
    checkpoint.pt     the state of the training
    history.csv       a line per epoch
    network.net       the trained network, for netx and Lava
    results.json      metrics, written last
    bad_batch.npz     only if the loss was not finite: the batch that made it so
"""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lava_async import __version__
from lava_async.data.polarities import warn_of_planes
from lava_async.engine.config import machine
from lava_async.errors import InvalidValue
from lava_async.experiments import build
from lava_async.experiments.config import Config
from lava_async.experiments.tensorboard import Curves
from lava_async.files import leftovers, replacing, write_bytes, write_json
from lava_async.model_files import load_model
from lava_async.training import UnlayeredNetwork
from lava_async.training.checkpoint import check_alike, read_checkpoint, write_checkpoint
from lava_async.training.distributed import Ranks, ranks
from lava_async.training.failure import NonFiniteError
from lava_async.training.history import Batch, Epoch
from lava_async.training.loop import evaluate
from lava_async.training.trainer import Trainer

log = logging.getLogger(__name__)
FILES = CONFIG, CHECKPOINT, HISTORY, NETWORK, RESULTS, BAD_BATCH = (
    "config.toml",
    "checkpoint.pt",
    "history.csv",
    "network.net",
    "results.json",
    "bad_batch.npz",
)
#: What 0.1 called a checkpoint that it was writing.
_FORMER = ".checkpoint.pt.tmp"
#: Keys that do not change what is learned, and those that change the last bits of sums only.
_HARMLESS, _ROUNDING = {"training.checkpoint_seconds", "training.tensorboard"}, {"training.threads"}


@dataclass(frozen=True)
class Trained:
    r"""What a training left.

    Parameters
    ----------
    network : UnlayeredNetwork
        With its final weights, in eval mode.
    history : list of Epoch
        All epochs, those before an interruption included.
    results : dict or None
        What is in results.json; None in processes that write no files.
    folder : Path
        Where the files are.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.experiments.config import Config
    >>> from lava_async.experiments.train import train
    >>> config = Config.from_toml('[network]\nsizes = [200, 16, 10]\n\n[data]\nname = "digits"\nlimit = 32')
    >>> done = train(config.with_values({"training.epochs": 1}), Path("run"))
    >>> len(done.history), sorted(path.name for path in done.folder.iterdir())
    (1, ['.lock', 'checkpoint.pt', 'config.toml', 'history.csv', 'network.net', 'results.json'])
    """

    network: UnlayeredNetwork
    history: list[Epoch]
    results: dict[str, Any] | None
    folder: Path


def train(
    config: Config,
    folder: str | Path,
    *,
    on_start: Callable[[Trainer], object] | None = None,
    on_batch: Callable[[Batch], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    on_read: build.Progress | None = None,
) -> Trained:
    r"""Train as a config says, or go on where a training of the same config stopped.

    A config with more epochs than before goes on, too, even if the training was finished: with the last weights, and
    with the learning rate that the longer training has at that point. Under torchrun all its processes train together.

    Parameters
    ----------
    config : Config
        What to do.
    folder : path
        Where the files go; it is made if missing.
    on_start : function, optional
        Called with the trainer before the first batch; it tells where training goes on from.
    on_batch, on_epoch : function, optional
        Called after each.
    on_read : function, optional
        Called with the samples that are read, and all of them, where reading takes long.

    Raises
    ------
    InvalidValue
        If config and data do not fit together, the folder has a training of another config, or its checkpoint is
        damaged.
    FloatingPointError
        If the loss is not finite; the batch is then in bad_batch.npz.

    Examples
    --------
    >>> from pathlib import Path
    >>> from lava_async.experiments.config import Config
    >>> from lava_async.experiments.train import train
    >>> config = Config.from_toml('[network]\nsizes = [200, 16, 10]\n\n[data]\nname = "digits"\nlimit = 32')
    >>> one = train(config.with_values({"training.epochs": 1}), Path("run"))
    >>> two = train(config.with_values({"training.epochs": 2}), Path("run"))  # goes on
    >>> [epoch.number for epoch in two.history]
    [1, 2]
    """
    folder = Path(folder)
    with ranks() as group, build.one_torch_thread(), _owned(folder, group):
        build.check_options(config)
        samples, validation = build.read_data(config.data, on_read)
        network = build.build_network(config, samples.shape, samples.n_classes)
        if config.network.from_ is not None:
            warn_of_planes(load_model(config.network.from_).noted.get("polarity"), samples.polarity, samples.name)
        trainer = build.build_trainer(config, network, samples, validation, group)
        identity = {"samples": len(samples.labels), "labels": zlib.crc32(np.asarray(samples.labels).tobytes())}
        state = _state(config, folder, identity, group) if group.writes else None
        state = group.from_first(state or trainer.state_dict())
        try:
            trainer.load_state_dict(state)
        except InvalidValue as error:
            where = f"checkpoint {folder / CHECKPOINT}: {error.where}"
            allowed = f"{error.allowed}; to train from the start, delete the file"
            raise InvalidValue(where, error.value, allowed) from None
        curves = Curves.of(config, folder, group)
        if group.writes:
            _write(folder / CONFIG, config.to_toml())
        if on_start:
            on_start(trainer)

        def save(trainer: Trainer) -> None:
            state = {
                "config": config.to_toml(),
                "data": identity,
                "processes": group.size,
                "trainer": trainer.state_dict(),
            }
            write_checkpoint(folder / CHECKPOINT, state)

        def end_epoch(epoch: Epoch) -> None:
            if group.writes:
                _write(folder / HISTORY, _csv(trainer.history))
            curves.add(epoch)
            if on_epoch:
                on_epoch(epoch)

        try:
            seconds = config.training.checkpoint_seconds
            trainer.run(on_batch=on_batch, on_epoch=end_epoch, save=save, save_seconds=seconds)
        except NonFiniteError as error:
            if group.writes:
                arrays: dict[str, Any] = {**error.batch}
                with replacing(folder / BAD_BATCH) as temporary:
                    np.savez_compressed(temporary, **arrays)
            message = f"{error}; batch, labels and weights are in {folder / BAD_BATCH}"
            raise NonFiniteError(message, error.batch) from None
        finally:
            curves.close()
        results = _finish(config, folder, trainer, group) if group.writes else None
        return Trained(network, trainer.history, results, folder)


def _finish(config: Config, folder: Path, trainer: Trainer, group: Ranks) -> dict[str, Any]:
    """Write history, network and results."""
    _write(folder / HISTORY, _csv(trainer.history))
    kept = (
        max(trainer.history, key=lambda e: (e.validation, e.number), default=None)
        if trainer.best_weights is not None
        else None
    )
    results: dict[str, Any] = {
        "config": config.plain(),
        "lava_async": __version__,
        "machine": machine(),
        "processes": group.size,
        "history": [asdict(epoch) for epoch in trainer.history],
        "seconds": sum(epoch.seconds for epoch in trainer.history),
        "kept_epoch": kept.number if kept else len(trainer.history),
        "validation": kept.validation if kept else None,
    }
    if config.data.test:
        data = build.read_split(config.data, config.data.test)
        found = evaluate(trainer.network, data, threads=config.training.threads)
        results["test"] = {"samples": len(data.labels), "schedule": trainer.network.schedule.config(), **asdict(found)}
    noted = {name: results[name] for name in ("config", "kept_epoch", "validation", "test") if name in results}
    trainer.network.export_hdf5(folder / NETWORK, **noted)
    write_json(folder / RESULTS, results)
    return results


def _state(config: Config, folder: Path, identity: dict[str, int], group: Ranks) -> dict[str, Any] | None:
    """Return the state of the trainer in a folder's checkpoint, None if there is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    found = read_checkpoint(path)
    if not isinstance(found.get("trainer"), dict):
        allowed = "with a table trainer; to train from the start, delete the file"
        raise InvalidValue(f"checkpoint {path}: state", found, allowed)
    note = {name: each for name, each in found.items() if name != "trainer"}
    check_alike(f"checkpoint {path}: state", note, {"config": "", "data": identity, "processes": 1})
    there = _flat(Config.from_toml(found["config"], f"config in {path}").plain())
    here = _flat(config.plain())
    differing = {name for name in {*there, *here} if there.get(name) != here.get(name)} - _HARMLESS
    if there["training.epochs"] <= here["training.epochs"]:  # Of a finished training, too: it goes on.
        differing -= {"training.epochs"}
    other = [f"{name} = {there.get(name)!r}, now {here.get(name)!r}" for name in sorted(differing - _ROUNDING)]
    other += [
        f"{name} of the data = {found['data'].get(name)}, now {value}"
        for name, value in identity.items()
        if found["data"].get(name) != value
    ]
    if other:
        remedy = "that of this config; to train again, choose another folder or delete the file"
        raise InvalidValue(f"checkpoint {path}: differs in", "; ".join(other), remedy)
    if differing or found["processes"] != group.size:
        log.warning("%s: other threads or processes than before: the last bits of sums may differ", path)
    state: dict[str, Any] = found["trainer"]
    return state


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested tables by their dotted names."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _csv(history: list[Epoch]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


@contextmanager
def _owned(folder: Path, group: Ranks) -> Iterator[None]:
    """Make a folder, and keep other trainings out of it; what a killed one left half-written goes away."""
    if not group.writes:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise InvalidValue(f"file {path}", "a link", "a file of its own; delete it") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidValue("folder", str(folder), "one that no other running training writes to") from None
        former = [path for path in [folder / _FORMER] if path.is_file() and not path.is_symlink()]
        for left in [*former, *(left for name in FILES for left in leftovers(folder / name))]:
            left.unlink()
        yield
    finally:
        os.close(lock)
