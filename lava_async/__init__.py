"""Asynchronous spiking neural networks for Lava: train, prove and deploy networks without layer synchronization."""

from lava_async.terminal import quiet_while_starting

quiet_while_starting()

from lava_async import compat  # noqa: E402
from lava_async.engine.config import show_config  # noqa: E402
from lava_async.execution import Execution  # noqa: E402
from lava_async.network import Layer, Network  # noqa: E402
from lava_async.neurons import CubaParams, LoihiParams  # noqa: E402
from lava_async.schedules import (  # noqa: E402
    Deep,
    Fifo,
    Layered,
    Lifo,
    Momentum,
    Random,
    Replay,
    Schedule,
    Shallow,
    Timed,
    schedule,
)
from lava_async.simulation import BatchResult, Result, simulate, simulate_batch  # noqa: E402
from lava_async.spikes import SpikeTrain  # noqa: E402
from lava_async.stopping import FirstOutput, MaxForwardSteps, Quiescence  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "BatchResult",
    "CubaParams",
    "Deep",
    "Execution",
    "Fifo",
    "FirstOutput",
    "Layer",
    "Layered",
    "Lifo",
    "LoihiParams",
    "MaxForwardSteps",
    "Momentum",
    "Network",
    "Quiescence",
    "Random",
    "Replay",
    "Result",
    "Schedule",
    "Shallow",
    "SpikeTrain",
    "Timed",
    "schedule",
    "show_config",
    "simulate",
    "simulate_batch",
]

# Nothing above imports Lava; what imports it later gets the version that runs on this Python.
compat.install()
