"""Every limit of a chip, once kept and once broken; what is not published is not guessed."""

from dataclasses import fields, replace

import numpy as np
import pytest
import strategies
from hypothesis import given, settings

from lava_async import CubaParams, LoihiParams, Network
from lava_async.hardware import TARGETS, check
from lava_async.hardware.presets import PRESETS, Price
from lava_async.hardware.summary import histogram, summarize
from lava_async.hardware.targets import Grid, Limit, Range
from lava_async.network import Layer
from lava_async.synapses import INPUT, Conv, Dense

GOOD = {"du": 1023, "dv": 128, "vth": 8}


def one(weight=3, delay=None, **params):
    """Return a network of one neuron."""
    return Network((1,), (Layer((1,)),), (Dense(INPUT, 0, [[weight]], delay),), LoihiParams(**GOOD | params), [0])


def broken(network, target="loihi1", **options):
    return {c.name: c for c in check(network, target, **options).broken}


def test_a_small_network_of_integers_fits_both_chips():
    assert check(one(), "loihi1").verdict == "fits Loihi 1: 1 of 128 cores"
    assert check(one(), "loihi2").verdict == (
        "fits Loihi 2: 1 of 128 cores; 2 limits are not published and were not checked"
    )


@pytest.mark.parametrize(
    ("network", "name", "needed"),
    [
        (one(vth=2**17), "vth", "131,072"),
        (one(bias_mant=4097), "bias_mant", "4,097"),
        (one(bias_mant=1, bias_exp=8), "bias_exp", "8"),
        (one(bias_mant=64, bias_exp=-6), "bias_exp", "-6"),
        (one(weight_exp=8), "weight_exp", "8"),
        (one(delay=63), "delay", "63"),
        (Network.feedforward([[[0.5]]], CubaParams(1, 1, 1)), "arithmetic", "floating point"),
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_a_number_out_of_range_is_named_with_what_to_change(network, name, needed, target):
    found = broken(network, target)
    assert list(found) == [name]
    assert found[name].needed == needed
    assert found[name].advice in check(network, target).verdict


def test_the_layers_that_break_a_limit_are_named():
    network = Network.feedforward([[[3]], [[3]]], LoihiParams(1023, 128, [8, 2**17]))
    assert broken(network)["vth"].layers == (1,)


def test_a_bias_of_nothing_may_have_any_exponent():
    assert not broken(one(bias_mant=0, bias_exp=-6))


def test_more_sources_than_a_core_has_axons_break_loihi_1_and_are_unknown_of_loihi_2():
    network = Network.feedforward([np.ones((1, 4097), int)], LoihiParams(**GOOD))
    found = broken(network)
    assert found["axons_in"].layers == (0,)
    assert (found["axons_in"].needed, found["axons_in"].allowed) == ("4,097", "4,096")
    unknown = [c for c in check(network, "loihi2").checks if c.ok is None]
    assert [(c.name, c.allowed) for c in unknown] == [("axons_in", "not published"), ("axons_out", "not published")]


def test_synapses_of_one_neuron_that_fill_more_than_a_core_are_named():
    target = replace(TARGETS["loihi1"], synaptic_bits=Limit(64, "test"))
    assert broken(Network.feedforward([[[9, 9]]], LoihiParams(**GOOD)), target)["synaptic_bits"].needed == "128"


def test_more_cores_than_a_chip_has_are_counted_in_chips():
    target = replace(TARGETS["loihi1"], neurons=Limit(1, "test"), cores=Limit(2, "test"))
    fit = check(Network.feedforward([[[9]] * 5], LoihiParams(**GOOD)), target)
    assert [c.name for c in fit.broken] == ["cores"]
    assert "5 cores, 3 chips" in fit.verdict


def test_payloads_need_graded_spikes():
    assert list(broken(one(), "loihi1", largest_input=2)) == ["payload"]
    assert not broken(one(), "loihi2", largest_input=2)


@settings(max_examples=30, deadline=None)
@given(strategies.networks())
def test_any_network_gets_an_answer_for_every_limit(network):
    for target in TARGETS:
        fit = check(network, target)
        assert fit.ok == (not fit.broken)
        assert all(bool(c.advice) == (c.ok is False) for c in fit.checks)
        assert all(c.source for c in fit.checks)


def test_every_published_number_has_a_source():
    for target in TARGETS.values():
        values = [getattr(target, f.name) for f in fields(target)]
        assert all(x.source for x in values if isinstance(x, (Limit, Range, Grid)))
        assert all(x.source.startswith("not published") for x in values if isinstance(x, Limit) and x.value is None)
    for preset in PRESETS.values():
        assert preset.source
        assert TARGETS[preset.target]
        assert all(x.source for x in vars(preset).values() if isinstance(x, Price))


def test_nothing_is_priced_for_loihi_2():
    assert {preset.target for preset in PRESETS.values()} == {"loihi1"}


# -------------------------------------------------------------------------------------------------- summary


@settings(max_examples=30, deadline=None)
@given(strategies.networks())
def test_a_summary_counts_all_neurons_synapses_and_weights(network):
    layers = summarize(network)
    incoming = [c for layer in layers for c in layer.incoming]
    assert sum(layer.neurons for layer in layers) == network.n_neurons
    assert sum(c.synapses for c in incoming) == network.n_synapses
    assert sum(c.weights for c in incoming) == histogram(network).counts.sum()


def test_a_histogram_of_whole_numbers_has_bins_of_whole_width():
    edges, counts, whole = histogram(Network.feedforward([[[-3, -3, 40]]], LoihiParams(**GOOD)), 16)
    assert whole
    assert edges[0] == -3
    assert set(np.diff(edges)) == {3}
    assert counts[0] == 2
    assert counts.sum() == 3


def test_a_convolution_says_how_many_synapses_share_its_weights():
    conv = Conv(INPUT, 0, np.full((2, 1, 2, 2), 4), (1, 3, 3))
    network = Network((1, 3, 3), (Layer((2, 2, 2), "conv"),), (conv,), LoihiParams(**GOOD), [0])
    (c,) = summarize(network)[0].incoming
    assert (c.source, c.kind, c.synapses, c.weights, c.bits) == ("input", "Conv", 32, 8, 1)
