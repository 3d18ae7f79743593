"""Calls of the core by the compiled gradient engine: arrays in, and what the backward pass needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async import _core, draws
from lava_async.engine import Setup
from lava_async.engine.calls import failure_of, machine_arrays, rules_of
from lava_async.engine.compiled_network import compiled
from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Network
from lava_async.neurons import LoihiParams
from lava_async.spikes import ENCODE, MAX_PAYLOAD, SpikeBatch
from lava_async.threads import available
from lava_async.training.gradient import (
    STATE_SCALE,
    WEIGHT_SCALE,
    Gradient,
    ModelParameters,
    Parameters,
    check_trainable,
)
from lava_async.training.surrogates import ATan, Exponential, Surrogate


class Engines:
    """The engines of the core for the topology of a network, made when they are first needed.

    Parameters
    ----------
    network : Network
        Its weights are not used.
    threads : int, optional
        Threads that share a batch; default: the cores that this process may use.
    """

    def __init__(self, network: Network, threads: int | None = None) -> None:
        check_trainable(network)
        self.network, self.threads = network, threads
        self._engines: dict[tuple[str, bool], _core.Engine] = {}

    def engine(self, arithmetic: str, double: bool) -> _core.Engine:
        """Return the engine of the core in an arithmetic, for gradients in single or double precision."""
        key = arithmetic, double
        if key not in self._engines:
            self._engines[key] = compiled(self.network).engine(arithmetic, double)
        return self._engines[key]

    def any_engine(self, arithmetic: str, double: bool) -> _core.Engine:
        """Return the same for networks of any models."""
        key = f"any {arithmetic}", double
        if key not in self._engines:
            self._engines[key] = compiled(self.network).any_engine(arithmetic, double)
        return self._engines[key]


class Call:
    """One run: what it needs besides tensors, and what it leaves for the backward pass."""

    def __init__(
        self,
        engine: Engines,
        setup: Setup,
        gradient: Gradient,
        parameters: Parameters | ModelParameters,
        batch: SpikeBatch,
        samples: NDArray[np.int64],
        neurons: slice,
        premature: bool,
    ) -> None:
        self.engine, self.setup, self.gradient, self.samples = engine, setup, gradient, samples
        self.network = engine.network
        self.fixed = isinstance(self.network.params, LoihiParams)
        self.threads = engine.threads or available()
        self.batch = batch
        self.check_payloads()
        if setup.input_dropout > 0:
            self.batch = batch.thinned(setup.input_dropout, setup.execution.seed, samples)
        self.choose(parameters)
        first, last, step = neurons.indices(self.network.n_neurons)
        # Neurons side by side are counted alone, others are picked from all.
        self.first, self.last = (first, max(first, last)) if step == 1 else (0, self.network.n_neurons)
        self.picked = slice(None) if step == 1 else neurons
        n, n_steps = len(self.batch), self.batch.n_steps
        self.forward_steps, self.first_output = np.empty((n, n_steps), np.int32), np.empty((n, n_steps), np.int32)
        self.tally = np.empty((n, 3), np.int64)
        shape = n, n_steps, self.last - self.first
        self.premature = np.zeros(shape, np.uint8) if premature else None
        self.u: NDArray[Any]
        self.v: NDArray[Any]
        self.run: _core.DifferentiableRun

    def check_payloads(self) -> None:
        """Raise an error unless input is of counts."""
        count = self.batch.count
        if count.dtype.kind == "f":
            value = count[np.argmax(count != np.floor(count))].item()
            raise InvalidValue("spikes", value, f"integers for training: {ENCODE}")
        if count.size and count.min() < 0:
            raise InvalidValue("spikes", int(count.min()), f"in 0 .. {MAX_PAYLOAD} for training: {ENCODE}")

    def choose(self, parameters: Parameters | ModelParameters) -> None:
        """Note what is differentiated by."""
        assert isinstance(parameters, Parameters)
        self.decays = parameters.keep_u.requires_grad or parameters.keep_v.requires_grad
        self.neurons = parameters.vth.requires_grad or parameters.bias.requires_grad

    def forward(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        """Run the batch; return the spike counts of the neurons that are wanted, (B, T, n)."""
        numbers, weights = arrays[:4], arrays[4:]
        double = numbers[2].dtype == np.float64
        kind, a, b = slope_numbers(self.gradient.surrogate)
        slopes = [np.array(np.broadcast_to(x, numbers[2].shape), numbers[2].dtype) for x in (a, b)]
        names = (
            ("int64",)
            if self.fixed and double
            else ("int32", "int64")
            if self.fixed
            else (("float64",) if double else ("float32",))
        )
        counts = np.empty((len(self.batch), self.batch.n_steps, self.last - self.first), numbers[2].dtype)
        for name in names:
            failure = self._forward_in(name, double, kind, numbers + slopes, weights, counts)
            # Spikes that add up while they wait may bring more than 32 bits hold.
            if failure is None or failure[0] != "too wide":
                break
        if failure is not None:
            self.fail(failure, weights)
        return counts

    def _forward_in(self, name: str, double: bool, kind: bool, numbers: Any, weights: Any, counts: Any) -> Any:
        batch, gradient = self.batch, self.gradient
        dtype = np.dtype("int64" if self.fixed else name)  # states of integers have 64 bits here
        self.u, self.v = np.empty((2, len(batch), self.network.n_neurons), dtype)
        scales = (float(STATE_SCALE), float(WEIGHT_SCALE)) if self.fixed else (1.0, 1.0)
        failure, self.run = self.engine.engine(name, double).record(
            rules_of(self.setup),
            gradient.credit,
            gradient.peak,
            gradient.reset == "differentiated",
            kind,
            self.decays,
            self.neurons,
            weights,
            numbers,
            *scales,
            self.samples,
            batch.channel,
            batch.count,
            batch.start,
            self.u,
            self.v,
            self.forward_steps,
            self.first_output,
            self.tally,
            counts,
            self.first,
            self.premature,
            None if self.setup.machine is None else machine_arrays(self.setup.machine),
            self.threads,
        )
        return failure

    def premature_spikes(self) -> Tensor | None:
        """Return which of the neurons that are wanted fired prematurely in which time step, (B, n, T)."""
        if self.premature is None:
            return None
        return torch.from_numpy(self.premature[..., self.picked].view(bool)).transpose(1, 2)

    def fail(self, failure: tuple[Any, ...], weights: list[NDArray[Any]]) -> None:
        """Raise what a failure of the core means."""
        if failure[0] == "unfit":
            _, synapses, index = failure
            value = float(weights[synapses].flat[index])
            raise InvalidValue(
                f"weights of synapses {synapses}, number {index}",
                value,
                "finite, and what a spike brings through it a number of 32 bits",
            )
        raise failure_of(self.setup, *failure)

    def backward(self, grad: NDArray[Any], shapes: list[Any], wants_input: bool) -> tuple[Any, list[Any]]:
        """Return the gradients of the input (B, C, T), and of keep_u, keep_v, vth, bias and the weights."""
        n, n_steps = len(self.batch), self.batch.n_steps
        weights = [np.zeros(shape, grad.dtype) for shape in shapes[4:]]
        n_neurons = self.network.n_neurons
        keep_u, keep_v = np.zeros((2, n_neurons), grad.dtype) if self.decays else (None, None)
        vth, bias = np.zeros((2, n_neurons), grad.dtype) if self.neurons else (None, None)
        into = np.zeros((n, n_steps, self.network.n_inputs), grad.dtype) if wants_input else None
        self.run.backward(grad, weights, keep_u, keep_v, vth, bias, into, None, self.threads)
        return self.of_input(into), [keep_u, keep_v, vth, bias, *weights]

    def of_input(self, gradient: NDArray[Any] | None) -> NDArray[Any] | None:
        """Return the gradient of the input (B, T, C) as (B, C, T), 0 where dropout took it."""
        if gradient is None:
            return None
        if self.setup.input_dropout > 0:
            steps, channels = np.arange(gradient.shape[1])[:, None], np.arange(gradient.shape[2])
            for b, sample in enumerate(self.samples):
                words = self.setup.execution.seed, draws.INPUT_DROPOUT, sample, steps, 0, channels
                gradient[b][draws.dropped(self.setup.input_dropout, *words)] = 0
        return gradient.transpose(0, 2, 1)


def differentiable(call: Call, spikes: Tensor | None, parameters: Sequence[Tensor]) -> Tensor:
    """Run a call; return what the neurons sent, (B, T, n), differentiable by input and parameters.

    Parameters
    ----------
    call : Call
        The run.
    spikes : (B, C, T) tensor, optional
        The input, if it gets a gradient.
    parameters : list of tensors
        What the call takes.
    """
    sent: Tensor = _Backpropagation.apply(call, spikes, *parameters)
    return sent


class _Backpropagation(torch.autograd.Function):
    """Spike counts (B, T, n) as a function of the input, of neurons' parameters and synapses' weights."""

    @staticmethod
    def forward(ctx: Any, call: Call, spikes: Tensor | None, *parameters: Tensor) -> Tensor:
        """Run the batch."""
        arrays = [p.detach().cpu().contiguous().numpy() for p in parameters]
        counts = call.forward(arrays)
        ctx.call = call
        ctx.input = None if spikes is None else (spikes.device, spikes.dtype)
        ctx.like = [(p.shape, p.device) for p in parameters]
        return torch.from_numpy(counts[..., call.picked])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Walk the tape back."""
        call: Call = ctx.call
        given = grad.detach().cpu()
        if call.picked != slice(None):
            given = given.new_zeros((*given.shape[:2], call.last - call.first))
            given[..., call.picked] = grad.detach().cpu()
        shapes = [tuple(shape) for shape, _ in ctx.like]
        of_input, gradients = call.backward(given.contiguous().numpy(), shapes, ctx.input is not None)
        found = [
            None if g is None else torch.from_numpy(g).to(device)
            for g, (_, device) in zip(gradients, ctx.like, strict=True)
        ]
        return None, None if ctx.input is None else torch.from_numpy(of_input).to(*ctx.input), *found


def slope_numbers(surrogate: Surrogate) -> tuple[bool, Any, Any]:
    """Return whether it is an arctangent, and its numbers a and b (lava_async/core/gradient.hpp)."""
    if isinstance(surrogate, Exponential):
        tau, scale = (np.asarray(x, np.float64) for x in (surrogate.tau, surrogate.scale))
        return False, 1 / tau, scale / (2 * tau)
    if isinstance(surrogate, ATan):
        return True, np.pi / 2 * np.asarray(surrogate.alpha, np.float64), 1.0
    raise InvalidType("surrogate", type(surrogate).__name__, "ATan or Exponential; engine='dense' takes any")
