"""Spike trains: events in any order, counts (C, T), batches; one content, many forms."""

from __future__ import annotations

import numpy as np
import pytest
from compare import complains
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lava_async import SpikeTrain
from lava_async.spikes import ENCODE, MAX_PAYLOAD, SpikeBatch, dense_counts

shapes = st.tuples(st.integers(0, 5), st.integers(0, 6))
counts = st.sampled_from([0, 0, 1, 2, 255, MAX_PAYLOAD])
trains = shapes.flatmap(lambda shape: npst.arrays(np.int64, shape, elements=counts))
batches = st.tuples(st.integers(0, 3), shapes).flatmap(lambda b: npst.arrays(np.int64, (b[0], *b[1]), elements=counts))


@given(trains)
def test_counts_survive_the_way_through_a_train(dense):
    train = SpikeTrain.from_dense(dense)
    assert (train.n_channels, train.n_steps) == dense.shape
    np.testing.assert_array_equal(train.to_dense(), dense)


@given(trains, st.randoms(use_true_random=False))
def test_events_may_come_in_any_order_and_in_pieces(dense, random):
    """An event per spike up to three, in any order, is the same train: events of a channel and time step add up."""
    dense = np.minimum(dense, 3)
    events = [(c, t) for c, t in np.ndindex(*dense.shape) for _ in range(dense[c, t])]
    random.shuffle(events)
    channel, time = (np.array([e[axis] for e in events], int) for axis in (0, 1))
    train = SpikeTrain.from_events(channel, time, n_channels=dense.shape[0], n_steps=dense.shape[1])
    assert train == SpikeTrain.from_dense(dense)


@given(trains)
def test_a_train_is_sorted_by_time_then_channel_without_zeros(dense):
    train = SpikeTrain.from_dense(dense)
    time = np.repeat(np.arange(train.n_steps), np.diff(train.start))
    entries = list(zip(time.tolist(), train.channel.tolist(), strict=True))
    assert entries == sorted(set(entries))
    assert (train.count > 0).all()


@given(batches)
def test_a_batch_is_its_samples_whichever_way_it_was_built(dense):
    batch = SpikeBatch.from_dense(dense)
    alone = [SpikeTrain.from_dense(one) for one in dense]
    assert len(batch) == len(dense)
    assert [batch[b] for b in range(len(batch))] == alone
    assert (batch.n_channels, batch.n_steps) == dense.shape[1:]
    assert SpikeBatch.of(batch) is batch
    if alone:
        assert SpikeBatch.of(alone) == SpikeBatch.of(tuple(alone)) == batch


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", ">i4", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_counts_may_have_any_number_type_and_memory_order(dtype, order):
    dense = (np.random.default_rng(1).random((3, 4, 5)) < 0.4).astype(dtype)
    given_form = {"C": dense, "F": np.asfortranarray(dense), "strided": np.repeat(dense, 2, axis=1)[:, ::2]}[order]
    assert SpikeBatch.from_dense(given_form) == SpikeBatch.from_dense(dense.astype(np.int64))
    assert SpikeTrain.from_dense(given_form[0]) == SpikeTrain.from_dense(dense[0].astype(np.int64))


def test_a_train_does_not_follow_the_array_it_was_made_from_and_cannot_be_changed():
    channel, each, start = np.array([0, 1]), np.array([1, 2]), np.array([0, 1, 2])
    train = SpikeTrain(channel, each, start, 2)
    channel[0] = 1
    assert train == SpikeTrain.from_dense([[1, 0], [0, 2]])
    with pytest.raises(ValueError, match="read-only"):
        train.count[0] = 5
    assert hash(type(train)) is not None
    assert train != SpikeTrain.from_dense([[1, 0], [0, 3]])
    assert train != "a train"


payloads = st.sampled_from([0, 0, 1, -3, 0.25, -1.5, 7, MAX_PAYLOAD])


@given(shapes.flatmap(lambda shape: npst.arrays(np.float64, shape, elements=payloads)))
def test_graded_spikes_come_back_from_a_train_and_from_a_batch(dense):
    """Whole numbers as integers, also signed ones; real numbers as float32."""
    train = SpikeTrain.from_dense(dense)
    np.testing.assert_array_equal(train.to_dense(), dense.astype(np.float32))
    assert train.count.dtype == (np.int32 if (dense == np.floor(dense)).all() else np.float32)
    channel, time = np.nonzero(dense)
    of_events = SpikeTrain.from_events(
        channel, time, n_channels=len(dense), n_steps=dense.shape[1], counts=dense[channel, time]
    )
    assert of_events == train
    batch = SpikeBatch.of(np.stack([0 * dense, dense]))
    np.testing.assert_array_equal(batch[1].to_dense(), train.to_dense())
    np.testing.assert_array_equal(SpikeBatch.from_trains([train, train])[1].count, train.count)


one_event = {"n_channels": 3, "n_steps": 1}
NO_SPIKE = "SpikeTrain.count = 0: must be a number other than 0: what is silent has no entry"
net_shape = np.ones((1, 3, 2), int)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SpikeTrain.from_dense([1, 2]), "SpikeTrain.spikes.shape = (2,): must be (C, T)"),
        (
            lambda: SpikeTrain.from_dense([[1], [1, 2]]),
            "SpikeTrain.spikes = [[1], [1, 2]]: must be an array of spike counts",
        ),
        (lambda: SpikeTrain.from_dense([["a"]]), "SpikeTrain.spikes = [['a']]: must be spike counts, not <U1"),
        (lambda: SpikeTrain.from_dense([[2**24]]), "SpikeTrain.spikes = 16777216: must be in -16777215 .. 16777215"),
        (lambda: SpikeTrain.from_dense([[1e30]]), "SpikeTrain.spikes = 1e+30: must be in -16777215 .. 16777215"),
        (lambda: SpikeTrain.from_dense([[np.nan]]), "SpikeTrain.spikes = nan: must be finite"),
        (lambda: dense_counts("x", [[-1]], "(C, T)"), "x = -1: must be in 0 .. 16777215"),
        (lambda: dense_counts("x", [[0.5]], "(C, T)"), "x = 0.5: must be integers in 0 .. 16777215: " + ENCODE),
        (lambda: SpikeTrain.from_events([3], [0], **one_event), "SpikeTrain.channel = 3: must be in 0 .. 2"),
        (lambda: SpikeTrain.from_events([0], [1], **one_event), "SpikeTrain.time = 1: must be in 0 .. 0"),
        (
            lambda: SpikeTrain.from_events([0.0], [0], **one_event),
            "SpikeTrain.channel = [0.0]: must be integers, not float64",
        ),
        (
            lambda: SpikeTrain.from_events([0, 1], [0], **one_event),
            "SpikeTrain.time.shape = (1,): must be (2,), as SpikeTrain.channel",
        ),
        (
            lambda: SpikeTrain.from_events([0, 0], [0, 0], counts=2**23, **one_event),
            "SpikeTrain.counts = 16777216: must be in -16777215 .. 16777215",
        ),
        (lambda: SpikeTrain.from_events([], [], n_channels=-3, n_steps=1), "SpikeTrain.n_channels = -3: must be >= 0"),
        (lambda: SpikeTrain([5], [1], [0, 1], 3), "SpikeTrain.channel = 5: must be in 0 .. 2"),
        (lambda: SpikeTrain([1], [0], [0, 1], 3), NO_SPIKE),
        (
            lambda: SpikeTrain([1, 0], [1, 1], [0, 2], 3),
            "SpikeTrain.channel = array([1, 0]): must be sorted by time, then channel, each pair once; "
            "SpikeTrain.from_events takes any order",
        ),
        (lambda: SpikeTrain([1], [1], [0, 2], 3), "SpikeTrain.start [1] = 2: must be in 0 .. 1"),
        (lambda: SpikeTrain([1], [1], [0, 0], 3), "SpikeTrain.start[-1] = 0: must be 1, the number of entries"),
        (lambda: SpikeBatch.from_dense([[1]]), "SpikeBatch.spikes.shape = (1, 1): must be (B, C, T)"),
        (lambda: SpikeBatch.from_dense(net_shape * np.nan), "SpikeBatch.spikes [0, 0, 0] = nan: must be finite"),
        (
            lambda: SpikeBatch.of([SpikeTrain.from_dense([[1]]), None]),
            "SpikeBatch trains[1] = None: must be a SpikeTrain like the others",
        ),
        (
            lambda: SpikeBatch.of([SpikeTrain.from_dense([[1]]), SpikeTrain.from_dense([[1, 1]])]),
            "SpikeBatch.concatenate: (C, T) = [(1, 1), (1, 2)]: must be the same of all batches",
        ),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_errors_name_object_field_value_and_what_is_allowed(call, message):
    complains(call, message)
