"""Asynchronous spiking neural networks for Lava: train, verify and deploy networks without layer synchronization."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from lava_async.terminal import quiet_while_starting

quiet_while_starting()

from lava_async import compat  # noqa: E402
from lava_async.engine.config import show_config  # noqa: E402
from lava_async.errors import nearest  # noqa: E402
from lava_async.execution import Execution  # noqa: E402
from lava_async.extras import missing  # noqa: E402
from lava_async.network import Layer, Network  # noqa: E402
from lava_async.neurons import (  # noqa: E402
    AlifParams,
    CubaParams,
    DeltaParams,
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    NeuronModel,
    ResonateParams,
    SigmaDeltaParams,
)
from lava_async.probes import Probe, probe  # noqa: E402
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
from lava_async.stopping import FirstOutput, Margin, MaxForwardSteps, Quiescence  # noqa: E402

if TYPE_CHECKING:
    from lava_async import calibration as calibration
    from lava_async import data as data
    from lava_async import hardware as hardware
    from lava_async import metrics as metrics
    from lava_async import models as models
    from lava_async import netx as netx
    from lava_async import nir as nir
    from lava_async import plots as plots
    from lava_async import proc as proc
    from lava_async import training as training

__version__ = "0.2.0"

__all__ = [
    "AlifParams",
    "BatchResult",
    "CubaParams",
    "Deep",
    "DeltaParams",
    "Execution",
    "Fifo",
    "FirstOutput",
    "Layer",
    "Layered",
    "Lifo",
    "LoihiAlifParams",
    "LoihiDeltaParams",
    "LoihiParams",
    "LoihiResonateParams",
    "LoihiSigmaDeltaParams",
    "Margin",
    "MaxForwardSteps",
    "Momentum",
    "Network",
    "NeuronModel",
    "Probe",
    "Quiescence",
    "Random",
    "Replay",
    "ResonateParams",
    "Result",
    "Schedule",
    "Shallow",
    "SigmaDeltaParams",
    "SpikeTrain",
    "Timed",
    "probe",
    "schedule",
    "show_config",
    "simulate",
    "simulate_batch",
]

LAZY = {
    "calibration": None,
    "data": None,
    "hardware": None,
    "metrics": None,
    "models": None,
    "netx": None,
    "nir": None,
    "plots": "plots",
    "proc": "lava",
    "training": "train",
}
"""Parts that are imported when they are first used (PEP 562), and the extra without which they cannot be."""

if not TYPE_CHECKING:  # A type checker that sees this function takes any name for a module.

    def __getattr__(name: str) -> ModuleType:
        if name in LAZY:
            return import_module(f"lava_async.{name}")
        # `from lava_async import x` comes here for modules, too: this must be quick.
        raise AttributeError(f"module 'lava_async' has no attribute {name!r}{nearest(name, (*__all__, *LAZY))}")


def __dir__() -> list[str]:
    """Return the public names, for completion: of the lazy parts those whose extra is installed."""
    parts = {name for name, extra in LAZY.items() if extra is None or not missing(extra)}
    loaded = {name for name, value in globals().items() if isinstance(value, ModuleType) and value.__package__}
    return sorted({*__all__, *parts, *loaded, "__version__"})


# Nothing above imports Lava; what imports it later gets the version that runs on this Python.
compat.install()
