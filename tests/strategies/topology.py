"""Networks of current-based neurons: arbitrary graphs, chains, pictures, every kind of synapses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lava_async import (
    CubaParams,
    LoihiParams,
    Network,
)
from lava_async.network import Layer
from lava_async.synapses import INPUT, Conv, Dense, Sparse

ARITHMETICS = ("float", "fixed")
SHAPES = {1: (1,), 2: (2, 1, 1), 3: (3,), 4: (1, 2, 2)}


seeds = st.integers(0, 2**32 - 1)


def generators() -> st.SearchStrategy[np.random.Generator]:
    return seeds.map(np.random.default_rng)


def some(rng: np.random.Generator, values: Any, n: int) -> np.ndarray:
    return rng.choice(np.array(values), n)


def float_params(rng: np.random.Generator, n: int, *, memory: bool, bias: bool) -> CubaParams:
    """Float neurons; without memory the current is forgotten from one time step to the next."""
    decays = [0.0, 0.1, 0.5, 0.75, 1.0]
    du = some(rng, decays, n) if memory else np.ones(n)
    return CubaParams(
        du,
        some(rng, decays, n),
        some(rng, [0.0, 0.25, 0.5, rng.random()], n),
        some(rng, [0.0, 0.125, -0.25, rng.normal()], n) if bias else 0.0,
    )


def float_weights(rng: np.random.Generator, shape: Any) -> np.ndarray:
    """Weights around zero, mostly exciting; half of the time on a coarse grid, so that voltages tie."""
    weights = rng.normal(0.4, 0.6, shape)
    return np.round(weights * 8) / 8 if rng.random() < 0.5 else weights


def loihi_params(rng: np.random.Generator, n: int, *, memory: bool, bias: bool, extreme: bool) -> LoihiParams:
    """Integer neurons; `extreme` ones wrap their current and clip their voltage."""
    du = some(rng, [-1, 0, 409, 2047, 4095], n) if memory else np.full(n, 4095)
    mant, exp = (rng.integers(-500, 501, n), rng.integers(-6, 7, n)) if bias else (0, 0)
    weight_exp = rng.integers(0, 16 if rng.random() < 0.2 else 10, n) if extreme else rng.integers(0, 3, n)
    vth = rng.integers(0, 2**17 if extreme else 400, n)
    return LoihiParams(du, some(rng, [0, 410, 2048, 4095, 4096], n), vth, mant, exp, weight_exp)


def loihi_weights(rng: np.random.Generator, shape: Any) -> np.ndarray:
    return np.clip(rng.normal(60, 100, shape), -256, 255).astype(np.int64)


@dataclass(frozen=True)
class Arithmetic:
    """How to draw parameters and weights of one kind."""

    kind: str
    memory: bool = True
    bias: bool = True
    extreme: bool = False

    def params(self, rng: np.random.Generator, n: int) -> Any:
        if self.kind == "float":
            return float_params(rng, n, memory=self.memory, bias=self.bias)
        return loihi_params(rng, n, memory=self.memory, bias=self.bias, extreme=self.extreme)

    def weights(self, rng: np.random.Generator, shape: Any) -> np.ndarray:
        return (float_weights if self.kind == "float" else loihi_weights)(rng, shape)


@st.composite
def arithmetics(draw: st.DrawFn, *kinds: str) -> Arithmetic:
    return Arithmetic(
        draw(st.sampled_from(kinds or ARITHMETICS)), draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    )


@st.composite
def networks(draw: st.DrawFn, *kinds: str, delays: bool = True) -> Network:
    """Any network of one of the arithmetics: a matrix of any graph, or parts of any types with delays."""
    numbers = draw(arithmetics(*kinds))
    kinds_of_graph = chains(numbers), graphs(numbers), assemblies(numbers, delays=delays), pictures(numbers)
    return draw(st.one_of(kinds_of_graph))


@st.composite
def chains(draw: st.DrawFn, numbers: Arithmetic) -> Network:
    """Input, then all-to-all layers one after another."""
    sizes = draw(st.lists(st.sampled_from([4, 3, 5, 2, 1]), min_size=3, max_size=4))
    rng = draw(generators())
    weights = [numbers.weights(rng, (post, pre)) for pre, post in pairwise(sizes)]
    return Network.feedforward(weights, numbers.params(rng, sum(sizes[1:])))


@st.composite
def graphs(draw: st.DrawFn, numbers: Arithmetic) -> Network:
    """Layers with any synapses between any neurons: skips, loops, self-loops."""
    sizes = draw(st.lists(st.sampled_from([3, 4, 2, 1]), min_size=2, max_size=4))
    n_inputs, density = draw(st.sampled_from([3, 2, 4, 1, 2, 3, 0])), draw(st.sampled_from([0.8, 0.4, 0.15]))
    rng = draw(generators())
    n = sum(sizes)
    into, between = (numbers.weights(rng, (n, pre)) * (rng.random((n, pre)) < density) for pre in (n_inputs, n))
    return Network.from_matrix(
        into,
        between,
        numbers.params(rng, n),
        layer_of=np.repeat(np.arange(len(sizes)), sizes),
        outputs=rng.permutation(n)[: rng.integers(0, n + 1)],
    )


@st.composite
def assemblies(draw: st.DrawFn, numbers: Arithmetic, *, delays: bool = True) -> Network:
    """Parts of every type between any layers, several between the same two, with and without delays."""
    sizes = draw(st.lists(st.sampled_from([3, 4, 2, 1]), min_size=1, max_size=3))
    n_inputs = draw(st.sampled_from([3, 4, 2, 1]))
    ends = st.tuples(st.integers(INPUT, len(sizes) - 1), st.integers(0, len(sizes) - 1))
    kind_and_delay = st.tuples(st.sampled_from(["dense", "sparse"]), st.integers(0, 3))
    wanted = [((INPUT, 0), draw(kind_and_delay))] * draw(st.sampled_from([1, 1, 1, 0]))
    wanted += draw(st.lists(st.tuples(ends, kind_and_delay), min_size=1, max_size=6))
    rng = draw(generators())
    parts: list[Any] = []
    for (source, target), (kind, longest) in wanted:
        pre, post = n_inputs if source == INPUT else sizes[source], sizes[target]
        weights = numbers.weights(rng, (post, pre))
        shape = (pre,) if kind == "dense" else (post, pre)
        delay = rng.integers(0, longest + 1, shape) if delays and longest else None
        if kind == "dense":
            parts.append(Dense(source, target, weights, delay))
        else:
            mask = rng.random((post, pre)) < 0.5
            parts.append(Sparse.from_matrix(source, target, weights * mask, delay))
    n = sum(sizes)
    layers = tuple(Layer(SHAPES[size]) for size in sizes)
    return Network(
        SHAPES[n_inputs], layers, tuple(parts), numbers.params(rng, n), rng.permutation(n)[: rng.integers(0, n + 1)]
    )


@st.composite
def pictures(draw: st.DrawFn, numbers: Arithmetic) -> Network:
    """A convolution of any geometry from the input, one of a layer onto itself, all-to-all synapses to the outputs."""
    per_group, per_output, groups = (draw(st.integers(1, 2)) for _ in range(3))
    pairs = st.tuples(st.integers(1, 2), st.integers(1, 2))
    size, stride, dilation = draw(st.tuples(st.integers(3, 4), st.integers(3, 4))), draw(pairs), draw(pairs)
    kernel, padding = draw(pairs), draw(st.tuples(st.integers(0, 1), st.integers(0, 1)))
    rng = draw(generators())
    shape, channels = (per_group * groups, *size), per_output * groups
    delay = rng.integers(0, 3, int(np.prod(shape))) if draw(st.booleans()) else None
    weights = numbers.weights(rng, (channels, per_group, *kernel))
    first = Conv(INPUT, 0, weights, shape, stride, padding, dilation, groups, delay)
    loop = Conv(0, 0, numbers.weights(rng, (channels, 1, 3, 3)), first.output_shape, padding=1, groups=channels)
    onward = Dense(0, 1, numbers.weights(rng, (2, first.n_target)))
    parts, n = [first, onward, *[loop] * draw(st.integers(0, 1))], first.n_target + 2
    layers = (Layer(first.output_shape), Layer((2,)))
    params = numbers.params(rng, n)
    if isinstance(params, LoihiParams):  # a kernel has one exponent per channel
        exponents = np.repeat(params.weight_exp[:channels], first.n_target // channels)
        params = replace(params, weight_exp=np.append(exponents, params.weight_exp[-2:]))
    return Network(shape, layers, tuple(parts), params, [n - 2, n - 1])
