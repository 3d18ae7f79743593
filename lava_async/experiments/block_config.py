"""Blocks of slayer for the layers of a config."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from lava_async import defaults
from lava_async.errors import InvalidValue
from lava_async.experiments.neurons import NEURONS, WITHOUT_DECAYS
from lava_async.experiments.sections import LayerConfig, NetworkConfig
from lava_async.training.blocks.base import mark_drawn, parts_of, slayer

if TYPE_CHECKING:
    from torch import nn

MOST_WEIGHTS = 2**30
"""Weights that a network may have."""
_GEOMETRY = ("stride", "padding", "dilation", "groups")


def layer_blocks(config: NetworkConfig, shape: tuple[int, ...], seed: int) -> list[nn.Module]:
    """Return the blocks of the layers of a network, initialized by a seed of their own.

    Weights are drawn as those of :func:`~lava_async.training.dense_blocks`; pools sum by slayer's fixed weight.

    Parameters
    ----------
    config : NetworkConfig
        Its layers.
    shape : tuple of int
        Shape of the input, ``(channels, height, width)`` or ``(C,)``.
    seed : int
        Seed of the weights; the global random state stays as it is.

    Raises
    ------
    InvalidValue
        If a layer does not fit what reaches it.
    """
    blocks = []
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        for i, layer in enumerate(config.layers or ()):
            if layer.type in ("conv", "pool") and len(shape) != 3:
                raise _misfit(i, layer, shape, "(channels, height, width)")
            if layer.type in ("dense", "recurrent") and math.prod(shape) != max(shape):
                raise _misfit(i, layer, shape, "(neurons,): it needs a flatten layer before it")
            check_weights(f"network.layers[{i}]", _n_weights(layer, shape))
            block = _block(config, layer, shape)
            gain, synapses = _own(config, layer, "gain"), _synapses(layer, block)
            for synapse in synapses:
                channels, fan = sum(synapse.weight.shape[:2]), math.prod(synapse.weight.shape[2:])
                graded = config.neuron == "sigma_delta"  # as in dense_blocks
                usual, unit = (1.0, 1.0) if graded else (defaults.GAIN, _own(config, layer, "threshold") or 1.0)
                bound = (usual if gain is None else gain) * unit * math.sqrt(6 / (channels * fan))
                synapse.weight.uniform_(-bound, bound, generator=generator)
            if synapses and gain is None and config.neuron != "sigma_delta":
                mark_drawn(block)
            shape = _sent(layer, block, shape)
            if min(shape) < 1:
                raise _misfit(i, layer, shape, "at least one neuron: the kernel is larger than the image")
            blocks.append(block)
    return blocks


def check_weights(where: str, number: int) -> None:
    """Raise InvalidValue if a network would have more weights than one may have."""
    if number > MOST_WEIGHTS:
        raise InvalidValue(f"{where}: weights", number, f"at most {MOST_WEIGHTS}")


def _n_weights(layer: LayerConfig, shape: tuple[int, ...]) -> int:
    """Return how many numbers the synapses of a layer have."""
    if layer.neurons is not None:
        return layer.neurons * (math.prod(shape) + layer.neurons * (layer.type == "recurrent"))
    kernel = layer.kernel_size or 0
    return (layer.features or 1) * shape[0] * (math.prod(kernel) if isinstance(kernel, tuple) else kernel**2)


def neuron_settings(config: NetworkConfig, layer: LayerConfig | None = None) -> dict[str, Any]:
    """Return the arguments of slayer's neuron for a layer, or for all layers that do not say otherwise.

    ``reset``, which slayer's neurons do not know, is among those of current-based neurons.
    """
    decays = {name: _own(config, layer, name) for name in ("current_decay", "voltage_decay")}
    drawn = any(isinstance(decay, tuple) for decay in decays.values())
    if drawn:  # A single number would be spread by slayer.
        decays = {name: d if isinstance(d, tuple) else (d, d) for name, d in decays.items()}
    settings = {"threshold": _own(config, layer, "threshold"), "shared_param": not drawn}
    own = NEURONS[config.neuron](**config.options)
    if config.neuron not in WITHOUT_DECAYS:
        own |= decays
    return {**settings, "requires_grad": bool(config.learn_decays), **own}


def sigma_delta_network(blocks: list[nn.Module]) -> list[nn.Module]:
    """Return sigma-delta blocks that take spikes, and whose outputs begin with a bias.

    Without an Input block before them their input would be numbers, and data sets hold spikes. Without bias,
    rectification leaves outputs that are never above 0 without a gradient.

    Examples
    --------
    >>> from lava_async.training import dense_blocks
    >>> blocks = sigma_delta_network(dense_blocks([4, 3, 2], family="sigma_delta"))
    >>> len(blocks), blocks[-1].neuron.bias.tolist()
    (3, [4.0, 4.0])
    """
    last = [block for block in blocks if getattr(block, "neuron", None) is not None][-1]
    last.neuron.set_bias(torch.full((last.synapse.out_channels,), defaults.OUTPUT_BIAS))
    return [slayer().block.cuba.Input(delay_shift=False), *blocks]


def _own(config: NetworkConfig, layer: LayerConfig | None, name: str) -> Any:
    value = getattr(layer, name, None)
    return getattr(config, name) if value is None else value


def _block(config: NetworkConfig, layer: LayerConfig, shape: tuple[int, ...]) -> Any:
    family, neuron = getattr(slayer().block, config.neuron), neuron_settings(config, layer)
    reset = neuron.pop("reset", None)
    if config.neuron == "sigma_delta":
        neuron["activation"] = torch.nn.functional.relu
    geometry = {name: value for name in _GEOMETRY if (value := getattr(layer, name)) is not None}
    if layer.type == "flatten":
        return family.Flatten()
    if layer.type == "conv":
        block = family.Conv(neuron, shape[0], layer.features, layer.kernel_size, delay_shift=False, **geometry)
    elif layer.type == "pool":
        block = family.Pool(neuron, layer.kernel_size, delay_shift=False)
    else:
        kind = family.Dense if layer.type == "dense" else family.Recurrent
        block = kind(neuron, math.prod(shape), layer.neurons, delay_shift=False)
    if reset is not None:
        block.neuron.reset = reset
    return block


def _synapses(layer: LayerConfig, block: Any) -> list[nn.Module]:
    """Return the synapses of a block that are learned, real and imaginary parts one by one."""
    if layer.type == "recurrent":
        found = [block.input_synapse, block.recurrent_synapse]
    else:
        found = [block.synapse] if layer.type in ("dense", "conv") else []
    return [part for synapse in found for part, _ in parts_of(synapse)]


def _sent(layer: LayerConfig, block: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of what a block sends on when something of a shape reaches it."""
    if layer.type == "flatten":
        return (math.prod(shape),)
    if layer.neurons is not None:
        return (layer.neurons,)
    try:
        return tuple(parts_of(block.synapse)[0][0](torch.zeros(1, *shape, 1)).shape[1:-1])
    except RuntimeError:  # of torch: the kernel does not fit
        return (0,)


def _misfit(i: int, layer: LayerConfig, shape: tuple[int, ...], allowed: str) -> InvalidValue:
    return InvalidValue(f"network.layers[{i}] ({layer.type}): shape of what reaches it", shape, allowed)
