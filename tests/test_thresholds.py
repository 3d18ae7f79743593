"""Which layers can fire at all: what is said never to fire does not, whatever comes in."""

import numpy as np
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from lava_async import CubaParams, Layered, LoihiParams, Network, simulate
from lava_async.network import Layer
from lava_async.synapses import INPUT, Conv, Dense, Sparse
from lava_async.thresholds import out_of_reach


@given(st.sampled_from(["float", "fixed"]).flatmap(strategies.networks), st.data())
def test_a_layer_out_of_reach_never_fires(network, data):
    spikes = np.minimum(data.draw(strategies.spikes(network.n_inputs, max_steps=6)), 1)
    silent = out_of_reach(network, steps=spikes.shape[1] + 1)
    counts = simulate(network, spikes, schedule=Layered(), engine="reference").counts
    assert all(not counts[network.layer_slices[i]].any() for i in silent)


def alone(synapses, shape, params):
    return Network(
        (4,) if isinstance(synapses, Dense | Sparse) else (1, 2, 2),
        (Layer(shape),),
        (synapses,),
        params,
        np.arange(np.prod(shape)),
    )


@pytest.mark.parametrize(
    ("synapses", "shape"),
    [
        (Dense(INPUT, 0, [[0.25, -9, 0.25, 0.25]]), (1,)),
        (Sparse(INPUT, 0, [0, 1, 2, 3], [0, 0, 0, 0], [0.25, -9.0, 0.25, 0.25], (1, 4)), (1,)),
        (Conv(INPUT, 0, np.array([0.25, -9, 0.25, 0.25]).reshape(1, 1, 2, 2), (1, 2, 2)), (1, 1, 1)),
    ],
)
def test_the_most_that_positive_weights_can_bring_is_held_against_the_threshold(synapses, shape):
    for vth, found in ((0.74, []), (0.76, [0])):
        assert out_of_reach(alone(synapses, shape, CubaParams(1, 1, vth))) == found


@pytest.mark.parametrize(("decays", "most"), [((1, 0), 10), ((1, 0.5), 2), ((0.5, 1), 2), ((0.5, 0.5), 4)])
def test_currents_and_voltages_add_up_over_time(decays, most):
    for vth, found in ((0.98 * most, []), (most, [0])):
        network = Network.feedforward([[[1.0]]], CubaParams(*decays, vth))
        assert out_of_reach(network, steps=10) == found


def test_a_bias_may_reach_a_threshold():
    assert out_of_reach(Network.feedforward([[[0.0]]], CubaParams(1, 0.5, 1, bias=0.6))) == []


@pytest.mark.parametrize(("vth", "found"), [(80, []), (81, [0])])
def test_integers_count_in_their_own_units(vth, found):
    assert out_of_reach(Network.feedforward([[[81]]], LoihiParams(4095, 4096, vth))) == found
