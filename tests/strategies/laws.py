"""Networks of which a law holds, as it says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from lava_async import (
    CubaParams,
    LoihiParams,
    Network,
)
from lava_async.network import Layer
from lava_async.synapses import Dense
from strategies.topology import ARITHMETICS, Arithmetic, chains, generators


@st.composite
def free_chains(draw, *, input_queues=False):
    """Chains in which a neuron that waits for its input cannot fire before it comes.

    Behind the first layer no current is kept (du = 1) and no bias drives the voltage up, so at the opening of a time
    step voltages only decay, and none crosses a threshold that it had not crossed before.
    """
    kind = draw(st.sampled_from(ARITHMETICS))
    net = draw(chains(Arithmetic(kind, memory=True, bias=False)))
    free = np.arange(net.n_neurons) >= (0 if input_queues else net.layers[0].size)
    fields = {**vars(net.params)}
    fields["du"] = np.where(free, 1 if kind == "float" else 4095, fields["du"])
    drive = draw(generators()).integers(-30, 31, net.n_neurons)
    if kind == "float":
        fields["bias"] = np.where(free, np.minimum(drive, 0), drive) / 32
    else:
        fields["bias_mant"] = np.where(free, 0, drive)
    return Network(net.input_shape, net.layers, net.synapses, type(net.params)(**fields), net.outputs)


@st.composite
def grid_networks(draw):
    """The same network twice: in Loihi's integers, and in floats of the same size divided by 64.

    Decays are all or nothing, so that nothing is rounded; weights and biases are small enough to stay far from 2^23.
    """
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    n_inputs, n = draw(st.integers(1, 4)), sum(sizes)
    rng = draw(generators())
    keep_u, keep_v = rng.integers(0, 2, n), rng.integers(0, 2, n)
    vth, bias, exponent = rng.integers(0, 60, n), rng.integers(-40, 41, n), rng.integers(0, 3, n)
    into, between = (rng.integers(-40, 80, (n, c)) * (rng.random((n, c)) < 0.6) for c in (n_inputs, n))
    graph = {"layer_of": np.repeat(np.arange(len(sizes)), sizes)}
    integers = LoihiParams(np.where(keep_u, -1, 4095), np.where(keep_v, 0, 4096), vth, bias, 4, exponent)
    floats = CubaParams(1 - keep_u, 1 - keep_v, vth, bias * 16 / 64)
    scale = 2.0 ** exponent[:, None]
    return (
        Network.from_matrix(into, between, integers, **graph),
        Network.from_matrix(into * scale, between * scale, floats, **graph),
    )


@st.composite
def sayable_chains(draw):
    """Chains in the words of the file format: all-to-all, some recurrent, biases in units of 2^6, delays."""
    rng = draw(generators())
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    parts = []
    for k, (pre, post) in enumerate(pairwise(sizes)):
        # Lava runs these as they are: 255 is left out, weights and feedback each have one above 0.
        kind = draw(st.sampled_from(["plain", "delayed", "recurrent"]))
        weights = rng.integers(-64, 64, (post, pre)) if kind == "recurrent" else rng.integers(-256, 255, (post, pre))
        weights[0, 0] = 1
        parts.append(Dense(k - 1, k, weights, rng.integers(0, 63, pre) if kind == "delayed" else None))
        if kind == "recurrent":
            feedback = rng.integers(-64, 64, (post, post))
            feedback[0, 0] = 1
            parts.append(Dense(k, k, feedback))
    n = sum(sizes[1:])
    params = LoihiParams(
        rng.integers(-1, 4096, n),
        rng.integers(0, 4097, n),
        rng.integers(0, 300, n),
        bias_mant=rng.integers(-3, 4, n),
        bias_exp=6,
    )
    layers = tuple(Layer((size,), f"layer {k}") for k, size in enumerate(sizes[1:]))
    return Network((sizes[0],), layers, tuple(parts), params, np.arange(n - sizes[-1], n))


@st.composite
def orders(draw, net):
    """Permutations inside layers."""
    return np.concatenate([draw(st.permutations(range(s.start, s.stop))) for s in net.layer_slices])
