"""Networks of slayer's blocks that are trained as they will run: without layer synchronization."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lava_async import defaults, netx
from lava_async.errors import InvalidValue, not_among
from lava_async.execution import Execution, Fields
from lava_async.network import Network
from lava_async.records import integer_array
from lava_async.schedules import ExecutionKind
from lava_async.simulation import setup_of
from lava_async.stopping import Quiescence, StopRule
from lava_async.training.blocks import adapt
from lava_async.training.chain import Chain
from lava_async.training.compiled import CompiledEngine
from lava_async.training.dense import DenseEngine
from lava_async.training.dropout import check_dropout, neuron_factors
from lava_async.training.gradient import Gradient, GradientEngine, Run, check_credit, check_real
from lava_async.training.hooks import are_hooked, call_hooks
from lava_async.training.inputs import Executed, InputSpikes, batch_of, trained_execution, whole_counts
from lava_async.training.scaling import scale_layers
from lava_async.training.surrogates import Choice, default_surrogate

ENGINES: dict[str, type[GradientEngine]] = {"compiled": CompiledEngine, "dense": DenseEngine}


class UnlayeredNetwork(Executed, torch.nn.Module):
    """A chain of slayer blocks, run and differentiated without layer synchronization.

    Weights, 8-bit quantization, decays, thresholds and delays are the blocks' own, and so is the arithmetic: what is
    trained is what :meth:`to_network` and :meth:`export_hdf5` deploy, spike for spike and voltage for voltage (slayer's
    voltage times 4096 is Loihi's). The blocks' `delay_shift` has no meaning here.

    Parameters
    ----------
    blocks : list of blocks of slayer.block.cuba, and of slayer.axon.Delay
        The chain; :mod:`lava_async.training.blocks` lists what it can be made of.
    execution : Execution, optional
        How the network runs, in training and once it is deployed; this or `schedule` must be given.
    schedule : Schedule, optional
        Which pending neurons are delivered next; ``Layered()`` trains as slayer does.
    until, refractory, input_first, seed : optional
        As `schedule`, each overrides a field of the execution; see :class:`lava_async.Execution`. The seed keys the
        dropouts too.
    credit, peak, reset
        As in :class:`~lava_async.training.gradient.Gradient`.
    surrogate : ATan, Exponential or alike, or a function, or "slayer"
        Slope of the threshold; a function is given the thresholds (N,) of the neurons and returns it; "slayer": the
        blocks' own exponential. Default: an arctangent as wide as the thresholds.
    refractory_dropout : float
        Probability, in train mode, with which a spike leaves its neuron free to fire again in the time step.
    input_dropout : float
        Probability, in train mode, with which an input channel loses its spikes in a time step.
    neuron_dropout : float
        Probability p, in train mode, with which a neuron of a layer before the last loses all that it sends in a
        sample; what the others send is divided by 1 - p. Blocks that were made with slayer's dropout have their own.
    engine : {"compiled", "dense"}
        What works out the gradient: event by event on the CPU, or readable torch on any device, many times slower.
    threads : int, optional
        Threads that share a batch in the compiled engine; default: the cores that this process may use.
    connections : list of (source, target)
        Skip connections besides the chain, as numbers of blocks, -1 being the input: what block `source` sends is
        appended along the channels to what block `target` takes, as ``torch.cat([before, skipped], 1)``.
    input_shape : tuple of int, optional
        ``(C,)`` or ``(channels, height, width)`` of the input, if the first block does not say what it takes (Conv).
    count_log : bool
        Return with the output how much each layer spiked, as ``slayer.utils.Assistant(count_log=True)`` expects it.

    Raises
    ------
    InvalidValue, InvalidType
        If a block has a feature that cannot be run, or an argument cannot be used.

    Notes
    -----
    Random draws are keyed by sample numbers. In train mode the samples of a run are numbered on from those of all runs
    before (buffer `samples_seen`), so each sees fresh draws; in eval mode they are 0 .. B - 1, as in
    :func:`lava_async.simulate_batch`. The state_dict holds what is learned and nothing else: to resume a loop of your
    own draw for draw, keep `samples_seen` beside it, as :class:`Trainer` does.

    An ordinary Module otherwise: ``copy.deepcopy``, ``torch.save``, ``half()`` and ``double()`` work. Half
    precision rounds weights, and decays above 1/2 to multiples of 1/2048; what is left runs in single precision. Spike
    counts are float32, or float64 for weights in double. Calling the network calls the forward hooks of its blocks of
    neurons with the spike counts that they emit; blocks have no other hooks.

    A block's MeanOnlyBatchNorm is the constant bias that it is exported as: its running mean is used and not updated.
    Decays are learned where the block's neuron was made with ``requires_grad=True``, delays where the block was made
    with ``delay=True``. Whole delays are part of the topology: a change prepares the engine again.

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks
    >>> net = UnlayeredNetwork(dense_blocks([4, 8, 2]), schedule=Random(group_size=2))
    >>> net(torch.ones(3, 4, 5)).shape
    torch.Size([3, 2, 5])

    A skip connection: block 2 takes the 8 neurons of block 1 and the 6 of block 0.

    >>> first, second, third = dense_blocks([4, 6, 8, 2])
    >>> (third,) = dense_blocks([8 + 6, 2])
    >>> net = UnlayeredNetwork([first, second, third], connections=[(0, 2)], schedule=Random(group_size=2))
    """

    samples_seen: Tensor

    def __init__(
        self,
        blocks: Sequence[torch.nn.Module],
        *,
        execution: Execution | None = None,
        schedule: ExecutionKind | None = None,
        until: StopRule | None = None,
        refractory: bool | None = None,
        input_first: bool | None = None,
        seed: int | None = None,
        credit: str = "last",
        peak: bool = True,
        reset: str = "detached",
        surrogate: Choice = default_surrogate,
        refractory_dropout: float = 0.0,
        input_dropout: float = 0.0,
        neuron_dropout: float = 0.0,
        engine: str = "compiled",
        threads: int | None = None,
        connections: Sequence[tuple[int, int]] = (),
        input_shape: tuple[int, ...] | None = None,
        count_log: bool = False,
    ) -> None:
        super().__init__()
        fields: Fields = {
            "schedule": schedule,
            "until": until,
            "refractory": refractory,
            "input_first": input_first,
            "seed": seed,
        }
        self.execution = trained_execution(execution, fields)
        for name, p in (("refractory_dropout", refractory_dropout), ("input_dropout", input_dropout)):
            if not 0 <= p <= 1:
                raise InvalidValue(f"UnlayeredNetwork.{name}", p, "a probability in 0 .. 1")
        self.neuron_dropout = check_dropout("UnlayeredNetwork.neuron_dropout", neuron_dropout)
        if engine not in ENGINES:
            raise not_among("UnlayeredNetwork.engine", engine, ENGINES)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.execution.seed)
            adapters = adapt(blocks, connections, input_shape)
        self._chain = Chain(adapters)
        last = self._chain.layers[-1]
        if not last.fires and not (self.until == Quiescence() or self.schedule.layered):
            raise InvalidValue("UnlayeredNetwork.until", self.until, f"Quiescence(), since {last.where} never fires")
        self.input_shape = self._chain.input_shape
        self.blocks = torch.nn.ModuleList(blocks)
        self.refractory_dropout, self.input_dropout = refractory_dropout, input_dropout
        self.gradient = Gradient(credit, peak, reset, self._chain.surrogate(surrogate))
        check_credit(self.schedule, self.gradient)
        self.polarity: str | None = None
        self.count_log = count_log
        self._engine = partial(ENGINES[engine], threads=threads)
        self._prepared: dict[bool, tuple[list[bytes | None], Network, GradientEngine]] = {}
        self._prepare(learning=False)
        self.register_buffer("samples_seen", torch.zeros((), dtype=torch.int64), persistent=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_prepared": {}}  # Engines are made again.

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        # What 0.1 wrote has the number of samples among the weights.
        seen = state_dict.pop(f"{prefix}samples_seen", None)
        if seen is not None:
            self.samples_seen.copy_(seen)
        super()._load_from_state_dict(state_dict, prefix, *more)

    @property
    def n_outputs(self) -> int:
        """Number of outputs: neurons of the last layer, or what read-outs make of them."""
        return self._chain.n_outputs

    @property
    def reads_out(self) -> bool:
        """Whether the answer is something else than the spike counts of the last layer: Average, Affine."""
        return bool(self._chain.read_outs)

    @property
    def answers_by_voltage(self) -> bool:
        """Whether the answer is the voltage of its last layer, which never fires: Affine."""
        return self._chain.answers_by_voltage

    @property
    def takes_numbers(self) -> bool:
        """Whether its input is numbers instead of spikes: its first neurons are of ``slayer.block.sigma_delta``."""
        return self._chain.takes_numbers

    @property
    def thresholds(self) -> Tensor:
        """Thresholds of the neurons (N,), in slayer's units."""
        return self._chain.thresholds

    def scale_to(
        self,
        spikes: InputSpikes,
        rate: float = defaults.RATE,
        *,
        only_drawn: bool = False,
    ) -> list[float]:
        """Scale the weights so that a part `rate` of the neurons of each layer fires per time step.

        Layer by layer, from the first to the last, under the network's own schedule, without dropout. Each layer's
        weights are multiplied by one number, which is logged. ``fit`` and ``lava-async train`` do this with their first
        training samples for weights that were drawn by this package, by `dense_blocks` without `gain` for instance.

        Parameters
        ----------
        spikes
            Some samples; as in :meth:`run`.
        rate : float
            Part of the neurons, above 0 and below 1.
        only_drawn : bool
            Leave weights alone that have learned, or that are your own.

        Returns
        -------
        list of float
            The rates of the layers afterwards: as near to `rate` as the grid of 8-bit weights allows.

        Examples
        --------
        >>> from lava_async import Random
        >>> from lava_async.training import UnlayeredNetwork, dense_blocks
        >>> net = UnlayeredNetwork(dense_blocks([20, 100, 50], gain=0.1), schedule=Random(group_size=8))
        >>> spikes = (torch.rand(32, 20, 10, generator=torch.Generator().manual_seed(0)) < 0.2).float()
        >>> [round(rate, 1) for rate in net.scale_to(spikes, rate=0.1)]
        [0.1, 0.1]
        """

        @torch.no_grad()
        def measure(layer: int) -> float:
            rows = self.to_network().layer_slices[layer]
            counts = self.run(spikes, np.arange(len(spikes)), rows).counts
            if self._chain.layers[layer].family.graded:
                counts = (counts != 0).float()
            return float(counts.mean()) if counts.numel() else 0.0

        training, until = self.training, self.until
        self.eval()
        self.until = Quiescence()
        try:
            return scale_layers(self._chain.layers, rate, measure, only_drawn=only_drawn)
        finally:
            self.until = until
            self.train(training)

    def forward(self, spikes: InputSpikes, samples: ArrayLike | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Return what the network answers, differentiable; arguments as :meth:`run`.

        Returns
        -------
        (B, n_outputs, T) tensor
            Spike counts of the output neurons; their means if an Average follows; voltages of an Affine.
        (1, layers) tensor
            With ``count_log=True``: spikes per neuron and time step of each layer, without gradient.
        """
        layers = self._chain.layers
        hooked = are_hooked(self.blocks, layers)
        if not self.count_log and layers[-1].fires and not hooked:
            counts = self.run(spikes, samples, slice(-layers[-1].layer.size, None)).counts
            return self._chain.read_out(counts, [counts])
        counts = self.run(spikes, samples).counts
        if hooked:
            call_hooks(layers, self._chain.by_layer(counts))
        output = self.read_out(counts)
        if not self.count_log:
            return output
        by_layer = self._chain.by_layer(counts)
        rates = [layer.detach().mean() if layer.numel() else layer.new_zeros(()) for layer in by_layer]
        return output, torch.stack(rates)[None]

    def read_out(self, counts: Tensor) -> Tensor:
        """Return what the network answers, (B, n_outputs, T), given the spike counts (B, N, T) of all its neurons.

        Parameters
        ----------
        counts : (B, N, T) tensor
            As :meth:`run` returns them.
        """
        layers = self._chain.by_layer(counts)
        return self._chain.read_out(layers[-1], layers)

    def run(
        self,
        spikes: InputSpikes,
        samples: ArrayLike | None = None,
        neurons: slice = slice(None),
        *,
        premature: bool = False,
    ) -> Run:
        """Run a batch and return the spike counts of all neurons, differentiable, with the final state.

        Parameters
        ----------
        spikes : (B, C, T) or (B, C, H, W, T) tensor of counts, or a SpikeBatch, or B SpikeTrains of one shape
            Input spikes.
        samples : (B,) int, optional
            Sample numbers; default: see Notes of the class.
        neurons : slice
            The neurons whose spike counts are wanted; the fewer, the less torch has to do.
        premature : bool
            Also find out which of these spikes are premature: see ``Run.premature``.

        Returns
        -------
        Run
        """
        batch, n_samples = batch_of(spikes, self.input_shape, math.prod(self.input_shape))
        check_real("UnlayeredNetwork: a parameter", *self.parameters())
        learning = torch.is_grad_enabled() and self._chain.learns_delays
        network, engine = self._prepare(learning)
        if self._chain.takes_numbers:
            batch = self._chain.arriving(batch)
        elif isinstance(batch, Tensor) and not isinstance(engine, CompiledEngine):  # which checks them as it lists
            batch = whole_counts(batch.to(self.samples_seen.device, torch.float32))
        setup = setup_of(
            network,
            self.execution,
            refractory_dropout=self.refractory_dropout if self.training else 0.0,
            input_dropout=self.input_dropout if self.training else 0.0,
        )
        numbers = self._numbers(n_samples, samples)
        dropout = self._chain.dropout(self.neuron_dropout if self.training else 0.0)
        factors = neuron_factors(dropout, self.execution.seed, numbers)
        parameters = self._chain.parameters(learning, dropping=factors is not None)
        return engine.run(setup, self.gradient, parameters, batch, numbers, neurons, premature, factors)

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

    def _prepare(self, learning: bool) -> tuple[Network, GradientEngine]:
        """Return the topology for the delays as they are now, and its engine; `learning` as in NeuronBlock."""
        delays = self._chain.delay_key(learning)
        if learning not in self._prepared or self._prepared[learning][0] != delays:
            network = self._chain.network(self.execution, learning)
            self._prepared[learning] = delays, network, self._engine(network)
        return self._prepared[learning][1:]

    def to_network(self) -> Network:
        """Return the network as it is deployed: fixed point, in the units of Lava's LIF and Dense, as netx reads it."""
        return self._chain.network(self.execution)

    def export_hdf5(self, path: str | os.PathLike[str], **metadata: object) -> None:
        """Write a .net file: layers for netx, and in `/async` the execution and further metadata.

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

        Notes
        -----
        Pool is written as a convolution, and the delay of an axon with the layer that it leads to, as stock netx runs
        them. Skip connections, delays into Conv or Recurrent and uneven Pool are more than stock netx can run: such a
        network is in `/async` alone, and a warning is logged; :func:`lava_async.netx.load` reads it.
        """
        noted: dict[str, Any] = {} if self.polarity is None else {"polarity": self.polarity}
        if self._chain.averaged is not None:
            noted["average"] = self._chain.averaged
        netx.save(self.to_network(), path, **{**noted, **metadata})
