"""Neurons that send numbers: ``slayer.block.sigma_delta``."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.errors import InvalidValue
from lava_async.neurons import LoihiDeltaParams, LoihiSigmaDeltaParams, NeuronModel
from lava_async.training.blocks.family import Family
from lava_async.training.blocks.stream import per_neuron
from lava_async.training.gradient import WEIGHT_SCALE
from lava_async.training.surrogates import Exponential

#: As netx shifts thresholds and biases of sigma-delta neurons, and the input of such networks. Spikes that reach them
#: are payloads of 1, and their own are 4096ths.
GRADED_EXP = 12
#: Threshold of neurons that never send, in slayer's units; 2^62 as an integer.
READ_OUT = 2.0**44


class DifferenceFamily(Family):
    """What ``slayer.block.sigma_delta`` has: neurons that send numbers."""

    graded = True
    own_surrogate = True

    @property
    def weight_exp(self) -> int:
        """Exponent of weights: that of 4096ths is 0."""
        return 0 if self.takes_numbers else GRADED_EXP

    def check(self, persistent: bool) -> None:  # noqa: D102
        super().check(persistent)
        neuron = self.neuron
        if neuron.activation not in (torch.nn.functional.relu, torch.relu):
            raise InvalidValue(f"{self.where}.neuron.activation", neuron.activation, "torch.nn.functional.relu")
        if neuron.delta.cum_error:
            raise InvalidValue(f"{self.where}.neuron.delta.cum_error", True, "False")

    def take_shape(self, shape: tuple[int, ...]) -> None:  # noqa: D102
        neuron = self.neuron
        if neuron.delta.shape is None:
            training = neuron.training
            with torch.no_grad():
                neuron.eval()(torch.zeros(1, *shape, 1))
            neuron.train(training)
        elif tuple(neuron.delta.shape) != shape:
            allowed = f"{shape}, which follows from what reaches it"
            raise InvalidValue(f"{self.where}.neuron.shape", tuple(neuron.delta.shape), allowed)

    def surrogate(self, n: int) -> Exponential:
        """Return how slayer weighs a check for the threshold of n neurons; all else they send has a derivative."""
        delta = self.neuron.delta
        if delta.tau_grad <= 0 or delta.scale_grad <= 0:
            found = (delta.tau_grad, delta.scale_grad)
            raise InvalidValue(f"{self.where}.neuron.delta (tau_grad, scale_grad)", found, "> 0")
        # Exponential divides its area by twice its width.
        return Exponential(torch.full((n,), delta.tau_grad), torch.full((n,), 2.0 * delta.tau_grad * delta.scale_grad))

    def thresholds(self, n: int) -> Tensor:
        """Return the thresholds of n neurons; those that learn as files hold them, in 64ths."""
        threshold: Tensor = self.neuron.delta.threshold
        if self.neuron.requires_grad:
            threshold = in_64ths(threshold, least=1)
        return per_neuron(threshold, n)


class SigmaDeltaFamily(DifferenceFamily):
    """``slayer.block.sigma_delta``: rectified sums that are sent as they change."""

    name = "sigma_delta"
    model = LoihiSigmaDeltaParams

    def numbers(self, n: int) -> dict[str, Tensor]:  # noqa: D102
        bias: Tensor = self.neuron.bias
        if not self.neuron.bias_is_set:  # slayer does not look at it then
            bias = torch.zeros_like(bias)
        if self.neuron.requires_grad:
            bias = in_64ths(bias)
        shape = self.neuron.delta.shape
        each = bias.reshape(-1).expand(n) if bias.numel() == 1 else bias.expand(shape).reshape(-1)
        return {"vth": self.thresholds(n), "bias": each}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:  # noqa: D102
        bias = numbers["bias"]
        if (bias % (1 << GRADED_EXP)).any():
            raise InvalidValue(f"{self.where}.neuron.bias", "between grid points", f"multiples of 1/{WEIGHT_SCALE}")
        exponent = GRADED_EXP if bias.any() else 0
        bias = bias >> GRADED_EXP
        return LoihiSigmaDeltaParams(numbers["vth"], bias_mant=bias, bias_exp=exponent, weight_exp=self.weight_exp)


class DeltaFamily(DifferenceFamily):
    """The neurons of ``slayer.block.sigma_delta.Input``, which send by how much the input has changed."""

    name = "delta"
    model = LoihiDeltaParams

    def take_shape(self, shape: tuple[int, ...]) -> None:  # noqa: D102
        if self.neuron.delta.shape not in (None, torch.Size(shape)):
            raise InvalidValue(f"{self.where}.neuron.shape", tuple(self.neuron.delta.shape), f"{shape}, as the input")

    def numbers(self, n: int) -> dict[str, Tensor]:  # noqa: D102
        return {"vth": self.thresholds(n)}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:  # noqa: D102
        return LoihiDeltaParams(numbers["vth"], weight_exp=GRADED_EXP)


class SigmaFamily(DifferenceFamily):
    """The neurons of ``slayer.block.sigma_delta.Output``, which send nothing: their sum is the answer."""

    name = "sigma"
    model = LoihiSigmaDeltaParams

    def numbers(self, n: int) -> dict[str, Tensor]:  # noqa: D102
        zeros = torch.zeros(n)
        return {"vth": zeros + READ_OUT, "bias": zeros}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:  # noqa: D102
        return LoihiSigmaDeltaParams(numbers["vth"], activation="unit", weight_exp=self.weight_exp)


def in_64ths(x: Tensor, least: int | None = None) -> Tensor:
    """Return numbers rounded to 64ths, at least so many, straight through for the gradient."""
    units = torch.round(x.detach() * WEIGHT_SCALE)
    units = units if least is None else units.clamp(min=least)
    return units / WEIGHT_SCALE + (x - x.detach())
