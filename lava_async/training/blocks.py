"""What slayer's blocks mean as neurons and synapses: one adapter per type of block.

To add a block, write a :class:`Block` with its class in ``slayer.block.cuba`` as name, and list it in `ADAPTERS`.
Nothing else in the package looks into blocks.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async import synapses
from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Layer
from lava_async.records import count
from lava_async.synapses import INPUT, Synapses
from lava_async.training.gradient import STATE_SCALE, WEIGHT_SCALE
from lava_async.training.surrogates import Exponential


def slayer() -> Any:
    """Import lava-dl's slayer, which takes seconds, without what it prints about optional parts."""
    with contextlib.redirect_stdout(io.StringIO()):
        from lava.lib.dl import slayer as imported
    return imported


class Block(ABC):
    """A block of ``slayer.block.cuba``, seen as a layer of neurons with the synapses into it.

    Parameters
    ----------
    where : str
        What errors call the block.
    block : torch.nn.Module
        The block, whose parameters stay the block's own.
    source, target : int
        Layer that feeds it (``INPUT`` for the input channels) and layer that it is.
    """

    name: ClassVar[str]
    """Name of its class in ``slayer.block.cuba``."""

    def __init__(self, where: str, block: Any, source: int, target: int) -> None:
        self.where, self.block, self.source, self.target = where, block, source, target
        self._check("delay", block.delay, None, "None: axonal delays are not supported in training")
        self._check_neuron(block.neuron)

    @property
    @abstractmethod
    def n_inputs(self) -> int:
        """Number of neurons or channels that it takes."""

    @property
    @abstractmethod
    def layer(self) -> Layer:
        """The neurons."""

    @abstractmethod
    def weights(self) -> list[Tensor]:
        """Return the weights as the neurons see them, quantized, in slayer's units: one tensor per set of synapses."""

    @abstractmethod
    def synapses(self, weights: Sequence[NDArray[Any]]) -> list[Synapses]:
        """Return the synapses for such weights, in the same order."""

    def neurons(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return keep_u, keep_v, threshold and bias of the n neurons, in slayer's units."""
        neuron, n = self.block.neuron, self.layer.size
        neuron.clamp()
        keep_u, keep_v = (1 - neuron_decay(d) / STATE_SCALE for d in (neuron.current_decay, neuron.voltage_decay))
        vth = keep_u.new_tensor([neuron.threshold])
        # MeanOnlyBatchNorm subtracts a mean from the current. One layer at a time has a batch of currents to average,
        # asynchronous neurons do not: the running mean is a constant here, as it is once exported.
        bias = vth * 0 if neuron.norm is None else -neuron.norm.pre_hook_fx(neuron.norm.running_mean.detach())
        return keep_u.expand(n), keep_v.expand(n), vth.expand(n), bias.expand(n)

    def export(self, group: Any) -> None:
        """Write the block into an HDF5 group, as slayer does; unlike slayer's own export, the block stays as it is."""
        with torch.no_grad():
            current_weight(self.block.synapse)
            block = copy.deepcopy(self.block)
            if block.synapse.weight_norm_enabled:
                block.synapse.disable_weight_norm()
            if block.mask is not None:
                block.synapse.weight *= block.mask
            block.export_hdf5(group)

    def surrogate(self) -> Exponential:
        """Return slayer's surrogate of the n neurons."""
        from lava.lib.dl.slayer.neuron.cuba import SCALE_RHO_MULT, TAU_RHO_MULT

        neuron, n = self.block.neuron, self.layer.size
        if neuron.tau_rho <= 0 or neuron.scale_rho <= 0:
            raise InvalidValue(f"{self.where}.neuron (tau_rho, scale_rho)", (neuron.tau_rho, neuron.scale_rho),
                               "> 0, or the network needs a surrogate such as ATan()")  # fmt: skip
        tau, scale = neuron.tau_rho * TAU_RHO_MULT, neuron.scale_rho * SCALE_RHO_MULT
        return Exponential(torch.full((n,), tau), torch.full((n,), scale))

    def _check(self, field: str, value: Any, expected: Any, allowed: str) -> None:
        if value != expected:
            raise InvalidValue(f"{self.where}.{field}", value, allowed)

    def _check_neuron(self, neuron: Any) -> None:
        from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm

        self._check("neuron.graded_spike", neuron.graded_spike, False, "False: spikes are binary")
        self._check("neuron.drop", neuron.drop, None, "None (see refractory_dropout and input_dropout)")
        self._check("neuron.persistent_state", neuron.persistent_state, False, "False: samples start from zero")
        self._check("neuron.scale", neuron.scale, WEIGHT_SCALE, f"{WEIGHT_SCALE}, slayer's default")
        if not isinstance(neuron.norm, (MeanOnlyBatchNorm, type(None))):
            raise InvalidType(f"{self.where}.neuron.norm", type(neuron.norm).__name__, "None or MeanOnlyBatchNorm, "
                              "which becomes a bias")  # fmt: skip

    def _shape_neuron(self) -> None:
        """Let slayer's neuron take its shape, and draw its decays, as in a first forward pass."""
        neuron = self.block.neuron
        if neuron.shape is None:
            training = neuron.training
            with torch.no_grad():
                neuron.eval().dynamics(torch.zeros(1, *self.layer.shape, 1, device=neuron.device))
            neuron.train(training)


class DenseBlock(Block):
    """All-to-all synapses."""

    name = "Dense"

    def __init__(self, where: str, block: Any, source: int, target: int) -> None:
        super().__init__(where, block, source, target)
        self._check("synapse.weight.shape[2:]", tuple(block.synapse.weight.shape[2:]), (1, 1, 1), "(1, 1, 1): "
                    "in_neurons is one number")  # fmt: skip
        if block.synapse.pre_hook_fx is None:
            raise InvalidValue(f"{where}.synapse.pre_hook_fx", None, "8-bit quantization: leave the argument out")
        self._shape_neuron()

    @property
    def n_inputs(self) -> int:  # noqa: D102
        return int(self.block.synapse.weight.shape[1])

    @property
    def layer(self) -> Layer:  # noqa: D102
        return Layer((int(self.block.synapse.weight.shape[0]),), f"dense {self.target}")

    def weights(self) -> list[Tensor]:  # noqa: D102
        weight = current_weight(self.block.synapse)
        if self.block.mask is not None:
            weight = weight * self.block.mask
        return [self.block.synapse.pre_hook_fx(weight).flatten(1)]

    def synapses(self, weights: Sequence[NDArray[Any]]) -> list[Synapses]:  # noqa: D102
        return [synapses.Dense(self.source, self.target, weights[0])]


ADAPTERS: tuple[type[Block], ...] = (DenseBlock,)


def adapt(blocks: Sequence[Any]) -> list[Block]:
    """Return the adapters of a chain of blocks.

    Raises
    ------
    InvalidType, InvalidValue
        If a block is of an unknown type, has a feature that cannot be run, or does not fit the block before it.
    """
    cuba = slayer().block.cuba
    known = {getattr(cuba, adapter.name): adapter for adapter in ADAPTERS}
    chain: list[Block] = []
    for i, block in enumerate(blocks):
        if type(block) not in known:
            names = ", ".join(f"slayer.block.cuba.{adapter.name}" for adapter in ADAPTERS)
            raise InvalidType(f"blocks[{i}]", f"{type(block).__module__}.{type(block).__name__}", names)
        chain.append(known[type(block)](f"blocks[{i}] ({type(block).__name__})", block, i - 1 if i else INPUT, i))
        if i and chain[i].n_inputs != chain[i - 1].layer.size:
            before = f"{chain[i - 1].layer.size}, the neurons of blocks[{i - 1}]"
            raise InvalidValue(f"{chain[i].where}: number of inputs", chain[i].n_inputs, before)
    if not chain:
        raise InvalidValue("blocks", blocks, "at least one block")
    return chain


def dense_blocks(
    sizes: Sequence[int], *, threshold: float = 1.0, current_decay: float = 1.0, voltage_decay: float = 1.0,
    gain: float = 1.0, seed: int = 0, **neuron: Any,
) -> list[Any]:  # fmt: skip
    """Return a chain of ``slayer.block.cuba.Dense``, initialized by a seed of its own.

    Parameters
    ----------
    sizes : list of int
        Input channels, then neurons per layer.
    threshold, current_decay, voltage_decay : float
        As slayer's neuron; a decay of 1 keeps nothing from one time step to the next.
    gain : float
        Weights are uniform in ``+- gain * threshold * sqrt(6 / (fan_in + fan_out))`` (Glorot, Bengio, AISTATS 2010).
    seed : int
        Seed of the weights; the global random state stays as it is.
    **neuron
        Further arguments of slayer's neuron, such as ``tau_grad``.
    """
    if len(sizes) < 2:
        raise InvalidValue("dense_blocks.sizes", sizes, "the input channels, then one number of neurons per layer")
    for n in sizes:
        count("dense_blocks.sizes", n, least=1)
    dense = slayer().block.cuba.Dense
    generator = torch.Generator().manual_seed(seed)
    params = {"threshold": threshold, "current_decay": current_decay, "voltage_decay": voltage_decay, **neuron}
    blocks = []
    with torch.random.fork_rng(devices=[]):
        for n_in, n_out in pairwise(sizes):
            block = dense(dict(params), n_in, n_out, delay_shift=False)
            bound = gain * threshold * math.sqrt(6 / (n_in + n_out))
            with torch.no_grad():
                block.synapse.weight.uniform_(-bound, bound, generator=generator)
            blocks.append(block)
    return blocks


def neuron_decay(decay: Tensor) -> Tensor:
    """Return a decay as slayer runs it: whole multiples of 1/4096, straight through for the gradient."""
    return decay + (torch.round(decay) - decay).detach()


def current_weight(synapse: Any) -> Tensor:
    """Return the weight of a synapse, worked out anew if weight normalization makes it."""
    for hook in synapse._forward_pre_hooks.values():
        hook(synapse, None)
    weight: Tensor = synapse.weight
    return weight
