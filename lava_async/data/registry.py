"""Data sets by name, as configs and commands call them.

To add one, write ``name(split, *, ...) -> SpikeDataset`` in a module of this folder and add a line to `DATA`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from lava_async.data import SpikeDataset
from lava_async.errors import InvalidValue, nearest
from lava_async.registry import Registry

#: Module and function of each data set. Modules are imported when they are asked for.
DATA: Registry[Callable[..., SpikeDataset]] = Registry(
    "data_sets",
    {
        "digits": "lava_async.data.digits:digits",
        "mnist": "lava_async.data.mnist:mnist",
        "spoken_digits": "lava_async.data.speech:spoken_digits",
        "shd": "lava_async.data.speech:shd",
        "ssc": "lava_async.data.speech:ssc",
        "nmnist": "lava_async.data.nmnist:nmnist",
        "dvs_gesture": "lava_async.data.gesture:dvs_gesture",
        "events": "lava_async.data.own:events",
    },
)
#: Arguments that are no options of a data set: not for configs.
_NO_OPTIONS = ("split", "progress")
_ANY_NUMBER = (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
#: What a name may be besides, for errors.
OWN = "a folder of events", "package.module:function"


class Names(tuple[str, ...]):
    """The names of data sets; those of folders and functions of users are among them.

    Examples
    --------
    >>> from lava_async.data.registry import Names
    >>> "my.module:function" in Names(["digits"]), "somewhere" in Names(["digits"])
    (True, False)
    """

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in DATA or _is_own(name))


def names() -> Names:
    """Return what a data set may be called, the forms of a user's own at the end.

    Examples
    --------
    >>> from lava_async.data import registry
    >>> "digits" in registry.names(), "shd" in registry.names()
    (True, True)
    """
    return Names((*DATA, *OWN))


def _is_own(name: str) -> bool:
    """Tell whether a name is that of a folder, or of a function."""
    return ":" in name or Path(name).expanduser().is_dir()


def loader(name: str) -> Callable[..., Any]:
    """Return the function that reads a data set.

    Raises
    ------
    InvalidValue
        If there is none of that name.

    Examples
    --------
    >>> from lava_async.data import registry
    >>> registry.loader("digits").__name__
    'digits'
    """
    if name not in names():
        raise InvalidValue("data.name", name, "one of " + ", ".join(names()) + nearest(name, DATA))
    if name not in DATA:
        from lava_async.data import entry_points, own

        return entry_points.entry_point(name) if ":" in name else partial(own.events, folder=name)
    return DATA[name]


def options(name: str) -> dict[str, Parameter]:
    """Return the options of a data set, by name.

    Examples
    --------
    >>> from lava_async.data import registry
    >>> sorted(registry.options("mnist"))
    ['cache', 'folder', 'limit', 'polarity']
    """
    left_out = _NO_OPTIONS if name in DATA or ":" in name else (*_NO_OPTIONS, "folder")  # It is the name.
    return {key: p for key, p in signature(loader(name)).parameters.items() if key not in left_out}


def check_options(name: str, given: Mapping[str, object]) -> None:
    """Raise an error unless these are options of a data set, and all that it needs.

    Raises
    ------
    InvalidValue
        Naming the option.

    Examples
    --------
    >>> from lava_async.data.registry import check_options
    >>> check_options("digits", {"polarity": "off_on"})
    >>> check_options("digits", {"polarities": "off_on"})
    Traceback (most recent call last):
        ...
    lava_async.errors.InvalidValue: data.options.polarities = 'off_on': must be left out: digits takes polarity; did
    you mean 'polarity'?
    """
    taken = options(name)
    listed = ", ".join(taken) or "nothing"
    anything = any(p.kind is Parameter.VAR_KEYWORD for p in taken.values())
    for key, value in given.items():
        if key not in taken and not anything:
            raise InvalidValue(f"data.options.{key}", value, f"left out: {name} takes {listed}{nearest(key, taken)}")
    for key, p in taken.items():
        if p.default is Parameter.empty and key not in given and p.kind not in _ANY_NUMBER:
            raise InvalidValue(f"data.options.{key}", None, f"given: {name} needs it")


def load(
    name: str, split: str, *, progress: Callable[[int, int], None] | None = None, **options: object
) -> SpikeDataset:
    """Return a split of a data set.

    Parameters
    ----------
    name : str
        One of `DATA`; or a user's own: a folder of events, or ``package.module:function``, see
        :mod:`lava_async.data.own`.
    split : str
        "train", "validation", "test", or several joined by "+".
    progress : function, optional
        Called with the samples (or files) that are done, and all of them, where there is something to build.
    **options
        Options of this data set. Those that are read from files all take `folder`, a path: where the files
        are (default: :data:`lava_async.data.paths.DATA_VARIABLE`), and `cache`, a path or bool: as in
        :func:`lava_async.data.cache.cached_events`.

    Raises
    ------
    InvalidValue
        If there is no such data set, split or option.

    Examples
    --------
    >>> from lava_async.data import registry
    >>> data = registry.load("digits", "train+validation")
    >>> data.spikes.shape, data.n_classes
    ((1442, 200, 10), 10)
    """
    check_options(name, options)
    if progress and "progress" in signature(loader(name)).parameters:
        options["progress"] = progress
    if name not in DATA and ":" in name:
        from lava_async.data import entry_points

        return entry_points.of_entry_point(name, split, **options)
    found: SpikeDataset = loader(name)(split=split, **options)
    return found
