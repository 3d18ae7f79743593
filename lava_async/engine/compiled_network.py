"""A network as the core has it: its topology, neurons and weights, laid out once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_async import _core
from lava_async.engine.config import instruction_set
from lava_async.errors import InvalidType, InvalidValue
from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams, unknown
from lava_async.synapses import Conv, Dense, Sparse, Synapses, weights_of

_COMPILED = "_compiled"
"""Under this name a network keeps its engines, as a cached property would."""


class CompiledNetwork:
    """A network laid out for the core: an engine per arithmetic, made when it is first needed.

    Integers run in 32 bits where no sum can leave them: half the memory, twice the neurons per instruction.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.plain = unknown(network.params, CubaParams, LoihiParams) is None
        """Whether all neurons are current-based and reset to zero, and nothing more."""
        for _, model in network.models:
            if model.core_name is None:
                allowed = "a model that the core has; engine='reference' runs any neuron model"
                raise InvalidType("Network.params", model.describe(), allowed)
        self.integers = network.params.dtype is np.int64

    def _spec(self) -> _core.NetworkSpec:
        """Return the topology, as the core reads it."""
        network = self.network
        spec = _core.NetworkSpec(network.n_inputs, [layer.size for layer in network.layers], network.outputs.tolist())
        for s in network.synapses:
            if isinstance(s, Dense):
                spec.add_dense(s.source, s.target, s.delay)
            elif isinstance(s, Conv):
                spec.add_conv(s.source, s.target, s.geometry, s.delay)
            elif isinstance(s, Sparse):
                delay = np.ascontiguousarray(s.delay) if s.max_delay else None
                lists: Any = (s.pre, s.post, delay, None, len(s.pre))
                spec.add_sparse(s.source, s.target, *lists)
            else:
                spec.add_sparse(s.source, s.target, *_listed(s))
        for i, _ in self.complex_synapses():
            spec.add_imaginary(i)
        return spec

    def complex_synapses(self) -> list[tuple[int, NDArray[Any]]]:
        """Return the synapses with complex weights: which they are, and the weights."""
        listed = ((i, weights_of(s)) for i, s in enumerate(self.network.synapses))
        return [(i, weights) for i, weights in listed if weights.dtype.kind == "c"]

    def engine(self, arithmetic: str, double_gradient: bool = False) -> _core.Engine:
        """Return an engine without weights."""
        engine = _core.Engine(self._spec(), arithmetic, instruction_set(), double_gradient)
        params: Any = self.network.params
        arrays: Any = params.arrays(np.float64)
        keep_u, keep_v, vth, bias = arrays
        engine.set_neurons(keep_u, keep_v, vth, bias, self._units())
        return engine

    def any_engine(self, arithmetic: str, double_gradient: bool = False) -> _core.Engine:
        """Return an engine for networks of any models without weights."""
        engine = _core.Engine(self._spec(), arithmetic, instruction_set(), double_gradient, any_model=True)
        engine.set_units(self._units())
        for layer in range(len(self.network.layers)):
            model = self.network.params_of(layer)
            numbers = model.arrays(np.dtype(arithmetic).type)
            known = engine.set_model(
                layer,
                model.core_name or "",
                [(name, np.ascontiguousarray(x)) for name, x in numbers._asdict().items()],
                list(model.state),
                *(np.asarray(x).astype(np.int32, order="C") for x in (model.refractory_steps, model.sync_threshold)),
            )
            if not known:
                raise InvalidType("Network.params", model.describe(), "a model as the core has it: rebuild the core")
        return engine

    @cached_property
    def any(self) -> _core.Engine:
        """The engine for networks of any models and payloads of any number: float32, or integers of 64 bits."""
        engine = self.any_engine("int64" if self.integers else "float32")
        for i, s in enumerate(self.network.synapses):
            engine.set_weights(i, np.ascontiguousarray(weights_of(s).real))
        for k, (_, weights) in enumerate(self.complex_synapses(), len(self.network.synapses)):
            engine.set_weights(k, np.ascontiguousarray(weights.imag))
        return engine

    def _units(self) -> NDArray[np.float64]:
        """Return what a weight of 1 adds to each neuron."""
        n = self.network.n_neurons
        units = self.network.params.arriving(np.ones(n, np.int32), np.arange(n)).astype(np.float64)
        for s in self.network.synapses:
            if isinstance(s, Conv):
                into = units[self.network.layer_slices[s.target]].reshape(s.output_shape[0], -1)
                if (into != into[:, :1]).any():
                    raise InvalidValue(
                        f"LoihiParams.weight_exp of layer {s.target}", "differs within a channel", "one per channel"
                    )
        return units

    def _loaded(self, arithmetic: str) -> _core.Engine:
        engine = self.engine(arithmetic)
        for i, s in enumerate(self.network.synapses):
            engine.set_weights(i, np.ascontiguousarray(weights_of(s)))
        engine.prepare()
        return engine

    @cached_property
    def narrow(self) -> _core.Engine:
        """The engine in 32 bits."""
        return self._loaded("int32" if self.integers else "float32")

    @cached_property
    def wide(self) -> _core.Engine:
        """The engine in 64 bits, of integers."""
        return self._loaded("int64")


def _listed(s: Synapses) -> tuple[Any, ...]:
    """Return synapses of any type as arguments of ``NetworkSpec.add_sparse``: each, and which weight is its own."""
    numbered = s.map_weights(lambda _, w: np.arange(w.size).reshape(w.shape))
    fans = [numbered.fan_out(j) for j in range(s.n_source)]
    pre = np.repeat(np.arange(s.n_source, dtype=np.int32), [len(fan.target) for fan in fans])
    post, entry, delay = (np.concatenate([np.asarray(fan[n], np.int32) for fan in fans]) for n in range(3))
    return pre, post, delay if delay.any() else None, entry, weights_of(s).size


def compiled(network: Network) -> CompiledNetwork:
    """Return a network laid out for the core; made once."""
    kept = vars(network)
    if _COMPILED not in kept:
        kept[_COMPILED] = CompiledNetwork(network)
    found: CompiledNetwork = kept[_COMPILED]
    return found
