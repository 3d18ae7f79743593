"""Hooks of torch on the blocks of a network, whose own ``forward`` never runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from lava_async.errors import InvalidType, InvalidValue
from lava_async.training.blocks import NeuronBlock

#: Hooks that could only run if the blocks themselves did.
_NEVER = ("_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def are_hooked(blocks: Iterable[nn.Module], layers: Sequence[NeuronBlock]) -> bool:
    """Tell whether blocks of neurons have forward hooks.

    Parameters
    ----------
    blocks : iterable of Module
        All blocks of the network.
    layers : list of NeuronBlock
        Those with neurons.

    Raises
    ------
    InvalidValue
        If a block has hooks that would never be called.
    """
    with_neurons = {id(layer.block) for layer in layers}
    for i, block in enumerate(blocks):
        never = _NEVER if id(block) in with_neurons else (*_NEVER, "_forward_hooks")
        for name in never:
            if hooks := getattr(block, name, None):
                what = f"blocks[{i}] ({type(block).__name__}): {name.strip('_').replace('_', ' ')}"
                allowed = "left out: take a forward hook of a block with neurons, or hooks of the network"
                raise InvalidValue(what, len(hooks), allowed)
    return any(layer.block._forward_hooks for layer in layers)


def call_hooks(layers: Sequence[NeuronBlock], counts: Sequence[Tensor]) -> None:
    """Call the forward hooks of blocks with neurons with the spike counts that they emit, and no input.

    Parameters
    ----------
    layers : list of NeuronBlock
        All of the network.
    counts : list of (B, n, T) Tensor
        Spike counts of each.

    Raises
    ------
    InvalidType
        If a hook returns something, as if it could change what was sent.
    """
    for layer, emitted in zip(layers, counts, strict=True):
        for hook in layer.block._forward_hooks.values():
            returned = hook(layer.block, (), emitted)
            if returned is not None:
                what = f"{layer.where}: what a forward hook returns"
                raise InvalidType(what, type(returned).__name__, "None: the spikes were delivered already")
