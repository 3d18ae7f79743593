"""Network: layers and synapses, immutable and validated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.display import WIDTH, html_table, shortened
from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import Execution
from lava_async.neurons.base import MixedParams, NeuronModel, Params, combine
from lava_async.records import ArrayRecord, array_of, check_int, check_range, integer_array, read_only
from lava_async.synapses import INPUT, Dense, Fan, Sparse, Synapses, weights_of

MODELS = "parameters of neurons, such as CubaParams"
"""What errors call the parameter classes of all neuron models."""


@dataclass(frozen=True)
class Layer:
    """A layer of neurons.

    Parameters
    ----------
    shape : tuple of int
        ``(n,)`` or, as slayer's C, H, W, ``(channels, height, width)``; neurons are numbered in C order.
    name : str
        Display name; no effect on the simulation.

    Examples
    --------
    >>> Layer((2, 4, 4), "conv").size
    32
    """

    shape: tuple[int, ...]
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _shape("Layer.shape", self.shape))

    @property
    def size(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Network(ArrayRecord):
    """Neurons in layers and the synapses between them; any graph, recurrent and skip connections included.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of the input, ``(C,)`` or ``(channels, height, width)``; C is its product.
    layers : tuple of Layer
        In topological order; the flat arrays of all N neurons follow this order.
    synapses : tuple of Synapses
        Connections between the input (-1) and layers.
    params : NeuronModel, or a list of such with one per layer
        Parameters of all N neurons, as CubaParams; they decide the arithmetic of the network. Layers of different
        models have :class:`~lava_async.neurons.MixedParams`, one part per layer.
    outputs : (n_out,) int
        The output neurons.
    execution : Execution, optional
        How it runs unless an argument says otherwise: what its file notes, what it was trained with. None: unknown, the
        default of :class:`~lava_async.execution.Execution` counts. Networks are equal whatever their executions.

    Raises
    ------
    InvalidValue, InvalidType
        If parts do not fit together, naming the part, its value and what would fit.

    Examples
    --------
    >>> from lava_async import CubaParams
    >>> net = Network.feedforward([[[1.0, 1.0]], [[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> net.n_inputs, net.n_neurons, [layer.name for layer in net.layers]
    (2, 2, ['dense 0', 'dense 1'])
    """

    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    synapses: tuple[Synapses, ...]
    params: Params
    outputs: NDArray[np.int64]
    execution: Execution | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_shape", _shape("Network.input_shape", self.input_shape, least=0))
        for name, kind in (("layers", Layer), ("synapses", Synapses)):
            parts = tuple(getattr(self, name))
            if not all(isinstance(part, kind) for part in parts):
                raise InvalidType(f"Network.{name}", parts, f"a sequence of {kind.__name__}")
            object.__setattr__(self, name, parts)
        if not self.layers:
            raise InvalidValue("Network.layers", self.layers, "at least one layer")
        object.__setattr__(self, "params", _params(self.params, [layer.size for layer in self.layers]))
        outputs = integer_array("Network.outputs", self.outputs)
        check_range("Network.outputs", outputs, 0, self.n_neurons - 1)
        if outputs.ndim != 1 or len(np.unique(outputs)) != len(outputs):
            raise InvalidValue("Network.outputs", self.outputs, "a list of different neurons")
        object.__setattr__(self, "outputs", read_only(outputs))
        for s in self.synapses:
            self._check_ends(s)
        if self.execution is not None and not isinstance(self.execution, Execution):
            raise InvalidType("Network.execution", self.execution, "an Execution or None")
        checked = tuple(s.map_weights(self.model_of(s.target).check_weights) for s in self.synapses)
        object.__setattr__(self, "synapses", tuple(sorted(checked, key=lambda s: (s.source, s.target))))

    def _check_ends(self, s: Synapses) -> None:
        kind = type(s).__name__
        for end, low in (("source", INPUT), ("target", 0)):
            index, size = getattr(s, end), getattr(s, f"n_{end}")
            check_int(f"{kind}.{end}", index, least=low, most=len(self.layers) - 1)
            expected = self.n_inputs if index == INPUT else self.layers[index].size
            if size != expected:
                ends = "input" if index == INPUT else f"layer {index}"
                where = f"{kind}({s.source} -> {s.target}), number of {end} neurons"
                raise InvalidValue(where, size, f"{expected}, the size of {ends}")

    @cached_property
    def n_inputs(self) -> int:
        """Number of input channels C."""
        return math.prod(self.input_shape)

    @cached_property
    def n_neurons(self) -> int:
        """Number of neurons N."""
        return sum(layer.size for layer in self.layers)

    @cached_property
    def layer_slices(self) -> tuple[slice, ...]:
        """Where each layer lies in the flat arrays."""
        ends = np.cumsum([layer.size for layer in self.layers]).tolist()
        return tuple(slice(end - layer.size, end) for end, layer in zip(ends, self.layers, strict=True))

    @cached_property
    def layer_of(self) -> NDArray[np.int64]:
        """Layer of each neuron, shape (N,)."""
        return np.repeat(np.arange(len(self.layers)), [layer.size for layer in self.layers])

    @cached_property
    def models(self) -> tuple[tuple[slice, NeuronModel], ...]:
        """Neuron models and where their neurons lie: one for all, or one per layer."""
        if isinstance(self.params, MixedParams):
            return tuple(zip(self.layer_slices, self.params.parts, strict=True))
        return ((slice(0, self.n_neurons), self.params),)

    def model_of(self, layer: int) -> NeuronModel:
        """Return the model of a layer; its parameters are those of all neurons where all layers are of one model."""
        return self.models[layer if len(self.models) > 1 else 0][1]

    def params_of(self, layer: int) -> NeuronModel:
        """Return the parameters of the neurons of a layer, with one value per neuron."""
        model = self.model_of(layer)
        return model if len(self.models) > 1 else model.part(self.layer_slices[layer])

    @cached_property
    def graded(self) -> bool:
        """Whether neurons send signed numbers instead of spikes, those of a layer at least."""
        return any(model.graded for _, model in self.models)

    @cached_property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return sum(len(s.fan_out(j).target) for s in self.synapses for j in range(s.n_source))

    def __repr__(self) -> str:
        layers = ", ".join(f"{layer.name or 'layer'} {layer.shape}" for layer in self.layers)
        synapses = ", ".join(f"{_end(s.source)} -> {s.target} {_kind(s)}" for s in self.synapses)
        return "\n".join((f"Network({self._size()})", *_lines(f"layers: {layers}", f"synapses: {synapses}")))

    def _repr_html_(self) -> str:
        into: dict[int, list[str]] = {}
        for s in self.synapses:
            into.setdefault(s.target, []).append(f"{_end(s.source)}: {_kind(s)}")
        rows = (
            (
                str(i),
                layer.name,
                str(layer.shape),
                f"{layer.size:,}",
                shortened("; ".join(into.get(i, ["nothing"])), WIDTH),
            )
            for i, layer in enumerate(self.layers)
        )
        return html_table(f"Network: {self._size()}", rows, ("layer", "name", "shape", "neurons", "receives from"))

    def _size(self) -> str:
        """Return the sizes of the network in a line."""
        sizes = f"{self.n_inputs:,} inputs, {len(self.layers):,} layers, {self.n_neurons:,} neurons"
        runs = "" if self.execution is None else f", {shortened(repr(self.execution.schedule), WIDTH // 2)}"
        return f"{sizes}, {len(self.outputs):,} outputs, {self.params.describe()}{runs}"

    def start_of(self, layer: int) -> int:
        """Index of the first neuron of a layer; of the input: -C, as input spikes are numbered."""
        return -self.n_inputs if layer == INPUT else self.layer_slices[layer].start

    def fan_out(self, source: int, *, imaginary: bool = False) -> Fan:
        """Return all synapses of a neuron, or of an input channel given as channel - C.

        Weights are what a payload of 1 adds to the target: of complex weights the real or the imaginary part.
        """
        layer = INPUT if source < 0 else int(self.layer_of[source])
        fans = [Fan(np.zeros(0, np.int64), np.zeros(0, self.params.dtype), np.zeros(0, np.int64))]
        for s in self.synapses:
            if s.source == layer:
                fan = s.fan_out(source - self.start_of(layer))
                target = fan.target + self.start_of(s.target)
                weight = fan.weight.imag if imaginary else fan.weight.real
                fans.append(Fan(target, self.params.arriving(weight, target), fan.delay))
        return Fan(*(np.concatenate(parts) for parts in zip(*fans, strict=True)))

    @classmethod
    def feedforward(cls, weights: Sequence[ArrayLike], params: Params | Sequence[Params]) -> Network:
        """Return a chain of all-to-all layers.

        Parameters
        ----------
        weights : list of (post, pre)
            One matrix per layer.
        params : NeuronModel, as CubaParams, or a list with one per layer
            Scalars or one value per neuron (of the layer, or of the whole network if given once).
        """
        matrices = [array_of(f"Network.feedforward weights[{i}]", w, "biufc", "numbers") for i, w in enumerate(weights)]
        shapes = [w.shape for w in matrices]
        if not matrices or any(w.ndim != 2 for w in matrices):
            raise InvalidValue("Network.feedforward weights, shapes", shapes, "a list of (post, pre)")
        if any(a != b for (a, _), (_, b) in pairwise(shapes)):
            raise InvalidValue("Network.feedforward weights, shapes", shapes, "(post, pre) with pre = post of the last")
        params = _params(params, [len(w) for w in matrices], "Network.feedforward params")
        layers = tuple(Layer((len(w),), f"dense {i}") for i, w in enumerate(matrices))
        synapses = tuple(Dense(i - 1, i, w) for i, w in enumerate(matrices))
        outputs = np.arange(len(matrices[-1])) + sum(len(w) for w in matrices[:-1])
        return cls((matrices[0].shape[1],), layers, synapses, params, outputs)

    @classmethod
    def from_matrix(
        cls,
        input_weights: ArrayLike,
        weights: ArrayLike,
        params: Params,
        *,
        layer_of: ArrayLike,
        outputs: ArrayLike | None = None,
    ) -> Network:
        """Return a network of any graph; an entry of 0 is no synapse.

        Parameters
        ----------
        input_weights : (N, C)
            From input channels to neurons.
        weights : (N, N)
            [post, pre].
        params : NeuronModel, as CubaParams, or a list with one per layer
            Scalars, or one value per neuron.
        layer_of : (N,) int
            Layer of each neuron: 0, ..., 0, 1, ..., ascending without gaps.
        outputs : (n_out,) int, optional
            Output neurons; default: the last layer.
        """
        of = integer_array("Network.layer_of", layer_of)
        n = of.size
        if of.ndim != 1 or n == 0 or of[0] != 0 or not np.isin(np.diff(of), (0, 1)).all():
            raise InvalidValue("Network.layer_of", layer_of, "0, ..., 0, 1, ..., ascending without gaps")
        sizes = np.bincount(of).tolist()
        params = _params(params, sizes)
        matrix = _checked("Network.weights", weights, params, sizes)
        entry = _checked("Network.input_weights", input_weights, params, sizes)
        if matrix.shape != (n, n):
            raise InvalidValue("Network.weights.shape", matrix.shape, f"({n}, {n}), [post, pre]")
        if entry.ndim != 2 or len(entry) != n:
            raise InvalidValue("Network.input_weights.shape", entry.shape, f"({n}, C)")
        layers = tuple(Layer((int(size),), f"layer {i}") for i, size in enumerate(np.bincount(of)))
        blocks = [Sparse.from_matrix(INPUT, t, entry[of == t]) for t in range(len(layers))]
        blocks += [
            Sparse.from_matrix(s, t, matrix[np.ix_(of == t, of == s)])
            for s in range(len(layers))
            for t in range(len(layers))
        ]
        outputs = np.flatnonzero(of == of[-1]) if outputs is None else np.asarray(outputs)
        synapses = tuple(block for block in blocks if len(block.pre))
        return cls((entry.shape[1],), layers, synapses, params, outputs)


def _end(layer: int) -> str:
    """Return the name of the layer that synapses come from."""
    return "input" if layer == INPUT else str(layer)


def _kind(s: Synapses) -> str:
    """Return the type of synapses and the shape of their weights."""
    return f"{type(s).__name__} {weights_of(s).shape}"


def _lines(*texts: str) -> list[str]:
    """Return texts as indented lines that fit a terminal."""
    return [shortened(f"  {text}", WIDTH) for text in texts]


def _params(params: Any, sizes: Sequence[int], where: str = "Network.params") -> Params:
    """Return the parameters of layers of these sizes, given as one for all or one per layer."""
    if isinstance(params, MixedParams):
        params = params.parts
    if isinstance(params, NeuronModel):
        return params.expanded(sum(sizes))
    if not isinstance(params, Sequence) or not all(isinstance(p, NeuronModel) for p in params):
        given = params if isinstance(params, Sequence) else type(params).__name__
        raise InvalidType(where, given, f"{MODELS}, or a list of such")
    if len(params) != len(sizes):
        raise InvalidValue(f"len({where})", len(params), f"{len(sizes)}, one per layer")
    return combine([p.expanded(size) for p, size in zip(params, sizes, strict=True)])


def _checked(where: str, weights: ArrayLike, params: Params, sizes: Sequence[int]) -> NDArray[Any]:
    """Return a matrix of weights (N, ...) after each model has checked those into its neurons."""
    if isinstance(params, NeuronModel):
        return params.check_weights(where, weights)
    matrix, ends = array_of(where, weights, "biufc", "numbers"), np.cumsum(sizes)
    rows = [matrix[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    return np.concatenate([p.check_weights(where, w) for p, w in zip(params.parts, rows, strict=True)])


def _shape(where: str, value: Any, *, least: int = 1) -> tuple[int, ...]:
    """Return a shape as a tuple of integers; a single integer is a shape of one axis."""
    axes = value if isinstance(value, Iterable) else (value,)
    shape = tuple(check_int(where, axis, least=least) for axis in axes)
    if not shape:
        raise InvalidValue(where, value, "at least one integer")
    return shape
