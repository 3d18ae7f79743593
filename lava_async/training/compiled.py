"""The compiled gradient engine: :mod:`lava_async.engine.backprop` as a function of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.engine import Setup, adjoint
from lava_async.engine.adjoint import Rule
from lava_async.engine.backprop import Model, Pool, Recorded
from lava_async.engine.compiled import plan_of
from lava_async.engine.deliver_back import Weights
from lava_async.engine.flat import FlatWeights
from lava_async.errors import InvalidType
from lava_async.network import Network
from lava_async.neurons import LoihiParams
from lava_async.spikes import SpikeBatch
from lava_async.training.gradient import CREDITS, STATE_SCALE, WEIGHT_SCALE, Gradient, Parameters, Run
from lava_async.training.surrogates import ATan, Exponential, Surrogate


class CompiledEngine:
    """The :class:`~lava_async.training.gradient.GradientEngine` that walks events; on the CPU.

    Fixed-point networks run in the integers that they are deployed in, so nothing is lost on the way.

    Parameters
    ----------
    network : Network
        Topology; its weights are not used.
    threads : int, optional
        Threads that share a batch; default: the cores that this process may use.
    """

    def __init__(self, network: Network, threads: int | None = None) -> None:
        self.network, self.threads = network, threads
        self.flat = FlatWeights(network)
        self.pool = Pool()

    def run(
        self, setup: Setup, gradient: Gradient, parameters: Parameters, spikes: Tensor | SpikeBatch,
        samples: NDArray[np.int64], neurons: slice = slice(None),
    ) -> Run:  # fmt: skip
        """Run a batch; see :class:`~lava_async.training.gradient.GradientEngine`."""
        batch = spikes if isinstance(spikes, SpikeBatch) else SpikeBatch.of(spikes.detach().cpu().numpy())
        states = parameters.keep_u.requires_grad or parameters.keep_v.requires_grad
        rule = _rule(gradient, self.network.n_neurons, parameters.vth.detach().cpu().numpy().dtype, states)
        call = _Call(self, setup, rule, batch, samples, neurons)
        counts: Tensor = _Backpropagation.apply(call, *parameters[1:], *parameters.weights).transpose(1, 2)
        job, unit = call.recorded.job, call.recorded.model.unit
        u, v = (torch.from_numpy(np.multiply(x, unit, dtype=np.float32)) for x in (job.u, job.v))
        return Run(counts, u, v, job.forward_steps)

    def model(self, neurons: list[NDArray[Any]], weights: NDArray[Any]) -> Model:
        """Return the network with these parameters, on slayer's grid or in floating point."""
        keep_u, keep_v, vth, bias = neurons
        plan, _ = plan_of(self.network).wide
        kind: Any = type(self.network.params.arrays())
        if not isinstance(self.network.params, LoihiParams):
            floating = Weights(self.flat.floating(weights, vth.dtype), keep_u, keep_v, vth, bias)
            return Model(plan._replace(weights=floating.weights), kind(keep_u, keep_v, vth, bias), floating, 1.0)
        whole, scaled = self.flat.whole(weights, WEIGHT_SCALE, 1 / STATE_SCALE)
        p = kind(*(np.rint(x * STATE_SCALE).astype(np.int64) for x in neurons))
        floating = Weights(scaled, keep_u, keep_v, vth, bias)
        return Model(plan._replace(weights=whole), p, floating, 1 / STATE_SCALE)

    def scatter(self, flat: NDArray[Any]) -> NDArray[Any]:
        """Return a gradient of flat weights as one of the weights of the synapses, one after another."""
        fixed = isinstance(self.network.params, LoihiParams)
        return self.flat.back(flat, WEIGHT_SCALE / STATE_SCALE if fixed else 1.0)


class _Call:
    """What a run needs besides tensors, and what it leaves for the way back."""

    def __init__(
        self, engine: CompiledEngine, setup: Setup, rule: Rule, batch: SpikeBatch, samples: Any, neurons: slice
    ) -> None:
        self.engine, self.setup, self.rule, self.batch, self.samples = engine, setup, rule, batch, samples
        self.neurons = neurons
        self.recorded: Recorded


class _Backpropagation(torch.autograd.Function):
    """Spike counts (B, T, n), as the kernels keep them, as a function of neurons' parameters and synapses' weights."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *parameters: Tensor) -> Tensor:
        """Run the batch."""
        arrays = [p.detach().cpu().contiguous().numpy() for p in parameters]
        neurons, weights = arrays[:4], np.concatenate([w.ravel() for w in arrays[4:]])
        model = call.engine.model([np.ascontiguousarray(x) for x in neurons], weights)
        call.recorded = Recorded(
            call.setup, model, call.rule, call.batch, call.samples, call.engine.threads, call.engine.pool
        )
        ctx.call = call
        ctx.like = [(p.shape, p.device) for p in parameters]
        job = call.recorded.job
        return torch.from_numpy(job.past[:, job.D :, call.neurons]).to(parameters[2].dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """Walk the tape back."""
        engine, recorded = ctx.call.engine, ctx.call.recorded
        g = recorded.backward(grad.detach().cpu().numpy(), ctx.call.neurons)
        decays = (g.keep_u, g.keep_v) if recorded.rule.states else (None, None)
        gradients = [*decays, g.vth, g.bias]
        weights, place = engine.scatter(g.weights), 0
        for shape, _ in ctx.like[4:]:
            gradients.append(weights[place : place + shape.numel()].reshape(shape))
            place += shape.numel()
        devices = (device for _, device in ctx.like)
        return None, *(g if g is None else torch.from_numpy(g).to(d) for g, d in zip(gradients, devices, strict=True))


def _rule(gradient: Gradient, n: int, dtype: Any, states: bool) -> Rule:
    kind, a, b = _surrogate(gradient.surrogate)
    # Copies: numba compiles once more for arrays that cannot be written to, as the parameters of a network are.
    a, b = (np.array(np.broadcast_to(x, (n,)), dtype) for x in (a, b))
    differentiated = gradient.reset == "differentiated"
    return Rule(CREDITS.index(gradient.credit), gradient.peak, differentiated, kind, a, b, states)


def _surrogate(surrogate: Surrogate) -> tuple[int, Any, Any]:
    if isinstance(surrogate, Exponential):
        tau, scale = (np.asarray(x, np.float64) for x in (surrogate.tau, surrogate.scale))
        return adjoint.EXPONENTIAL, 1 / tau, scale / (2 * tau)
    if isinstance(surrogate, ATan):
        return adjoint.ATAN, np.pi / 2 * surrogate.alpha, 1.0
    raise InvalidType("surrogate", type(surrogate).__name__, "ATan or Exponential; engine='dense' takes any")
