"""Trained networks by name; they come with the package.

::

    network = models.load("digits_robust")
    models.about("digits_robust").accuracy      # on the test samples, as it was trained to run
    models.path("digits_robust")                # its .net file, for netx, AsyncNetwork and stock Lava

In a clone they are in the folder ``netx_models``, and in an installed package beside its modules. Each has a card in
words (``card.md``), all that was measured (``results.json``), the config that trains it again and some samples.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_async.errors import InvalidValue, nearest
from lava_async.network import Network
from lava_async.schedules import ExecutionKind, schedule
from lava_async.stopping import StopRule, stop_rule

NETWORK, RESULTS, CARD = "network.net", "results.json", "card.md"
#: Name of the folder of all models.
FOLDER = "netx_models"


@dataclass(frozen=True)
class About:
    """A trained network, in numbers.

    Parameters
    ----------
    name : str
        Its name.
    path : Path
        Its .net file.
    data : str
        Data set that it was trained on.
    sizes : tuple of int
        Input channels, then the neurons of each layer.
    schedule, until : Schedule, StopRule
        How it was trained to run; noted in the file, too.
    accuracy : float
        When it runs so, on the test samples.
    samples : int
        Number of the test samples.
    n_bytes : int
        Size of the .net file.

    Examples
    --------
    >>> from lava_async import models
    >>> about = models.about("digits_robust")
    >>> about.data, about.sizes, about.schedule, about.samples
    ('digits', (200, 64, 64, 10), Random(group_size=8), 355)
    """

    name: str
    path: Path
    data: str
    sizes: tuple[int, ...]
    schedule: ExecutionKind
    until: StopRule
    accuracy: float
    samples: int
    n_bytes: int

    @property
    def card(self) -> str:
        """All about it in words, as Markdown: data, training, results, limits."""
        return self.path.with_name(CARD).read_text(encoding="utf-8")


def names() -> list[str]:
    """Return the names of all models.

    Examples
    --------
    >>> "digits_robust" in names()
    True
    """
    return sorted(file.parent.name for file in _folder().glob(f"*/{NETWORK}"))


def path(name: str) -> Path:
    """Return the .net file of a model.

    Raises
    ------
    InvalidValue
        If there is no model of that name.

    Examples
    --------
    >>> from lava_async import models
    >>> models.path("digits_robust").name
    'network.net'
    """
    known = names()
    if name not in known:
        allowed = f"one of {', '.join(known)}{nearest(name, known)}" if known else f"in a package with {FOLDER}"
        raise InvalidValue("models: name", name, allowed)
    return _folder() / name / NETWORK


def load(name: str) -> Network:
    """Return a trained network.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Raises
    ------
    InvalidValue
        If there is no model of that name.

    Examples
    --------
    >>> load("digits_robust").n_neurons
    138
    """
    from lava_async import netx  # h5py is for files only

    return netx.load(path(name))


def about(name: str) -> About:
    """Return what is known about a model, without loading it.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Raises
    ------
    InvalidValue
        If there is no model of that name.

    Examples
    --------
    >>> about("digits_robust").sizes
    (200, 64, 64, 10)
    """
    file = path(name)
    results = json.loads(file.with_name(RESULTS).read_text(encoding="utf-8"))
    network = results["network"]
    execution = {key: network[key] for key in ("schedule", "until")}
    measured: dict[str, Any] = next(each for each in results["evaluations"] if each["execution"] == execution)
    return About(
        name,
        file,
        network["data"],
        tuple(network["sizes"]),
        schedule(**network["schedule"]),
        stop_rule(**network["until"]),
        measured["numbers"]["accuracy"],
        measured["samples"],
        file.stat().st_size,
    )


def find(model: str | os.PathLike[str]) -> Path:
    """Return the file of a model that is given as a path or by name; a file of that name comes first.

    Raises
    ------
    InvalidValue
        If a word without ending is neither a file nor the name of a model.

    Examples
    --------
    >>> from lava_async import models
    >>> models.find("digits_robust").name, models.find("folder/own.net").name
    ('network.net', 'own.net')
    """
    file = Path(model)
    if file.suffix or len(file.parts) != 1 or file.exists():
        return file
    if file.name not in names():
        raise InvalidValue("model", file.name, f"a file, or one of {', '.join(names())}{nearest(file.name, names())}")
    return path(file.name)


def _folder() -> Path:
    """Return the folder of all models: in an installed package beside its modules, in a clone beside the package."""
    package = Path(__file__).parent
    return package / FOLDER if (package / FOLDER).is_dir() else package.parent / FOLDER


__all__ = ["About", "about", "find", "load", "names", "path"]
