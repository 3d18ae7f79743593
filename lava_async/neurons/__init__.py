"""Neuron models: what a model is (:mod:`~lava_async.neurons.base`), and one file for each that there is.

=========== ======================= ============================ ============================
model       floating point          Loihi's integers             state
=========== ======================= ============================ ============================
CUBA LIF    `CubaParams`            `LoihiParams`                u, v
ALIF        `AlifParams`            `LoihiAlifParams`            u, v, theta, rho
sigma-delta `SigmaDeltaParams`      `LoihiSigmaDeltaParams`      sigma, sent
delta       `DeltaParams`           `LoihiDeltaParams`           x, sent
RF, RF_IZ   `ResonateParams`        `LoihiResonateParams`        x, y
=========== ======================= ============================ ============================

A model of one's own is such a file anywhere (docs: Extending); it runs on the reference engine. A header in
``lava_async/core/neurons`` makes the compiled engine run it, too.
"""

from lava_async.neurons.alif import AlifParams, LoihiAlifParams
from lava_async.neurons.base import MixedParams, NeuronModel, Params, combine, unknown
from lava_async.neurons.cuba import CubaParams
from lava_async.neurons.loihi import LoihiParams
from lava_async.neurons.resonate import LoihiResonateParams, ResonateParams
from lava_async.neurons.sigma_delta import (
    DeltaParams,
    LoihiDeltaParams,
    LoihiSigmaDeltaParams,
    SigmaDeltaParams,
)

MODELS: tuple[type[NeuronModel], ...] = (
    CubaParams,
    LoihiParams,
    AlifParams,
    LoihiAlifParams,
    SigmaDeltaParams,
    LoihiSigmaDeltaParams,
    DeltaParams,
    LoihiDeltaParams,
    ResonateParams,
    LoihiResonateParams,
)
"""All models that come with the package."""

__all__ = [
    "MODELS",
    "AlifParams",
    "CubaParams",
    "DeltaParams",
    "LoihiAlifParams",
    "LoihiDeltaParams",
    "LoihiParams",
    "LoihiResonateParams",
    "LoihiSigmaDeltaParams",
    "MixedParams",
    "NeuronModel",
    "Params",
    "ResonateParams",
    "SigmaDeltaParams",
    "combine",
    "unknown",
]
