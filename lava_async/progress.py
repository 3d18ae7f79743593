"""Progress on stderr: what is being done, and how long it will still take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from threading import RLock
from typing import Any, ClassVar

from tqdm import tqdm

#: Seconds from which time left is told in minutes, and in hours.
_MINUTES, _HOURS = 100, 100 * 60


class ProgressBar(tqdm):
    """tqdm that says what is being done, "epoch 3 of 10, 1 min left", with a lock between threads only.

    tqdm's own lock is also one between processes. To make it, Python settles how it starts processes, even for a bar
    that is not shown, and after that Lava can no longer be imported ("context has already been set").

    Parameters
    ----------
    *args, **options
        As of tqdm. `desc` says what is being done.
    """

    _lock: ClassVar = RLock()

    def __init__(self, *args: object, **options: object) -> None:
        bar_format = "{desc}{left} |{bar}|{postfix}"
        super().__init__(*args, **{"bar_format": bar_format, "dynamic_ncols": True, **options})

    def say(self, what: str) -> None:
        """Say what is being done from now on."""
        self.set_description_str(what)

    @property
    def format_dict(self) -> dict[str, Any]:
        """What the bar is made of."""
        found: dict[str, Any] = super().format_dict
        return {**found, "left": _left(found)}


def _left(state: Mapping[str, Any]) -> str:
    """Return ", 1 min left", or nothing where that is not known yet."""
    done, total = state["n"] - state["initial"], state["total"]
    if not total or done <= 0 or state["n"] >= total:
        return ""
    rate = state["rate"] or done / max(state["elapsed"], 1e-9)
    return f", {duration((total - state['n']) / rate)} left"


def duration(seconds: float) -> str:
    """Return a time in words, rounded up: seconds, minutes or hours.

    Parameters
    ----------
    seconds : float
        At least 0.

    Examples
    --------
    >>> duration(7.2), duration(200), duration(9000)
    ('8 s', '4 min', '3 h')
    """
    if seconds < _MINUTES:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < _HOURS else f"{math.ceil(seconds / 3600)} h"
