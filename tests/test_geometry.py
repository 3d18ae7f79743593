"""The geometry of convolutions, against its definition place by place."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from lava_async.synapses.geometry import Axis, axes, neurons

AXES = st.builds(Axis, st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))
SIZES = st.integers(1, 9)


def defined(axis: Axis, n_source: int, n_target: int) -> set[tuple[int, int, int]]:
    """Return (place of the kernel, source, target) as the docstring of `Axis` says."""
    everything = (
        (k, t * axis.stride - axis.padding + axis.dilation * k, t) for k in range(axis.kernel) for t in range(n_target)
    )
    return {(k, source, t) for k, source, t in everything if 0 <= source < n_source}


@given(AXES, SIZES)
def test_targets_are_those_whose_kernel_lies_in_the_padded_grid(axis, n):
    reach = axis.dilation * (axis.kernel - 1)
    inside = [t for t in range(50) if t * axis.stride + reach < n + 2 * axis.padding]
    assume(inside)
    assert axis.size(n) == len(inside)


@given(AXES, SIZES, SIZES)
def test_taps_are_all_connections_once(axis, n, m):
    taps = axis.taps(n, m)
    listed = [*zip(*(each.tolist() for each in taps), strict=True)]
    assert len(set(listed)) == len(listed)
    assert set(listed) == defined(axis, n, m)
    assert [*zip(*(each.tolist() for each in taps.reversed()), strict=True)] == [(k, t, s) for k, s, t in listed]


@given(AXES, SIZES, SIZES)
def test_what_a_source_reaches_and_what_a_target_reads_are_the_same_connections(axis, n, m):
    reached = {(k, s, t) for s in range(n) for k, t in zip(*(x.tolist() for x in axis.reached(s, m)), strict=True)}
    read = {
        (k, s, t) for t, row in enumerate(axis.read(np.arange(m)).tolist()) for k, s in enumerate(row) if 0 <= s < n
    }
    assert reached == read == defined(axis, n, m)


@given(AXES, SIZES)
def test_the_transposed_convolution_leads_back_to_the_least_grid(axis, n):
    """Of the grids that the convolution turns into n places, the smallest: slayer has no output padding."""
    size = axis.transposed_size(n)
    assume(size >= 1)
    assert axis.size(size) == n
    assert axis.size(size - 1) == n - 1 if axis.stride == 1 else axis.size(size - 1) < n


def test_neurons_are_numbered_by_channel_row_and_column():
    shape = (3, 4, 5)
    grid = np.arange(60).reshape(shape)
    channel, row, column = np.array([2, 0]), np.array([3, 1]), np.array([0, 4, 2])
    assert neurons(channel, row, column, shape).tolist() == grid[np.ix_(channel, row, column)].ravel().tolist()
    # Pairs of places, as taps are, give pairs of neurons.
    assert axes((3, 2), (1, 2)) == (Axis(3, 1), Axis(2, 2))
