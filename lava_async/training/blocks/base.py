"""What adapters of slayer's blocks have in common."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from types import ModuleType
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lava_async.errors import InvalidType, InvalidValue
from lava_async.extras import needs
from lava_async.network import Layer
from lava_async.synapses import Synapses
from lava_async.training.blocks.families import FAMILIES
from lava_async.training.blocks.family import Family
from lava_async.training.blocks.grid import eight_bits, is_eight_bits, wide
from lava_async.training.blocks.stream import Delay, SpikeStream, prepare_axon
from lava_async.training.dropout import check_dropout
from lava_async.training.surrogates import Exponential


def slayer() -> ModuleType:
    """Import lava-dl's slayer, which takes seconds.

    Examples
    --------
    >>> from lava_async.training.blocks.base import slayer
    >>> hasattr(slayer().block, "cuba")
    True
    """
    with needs("train", "slayer"):
        from lava.lib.dl import slayer as imported
    return imported


#: A payload of 1 of graded neurons, in Loihi's integers.
PAYLOAD_SCALE = 1 << 12
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
    sources : tuple of SpikeStream
        What it takes, one after another along the channels.
    index : int
        Index of the layer that its neurons are, if it has any.

    Examples
    --------
    >>> from lava_async.training.blocks import adapt, dense_blocks
    >>> first, second = adapt(dense_blocks([4, 3, 2]), [], None)
    >>> first.where, [stream.shape for stream in first.outputs], [stream.shape for stream in second.sources]
    ('blocks[0] (Dense)', [(3,)], [(3,)])
    """

    name: ClassVar[str]
    """Name of its class in slayer; those of other families than cuba are named alike."""
    families: ClassVar[tuple[str, ...]] = tuple(FAMILIES)
    """Whose blocks of that name it is for."""

    def __init__(self, where: str, block: nn.Module, sources: tuple[SpikeStream, ...], index: int) -> None:
        self.where, self.block, self.sources, self.index = where, block, sources, index

    @classmethod
    def of(cls, where: str, block: nn.Module, sources: tuple[SpikeStream, ...], index: int) -> Block:
        """Return the adapter of a block."""
        return cls(where, block, sources, index)

    @classmethod
    def takes(cls, block: nn.Module) -> tuple[int, ...] | None:
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

    def check(self, field: str, value: object, expected: object, allowed: str) -> None:
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
    """A block of neurons with the synapses into them; parameters as :class:`Block`.

    A learnable delay needs a gradient, although spikes move by whole time steps only. slayer's is the derivative of the
    straight line between the spikes y as they are and one time step later, ``dL/d delay = sum_t dL/dy[t] (y[t - 1] -
    y[t])``. So while a delay learns (`learning` below), each synapse of weight w is two: one of weight ``(1 - f) w``
    and one of ``f w`` that takes one time step more, where f is 0. Forward nothing changes; backward the chain rule
    gives that derivative. The synapse of weight 0 counts as a synapse in the sense of section 6 of the semantics: it
    touches its target in forward step 0.

    Examples
    --------
    >>> from lava_async.training.blocks import adapt, dense_blocks
    >>> block = adapt(dense_blocks([4, 3, 2]), [], None)[0]
    >>> block.shape_of_neurons(), [tuple(weights.shape) for weights in block.weights(learning=False)]
    ((3,), [(3, 4)])
    """

    kind: ClassVar[str]
    """First word of the name of the layer."""
    fires: ClassVar[bool] = True
    """Whether its neurons have a threshold that they can reach."""
    drops: ClassVar[bool] = True
    """Whether slayer applies a dropout to what its neurons send."""
    persistent: ClassVar[bool] = False
    """Whether slayer's neurons of such a block keep their state from batch to batch."""

    def __init__(self, where: str, block: nn.Module, sources: tuple[SpikeStream, ...], index: int) -> None:
        super().__init__(where, block, sources, index)
        self.family = self.family_of(block)(where, block.neuron, takes_numbers=self.takes_numbers())
        self.family.check(self.persistent)
        self.layer = Layer(self.shape_of_neurons(), f"{self.kind} {index}")
        self.family.take_shape(self.layer.shape)
        if block.delay is not None:
            prepare_axon(f"{where}.delay", block.delay, self.layer.shape)

    @classmethod
    def family_of(cls, block: nn.Module) -> type[Family]:
        """Return the family of its neurons."""
        return FAMILIES[type(block).__module__.rpartition(".")[2]]

    def takes_numbers(self) -> bool:
        """Return whether what reaches the neurons are numbers; raise an error if they cannot take it."""
        kinds, name = {sent.graded for sent in self.sources}, self.family_of(self.block).name
        if True in kinds and not self.family_of(self.block).graded:
            raise InvalidType(
                f"{self.where}: what reaches it",
                "numbers of sigma-delta neurons",
                f"spikes, as neurons of {name} take them: they have 12 bits below 1; put sigma-delta blocks last",
            )
        if len(kinds) > 1:
            allowed = "of one kind: a spike is 1 and numbers are 4096ths, and weights into a neuron have one exponent"
            raise InvalidType(f"{self.where}: what reaches it", "spikes and numbers", allowed)
        return kinds == {True}

    def arriving(self, x: Tensor) -> Tensor:
        """Return the input of a network that begins with the block, (B, C, T), as its neurons count it."""
        return x * PAYLOAD_SCALE if self.family.graded else x

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
    def geometry(self) -> nn.Module:
        """The synapse of slayer that has kernel size, stride, padding and the like."""
        return parts_of(self.block.synapse)[0][0]

    @property
    def outputs(self) -> tuple[SpikeStream, ...]:  # noqa: D102
        axons = () if self.block.delay is None else (self.block.delay,)
        return (SpikeStream(self.index, self.layer.shape, axons=axons, graded=self.family.graded),)

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

    def numbers(self) -> dict[str, Tensor]:
        """Return the numbers of its neurons as they run, in slayer's units, (n,) each; differentiable."""
        return self.family.numbers(self.layer.size)

    def neuron_key(self) -> Hashable:
        """Return what tells whether the numbers are as before; None if they are differentiated."""
        neuron = self.block.neuron
        tensors = [*neuron.parameters(), *(buffer for name, buffer in neuron.named_buffers() if "norm" in name)]
        if any(t.requires_grad or t.device.type != "cpu" for t in tensors):
            return None
        neuron.clamp()
        thresholds = wide(self.thresholds().detach()).numpy().tobytes()
        return thresholds, *(wide(t.detach()).numpy().tobytes() for t in tensors)

    def thresholds(self) -> Tensor:
        """Return the thresholds of the n neurons, in slayer's units."""
        return self.family.thresholds(self.layer.size)

    def dropout(self, default: float) -> float:
        """Return the probability with which a sample drops a neuron; `default`: if the block does not say it."""
        drop = self.block.neuron.drop
        if drop is None or not self.drops:
            return default if self.drops else 0.0
        return check_dropout(f"{self.where}.neuron.drop.p", drop.p) if drop.training else 0.0

    def surrogate(self) -> Exponential:
        """Return slayer's surrogate of the n neurons."""
        return self.family.surrogate(self.layer.size)

    def split(self, kernel: Tensor, inputs: Sequence[int]) -> Sequence[Tensor]:
        """Return the parts of a kernel for each source, given the inputs of each along its second axis."""
        return [kernel] if len(inputs) == 1 else kernel.split(inputs, 1)

    def quantized(self, synapse: nn.Module, name: str = "synapse") -> Tensor:
        """Return the weight of one of slayer's synapses as its neurons see it; complex where it has two parts."""
        if self.family.complex:
            return torch.complex(*(self._quantized(part, f"{name}.{x}") for part, x in parts_of(synapse)))
        return self._quantized(synapse, name)

    def _quantized(self, synapse: nn.Module, name: str) -> Tensor:
        if synapse.pre_hook_fx is None:
            raise InvalidValue(f"{self.where}.{name}.pre_hook_fx", None, "8-bit quantization: leave the argument out")
        weight = current_weight(synapse)
        mask = getattr(self.block, "mask", None)
        quantize = eight_bits if is_eight_bits(synapse.pre_hook_fx) else synapse.pre_hook_fx
        found: Tensor = quantize(weight if mask is None else weight * mask)
        return found


def parts_of(synapse: nn.Module) -> list[tuple[nn.Module, str]]:
    """Return the parts of a synapse that has weights of its own, with their names: "real" and "imag", or one."""
    return [(synapse.real, "real"), (synapse.imag, "imag")] if hasattr(synapse, "imag") else [(synapse, "")]


def current_weight(synapse: nn.Module) -> Tensor:
    """Return the weight of a synapse, worked out again if weight normalization makes it."""
    for hook in synapse._forward_pre_hooks.values():
        hook(synapse, None)
    weight: Tensor = synapse.weight
    return weight


def mark_drawn(block: nn.Module) -> None:
    """Note with a block of slayer that its weights, as they are now, were drawn and learned nothing."""
    block.drawn = _fingerprint(block)


def is_drawn(block: nn.Module) -> bool:
    """Tell whether the weights of a block are still those that were drawn."""
    return getattr(block, "drawn", None) == _fingerprint(block)


def learned_weights(block: nn.Module) -> list[Tensor]:
    """Return the weights of a block that scaling multiplies: with weight normalization the lengths of the vectors."""
    found = []
    for name in _SYNAPSES:
        if (synapse := getattr(block, name, None)) is not None:
            found += [part.weight_g if hasattr(part, "weight_g") else part.weight for part, _ in parts_of(synapse)]
    return found


def _fingerprint(block: nn.Module) -> int:
    found = 0
    for name in _SYNAPSES:
        if (synapse := getattr(block, name, None)) is not None:
            for part, _ in parts_of(synapse):
                weight = wide(current_weight(part).detach()).cpu().contiguous()
                found = zlib.crc32(weight.numpy().tobytes(), found)
    return found
