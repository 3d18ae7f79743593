"""What a gradient engine takes and gives: the interface between networks to be trained and how they are run.

An engine is a class, made for the topology of a network, with one method ``run``. :mod:`~lava_async.training.dense` is
the readable one, in plain torch. Engines agree on the spikes with :func:`lava_async.simulate`, and with one another on
the gradient, which section 6 of the project's semantics defines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.engine import Setup
from lava_async.errors import InvalidType, InvalidValue, not_among
from lava_async.forms import META
from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams, NeuronModel, unknown
from lava_async.neurons.loihi import ONE, STATE_SHIFT
from lava_async.schedules import ExecutionKind
from lava_async.spikes import SpikeBatch
from lava_async.synapses import weights_of
from lava_async.training.surrogates import ATan, Surrogate

CREDITS = ("delivered", "all", "keep", "last")
RESETS = ("detached", "differentiated")

#: One unit of a tensor here is this many units of Loihi's state: slayer's scale of states, and of weights.
STATE_SCALE, WEIGHT_SCALE = ONE, ONE >> STATE_SHIFT


@dataclass(frozen=True)
class Gradient:
    """How to differentiate a run.

    Parameters
    ----------
    credit : {"delivered", "all", "keep", "last"}
        When the zero-valued spike of a silent check, with nothing pending, is delivered to a target layer. "delivered":
        with the next real spike of the neuron in the same time step, if any. "all": in the very next forward step if
        that touches the layer. "keep": in the next one that does. "last": with the last group of the time step that
        does. Else it is lost.
    peak : bool
        Take the slope of the surrogate only at checks that fire and, where a neuron does not fire in a time step, at
        the check with its highest voltage (ties: all of them).
    reset : {"detached", "differentiated"}
        Whether the spike in the reset ``v (1 - s)`` is a constant. With the layered schedule "detached" takes the whole
        reset as one, so that the gradient of the voltage ignores the reset, as slayer's own gradient does.
    surrogate : ATan, Exponential or alike
        Slope of the threshold.

    Examples
    --------
    >>> from lava_async import Random
    >>> from lava_async.training import Gradient, UnlayeredNetwork, dense_blocks
    >>> Gradient(credit="delivered", peak=False)
    Gradient(credit='delivered', peak=False, reset='detached', surrogate=ATan(alpha=2.0))
    >>> net = UnlayeredNetwork(dense_blocks([4, 3, 2]), schedule=Random(group_size=8), credit="delivered", peak=False)
    """

    credit: str = "last"
    peak: bool = True
    reset: str = "detached"
    surrogate: Surrogate = field(default_factory=ATan)

    def __post_init__(self) -> None:
        for name, value, options in (("credit", self.credit, CREDITS), ("reset", self.reset, RESETS)):
            if value not in options:
                raise not_among(name, value, options)
        if not isinstance(self.peak, bool):
            raise InvalidType("peak", self.peak, "True or False")
        if not callable(getattr(self.surrogate, "derivative", None)):
            raise InvalidType("surrogate", self.surrogate, "None, or a surrogate such as ATan() or Exponential(tau)")


def check_trainable(network: Network) -> None:
    """Raise an error unless there is a gradient for all neurons of a network.

    Raises
    ------
    InvalidType
        If one of their models has none: the error names it.
    """
    for _, model in network.models:
        if model.training is None:
            raise InvalidType("Network.params", model.describe(), "a model with derivatives (NeuronModel.derivatives)")


def is_plain(network: Network) -> bool:
    """Tell whether all neurons are current-based and reset to zero, and nothing more."""
    return unknown(network.params, CubaParams, LoihiParams) is None


def check_credit(schedule: ExecutionKind, gradient: Gradient) -> None:
    """Raise InvalidValue unless a schedule has the credit rule: under the timing of a chip there is no next group."""
    if schedule.timed and gradient.credit not in ("delivered", "last"):
        allowed = "'last' or 'delivered' for the schedule timed, whose messages are no groups"
        raise InvalidValue("credit", gradient.credit, allowed)


def check_models(setup: Setup, premature: bool, dropping: bool) -> None:
    """Raise an error if training of networks of any models, or with neuron dropout, cannot do what is asked for."""
    if setup.execution.schedule.timed:
        what = "for the schedule timed; train under another one, such as random, and run the result under timed"
        refuse(setup, dropping, what)
    if premature:
        refuse(setup, dropping, "where premature spikes have a penalty; train without premature_penalty")


def refuse(setup: Setup, dropping: bool, what: str) -> NoReturn:
    """Raise the error that says that something is for current-based neurons alone, without neuron dropout."""
    if is_plain(setup.network) and dropping:
        raise InvalidValue("neuron_dropout", "above 0", f"0 {what}")
    raise InvalidType(
        "Network.params", setup.network.params.describe(), f"current-based neurons, reset to zero, {what}"
    )


class Parameters(NamedTuple):
    """Everything that a run may be differentiated by; all of one floating type, on one device.

    Fixed-point networks come in slayer's units: states and thresholds are multiples of 1/4096 (Loihi's integers divided
    by 4096), weights of 1/64, and decay keeps whole multiples of 1/4096.

    Examples
    --------
    >>> from lava_async import CubaParams, Network
    >>> from lava_async.training.gradient import Parameters
    >>> parameters = Parameters.of(Network.feedforward([[[2.0, 0.5]]], CubaParams(du=1, dv=0.75, vth=1)))
    >>> parameters.weights[0], parameters.keep_v
    (tensor([[2.0000, 0.5000]]), tensor([0.2500]))
    """

    weights: tuple[Tensor, ...]
    """One tensor per item of ``network.synapses``, shaped as its weights."""
    keep_u: Tensor
    keep_v: Tensor
    """What decay leaves of u and v in a time step, (N,), in [0, 1]."""
    vth: Tensor
    bias: Tensor
    """(N,) each."""

    @classmethod
    def of(cls, network: Network, dtype: torch.dtype = torch.float32, device: object = None) -> Parameters:
        """Return the parameters of a network."""
        check_trainable(network)
        if not is_plain(network):
            raise InvalidType("Network.params", network.params.describe(), "plain: ModelParameters takes other models")
        weights: list[Any] = [weights_of(s) for s in network.synapses]
        params: Any = network.params
        arrays: Any = params.arrays(np.float64)
        if isinstance(network.params, LoihiParams):
            weights = [w / WEIGHT_SCALE for w in weights]
            arrays = [x / scale for x, scale in zip(arrays, (ONE, ONE, STATE_SCALE, STATE_SCALE), strict=True)]
        tensors = [torch.tensor(x, dtype=dtype, device=device) for x in [*arrays, *weights]]
        return cls(tuple(tensors[4:]), *tensors[:4])

    def unified(self) -> Parameters:
        """Return all in the widest floating type among them; InvalidType if one of them cannot hold the grid."""
        tensors = [*self[1:], *self.weights]
        check_floating("parameters", tensors)
        widest = torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32
        tensors = [x.to(widest) for x in tensors]
        return Parameters(tuple(tensors[4:]), *tensors[:4])


class ModelParameters(NamedTuple):
    """Everything that a run of a network of any models may be differentiated by; as :class:`Parameters`.

    Examples
    --------
    >>> from lava_async import AlifParams, CubaParams, Network
    >>> from lava_async.training.gradient import ModelParameters
    >>> parameters = ModelParameters.of(Network.feedforward([[[2.0, 0.5]]], CubaParams(du=1, dv=0.75, vth=1)))
    >>> sorted(parameters.numbers[0])
    ['bias', 'keep_u', 'keep_v', 'vth']
    """

    weights: tuple[Tensor, ...]
    """One tensor per item of ``network.synapses``, shaped as its weights; complex into resonators."""
    numbers: tuple[dict[str, Tensor], ...]
    """For each layer what ``arrays()`` of its model names, (n,) each: states in units of the gradient, factors as
    such."""

    @classmethod
    def of(cls, network: Network, dtype: torch.dtype = torch.float32, device: object = None) -> ModelParameters:
        """Return the parameters of a network."""
        check_trainable(network)
        grid = network.params.tag == "fixed_pt"
        weights = []
        for s in network.synapses:
            values = np.asarray(weights_of(s)) / (WEIGHT_SCALE if grid else 1)
            kind = dtype if values.dtype.kind != "c" else complex_of(dtype)
            weights.append(torch.tensor(values, dtype=kind, device=device))
        numbers = []
        for layer in range(len(network.layers)):
            model = network.params_of(layer)
            arrays: Any = model.arrays(np.float64)
            scales = scales_of(model, arrays._fields)
            each = zip(arrays._asdict().items(), scales, strict=True)
            numbers.append({name: torch.tensor(x / scale, dtype=dtype, device=device) for (name, x), scale in each})
        return cls(tuple(weights), tuple(numbers))

    def unified(self) -> ModelParameters:
        """Return all in the widest floating type among them; InvalidType if one of them cannot hold the grid."""
        parts = [torch.view_as_real(w) if w.is_complex() else w for w in self.weights]
        tensors = [*parts, *(x for numbers in self.numbers for x in numbers.values())]
        check_floating("parameters", tensors)
        widest = torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32
        weights = tuple(w.to(complex_of(widest) if w.is_complex() else widest) for w in self.weights)
        numbers = tuple({name: x.to(widest) for name, x in each.items()} for each in self.numbers)
        return ModelParameters(weights, numbers)

    @property
    def dtype(self) -> torch.dtype:
        """Type of the real numbers."""
        return next(iter(self.numbers[0].values())).dtype


def complex_of(dtype: torch.dtype) -> torch.dtype:
    """Return the complex type of a floating type."""
    return torch.complex128 if dtype == torch.float64 else torch.complex64


def scales_of(model: NeuronModel, names: Sequence[str]) -> list[int]:
    """Return how many units of the engine a unit of the gradient is, for numbers of a model by name."""
    training = model.training
    assert training is not None
    one = ONE if model.tag == "fixed_pt" else 1
    return [one if name in training.factors else training.state_scale for name in names]


def check_floating(where: str, tensors: Iterable[Tensor]) -> None:
    """Raise InvalidType if a tensor is not of single or double precision: others cannot hold the grid of states."""
    for x in tensors:
        if x.dtype not in (torch.float32, torch.float64):
            raise InvalidType(
                where,
                str(x.dtype),
                "torch.float32 or torch.float64, which hold the grid of weights and states (spikes may be of any type)",
            )


def check_real(where: str, *tensors: Tensor) -> None:
    """Raise InvalidType if a tensor is on the device "meta", which keeps shapes and no numbers."""
    if any(x.device.type == "meta" for x in tensors):
        raise InvalidType(where, META, "a tensor that holds numbers: on cpu or cuda")


def decayed(x: Tensor, keep: Tensor) -> Tensor:
    """Return a state of fixed-point neurons, in slayer's units, after its decay.

    Loihi rounds toward zero; backwards that is the factor `keep`, as in slayer.
    """
    left = x * keep
    exact = torch.trunc(x.detach().double() * keep.detach().double() * STATE_SCALE) / STATE_SCALE
    return left + (exact.to(x) - left).detach()


class Run(NamedTuple):
    """What a batch did.

    Examples
    --------
    >>> import torch
    >>> from lava_async import Random
    >>> from lava_async.training import UnlayeredNetwork, dense_blocks
    >>> net = UnlayeredNetwork(dense_blocks([4, 3, 2]), schedule=Random(group_size=2))
    >>> run = net.run(torch.ones(8, 4, 5))
    >>> run.counts.shape, run.forward_steps.shape
    (torch.Size([8, 5, 5]), (8, 5))
    """

    counts: Tensor
    """(B, N, T) what the neurons sent that were asked for, all by default: spikes, or sums of the payloads of graded
    neurons in units of the gradient; after neuron dropout. What the loss is made of."""
    current: Tensor
    voltage: Tensor
    """(B, N) each: u and v at the end, without gradient."""
    forward_steps: NDArray[np.int32]
    """(B, T)."""
    premature: Tensor | None = None
    """(B, N, T) bool, if asked for: neurons that fired though all that reached them in the time step, had they not been
    reset, leaves them at or below their thresholds."""

    def __repr__(self) -> str:
        given = {name: x for name, x in self._asdict().items() if x is not None}
        return "Run(" + ", ".join(f"{name}={tuple(x.shape)} {x.dtype}" for name, x in given.items()) + ")"


class GradientEngine(Protocol):
    """Runs a batch so that torch can differentiate the spike counts."""

    def __init__(self, network: Network, threads: int | None = None) -> None:
        """Prepare for a topology, whose weights are not used; `threads` share a batch (default: the cores)."""

    def run(
        self,
        setup: Setup,
        gradient: Gradient,
        parameters: Parameters | ModelParameters,
        spikes: Tensor | SpikeBatch,
        samples: NDArray[np.int64],
        neurons: slice = slice(None),
        premature: bool = False,
        factors: NDArray[np.float64] | None = None,
    ) -> Run:
        """Run input counts of shape (B, C, T) under sample numbers of shape (B,); return the counts of `neurons`.

        `premature` asks for ``Run.premature`` too. `factors`, (B, N): what the messages of neurons are multiplied by,
        multiples of 2^-20 (neuron dropout, see :mod:`lava_async.training.dropout`); it takes ModelParameters.
        """
