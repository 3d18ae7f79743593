"""A data set that is a function of the user's own: ``package.module:function``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature

import numpy as np

from lava_async.data import SpikeDataset
from lava_async.data.samples import from_samples
from lava_async.errors import InvalidValue, nearest
from lava_async.records import check_int
from lava_async.spikes import SpikeBatch


def entry_point(name: str) -> Callable[..., object]:
    """Return the function that ``package.module:function`` names; modules in the folder of the command count, too.

    Parameters
    ----------
    name : str
        As above. The function takes `split`, and its other arguments as options, and returns anything that
        :func:`from_samples` takes.

    Raises
    ------
    InvalidValue
        If there is no such module or function, or it takes no `split`.

    Examples
    --------
    >>> from lava_async.data.entry_points import entry_point
    >>> entry_point("lava_async.data.digits:digits").__name__
    'digits'
    """
    module, _, attribute = name.partition(":")
    there: list[str] = []
    sys.path.insert(0, "")
    try:
        there = list(vars(imported := import_module(module)))
        found = getattr(imported, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        allowed = "package.module:function, in a package that is installed or in this folder"
        raise InvalidValue("data.name", name, f"{allowed} ({error}){nearest(attribute, there)}") from None
    finally:
        sys.path.remove("")
    if not callable(found) or "split" not in signature(found).parameters:
        raise InvalidValue("data.name", name, "a function with the argument split, which is 'train', 'test' ...")
    return found


def of_entry_point(name: str, split: str, **options: object) -> SpikeDataset:
    """Return what the function of an entry point gives for a split, whose names are joined by "+".

    Examples
    --------
    >>> from lava_async.data.entry_points import of_entry_point
    >>> of_entry_point("lava_async.data.digits:digits", "validation", polarity="off_on").polarity
    'off_on'
    """
    function = entry_point(name)
    parts = [from_samples(function(split=each, **options), name=f"{name} {each}") for each in split.split("+")]
    if len(parts) == 1:
        return parts[0]
    shapes = {part.shape for part in parts}
    if len(shapes) != 1:
        raise InvalidValue(f"{name}: shape", sorted(shapes), "the same of all splits")
    batch = SpikeBatch.concatenate([part.events for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    classes = check_int("n_classes", max(part.n_classes for part in parts))
    return SpikeDataset(batch, labels, parts[0].shape, f"{name} {split}", classes, parts[0].polarity)
