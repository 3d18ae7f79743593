"""What the neurons of slayer's blocks mean, family by family: ``slayer.block.cuba``, ``alif``, ``rf``, ``rf_iz``.

A family says which of slayer's neurons it takes, which numbers they have as they run (differentiable, in slayer's
units, named as ``arrays()`` of the neuron model names them), and as which model they are deployed. To add one, write a
:class:`Family` and list it in `FAMILIES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import (
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    NeuronModel,
)
from lava_async.neurons.cuba import RESETS
from lava_async.training.blocks.grid import wide
from lava_async.training.blocks.stream import per_neuron
from lava_async.training.dropout import check_dropout
from lava_async.training.gradient import STATE_SCALE, WEIGHT_SCALE
from lava_async.training.surrogates import Exponential

#: Bias in a .net file is ``bias_mant << 6``, as netx reads it.
BIAS_EXP = 6
#: As netx shifts thresholds and biases of sigma-delta neurons, and the input of such networks.
GRADED_EXP = 12
#: Threshold of neurons that never send, in slayer's units; 2^62 as an integer.
READ_OUT = 2.0**44


class Family(ABC):
    """The neurons of a block.

    Parameters
    ----------
    where : str
        What errors call the block.
    neuron : slayer neuron
        Whose parameters stay its own.

    Examples
    --------
    >>> from lava_async.training.blocks import dense_blocks
    >>> from lava_async.training.blocks.families import CubaFamily
    >>> family = CubaFamily("net.blocks[0]", dense_blocks([4, 3])[0].neuron)
    >>> {name: tuple(each.shape) for name, each in family.numbers(3).items()}
    {'keep_u': (3,), 'keep_v': (3,), 'vth': (3,), 'bias': (3,)}
    """

    name: ClassVar[str]
    """Module of slayer.block and slayer.neuron."""
    complex: ClassVar[bool] = False
    """Whether synapses have a real and an imaginary weight, and what arrives two parts."""
    model: ClassVar[type[NeuronModel]]
    graded: ClassVar[bool] = False
    """Whether it sends numbers instead of spikes."""
    norms: ClassVar[tuple[str, ...]] = ("norm",)
    """Attributes of the neuron that hold a normalization."""

    def __init__(self, where: str, neuron: Any) -> None:
        self.where, self.neuron = where, neuron

    def check(self, persistent: bool) -> None:
        """Raise unless the neurons can be run; `persistent`: whether slayer's keep their state from batch to batch."""
        from lava.lib.dl.slayer.neuron.dropout import Dropout
        from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm

        neuron = self.neuron
        for field, value, expected, allowed in (
            ("graded_spike", neuron.graded_spike, self.graded, f"{self.graded}"),
            ("persistent_state", neuron.persistent_state, persistent, "False: samples start from zero"),
            ("scale", neuron.scale, WEIGHT_SCALE, f"{WEIGHT_SCALE}, slayer's default"),
        ):
            if value != expected:
                raise InvalidValue(f"{self.where}.neuron.{field}", value, allowed)
        if neuron.drop is not None:
            if not isinstance(neuron.drop, Dropout):
                allowed = "None or slayer.neuron.Dropout, which takes neurons for whole samples"
                raise InvalidType(f"{self.where}.neuron.drop", type(neuron.drop).__name__, allowed)
            check_dropout(f"{self.where}.neuron.drop.p", neuron.drop.p)
        for name in self.norms:
            norm = getattr(neuron, name, None)
            if (self.complex or self.graded) and norm is not None:
                allowed = "None: only a bias of current-based and adaptive neurons can say it"
                raise InvalidType(f"{self.where}.neuron.{name}", type(norm).__name__, allowed)
            if not isinstance(norm, (MeanOnlyBatchNorm, type(None))):
                allowed = "None or MeanOnlyBatchNorm, which becomes a bias"
                raise InvalidType(f"{self.where}.neuron.{name}", type(norm).__name__, allowed)

    def take_shape(self, shape: tuple[int, ...]) -> None:
        """Let slayer's neuron take its shape, and draw its decays, as in a first forward pass."""
        neuron = self.neuron
        if neuron.shape is None:
            training = neuron.training
            zeros = torch.zeros(1, *shape, 1, device=neuron.device)
            with torch.no_grad():
                neuron.eval().dynamics((zeros, zeros) if self.complex else zeros)
            neuron.train(training)
            for name in [name for name, _ in neuron.named_buffers() if name.endswith("_state")]:
                like = torch.zeros(1, device=neuron.device)
                setattr(neuron, name, like + neuron.threshold if name == "threshold_state" else like)
        elif tuple(neuron.shape) not in (shape, (*shape, 1, 1)):
            raise InvalidValue(
                f"{self.where}.neuron.shape", tuple(neuron.shape), f"{shape}, which follows from what reaches it"
            )

    @abstractmethod
    def numbers(self, n: int) -> dict[str, Tensor]:
        """Return the numbers of n neurons as they run, differentiable by what slayer learns."""

    @abstractmethod
    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        """Return the neurons in Loihi's integers, given these numbers in the units of the state."""

    def surrogate(self, n: int) -> Exponential:
        """Return slayer's surrogate of n neurons."""
        neuron = self.neuron
        if neuron.tau_rho <= 0 or neuron.scale_rho <= 0:
            raise InvalidValue(
                f"{self.where}.neuron (tau_rho, scale_rho)",
                (neuron.tau_rho, neuron.scale_rho),
                "> 0, or the network needs a surrogate such as ATan()",
            )
        module = import_module(f"lava.lib.dl.slayer.neuron.{self.name}")
        tau, scale = neuron.tau_rho * module.TAU_RHO_MULT, neuron.scale_rho * module.SCALE_RHO_MULT
        return Exponential(torch.full((n,), tau), torch.full((n,), scale))

    def own_surrogate(self, *, default: bool) -> bool:
        """Return whether the neurons take slayer's surrogate unless they are told to; `default`: and told nothing."""
        return default

    def params(self, numbers: dict[str, Tensor]) -> NeuronModel:
        """Return the neurons in Loihi's integers, given their numbers in slayer's units."""
        like: Any = self.model
        training = like.derivatives
        found = {}
        for (name, x), scale in zip(numbers.items(), _scales(like, training, numbers), strict=True):
            scaled = wide(x.detach()).cpu().double() * scale
            if not torch.equal(scaled, scaled.round()):
                raise InvalidValue(f"{self.where}.{name}", "between grid points", f"multiples of 1/{scale}")
            found[name] = scaled.numpy().astype(np.int64)
        return self.deployed(found)

    def bias(self, n: int) -> Tensor:
        """Return the bias of n neurons, in slayer's units."""
        neuron = self.neuron
        if neuron.norm is None:
            return neuron.current_decay.new_zeros(n)
        # MeanOnlyBatchNorm subtracts a mean from the current. One layer at a time has a batch of currents to average,
        # asynchronous neurons do not: the running mean is a constant here, as it is once exported.
        return per_neuron(-neuron.norm.pre_hook_fx(neuron.norm.running_mean.detach()), n)


def _scales(model: type[NeuronModel], training: Any, numbers: dict[str, Tensor]) -> list[int]:
    return [STATE_SCALE if name in training.factors else training.state_scale for name in numbers]


def quantized_keep(decay: Tensor) -> Tensor:
    """Return what a decay leaves as slayer runs it: whole multiples of 1/4096, straight through for the gradient.

    Examples
    --------
    >>> import torch
    >>> from lava_async.training.blocks.families import quantized_keep
    >>> quantized_keep(torch.tensor([1024.0, 100.4])) * 4096
    tensor([3072., 3996.])
    """
    return 1 - on_grid(decay)


def on_grid(x: Tensor) -> Tensor:
    """Return a factor in 4096ths, rounded straight through, as slayer's ``quantize`` does."""
    return (x + (torch.round(x) - x).detach()) / STATE_SCALE


def _biased(bias: NDArray[np.int64]) -> dict[str, Any]:
    return {"bias_mant": bias >> BIAS_EXP, "bias_exp": BIAS_EXP if bias.any() else 0}


class CubaFamily(Family):
    """``slayer.block.cuba``: current-based leaky integrate and fire, reset to zero.

    slayer knows no other reset. An attribute ``reset = "subtract"`` of its neuron lets a spike take the threshold from
    the voltage instead.
    """

    name = "cuba"
    model = LoihiParams

    @property
    def reset(self) -> str:
        """What a spike does to the voltage: "zero" or "subtract"."""
        return str(getattr(self.neuron, "reset", RESETS[0]))

    def check(self, persistent: bool) -> None:
        super().check(persistent)
        if self.reset not in RESETS:
            raise InvalidValue(f"{self.where}.neuron.reset", self.reset, " or ".join(map(repr, RESETS)))

    def own_surrogate(self, *, default: bool) -> bool:
        return False

    def numbers(self, n: int) -> dict[str, Tensor]:
        self.neuron.clamp()
        keep = [quantized_keep(wide(per_neuron(x, n))) for x in (self.neuron.current_decay, self.neuron.voltage_decay)]
        threshold = self.neuron.threshold
        vth = keep[0].new_full((n,), 0.0 if threshold is None else float(threshold))  # None: Affine has its own
        return {"keep_u": keep[0], "keep_v": keep[1], "vth": vth, "bias": wide(self.bias(n))}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        du, dv = STATE_SCALE - numbers["keep_u"] - 1, STATE_SCALE - numbers["keep_v"]
        return LoihiParams(du, dv, numbers["vth"] >> BIAS_EXP, reset=self.reset, **_biased(numbers["bias"]))


class AlifFamily(Family):
    """``slayer.block.alif``: adaptive neurons, whose decays of threshold and refractory voltage do not learn."""

    name = "alif"
    model = LoihiAlifParams

    def numbers(self, n: int) -> dict[str, Tensor]:
        neuron = self.neuron
        neuron.clamp()
        learned = [quantized_keep(wide(per_neuron(x, n))) for x in (neuron.current_decay, neuron.voltage_decay)]
        fixed = [
            quantized_keep(wide(per_neuron(x.detach(), n))) for x in (neuron.threshold_decay, neuron.refractory_decay)
        ]
        vth, step = (fixed[0].new_full((n,), float(x)) for x in (neuron.threshold, neuron.threshold_step))
        names = "keep_u", "keep_v", "keep_theta", "keep_rho", "vth", "theta_step", "bias"
        return dict(zip(names, (*learned, *fixed, vth, step, wide(self.bias(n))), strict=True))

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        lost = [STATE_SCALE - numbers[name] for name in ("keep_u", "keep_v", "keep_theta", "keep_rho")]
        shifted = [numbers[name] >> BIAS_EXP for name in ("vth", "theta_step")]
        return LoihiAlifParams(lost[0] - 1, *lost[1:], *shifted, **_biased(numbers["bias"]))


class ResonatorFamily(Family):
    """What ``slayer.block.rf`` and ``slayer.block.rf_iz`` share."""

    complex = True
    model = LoihiResonateParams
    norms = "real_norm", "imag_norm"

    def numbers(self, n: int) -> dict[str, Tensor]:
        self.neuron.clamp()
        cos, sin = (on_grid(wide(per_neuron(x, n))) for x in (self.neuron.cos_decay, self.neuron.sin_decay))
        vth = cos.new_full((n,), float(self.neuron.threshold))
        return {"cos": cos, "sin": sin, "vth": vth, "after": vth - 1 / STATE_SCALE}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        # From the middle of the step that is rounded toward zero to these 4096ths.
        cos, sin = (np.where(x < 0, x - 0.5, x + 0.5) / STATE_SCALE for x in (numbers["cos"], numbers["sin"]))
        alpha, period = np.maximum(1 - np.hypot(cos, sin), 0), 2 * np.pi / np.arctan2(sin, cos)
        return LoihiResonateParams(alpha, period, numbers["vth"] >> BIAS_EXP, variant=self.name)


class PhaseFamily(ResonatorFamily):
    """``slayer.block.rf``: resonators that fire as their phase passes zero."""

    name = "rf"

    def own_surrogate(self, *, default: bool) -> bool:
        return True


class IzhikevichFamily(ResonatorFamily):
    """``slayer.block.rf_iz``: resonators that fire at a threshold and are reset."""

    name = "rf_iz"


class DifferenceFamily(Family):
    """What ``slayer.block.sigma_delta`` has: neurons that send numbers."""

    graded = True

    def check(self, persistent: bool) -> None:
        super().check(persistent)
        neuron = self.neuron
        if neuron.activation not in (torch.nn.functional.relu, torch.relu):
            raise InvalidValue(f"{self.where}.neuron.activation", neuron.activation, "torch.nn.functional.relu")
        for field, value, expected, allowed in (
            ("delta.cum_error", neuron.delta.cum_error, False, "False"),
            ("requires_grad", neuron.requires_grad, False, "False: thresholds and biases do not learn"),
        ):
            if value != expected:
                raise InvalidValue(f"{self.where}.neuron.{field}", value, allowed)

    def take_shape(self, shape: tuple[int, ...]) -> None:
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
        """Return a surrogate that is not used: what they send has a derivative."""
        return Exponential(torch.ones(n))

    def own_surrogate(self, *, default: bool) -> bool:
        return True

    def thresholds(self, n: int) -> Tensor:
        """Return the thresholds of n neurons."""
        return per_neuron(self.neuron.delta.threshold.detach(), n)


class SigmaDeltaFamily(DifferenceFamily):
    """``slayer.block.sigma_delta``: rectified sums that are sent as they change."""

    name = "sigma_delta"
    model = LoihiSigmaDeltaParams

    def numbers(self, n: int) -> dict[str, Tensor]:
        vth, bias = self.thresholds(n), self.neuron.bias.detach()
        return {"vth": vth, "bias": bias.reshape(-1).expand(n) if bias.numel() == 1 else bias.reshape(-1)}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        bias = numbers["bias"]
        if (bias % (1 << GRADED_EXP)).any():
            raise InvalidValue(f"{self.where}.neuron.bias", "between grid points", f"multiples of 1/{WEIGHT_SCALE}")
        exponent = GRADED_EXP if bias.any() else 0
        return LoihiSigmaDeltaParams(numbers["vth"], bias_mant=bias >> GRADED_EXP, bias_exp=exponent)


class DeltaFamily(DifferenceFamily):
    """The neurons of ``slayer.block.sigma_delta.Input``, which send by how much the input has changed."""

    name = "delta"
    model = LoihiDeltaParams

    def take_shape(self, shape: tuple[int, ...]) -> None:
        if self.neuron.delta.shape not in (None, torch.Size(shape)):
            raise InvalidValue(f"{self.where}.neuron.shape", tuple(self.neuron.delta.shape), f"{shape}, as the input")

    def numbers(self, n: int) -> dict[str, Tensor]:
        return {"vth": self.thresholds(n)}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        return LoihiDeltaParams(numbers["vth"], weight_exp=GRADED_EXP)


class SigmaFamily(DifferenceFamily):
    """The neurons of ``slayer.block.sigma_delta.Output``, which send nothing: their sum is the answer."""

    name = "sigma"
    model = LoihiSigmaDeltaParams

    def numbers(self, n: int) -> dict[str, Tensor]:
        zeros = torch.zeros(n)
        return {"vth": zeros + READ_OUT, "bias": zeros}

    def deployed(self, numbers: dict[str, NDArray[np.int64]]) -> NeuronModel:
        return LoihiSigmaDeltaParams(numbers["vth"], activation="unit")


_ALL = CubaFamily, AlifFamily, PhaseFamily, IzhikevichFamily, SigmaDeltaFamily
FAMILIES: dict[str, type[Family]] = {family.name: family for family in _ALL}
"""By the name of their module in slayer."""

__all__ = ["BIAS_EXP", "FAMILIES", "Family"]
