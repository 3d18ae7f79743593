"""The compiled gradient engine: runs of the core (``lava_async/core``) as a function of torch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.engine import Setup
from lava_async.errors import InvalidType
from lava_async.spikes import SpikeBatch
from lava_async.training.calls import Call, Engines, differentiable
from lava_async.training.compiled_models import run_models
from lava_async.training.gradient import (
    STATE_SCALE,
    Gradient,
    ModelParameters,
    Parameters,
    Run,
    check_credit,
    check_models,
)


class CompiledEngine(Engines):
    """The :class:`~lava_async.training.gradient.GradientEngine` that walks events; on the CPU.

    Fixed-point networks run in the integers that they are deployed in. Spikes and gradients are the same to the last
    bit on every instruction set and for any number of threads.

    Parameters
    ----------
    network : Network
        Topology; its weights are not used.
    threads : int, optional
        Threads that share a batch; default: the cores that this process may use.
    """

    def run(
        self,
        setup: Setup,
        gradient: Gradient,
        parameters: Parameters | ModelParameters,
        spikes: Tensor | SpikeBatch,
        samples: NDArray[np.int64],
        neurons: slice = slice(None),
        premature: bool = False,
        factors: NDArray[np.float64] | None = None,
    ) -> Run:
        """Run a batch; see :class:`~lava_async.training.gradient.GradientEngine`."""
        check_credit(setup.execution.schedule, gradient)
        parameters = parameters.unified()
        batch = SpikeBatch.of(spikes, self.threads) if isinstance(spikes, Tensor) else spikes
        wanted = spikes if isinstance(spikes, Tensor) and spikes.requires_grad else None
        if isinstance(parameters, ModelParameters):
            check_models(setup, premature, factors is not None)
            return run_models(self, setup, gradient, parameters, batch, samples, neurons, wanted, factors)
        if factors is not None:
            raise InvalidType("parameters", "Parameters", "ModelParameters with neuron dropout")
        call = Call(self, setup, gradient, parameters, batch, samples, neurons, premature)
        counts = differentiable(call, wanted, [*parameters[1:], *parameters.weights]).transpose(1, 2)
        unit = 1 / STATE_SCALE if call.fixed else 1.0
        u, v = (torch.from_numpy(np.multiply(x, unit, dtype=np.float32)) for x in (call.u, call.v))
        found = call.premature_spikes()
        return Run(counts, u, v, call.forward_steps, found)
