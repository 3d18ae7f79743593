"""Encoders as their equations say, and their pictures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lava_async.data.encoders import ENCODERS, delta, latency, rate
from lava_async.data.events import saccade
from lava_async.errors import InvalidType, InvalidValue

VALUES = np.linspace(0, 1, 12).reshape(2, 2, 3)
signals = npst.arrays(np.float64, (2, 3, 6), elements=st.integers(-40, 40).map(lambda n: n / 8))


def test_a_rate_is_what_the_value_says():
    spikes = rate(VALUES, steps=4000, most=0.5, seed=1)
    assert (spikes.shape, spikes.dtype, spikes.max()) == ((2, 6, 4000), np.uint8, 1)
    found, expected = spikes.mean(axis=2), 0.5 * VALUES.reshape(2, 6)
    assert (np.abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / 4000)).all()
    assert rate(np.ones((1, 3)), steps=5).all()
    assert not rate(np.zeros((1, 3)), steps=5).any()


def test_rates_of_a_sample_depend_on_its_number_alone():
    """Not on its batch, nor on how many channels or time steps there are besides."""
    whole = rate(VALUES, steps=50, seed=3)
    np.testing.assert_array_equal(rate(VALUES[1:], steps=50, seed=3, samples=[1]), whole[1:])
    np.testing.assert_array_equal(rate(VALUES, steps=20, seed=3), whole[:, :, :20])
    assert (rate(VALUES, steps=50, seed=4) != whole).any()
    assert (rate(VALUES, steps=50, seed=3, samples=[1, 0]) != whole).any()


def test_the_larger_a_value_the_earlier_its_only_spike():
    spikes = latency(VALUES, steps=11, threshold=0.2)
    assert spikes.sum(axis=2).ravel().tolist() == [0, 0, 0] + [1] * 9
    assert spikes.argmax(axis=2).ravel()[3:].tolist() == [7, 6, 5, 5, 4, 3, 2, 1, 0]
    assert latency([[1.0, 0.5]], steps=1).tolist() == [[[1], [1]]]


@given(signals)
@settings(max_examples=30, deadline=None)
def test_changes_tell_the_signal_to_within_a_threshold(x):
    events = delta(x, threshold=0.25, max_count=255).astype(int)
    on, off = events[:, :3], events[:, 3:]
    level = x[:, :, :1] + 0.25 * np.cumsum(on - off, axis=2)
    assert np.abs(level - x).max() < 0.25
    assert not (on * off).any()
    np.testing.assert_array_equal(delta(x, threshold=0.25), np.minimum(events, 1))


def test_delta_by_hand():
    events = delta([[[0.0, 0.9, 1.0, 3.5, 3.1, 1.9]]], threshold=1.0, max_count=9)
    assert events.tolist() == [[[0, 0, 1, 2, 0, 0], [0, 0, 0, 0, 0, 1]]]


@given(
    st.sampled_from([0.1, 0.2, 0.05, 0.3, 1 / 3, 7.0]),
    st.lists(st.integers(-3, 3), min_size=2, max_size=40),
    st.sampled_from([np.float64, np.float32]),
    st.integers(-20, 20),
)
@settings(max_examples=60, deadline=None)
def test_a_change_of_k_thresholds_is_k_events_in_every_type(threshold, changes, dtype, begin):
    """The signal is exact: fractions, rounded once, to the type that holds them."""
    h = Fraction(threshold).limit_denominator(1000)
    levels = np.cumsum([0, *changes]) + begin
    signal = np.array([[[float(int(n) * h) for n in levels]]]).astype(dtype)
    on, off = delta(signal, threshold=threshold, max_count=9)[0].astype(int)
    assert (on - off).tolist() == [0, *changes]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_latencies_are_rounded_as_the_exact_numbers_are(dtype):
    for steps in (2, 3, 11, 21):
        exact = [Fraction(k, 40) for k in range(1, 41)]
        spikes = latency(np.array([[float(x) for x in exact]], dtype), steps=steps)
        assert spikes[0].argmax(axis=1).tolist() == [round((1 - x) * (steps - 1)) for x in exact]


def test_every_encoder_has_its_name_and_its_equation():
    assert list(ENCODERS) == ["rate", "latency", "delta", "saccade"]
    assert ENCODERS["saccade"] is saccade
    for name, function in ENCODERS.items():
        assert function.__name__ == name
        assert "::\n" in function.__doc__


@pytest.mark.parametrize(
    ("function", "arguments", "error", "words"),
    [
        (rate, {"values": [[1.5]], "steps": 2}, InvalidValue, r"rate\.values = 1\.5.*0 \.\. 1"),
        (rate, {"values": [0.5], "steps": 2}, InvalidValue, r"rate\.values\.shape = \(1,\)"),
        (rate, {"values": [[0.5]], "steps": 0}, InvalidValue, r"rate\.steps = 0"),
        (rate, {"values": [[0.5]], "steps": 1, "most": 2}, InvalidValue, r"rate\.most = 2"),
        (rate, {"values": [[0.5]], "steps": 1, "seed": -1}, InvalidValue, r"rate\.seed = -1"),
        (rate, {"values": [[0.5]], "steps": 1, "samples": [1, 2]}, InvalidValue, r"rate\.samples\.shape = \(2,\)"),
        (latency, {"values": [["a"]], "steps": 2}, InvalidType, r"latency\.values"),
        (latency, {"values": [[np.nan]], "steps": 2}, InvalidValue, r"latency\.values = nan"),
        (latency, {"values": [[0.5]], "steps": 2, "threshold": -1}, InvalidValue, r"latency\.threshold = -1"),
        (delta, {"signals": [[0.5]], "threshold": 1}, InvalidValue, r"delta\.signals\.shape = \(1, 1\)"),
        (delta, {"signals": [[[0.5]]], "threshold": 0}, InvalidValue, r"delta\.threshold = 0"),
        (delta, {"signals": [[[0.5]]], "threshold": 1, "max_count": 256}, InvalidValue, r"delta\.max_count = 256"),
    ],
)
def test_bad_arguments_are_named(function, arguments, error, words):
    with pytest.raises(error, match=words):
        function(**arguments)
