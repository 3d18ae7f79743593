"""What adapters of slayer's blocks have in common."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.errors import InvalidType, InvalidValue
from lava_async.extras import needs
from lava_async.network import Layer
from lava_async.synapses import Synapses
from lava_async.training.blocks.grid import eight_bits, is_eight_bits, wide
from lava_async.training.blocks.stream import Delay, SpikeStream, per_neuron, prepare_axon
from lava_async.training.gradient import STATE_SCALE, WEIGHT_SCALE
from lava_async.training.surrogates import Exponential


def slayer() -> Any:
    """Import lava-dl's slayer, which takes seconds."""
    with needs("train", "slayer"):
        from lava.lib.dl import slayer as imported
    return imported


#: Where blocks keep synapses whose weights are learned.
_SYNAPSES = "synapse", "input_synapse", "recurrent_synapse"


class Block(ABC):
    """A block of slayer, seen as something that takes spikes and sends spikes on.

    Parameters
    ----------
    where : str
        What errors call the block.
    block : torch.nn.Module
        The block, whose parameters stay the block's own.
    sources : tuple of Sent
        What it takes, one after another along the channels.
    index : int
        Index of the layer that its neurons are, if it has any.
    """

    name: ClassVar[str]
    """Name of its class in slayer."""

    def __init__(self, where: str, block: Any, sources: tuple[SpikeStream, ...], index: int) -> None:
        self.where, self.block, self.sources, self.index = where, block, sources, index

    @classmethod
    def of(cls, where: str, block: Any, sources: tuple[SpikeStream, ...], index: int) -> Block:
        """Return the adapter of a block."""
        return cls(where, block, sources, index)

    @classmethod
    def takes(cls, block: Any) -> tuple[int, ...] | None:
        """Return the shape of what a block takes if the block says so."""
        return None

    @property
    @abstractmethod
    def outputs(self) -> tuple[SpikeStream, ...]:
        """What it sends on."""

    def grid(self) -> tuple[int, int]:
        """Return height and width of what it takes.

        Raises
        ------
        InvalidValue
            If that has none, or several things have different ones.
        """
        shapes = [sent.shape for sent in self.sources]
        if any(len(shape) != 3 or shape[1:] != shapes[0][1:] for shape in shapes):
            allowed = "(channels, height, width)" + (" of one height and width" if len(shapes) > 1 else "")
            raise InvalidValue(f"{self.where}: shape of what reaches it", shapes, allowed)
        return shapes[0][1], shapes[0][2]

    def check(self, field: str, value: Any, expected: Any, allowed: str) -> None:
        """Raise InvalidValue unless a field of the block is as expected."""
        if value != expected:
            raise InvalidValue(f"{self.where}.{field}", value, allowed)

    def check_inputs(self, what: str, wanted: int, found: Sequence[int]) -> None:
        """Raise InvalidValue unless what reaches the block adds up to what it wants."""
        if wanted != sum(found):
            names = " and ".join(sent.name for sent in self.sources)
            raise InvalidValue(
                f"{self.where}: number of inputs", wanted, f"{' + '.join(map(str, found))}, the {what} of {names}"
            )


class NeuronBlock(Block):
    """A block of CUBA neurons with the synapses into them; parameters as :class:`Block`.

    A learnable delay needs a gradient, although spikes move by whole time steps only. slayer's is the derivative of the
    straight line between the spikes y as they are and one time step later, ``dL/d delay = sum_t dL/dy[t] (y[t - 1] -
    y[t])``. So while a delay learns (`learning` below), each synapse of weight w is two: one of weight ``(1 - f) w``
    and one of ``f w`` that takes one time step more, where f is 0. Forward nothing changes; backward the chain rule
    gives that derivative. The synapse of weight 0 counts as a synapse in the sense of section 6 of the semantics: it
    touches its target in forward step 0.
    """

    kind: ClassVar[str]
    """First word of the name of the layer."""
    fires: ClassVar[bool] = True
    """Whether its neurons have a threshold that they can reach."""
    persistent: ClassVar[bool] = False
    """Whether slayer's neurons of such a block keep their state from batch to batch."""

    def __init__(self, where: str, block: Any, sources: tuple[SpikeStream, ...], index: int) -> None:
        super().__init__(where, block, sources, index)
        self._check_neuron(block.neuron)
        self.layer = Layer(self.shape_of_neurons(), f"{self.kind} {index}")
        self._shape_neuron()
        if block.delay is not None:
            prepare_axon(f"{where}.delay", block.delay, self.layer.shape)

    @abstractmethod
    def shape_of_neurons(self) -> tuple[int, ...]:
        """Return the shape of the neurons, after checking that the block fits what reaches it."""

    @abstractmethod
    def kernels(self) -> Sequence[Tensor]:
        """Return the weights from each source as the neurons see them: quantized, in slayer's units."""

    @abstractmethod
    def connect(self, source: SpikeStream, weights: NDArray[Any], delay: Delay) -> Synapses:
        """Return the synapses from a source."""

    def broadcast_channels(self, kernel: Tensor, each: Tensor, source: SpikeStream) -> Tensor:
        """Return a number per neuron of `source` in a shape that its kernel can be multiplied with: the last axis."""
        return each

    @property
    def outputs(self) -> tuple[SpikeStream, ...]:  # noqa: D102
        axons = () if self.block.delay is None else (self.block.delay,)
        return (SpikeStream(self.index, self.layer.shape, axons=axons),)

    def delays(self, learning: bool) -> list[tuple[SpikeStream, Delay]]:
        """Return source and delays of each set of synapses."""
        found: list[tuple[SpikeStream, Delay]] = []
        for source in self.sources:
            delay = source.delay()
            found.append((source, delay))
            if learning and source.learns and delay is not None:
                found.append((source, delay + 1))
        return found

    def weights(self, learning: bool) -> list[Tensor]:
        """Return the weights of each set of synapses; differentiable by the parameters of the blocks."""
        found: list[Tensor] = []
        for source, kernel in zip(self.sources, self.kernels(), strict=True):
            if learning and source.learns:
                f = self.broadcast_channels(kernel, source.step().to(kernel), source)
                found += [kernel * (1 - f), kernel * f]
            else:
                found.append(kernel)
        return found

    def synapses(self, weights: Sequence[NDArray[Any]], learning: bool) -> list[Synapses]:
        """Return the synapses for such weights, in the same order."""
        lags = self.delays(learning)
        return [self.connect(source, w, delay) for (source, delay), w in zip(lags, weights, strict=True)]

    def decays(self) -> tuple[Tensor, Tensor]:
        """Return the decays of current and voltage of the n neurons, in parts of 4096, clamped but not rounded."""
        neuron, n = self.block.neuron, self.layer.size
        neuron.clamp()
        return per_neuron(neuron.current_decay, n), per_neuron(neuron.voltage_decay, n)

    def neuron_key(self) -> Any:
        """Return what tells whether decays, threshold and bias are as before; None if they are differentiated."""
        neuron = self.block.neuron
        tensors = [neuron.current_decay, neuron.voltage_decay]
        if neuron.norm is not None:
            tensors.append(neuron.norm.running_mean)
        if any(t.requires_grad or t.device.type != "cpu" for t in tensors):
            return None
        return self.threshold, *(wide(t).numpy().tobytes() for t in tensors)

    @property
    def threshold(self) -> float:
        """Threshold of its neurons, in slayer's units."""
        return float(self.block.neuron.threshold)

    def bias(self) -> Tensor:
        """Return the bias of the n neurons, in slayer's units."""
        neuron = self.block.neuron
        if neuron.norm is None:
            return neuron.current_decay.new_zeros(self.layer.size)
        # MeanOnlyBatchNorm subtracts a mean from the current. One layer at a time has a batch of currents to average,
        # asynchronous neurons do not: the running mean is a constant here, as it is once exported.
        return per_neuron(-neuron.norm.pre_hook_fx(neuron.norm.running_mean.detach()), self.layer.size)

    def surrogate(self) -> Exponential:
        """Return slayer's surrogate of the n neurons."""
        from lava.lib.dl.slayer.neuron.cuba import SCALE_RHO_MULT, TAU_RHO_MULT

        neuron, n = self.block.neuron, self.layer.size
        if neuron.tau_rho <= 0 or neuron.scale_rho <= 0:
            raise InvalidValue(
                f"{self.where}.neuron (tau_rho, scale_rho)",
                (neuron.tau_rho, neuron.scale_rho),
                "> 0, or the network needs a surrogate such as ATan()",
            )
        tau, scale = neuron.tau_rho * TAU_RHO_MULT, neuron.scale_rho * SCALE_RHO_MULT
        return Exponential(torch.full((n,), tau), torch.full((n,), scale))

    def split(self, kernel: Tensor, inputs: Sequence[int]) -> Sequence[Tensor]:
        """Return the parts of a kernel for each source, given the inputs of each along its second axis."""
        return [kernel] if len(inputs) == 1 else kernel.split(inputs, 1)

    def quantized(self, synapse: Any, name: str = "synapse") -> Tensor:
        """Return the weight of one of slayer's synapses as its neurons see it."""
        if synapse.pre_hook_fx is None:
            raise InvalidValue(f"{self.where}.{name}.pre_hook_fx", None, "8-bit quantization: leave the argument out")
        weight = current_weight(synapse)
        mask = getattr(self.block, "mask", None)
        quantize = eight_bits if is_eight_bits(synapse.pre_hook_fx) else synapse.pre_hook_fx
        found: Tensor = quantize(weight if mask is None else weight * mask)
        return found

    def _check_neuron(self, neuron: Any) -> None:
        from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm

        self.check("neuron.graded_spike", neuron.graded_spike, False, "False: spikes are binary")
        self.check("neuron.drop", neuron.drop, None, "None (see refractory_dropout and input_dropout)")
        self.check(
            "neuron.persistent_state", neuron.persistent_state, self.persistent, "False: samples start from zero"
        )
        self.check("neuron.scale", neuron.scale, WEIGHT_SCALE, f"{WEIGHT_SCALE}, slayer's default")
        if not isinstance(neuron.norm, (MeanOnlyBatchNorm, type(None))):
            raise InvalidType(
                f"{self.where}.neuron.norm",
                type(neuron.norm).__name__,
                "None or MeanOnlyBatchNorm, which becomes a bias",
            )

    def _shape_neuron(self) -> None:
        """Let slayer's neuron take its shape, and draw its decays, as in a first forward pass."""
        neuron, shape = self.block.neuron, self.layer.shape
        if neuron.shape is None:
            training = neuron.training
            with torch.no_grad():
                neuron.eval().dynamics(torch.zeros(1, *shape, 1, device=neuron.device))
            neuron.train(training)
            neuron.current_state, neuron.voltage_state = (torch.zeros(1, device=neuron.device) for _ in range(2))
        elif tuple(neuron.shape) not in (shape, (*shape, 1, 1)):
            raise InvalidValue(
                f"{self.where}.neuron.shape", tuple(neuron.shape), f"{shape}, which follows from what reaches it"
            )


def quantized_keep(decay: Tensor) -> Tensor:
    """Return what a decay leaves as slayer runs it: whole multiples of 1/4096, straight through for the gradient."""
    return 1 - (decay + (torch.round(decay) - decay).detach()) / STATE_SCALE


def current_weight(synapse: Any) -> Tensor:
    """Return the weight of a synapse, worked out again if weight normalization makes it."""
    for hook in synapse._forward_pre_hooks.values():
        hook(synapse, None)
    weight: Tensor = synapse.weight
    return weight


def mark_drawn(block: Any) -> None:
    """Note with a block of slayer that its weights, as they are now, were drawn and learned nothing."""
    block.drawn = _fingerprint(block)


def is_drawn(block: Any) -> bool:
    """Tell whether the weights of a block are still those that were drawn."""
    return getattr(block, "drawn", None) == _fingerprint(block)


def learned_weights(block: Any) -> list[Tensor]:
    """Return the weights of a block that scaling multiplies: with weight normalization the lengths of the vectors."""
    found = []
    for name in _SYNAPSES:
        synapse = getattr(block, name, None)
        if synapse is not None:
            found.append(synapse.weight_g if hasattr(synapse, "weight_g") else synapse.weight)
    return found


def _fingerprint(block: Any) -> int:
    found = 0
    for name in _SYNAPSES:
        if (synapse := getattr(block, name, None)) is not None:
            weight = wide(current_weight(synapse).detach()).cpu().contiguous()
            found = zlib.crc32(weight.numpy().tobytes(), found)
    return found
