"""The compiled gradient engine for networks of any models: numbers by name, payloads that are numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async import _core
from lava_async.engine import Setup, check_payloads
from lava_async.engine.any_model import MOST_FIELDS
from lava_async.engine.calls import rules_of
from lava_async.errors import InvalidType
from lava_async.spikes import SpikeBatch
from lava_async.training.calls import Call, Engines, differentiable, slope_numbers
from lava_async.training.dropout import FRACTION_BITS
from lava_async.training.gradient import WEIGHT_SCALE, Gradient, ModelParameters, Parameters, Run, scales_of
from lava_async.training.surrogates import Exponential

MOST_NUMBERS = 8
"""Numbers that a model has in the core at most."""


def run_models(
    engine: Engines,
    setup: Setup,
    gradient: Gradient,
    parameters: ModelParameters,
    batch: SpikeBatch,
    samples: NDArray[np.int64],
    neurons: slice,
    wanted: Tensor | None,
    factors: NDArray[np.float64] | None,
) -> Run:
    """Run a batch; see :class:`~lava_async.training.gradient.GradientEngine`."""
    call = ModelCall(engine, setup, gradient, parameters, batch, samples, neurons, premature=False)
    call.take_factors(factors)
    numbers = [x for each in parameters.numbers for x in each.values()]
    real = [w.real if w.is_complex() else w for w in parameters.weights]
    imaginary = [w.imag for w in parameters.weights if w.is_complex()]
    sent = differentiable(call, wanted, [*numbers, *real, *imaginary]).transpose(1, 2)
    u, v = (torch.from_numpy(call.field(name)) for name in "uv")
    return Run(sent, u, v, call.forward_steps)


class ModelCall(Call):
    """One run, as :class:`~lava_async.training.calls.Call`."""

    def check_payloads(self) -> None:  # noqa: D102
        check_payloads(self.network, self.batch.count)

    def take_factors(self, factors: NDArray[np.float64] | None) -> None:
        """Note what the messages of neurons are multiplied by, (B, N); None: nothing is dropped."""
        self.factors = factors
        self.bits = FRACTION_BITS if factors is not None and self.fixed else 0

    def choose(self, parameters: Parameters | ModelParameters) -> None:  # noqa: D102
        assert isinstance(parameters, ModelParameters)
        self.models = [self.network.params_of(layer) for layer in range(len(self.network.layers))]
        self.names = [tuple(each) for each in parameters.numbers]
        self.decays = any(x.requires_grad for each in parameters.numbers for x in each.values())
        self.fixed = self.network.params.tag == "fixed_pt"

    @property
    def n_numbers(self) -> int:
        """How many of the parameters are numbers of neurons; weights follow."""
        return sum(len(names) for names in self.names)

    def forward(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:  # noqa: D102
        dtype = arrays[0].dtype
        double, n_neurons = dtype == np.float64, self.network.n_neurons
        name = "int64" if self.fixed else "float64" if double else "float32"
        weights = arrays[self.n_numbers :]
        number: NDArray[Any] = np.zeros((MOST_NUMBERS, n_neurons), dtype)
        exact: NDArray[Any] = np.zeros((MOST_NUMBERS, n_neurons), name)
        of_neurons: NDArray[Any] = np.ones((4, n_neurons), dtype)
        self.fields: NDArray[Any] = np.zeros((len(self.batch), MOST_FIELDS, n_neurons), name)
        arctangent, listed = [], iter(arrays)
        for rows, model, names in zip(self.network.layer_slices, self.models, self.names, strict=True):
            training: Any = model.training
            for q, scale in enumerate(scales_of(model, names)):
                number[q, rows] = next(listed)
                exact[q, rows] = np.rint(number[q, rows].astype(np.float64) * scale) if self.fixed else number[q, rows]
            surrogate = self.gradient.surrogate.part(rows)
            if model.core_name == "resonate rf" and not isinstance(surrogate, Exponential):
                allowed = "Exponential for resonate and fire neurons: their gradient is slayer's own"
                raise InvalidType("surrogate", type(surrogate).__name__, allowed)
            kind, a, b = slope_numbers(surrogate)
            arctangent.append(kind)
            for row, values in enumerate((a, b, 1 / training.state_scale, 1 / training.payload_scale)):
                of_neurons[row, rows] = values
            p = type(model.arrays())(*exact[: len(names), rows])
            for f, values in enumerate(model.start(p).values()):
                self.fields[:, f, rows] = values
        sent = np.empty((len(self.batch), self.batch.n_steps, self.last - self.first), dtype)
        failure, self.run = self._record(name, double, arctangent, weights, number, exact, list(of_neurons), sent)
        if failure is not None:
            self.fail(failure, weights)
        return sent

    def _record(
        self,
        name: str,
        double: bool,
        arctangent: list[bool],
        weights: list[NDArray[Any]],
        number: NDArray[Any],
        exact: NDArray[Any],
        of_neurons: list[NDArray[Any]],
        sent: NDArray[Any],
    ) -> Any:
        batch, gradient = self.batch, self.gradient
        n, n_neurons = len(batch), self.network.n_neurons
        kind: Any = np.dtype(name)
        nothing: NDArray[Any] = np.zeros((n, n_neurons), kind)
        none: NDArray[Any] = np.zeros((n, 0, n_neurons), kind)
        self.payload: NDArray[Any] = batch.count.astype(kind) * kind.type(1 << self.bits)
        factor = None if self.factors is None else (self.factors * (1 << self.bits)).astype(kind)
        held, everything = np.zeros((n, n_neurons), np.int32), np.empty((n, batch.n_steps, n_neurons), kind)
        return self.engine.any_engine(name, double).record_any(
            rules_of(self.setup),
            gradient.credit,
            gradient.peak,
            gradient.reset == "differentiated",
            arctangent,
            self.decays,
            weights,
            float(WEIGHT_SCALE) if self.fixed else 1.0,
            number,
            exact,
            of_neurons,
            self.samples,
            batch.channel,
            np.ones(len(batch.count), np.int32),
            batch.start,
            nothing,
            self.forward_steps,
            self.first_output,
            self.tally,
            sent,
            self.first,
            _core.AnyArrays(self.payload, none, none[:, :, :0], self.fields, held, everything),
            factor,
            self.bits,
            self.threads,
        )

    def backward(self, grad: NDArray[Any], shapes: list[Any], wants_input: bool) -> tuple[Any, list[Any]]:
        """Return the gradients of the input (B, C, T), and of numbers and weights."""
        weights = [np.zeros(shape, grad.dtype) for shape in shapes[self.n_numbers :]]
        number = np.zeros((MOST_NUMBERS, self.network.n_neurons), grad.dtype) if self.decays else None
        shape = len(self.batch), self.batch.n_steps, self.network.n_inputs
        into = np.zeros(shape, grad.dtype) if wants_input else None
        self.run.backward(grad, weights, None, None, None, None, into, number, self.threads)
        numbers: list[Any] = [None] * self.n_numbers
        if number is not None:
            layers = zip(self.network.layer_slices, self.names, strict=True)
            numbers = [number[q, rows] for rows, names in layers for q in range(len(names))]
        return self.of_input(into), [*numbers, *weights]

    def field(self, name: str) -> NDArray[np.float32]:
        """Return a number of all neurons at the end (B, N), in units of the gradient; 0 where a model has none."""
        found = np.zeros((len(self.batch), self.network.n_neurons), np.float32)
        for rows, model in zip(self.network.layer_slices, self.models, strict=True):
            training: Any = model.training
            if name in model.state:
                found[:, rows] = self.fields[:, model.state.index(name), rows] / training.state_scale
        return found
