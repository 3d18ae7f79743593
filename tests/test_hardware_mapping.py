"""Where neurons lie: nothing is lost, no limit is exceeded, and every number is what counting gives."""

from dataclasses import replace

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from lava_async import CubaParams, LoihiParams, Network
from lava_async.errors import InvalidValue
from lava_async.hardware import TARGETS, place
from lava_async.hardware.synapse_memory import list_bits, list_lengths, weight_bits
from lava_async.hardware.targets import LOIHI1, LOIHI2, Limit
from lava_async.network import Layer
from lava_async.synapses import INPUT, Conv, Dense

WITHOUT_LIMIT = Limit(None, "test")


def tiny(**limits):
    """Loihi 1 with cores so small that the networks of the tests need several."""
    return replace(LOIHI1, **{name: Limit(value, "test") for name, value in limits.items()})


def counted(network, source):
    """Return the targets of a neuron, one by one: the slow definition."""
    return np.bincount(network.fan_out(source).target, minlength=network.n_neurons)


@settings(max_examples=60, deadline=None)
@given(strategies.networks(), st.data())
def test_lists_are_as_long_as_the_fan_out_says(network, data):
    for s in network.synapses:
        targets = np.array(data.draw(st.lists(st.integers(0, s.n_target - 1), unique=True)), np.int64)
        expected = [np.isin(s.fan_out(j).target, targets).sum() for j in range(s.n_source)]
        assert list_lengths(s, targets).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(strategies.networks(), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_cores_hold_together_what_the_network_has_and_keep_their_limits(network, neurons, axons_in, axons_out):
    target = tiny(neurons=neurons, axons_in=axons_in, axons_out=axons_out)
    mapping = place(network, target)
    assert np.bincount(mapping.core_of, minlength=mapping.n_cores).tolist() == [x.neurons for x in mapping.loads]
    assert sum(load.neurons for load in mapping.loads) == network.n_neurons
    assert sum(load.synapses for load in mapping.loads) == network.n_synapses == mapping.edges.synapses.sum()
    excepted = {(layer, name) for layer, name, _ in mapping.too_large}
    for core, load in enumerate(mapping.loads):
        assert set(network.layer_of[mapping.core_of == core]) == {load.layer}
        for name in ("neurons", "axons_in", "axons_out", "synaptic_bits"):
            limit = getattr(target, name).value
            assert getattr(load, name) <= limit or (load.layer, name) in excepted
    for layer, name, need in mapping.too_large:
        assert need > getattr(target, name).value
        assert 0 <= layer < len(network.layers)


@settings(max_examples=30, deadline=None)
@given(strategies.networks(), st.integers(1, 3))
def test_edges_say_how_many_synapses_a_spike_walks_in_which_core(network, neurons):
    mapping = place(network, tiny(neurons=neurons))
    found = np.zeros((mapping.n_cores, network.n_inputs + network.n_neurons), int)
    found[mapping.edges.core, mapping.edges.source + network.n_inputs] = mapping.edges.synapses
    assert (mapping.edges.synapses > 0).all()
    for source in range(-network.n_inputs, network.n_neurons):
        expected = np.bincount(mapping.core_of, counted(network, source), mapping.n_cores)
        assert found[:, source + network.n_inputs].tolist() == expected.tolist()


def test_layers_never_share_a_core():
    mapping = place(Network.feedforward([np.ones((3, 2)), np.ones((4, 3))], CubaParams(1, 1, 1)))
    assert mapping.core_of.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_a_picture_is_taken_place_by_place():
    conv = Conv(INPUT, 0, np.ones((2, 1, 1, 1)), (1, 2, 2))
    network = Network((1, 2, 2), (Layer((2, 2, 2)),), (conv,), CubaParams(1, 1, 1), [0])
    mapping = place(network, tiny(neurons=4))
    assert mapping.core_of.reshape(2, 2, 2).tolist() == [[[0, 0], [1, 1]]] * 2
    assert [load.axons_in for load in mapping.loads] == [2, 2]


def test_memory_is_words_of_64_bits_with_a_header_per_64_synapses():
    # nengo-loihi, SynapseConfig.bits_per_axon: 64 * 8 + 10 bits are 9 words, 1 * 8 + 10 bits are one.
    assert list_bits(np.array([0, 1, 64, 65]), 8) == 64 * (0 + 1 + 9 + 10)


@pytest.mark.parametrize(
    ("weights", "bits"),
    [([0], 1), ([1, 0], 1), ([-256], 1), ([255], 8), ([254], 7), ([-128, 127], 8), ([-256, 255], 9), ([-2, 2], 2)],
)
def test_bits_of_weights_count_a_sign_only_where_both_occur_and_no_common_factor_of_two(weights, bits):
    assert weight_bits(np.array(weights)) == bits


def test_a_core_is_filled_up_to_its_memory():
    weights = np.full((100, 64), 255)
    network = Network.feedforward([weights], LoihiParams(4095, 4096, 10))
    for memory in (64 * 64 * 2, 64 * 64 * 5):
        loads = place(network, tiny(synaptic_bits=memory)).loads
        assert all(load.synaptic_bits <= memory for load in loads)
        # One neuron more in a full core would need another word in each of the 64 lists.
        assert loads[0].synaptic_bits == memory


def test_a_neuron_that_fits_into_no_core_is_named_and_does_not_waste_cores():
    network = Network.feedforward([np.ones((6, 10))], CubaParams(1, 1, 1))
    mapping = place(network, tiny(axons_in=9))
    assert mapping.too_large == ((0, "axons_in", 10),)
    assert mapping.n_cores == 1


def test_many_target_cores_split_the_core_of_their_sources():
    network = Network.feedforward([np.ones((8, 1)), np.ones((6, 8))], CubaParams(1, 1, 1))
    mapping = place(network, replace(tiny(axons_out=12), neurons=Limit(8, "test")))
    assert [load.neurons for load in mapping.loads] == [8, 6]
    mapping = place(network, tiny(axons_out=12, neurons=2, axons_in=8))
    assert max(load.axons_out for load in mapping.loads) <= 12


def test_a_recurrent_layer_that_no_cut_helps_is_named_and_left_in_few_cores():
    network = Network((1,), (Layer((64,)),), (Dense(0, 0, np.ones((64, 64))),), CubaParams(1, 1, 1), [0])
    mapping = place(network, tiny(neurons=16, axons_out=40))
    assert mapping.too_large == ((0, "axons_out", 64),)  # 16 neurons reach 4 cores each, 8 would reach 8
    assert mapping.n_cores <= 8


def test_hops_are_a_distance_on_the_mesh():
    mapping = place(Network.feedforward([np.ones((300, 1))], CubaParams(1, 1, 1)), tiny(neurons=1))
    assert mapping.n_chips == 3
    cores = np.arange(mapping.n_cores)
    away = mapping.hops(cores[:, None], cores[None])
    total = away.east_west + away.north_south
    assert (total == total.T).all()
    some = total[::7, ::7]
    assert (some[:, None] <= some[:, :, None] + some[None]).all()  # a detour is never shorter
    assert ((total == 0) == (cores[:, None] // 4 == cores[None] // 4)).all()
    assert mapping.hops(0, 4) == (1, 0)
    assert mapping.hops(0, 32) == (7, 1)
    steps = mapping.hops(cores[:-1], cores[1:])
    assert (steps.east_west[:127] + steps.north_south[:127] <= 1).all()
    assert mapping.n_tiles == 75


def test_hops_between_cores_that_are_not_there_are_refused():
    mapping = place(Network.feedforward([np.ones((2, 1))], CubaParams(1, 1, 1)))
    with pytest.raises(InvalidValue, match=r"core_b = 1: must be a core in use, of 0"):
        mapping.hops(0, 1)


def test_the_mesh_of_loihi_2_is_not_published():
    mapping = place(Network.feedforward([np.ones((2, 1))], CubaParams(1, 1, 1)), LOIHI2)
    with pytest.raises(InvalidValue, match="whose mesh is published: loihi1"):
        mapping.hops(0, 0)


def test_an_unknown_target_is_named_with_those_that_exist():
    with pytest.raises(InvalidValue, match="'loihi3': must be one of loihi1, loihi2"):
        place(Network.feedforward([[[1.0]]], CubaParams(1, 1, 1)), "loihi3")
    assert set(TARGETS) == {"loihi1", "loihi2"}
