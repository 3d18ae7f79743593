"""Asynchronous spiking neural networks for Lava: train, prove and deploy networks without layer synchronization."""

from lava_async import compat
from lava_async.network import Layer, Network
from lava_async.neurons import CubaParams, LoihiParams
from lava_async.schedules import (
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
from lava_async.simulation import BatchResult, Result, simulate, simulate_batch
from lava_async.spikes import SpikeTrain
from lava_async.stopping import FirstOutput, MaxForwardSteps, Quiescence

__version__ = "0.1.0"

__all__ = ["BatchResult", "CubaParams", "Deep", "Fifo", "FirstOutput", "Layer", "Layered", "Lifo", "LoihiParams",
           "MaxForwardSteps", "Momentum", "Network", "Quiescence", "Random", "Replay", "Result", "Schedule", "Shallow",
           "SpikeTrain", "Timed", "schedule", "simulate", "simulate_batch"]  # fmt: skip

# Nothing above imports Lava; what imports it later gets the version that runs on this Python.
compat.install()
