"""Progress bars on stderr."""

from __future__ import annotations

from threading import RLock
from typing import ClassVar

from tqdm import tqdm


class ProgressBar(tqdm):
    """tqdm with a lock between threads only.

    tqdm's own lock is also one between processes. To make it, Python settles how it starts processes, even for a bar
    that is not shown, and after that Lava can no longer be imported ("context has already been set").
    """

    _lock: ClassVar = RLock()
