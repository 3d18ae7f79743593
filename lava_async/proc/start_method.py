"""Lava beside other users of multiprocessing: a DataLoader with workers, a pool, any start method.

Lava's module sets the start method of the whole program to "fork" when it is imported, which Python allows once: after
any use of multiprocessing the import fails. Here a start method that is settled stays as it is, and the actors of runs
are forked by a context of their own, whatever the program has chosen for itself.
"""

from __future__ import annotations

import multiprocessing
import sys
from importlib import import_module
from unittest.mock import patch

_MODULE = "lava.magma.runtime.message_infrastructure.multiprocessing"
#: Starts the actors and what they share.
FORK = multiprocessing.get_context("fork")


def import_lava() -> None:
    """Import the module of Lava that sets the start method, and leave alone one that is set."""
    if _MODULE in sys.modules or multiprocessing.get_start_method(allow_none=True) is None:
        return
    with patch.object(multiprocessing, "set_start_method", lambda method: None):
        import_module(_MODULE)
