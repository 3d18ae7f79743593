"""What slayer's blocks mean as neurons and synapses: one adapter, and one file, per type of block.

To add a block, write a :class:`Block` with the name of its class in slayer, and list it in `ADAPTERS`. Nothing else in
the package looks into blocks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from operator import attrgetter

from torch import nn

from lava_async.errors import InvalidType, InvalidValue
from lava_async.records import check_int
from lava_async.synapses import INPUT
from lava_async.training.blocks.affine import AffineBlock
from lava_async.training.blocks.average import AverageBlock
from lava_async.training.blocks.base import Block, NeuronBlock, slayer
from lava_async.training.blocks.conv import ConvBlock
from lava_async.training.blocks.delay import DelayBlock
from lava_async.training.blocks.dense import DenseBlock
from lava_async.training.blocks.families import FAMILIES
from lava_async.training.blocks.flatten import FlattenBlock
from lava_async.training.blocks.input import InputBlock
from lava_async.training.blocks.make import dense_blocks
from lava_async.training.blocks.pool import PoolBlock
from lava_async.training.blocks.readout import ReadOut
from lava_async.training.blocks.recurrent import RecurrentBlock
from lava_async.training.blocks.sigma_delta import DeltaInputBlock, SigmaOutputBlock
from lava_async.training.blocks.stream import SpikeStream
from lava_async.training.blocks.transposed import ConvTBlock, UnpoolBlock

ADAPTERS: tuple[type[Block], ...] = (
    DenseBlock,
    ConvBlock,
    ConvTBlock,
    PoolBlock,
    UnpoolBlock,
    RecurrentBlock,
    InputBlock,
    FlattenBlock,
    DelayBlock,
    AverageBlock,
    DeltaInputBlock,
    SigmaOutputBlock,
    AffineBlock,
)
REFUSED = {
    "KWTA": "its winners are those of a whole layer, checked at once; without layer synchronization neurons are "
    "checked as spikes reach them, so that no such moment exists",
    "TimeDecimation": "it adds up time steps: bin the input instead",
    **dict.fromkeys(
        ("adrf", "adrf_iz"), "no model here has a phase and an adaptive threshold: take rf, rf_iz, or alif"
    ),
}
"""Blocks that no network of spiking neurons can say, and families of which there is no model, and why."""


def adapt(
    blocks: Sequence[nn.Module], connections: Sequence[tuple[int, int]], shape: tuple[int, ...] | None
) -> list[Block]:
    """Return the adapters of a chain of blocks with skip connections.

    Parameters
    ----------
    blocks : list of torch.nn.Module
        The chain.
    connections : list of (source, target)
        Further connections between blocks; source -1 is the input.
    shape : tuple of int, optional
        Shape of the input; default: what the first block takes.

    Raises
    ------
    InvalidType, InvalidValue
        If a block is of an unknown type, has a feature that cannot be run, or does not fit what reaches it.

    Examples
    --------
    >>> from lava_async.training.blocks import adapt, dense_blocks
    >>> [type(each).__name__ for each in adapt(dense_blocks([4, 3, 2]), [], None)]
    ['DenseBlock', 'DenseBlock']
    """
    if not blocks:
        raise InvalidValue("blocks", blocks, "at least one block")
    kinds = _kinds()
    for i, block in enumerate(blocks):
        if type(block) not in kinds:
            family, name = type(block).__module__.rpartition(".")[2], type(block).__name__
            reason = REFUSED.get(name, REFUSED.get(family, ""))
            reason = f" ({reason})" if reason else ""
            names = ", ".join(f"slayer.{adapter.name}" for adapter in ADAPTERS)
            allowed = f"a block of {', '.join(FAMILIES)} as {names}{reason}"
            raise InvalidType(f"blocks[{i}]", f"{type(block).__module__}.{type(block).__name__}", allowed)
    shape = kinds[type(blocks[0])].takes(blocks[0]) if shape is None else shape
    if shape is None:
        raise InvalidValue(
            "input_shape",
            None,
            f"(channels, height, width) or (channels,), since blocks[0] "
            f"({type(blocks[0]).__name__}) does not say what it takes",
        )
    given = SpikeStream(INPUT, tuple(shape), "the input", graded=_takes_numbers(blocks, kinds))
    sends: dict[int, tuple[SpikeStream, ...]] = {INPUT: (given,)}
    skips = _checked(connections, len(blocks))
    if kinds[type(blocks[0])] is DeltaInputBlock and blocks[0].neuron is not None and any(INPUT in s for s in skips):
        raise InvalidValue("connections", connections, "from blocks, since blocks[0] (Input) rounds the input")
    adapters: list[Block] = []
    for i, block in enumerate(blocks):
        sources = [sent for source in (i - 1, *skips[i]) for sent in sends[source]]
        where, layer = f"blocks[{i}] ({type(block).__name__})", sum(isinstance(a, NeuronBlock) for a in adapters)
        adapters.append(kinds[type(block)].of(where, block, tuple(sources), layer))
        sends[i] = tuple(sent._replace(name=f"blocks[{i}]") for sent in adapters[i].outputs)
    _check_outputs(adapters)
    return adapters


def _kinds() -> dict[type[nn.Module], type[Block]]:
    """Return the adapter of each class of slayer: an adapter of a block of CUBA neurons takes those of all families."""
    found: dict[type[nn.Module], type[Block]] = {}
    for adapter in ADAPTERS:
        for family in adapter.families if adapter.name.startswith("block.cuba.") else ["cuba"]:
            with contextlib.suppress(AttributeError):  # not every family has every block
                found[attrgetter(adapter.name.replace("cuba", family))(slayer())] = adapter
    return found


def _checked(connections: Sequence[tuple[int, int]], n: int) -> list[list[int]]:
    """Return which blocks each block receives from besides the one before."""
    skips: list[list[int]] = [[] for _ in range(n)]
    for k, connection in enumerate(connections):
        if not isinstance(connection, (tuple, list)) or len(connection) != 2:
            raise InvalidType(f"connections[{k}]", connection, "(source, target), the numbers of two blocks")
        target = check_int(f"connections[{k}] target", connection[1], least=1, most=n - 1)
        source = check_int(f"connections[{k}] source", connection[0], least=INPUT, most=target - 2)
        if source in skips[target]:
            raise InvalidValue(f"connections[{k}]", connection, "given once")
        skips[target].append(source)
    return skips


def _takes_numbers(blocks: Sequence[nn.Module], kinds: dict[type[nn.Module], type[Block]]) -> bool:
    """Return whether the input is of numbers: if the first neurons take them, and no Input block says otherwise."""
    if issubclass(kinds[type(blocks[0])], InputBlock) and blocks[0].neuron is None:
        return type(blocks[0]).__module__.endswith("sigma_delta")
    first = next((block for block in blocks if getattr(block, "neuron", None) is not None), None)
    return first is not None and FAMILIES[type(first).__module__.rpartition(".")[2]].graded


def _check_outputs(adapters: Sequence[Block]) -> None:
    """Raise unless the chain ends with what one layer of neurons emits, as it is, and with what reads it out."""
    reading = None
    for adapter in adapters:
        if reading and not isinstance(adapter, AverageBlock | FlattenBlock):
            raise InvalidValue(
                f"{adapter.where}", f"behind {reading.where}", "nothing but Average and Flatten: it sends no spikes"
            )
        reading = adapter if isinstance(adapter, ReadOut) else reading
    last, layers = adapters[-1], [a for a in adapters if isinstance(a, NeuronBlock)]
    if not layers or [sent.layer for sent in last.outputs] != [layers[-1].index]:
        raise InvalidValue(
            f"{last.where}", "the last block", "one with neurons, or a Flatten or Average behind such a block"
        )
    if last.outputs[0].axons:
        raise InvalidValue(
            f"{last.where}.delay",
            "an axonal delay",
            "None in the last block: its neurons are read out when they fire, their axons lead nowhere",
        )


__all__ = ["ADAPTERS", "Block", "NeuronBlock", "ReadOut", "SpikeStream", "adapt", "dense_blocks", "slayer"]
