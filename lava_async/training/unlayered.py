"""Networks of slayer's blocks that are trained as they will run: without layer synchronization."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lava_async.engine import Setup
from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Network
from lava_async.netx.h5 import atomic_file
from lava_async.netx.meta import write_metadata
from lava_async.neurons import LoihiParams
from lava_async.records import count, integer_array
from lava_async.schedules import Schedule
from lava_async.spikes import MAX_PAYLOAD, SpikeBatch, SpikeTrain
from lava_async.stopping import Quiescence, StopRule
from lava_async.synapses import Synapses
from lava_async.training.blocks import adapt
from lava_async.training.compiled import CompiledEngine
from lava_async.training.dense import DenseEngine
from lava_async.training.gradient import STATE_SCALE, WEIGHT_SCALE, Gradient, GradientEngine, Parameters, Run
from lava_async.training.surrogates import Exponential, Surrogate

ENGINES: dict[str, type[GradientEngine]] = {"compiled": CompiledEngine, "dense": DenseEngine}
#: Bias in a .net file is ``bias_mant << 6``, as netx reads it.
BIAS_EXP = 6


class UnlayeredNetwork(torch.nn.Module):
    """A chain of slayer blocks, run and differentiated without layer synchronization.

    Weights, 8-bit quantization, decays and thresholds are the blocks' own, and so is the arithmetic: what is trained is
    what :meth:`to_network` and :meth:`export_hdf5` deploy, spike for spike and voltage for voltage (slayer's voltage
    times 4096 is Loihi's). The blocks' `delay_shift` has no meaning here.

    Parameters
    ----------
    blocks : list of slayer.block.cuba.Dense
        The layers.
    schedule : Schedule
        Which pending neurons are delivered next; ``Layered()`` trains as slayer does.
    until : StopRule
        When a time step ends.
    credit, peak, reset
        As in :class:`~lava_async.training.gradient.Gradient`.
    surrogate : ATan, Exponential or alike; optional
        Default: the blocks' own, slayer's exponential.
    refractory_dropout : float
        Probability, in train mode, with which a spike leaves its neuron free to fire again in the time step.
    input_dropout : float
        Probability, in train mode, with which an input channel loses its spikes in a time step.
    seed : int
        Seed of the random schedule and of the dropouts.
    engine : {"compiled", "dense"}
        What works out the gradient: event by event on the CPU, or readable torch on any device, many times slower.

    Raises
    ------
    InvalidValue, InvalidType
        If a block has a feature that cannot be run, or an argument cannot be used.

    Notes
    -----
    Random draws are keyed by sample numbers. In train mode the samples of a run are numbered on from those of all runs
    before (buffer `samples_seen`, part of the state_dict), so each sees fresh draws and a resumed training sees the
    same; in eval mode they are 0 .. B - 1, as in :func:`lava_async.simulate_batch`.

    A block's MeanOnlyBatchNorm is the constant bias that it is exported as: its running mean is used and not updated.
    Decays are learned where the block's neuron was made with ``requires_grad=True``.

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks
    >>> net = UnlayeredNetwork(dense_blocks([4, 8, 2]), schedule=Random(group_size=2))
    >>> net(torch.ones(3, 4, 5)).shape
    torch.Size([3, 2, 5])
    """

    samples_seen: Tensor

    def __init__(
        self, blocks: Sequence[torch.nn.Module], *, schedule: Schedule, until: StopRule = Quiescence(),  # noqa: B008
        credit: str = "last", peak: bool = True, reset: str = "detached", surrogate: Surrogate | None = None,
        refractory_dropout: float = 0.0, input_dropout: float = 0.0, seed: int = 0, engine: str = "compiled",
    ) -> None:  # fmt: skip
        super().__init__()
        for name, value, kind in (("schedule", schedule, Schedule), ("until", until, StopRule)):
            if not isinstance(value, kind):
                raise InvalidType(f"UnlayeredNetwork.{name}", value, f"a {kind.__name__}")
        for name, p in (("refractory_dropout", refractory_dropout), ("input_dropout", input_dropout)):
            if not 0 <= p <= 1:
                raise InvalidValue(f"UnlayeredNetwork.{name}", p, "a probability in 0 .. 1")
        if engine not in ENGINES:
            raise InvalidValue("UnlayeredNetwork.engine", engine, "one of " + ", ".join(ENGINES))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(count("UnlayeredNetwork.seed", seed, most=2**63 - 1))
            self._adapters = adapt(blocks)
        self.blocks = torch.nn.ModuleList(blocks)
        self.schedule, self.until, self.seed = schedule, until, seed
        self.refractory_dropout, self.input_dropout = refractory_dropout, input_dropout
        self.gradient = Gradient(credit, peak, reset, self._own_surrogate() if surrogate is None else surrogate)
        self._topology = self.to_network()
        self._engine = ENGINES[engine](self._topology)
        self.register_buffer("samples_seen", torch.zeros((), dtype=torch.int64))

    @property
    def n_outputs(self) -> int:
        """Number of output neurons, the last ones."""
        return len(self._topology.outputs)

    def forward(
        self, spikes: Tensor | SpikeBatch | Sequence[SpikeTrain], samples: ArrayLike | None = None
    ) -> Tensor:  # fmt: skip
        """Return the spike counts of the output neurons, (B, n_out, T), differentiable; arguments as :meth:`run`."""
        return self.run(spikes, samples).counts[:, -self.n_outputs :]

    def run(self, spikes: Tensor | SpikeBatch | Sequence[SpikeTrain], samples: ArrayLike | None = None) -> Run:
        """Run a batch and return the spike counts of all neurons, differentiable, with the final state.

        Parameters
        ----------
        spikes : (B, C, T) tensor of counts, or a SpikeBatch, or B SpikeTrains of one shape
            Input spikes.
        samples : (B,) int, optional
            Sample numbers; default: see Notes of the class.

        Returns
        -------
        Run
        """
        if isinstance(spikes, Tensor):
            spikes = _checked(spikes.to(self.samples_seen.device, torch.float32))
            shape = tuple(spikes.shape)
        else:
            spikes = SpikeBatch.of(spikes)
            shape = len(spikes), spikes.n_channels, spikes.n_steps
        if len(shape) != 3 or shape[1] != self._topology.n_inputs:
            raise InvalidValue("spikes.shape", shape, f"(B, {self._topology.n_inputs}, T), the inputs of blocks[0]")
        setup = Setup(
            self._topology, self.schedule, self.until, seed=self.seed,
            refractory_dropout=self.refractory_dropout if self.training else 0.0,
            input_dropout=self.input_dropout if self.training else 0.0,
        )  # fmt: skip
        return self._engine.run(setup, self.gradient, self.grid(), spikes, self._numbers(shape[0], samples))

    def _numbers(self, n: int, samples: ArrayLike | None) -> NDArray[np.int64]:
        if samples is not None:
            numbers = integer_array("samples", samples)
            if numbers.shape != (n,):
                raise InvalidValue("samples.shape", numbers.shape, f"({n},), one number per sample")
            return numbers
        if not self.training:
            return np.arange(n)
        start = int(self.samples_seen)
        self.samples_seen += n
        return np.arange(start, start + n)

    def grid(self) -> Parameters:
        """Return all parameters as they run, on slayer's grid, differentiable by the blocks' parameters."""
        columns = [torch.cat(column) for column in zip(*(a.neurons() for a in self._adapters), strict=True)]
        return Parameters(tuple(w for a in self._adapters for w in a.weights()), *columns)

    def to_network(self) -> Network:
        """Return the network as it is deployed: fixed point, in the units of Lava's LIF and Dense, as netx reads it."""
        synapses: list[Synapses] = []
        with torch.no_grad():
            grid = self.grid()
            for a in self._adapters:
                synapses += a.synapses([_whole(f"{a.where}.weight", w, WEIGHT_SCALE) for w in a.weights()])
        keep_u, keep_v = (_whole(name, getattr(grid, name), STATE_SCALE) for name in ("keep_u", "keep_v"))
        vth, bias = (_whole(name, getattr(grid, name), WEIGHT_SCALE) for name in ("vth", "bias"))
        params = LoihiParams(
            STATE_SCALE - keep_u - 1, STATE_SCALE - keep_v, vth, bias_mant=bias, bias_exp=BIAS_EXP if bias.any() else 0
        )
        layers = tuple(a.layer for a in self._adapters)
        n = sum(layer.size for layer in layers)
        outputs = np.arange(n - layers[-1].size, n)
        return Network((self._adapters[0].n_inputs,), layers, tuple(synapses), params, outputs)

    def export_hdf5(self, path: str | os.PathLike[str], **metadata: Any) -> None:
        """Write a .net file: slayer's blocks for netx, and in `/async` schedule, stop rule, seed and further metadata.

        Parameters
        ----------
        path : path-like
            Where to write; a file that was there stays until the new one is complete.
        **metadata
            As in :func:`lava_async.netx.save`.

        Raises
        ------
        NetxError
            If the file cannot be written.
        """
        with atomic_file(path) as file:
            for i, adapter in enumerate(self._adapters):
                adapter.export(file.create_group(f"layer/{i}"))
            write_metadata(file, {"schedule": self.schedule, "until": self.until, "seed": self.seed, **metadata})

    def _own_surrogate(self) -> Exponential:
        own = [a.surrogate() for a in self._adapters]
        return Exponential(torch.cat([s.tau for s in own]), torch.cat([s.scale for s in own]))


def _checked(spikes: Tensor) -> Tensor:
    """Return spike counts after checking them."""
    if not bool(((spikes >= 0) & (spikes <= MAX_PAYLOAD) & (spikes.frac() == 0)).all()):
        raise InvalidValue("spikes", "NaN, negative numbers or fractions", f"whole spike counts in 0 .. {MAX_PAYLOAD}")
    return spikes


def _whole(where: str, x: Tensor, scale: int) -> NDArray[np.int64]:
    """Return x * scale, which must be whole numbers, as integers."""
    scaled = x.detach().cpu().double() * scale
    if not torch.equal(scaled, scaled.round()):
        raise InvalidValue(where, "between grid points", f"multiples of 1/{scale}, as slayer's quantization makes them")
    return scaled.numpy().astype(np.int64)
