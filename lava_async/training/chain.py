"""What the blocks of a network hold, as it runs: synapses, decays, thresholds, biases, on slayer's grid."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.errors import InvalidValue
from lava_async.execution import Execution
from lava_async.network import Network
from lava_async.neurons import combine
from lava_async.spikes import SpikeBatch
from lava_async.synapses import Synapses
from lava_async.training.blocks import NeuronBlock, ReadOut
from lava_async.training.blocks.affine import AffineBlock
from lava_async.training.blocks.average import AverageBlock
from lava_async.training.blocks.base import Block
from lava_async.training.blocks.families import CubaFamily
from lava_async.training.blocks.grid import wide
from lava_async.training.gradient import WEIGHT_SCALE, ModelParameters, Parameters
from lava_async.training.surrogates import Choice, Exponential, PerLayer, Surrogate


class Chain:
    """The blocks of a network, those with neurons and those that read out.

    `learning`, an argument of several methods, tells whether delays learn; see
    :class:`~lava_async.training.blocks.base.NeuronBlock`.

    Parameters
    ----------
    blocks : list of Block
        The adapters of slayer's blocks, from the input to the output.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.layers = [block for block in blocks if isinstance(block, NeuronBlock)]
        self.read_outs = [block for block in blocks if isinstance(block, ReadOut)]
        self.input_shape = blocks[0].sources[0].shape
        self._neurons_of: tuple[list[Hashable], tuple[dict[str, Tensor], ...]] | None = None

    @property
    def n_outputs(self) -> int:
        """Number of outputs: neurons of the last layer, or what read-outs make of them."""
        return self.read_outs[-1].n_answers if self.read_outs else self.layers[-1].layer.size

    @property
    def answers_by_voltage(self) -> bool:
        """Whether the answer is the voltage of the last layer, which never fires: Affine."""
        return bool(self.read_outs) and isinstance(self.read_outs[-1], AffineBlock)

    @property
    def averaged(self) -> int | None:
        """The number of groups of outputs that the last Average makes means of, if there is one."""
        return next((block.n_answers for block in reversed(self.read_outs) if isinstance(block, AverageBlock)), None)

    @property
    def takes_numbers(self) -> bool:
        """Whether the input is of numbers instead of spikes."""
        return self.layers[0].sources[0].graded

    def arriving(self, spikes: Tensor | SpikeBatch) -> Tensor | SpikeBatch:
        """Return the input of a network of graded neurons in integers, as these count it."""
        if isinstance(spikes, Tensor):
            scaled = self.layers[0].arriving(spikes)
            bad = scaled.detach() != scaled.detach().round()
            if bool(bad.any()):
                value = float(spikes.detach()[bad][0])
                raise InvalidValue("spikes", value, "multiples of 1/4096 (or give the network an Input block)")
            return scaled
        scaled = self.layers[0].arriving(torch.as_tensor(spikes.count))
        return replace(spikes, count=scaled.numpy().astype(np.int32))

    @property
    def thresholds(self) -> Tensor:
        """Thresholds of the neurons (N,), in slayer's units."""
        return torch.cat([layer.thresholds().detach() for layer in self.layers])

    def surrogate(self, wanted: Choice) -> Surrogate:
        """Return the surrogate of all neurons that a network is given or, as "slayer", of each block its own.

        Resonators and sigma-delta neurons always have slayer's own.
        """
        if self.plain:
            if wanted == "slayer":
                own = [layer.surrogate() for layer in self.layers]
                return Exponential(torch.cat([s.tau for s in own]), torch.cat([s.scale for s in own]))
            return wanted(self.thresholds) if callable(wanted) else wanted
        given = wanted(self.thresholds) if callable(wanted) else wanted
        start, parts = 0, list[tuple[int, Surrogate]]()
        for layer in self.layers:
            end = start + layer.layer.size
            if given == "slayer" or layer.family.own_surrogate:
                parts.append((end - start, layer.surrogate()))
            else:
                parts.append((end - start, given.part(slice(start, end))))
            start = end
        return PerLayer(tuple(parts))

    @property
    def learns_delays(self) -> bool:
        """Whether a delay is learned."""
        return any(source.learns for layer in self.layers for source in layer.sources)

    def dropout(self, hidden: float) -> NDArray[np.float64]:
        """Return the probability with which each neuron is dropped in a sample, (N,).

        Parameters
        ----------
        hidden : float
            That of the neurons before the last layer whose block has no dropout of its own.
        """
        last = self.layers[-1]
        found = [layer.dropout(0.0 if layer is last else hidden) for layer in self.layers]
        return np.repeat(found, [layer.layer.size for layer in self.layers]).astype(np.float64)

    def by_layer(self, counts: Tensor) -> Sequence[Tensor]:
        """Return the spike counts (B, n, T) of each layer, given those of all neurons (B, N, T)."""
        return counts.split([layer.layer.size for layer in self.layers], 1)

    def read_out(self, last: Tensor, counts: Sequence[Tensor]) -> Tensor:
        """Return what the network answers, given the spike counts of its last layer and of each."""
        for block in self.read_outs:
            last = block.read(last, counts)
        return last

    def delay_key(self, learning: bool) -> list[bytes | None]:
        """Return what tells one topology from another: the delays of each set of synapses."""
        lags = [delay for layer in self.layers for _, delay in layer.delays(learning)]
        return [None if delay is None else delay.tobytes() for delay in lags]

    def parameters(self, learning: bool, dropping: bool = False) -> Parameters | ModelParameters:
        """Return all parameters as they run, on slayer's grid, differentiable by the parameters of the blocks.

        With neuron dropout (`dropping`) spikes are numbers, as those of networks of any models.
        """
        weights = [wide(w) for layer in self.layers for w in layer.weights(learning)]
        # A Network keeps its synapses sorted by source and target.
        ends = [(source.layer, layer.index) for layer in self.layers for source, _ in layer.delays(learning)]
        order = sorted(range(len(ends)), key=ends.__getitem__)
        ordered, numbers = tuple(weights[k] for k in order), self._neurons()
        if dropping or not self.plain:
            return ModelParameters(ordered, numbers)
        whole = (torch.cat([each[name] for each in numbers]) for name in ("keep_u", "keep_v", "vth", "bias"))
        return Parameters(ordered, *whole)

    @property
    def plain(self) -> bool:
        """Whether all neurons are current-based and reset to zero."""
        return all(isinstance(x.family, CubaFamily) and x.family.reset == "zero" for x in self.layers)

    def _neurons(self) -> tuple[dict[str, Tensor], ...]:
        """Return the numbers of the neurons of each layer, as they run; made again when the blocks' have changed."""
        key = [layer.neuron_key() for layer in self.layers]
        if self._neurons_of is not None and None not in key and key == self._neurons_of[0]:
            return self._neurons_of[1]
        found = tuple(layer.numbers() for layer in self.layers)
        if None not in key:  # None: they are differentiated.
            self._neurons_of = key, found
        return found

    @torch.no_grad()
    def network(self, execution: Execution, learning: bool = False) -> Network:
        """Return the network in fixed point, in the units of Lava's LIF and Dense."""
        synapses: list[Synapses] = []
        for layer in self.layers:
            weights = [_integers(f"{layer.where}.weight", w, WEIGHT_SCALE) for w in layer.weights(learning)]
            synapses += layer.synapses(weights, learning)
        pairs = zip(self.layers, self._neurons(), strict=True)
        params = combine([layer.family.params(numbers).expanded(layer.layer.size) for layer, numbers in pairs])
        layers = tuple(layer.layer for layer in self.layers)
        size = sum(layer.size for layer in layers)
        return Network(
            self.input_shape, layers, tuple(synapses), params, np.arange(size - layers[-1].size, size), execution
        )


def _integers(where: str, x: Tensor, scale: int) -> NDArray[Any]:
    """Return x * scale, which must be integers, as int64; complex numbers as such."""
    if x.is_complex():
        return np.asarray(_integers(where, x.real, scale) + 1j * _integers(where, x.imag, scale))
    scaled = x.detach().cpu().double() * scale
    if not bool(torch.isfinite(scaled).all()):
        value = float(x.detach()[~torch.isfinite(x.detach())][0])
        raise InvalidValue(where, value, "finite numbers: training has diverged; go back to the last good weights")
    if not torch.equal(scaled, scaled.round()):
        raise InvalidValue(where, "between grid points", f"multiples of 1/{scale}, as slayer's quantization makes them")
    return scaled.numpy().astype(np.int64)
