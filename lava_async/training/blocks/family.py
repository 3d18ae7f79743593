"""What a family of slayer's neurons is: which of them it takes, and what they mean.

It says which numbers they have as they run (differentiable, in slayer's units, named as ``arrays()`` of the neuron
model names them), and as which model they are deployed. To add one, write a :class:`Family` and list it in `FAMILIES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import NeuronModel
from lava_async.training.blocks.grid import wide
from lava_async.training.blocks.stream import per_neuron
from lava_async.training.dropout import check_dropout
from lava_async.training.gradient import STATE_SCALE, WEIGHT_SCALE
from lava_async.training.surrogates import Exponential


class Family(ABC):
    """The neurons of a block.

    Parameters
    ----------
    where : str
        What errors call the block.
    neuron : slayer neuron
        Whose parameters stay its own.
    takes_numbers : bool
        Whether what reaches the neurons are numbers in 4096ths, as graded neurons send them, instead of spikes.

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
    own_surrogate: ClassVar[bool] = False
    """Whether the neurons have slayer's surrogate whatever the network is given."""
    norms: ClassVar[tuple[str, ...]] = ("norm",)
    """Attributes of the neuron that hold a normalization."""

    def __init__(self, where: str, neuron: nn.Module, *, takes_numbers: bool = False) -> None:
        self.where, self.neuron, self.takes_numbers = where, neuron, takes_numbers

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

    def thresholds(self, n: int) -> Tensor:
        """Return the thresholds of n neurons, in slayer's units."""
        return torch.full((n,), float(self.neuron.threshold))

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
    >>> from lava_async.training.blocks.family import quantized_keep
    >>> quantized_keep(torch.tensor([1024.0, 100.4])) * 4096
    tensor([3072., 3996.])
    """
    return 1 - on_grid(decay)


def on_grid(x: Tensor) -> Tensor:
    """Return a factor in 4096ths, rounded straight through, as slayer's ``quantize`` does."""
    return (x + (torch.round(x) - x).detach()) / STATE_SCALE
