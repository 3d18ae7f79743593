"""Random numbers by counting: published values, uniformity, and nothing that depends on what was drawn before."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_async import draws

words = st.integers(-(2**63), 2**63 - 1)
naturals = st.integers(0, 2**63 - 1)
STREAMS = (draws.RANDOM_SCHEDULE, draws.REFRACTORY_DROPOUT, draws.INPUT_DROPOUT, draws.MOMENTUM_NOISE, draws.RATE)


def chi_square(counts) -> float:
    """Return Pearson's statistic against equal shares."""
    expected = np.sum(counts) / len(counts)
    return float((((np.asarray(counts) - expected) ** 2) / expected).sum())


def test_mix_is_the_finalizer_of_splitmix64():
    """The n-th output of SplitMix64 is mix(seed + n G); published for the seed 1234567."""
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    states = (1234567 + np.arange(1, 6).astype(np.uint64) * draws.G).astype(np.uint64)
    assert draws.mix(states).tolist() == published
    assert [naive.mix(int(state)) for state in states] == published


def test_streams_are_numbered_as_in_the_definition():
    assert STREAMS == (0, 1, 2, 3, 4)


@given(naturals, naturals, naturals, naturals, words)
def test_a_key_is_that_of_the_definition(seed, sample, t, k, i):
    """Also for negative indices, as two's complement: input channel c is c - C."""
    for stream in STREAMS:
        expected = naive.key(seed, stream, sample, t, k, i)
        assert draws.key(seed, stream, sample, t, k, i).tolist() == [expected]
        assert draws.unit(np.array([expected], np.uint64)).tolist() == [naive.unit(expected)]


@given(st.lists(words, min_size=1, max_size=20), naturals)
def test_keys_of_an_array_are_the_keys_of_its_elements(indices, seed):
    together = draws.key(seed, 0, 1, 2, 3, np.array(indices))
    assert together.tolist() == [draws.key(seed, 0, 1, 2, 3, i)[0] for i in indices]


@given(st.integers(0, 2**64 - 1))
def test_a_unit_lies_in_zero_to_one_without_one(h):
    assert 0 <= draws.unit(np.array([h], np.uint64))[0] < 1


@pytest.mark.parametrize("what", ["stream", "sample", "t", "k", "i", "seed"])
def test_units_are_uniform_and_independent_along_each_word(what):
    """256 cells of (this draw, the next) over 40,000 consecutive values; 0.999 quantile of 255 degrees: 330."""
    words = {"seed": 1, "stream": 0, "sample": 3, "t": 5, "k": 2, "i": 7}
    n = np.arange(40_000)
    if what == "i":
        units = draws.unit(draws.key(1, 0, 3, 5, 2, n))
    else:
        keys = [draws.key(*(words | {what: int(x)}).values())[0] for x in n[:4000]]
        units = draws.unit(np.array(keys))
    bins = 16 if what == "i" else 4
    cells = (units[:-1] * bins).astype(int) * bins + (units[1:] * bins).astype(int)
    assert chi_square(np.bincount(cells, minlength=bins**2)) < {16: 330.0, 4: 37.7}[bins]
    assert abs(units.mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(units))


def test_seed_zero_and_zero_words_are_as_good_as_others():
    assert draws.key(0, 0, 0, 0, 0, 0)[0] == naive.key(0, 0, 0, 0, 0, 0) != 0
    assert len({int(draws.key(s, 0, 0, 0, 0, 0)[0]) for s in range(1000)}) == 1000
