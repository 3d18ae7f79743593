"""Input of every form: the same numbers give the same result, whatever holds them, or one clear error."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse
import torch
from compare import complains
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lava_async import CubaParams, LoihiParams, Network, Random, simulate, simulate_batch
from lava_async.errors import InvalidType, InvalidValue
from lava_async.forms import class_labels
from lava_async.metrics import accuracy
from lava_async.records import check_int, real_array
from lava_async.spikes import ENCODE, SpikeBatch, SpikeTrain
from lava_async.training import UnlayeredNetwork, dense_blocks, evaluate, fit
from lava_async.training.losses import activity_weights

NETWORK = Network.feedforward([np.full((3, 4), 0.3), np.ones((2, 3))], CubaParams(du=1, dv=0.5, vth=0.5))
trains = npst.arrays(np.int64, st.tuples(st.just(4), st.integers(0, 6)), elements=st.sampled_from([0, 0, 1, 2, 100]))


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


FORMS = {
    **{dtype: lambda x, dtype=dtype: x.astype(dtype) for dtype in ("uint8", "int8", "float16", "float32", "float64")},
    "big-endian": lambda x: x.astype(">f8"),
    "read-only": read_only,
    "read-only floats": lambda x: read_only(x.astype(np.float32)),
    "columns first": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=0)[::2],
    "lists": lambda x: x.tolist(),
    "torch": torch.from_numpy,
    "bfloat16": lambda x: torch.from_numpy(x).to(torch.bfloat16),
    "half": lambda x: torch.from_numpy(x).half(),
    "with gradient": lambda x: torch.from_numpy(x).float().requires_grad_(),
    "transposed tensor": lambda x: torch.from_numpy(x.T.copy()).T,
    "list of tensors": lambda x: [torch.from_numpy(row).to(torch.bfloat16) for row in x],
    "list of lists of tensors": lambda x: [[torch.tensor(v) for v in row] for row in x],
    "scipy.sparse csr": scipy.sparse.csr_matrix,
    "scipy.sparse coo": scipy.sparse.coo_array,
    "torch.sparse": lambda x: torch.from_numpy(x).to_sparse(),
    "torch.sparse csr": lambda x: torch.from_numpy(x).to_sparse_csr(),
    "nothing masked": np.ma.masked_array,
}


@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(trains)
def test_the_same_counts_are_the_same_train_in_every_form(form, dense):
    given_form = form(dense)
    if isinstance(given_form, list) and not dense.size:
        return
    assert SpikeTrain.from_dense(given_form) == SpikeTrain.from_dense(dense)


@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_simulation_takes_every_form(form):
    dense = np.random.default_rng(0).integers(0, 2, (4, 9))
    expected = simulate(NETWORK, dense, schedule=Random(2)).counts
    np.testing.assert_array_equal(simulate(NETWORK, form(dense), schedule=Random(2)).counts, expected)
    np.testing.assert_array_equal(simulate_batch(NETWORK, [form(dense)], schedule=Random(2)).counts[0], expected)


def test_truth_values_are_spikes():
    dense = np.random.default_rng(0).random((2, 4, 9)) < 0.4
    for form in (dense, read_only(dense), torch.from_numpy(dense), dense[:, :, ::-1][:, :, ::-1]):
        assert SpikeBatch.of(form) == SpikeBatch.of(dense.astype(int))


@pytest.mark.parametrize("engine", ["compiled", "dense"])
@pytest.mark.parametrize(
    "form",
    [
        torch.Tensor.bfloat16,
        torch.Tensor.half,
        torch.Tensor.double,
        torch.Tensor.bool,
        torch.Tensor.to_sparse,
        torch.Tensor.int,
    ],
)
def test_a_network_that_learns_takes_tensors_of_every_type(engine, form):
    x = (torch.rand(3, 4, 7, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    net = UnlayeredNetwork(dense_blocks([4, 6, 3], gain=3.0), schedule=Random(2), engine=engine).eval()
    torch.testing.assert_close(net(form(x)), net(x), rtol=0, atol=0)


EVENTS = np.array([(1, 0, 5, 1)], np.dtype([("x", int), ("y", int), ("t", int), ("p", int)]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: simulate(Network.feedforward([[[1]]], LoihiParams(1, 1, 1)), [[0.25]]),
            f"spikes = 0.25: must be integers for a network that computes in integers: {ENCODE}",
        ),
        (
            lambda: SpikeBatch.of(torch.full((1, 2, 2), torch.inf)),
            "SpikeBatch.spikes [0, 0, 0] = inf: must be finite",
        ),
        (
            lambda: SpikeTrain.from_dense(EVENTS),
            "SpikeTrain.spikes = 'events with the fields x, y, t, p': must be an array of numbers; "
            "lava_async.data.own.from_events makes spikes of events",
        ),
        (lambda: SpikeTrain.from_dense([[1j]]), "SpikeTrain.spikes = [[1j]]: must be spike counts, not complex128"),
        (
            lambda: SpikeTrain.from_dense([[Decimal(1)]]),
            "SpikeTrain.spikes = [[Decimal('1')]]: must be spike counts, not object",
        ),
        (
            lambda: SpikeTrain.from_dense(np.ma.masked_equal([[1, 0]], 0)),
            "SpikeTrain.spikes = 'masked entries': must be an array without such; fill them, as with filled(0)",
        ),
        (lambda: real_array("gain", np.ones((2, 2))[:, :1] * np.nan), "gain [0, 0] = nan: must be finite"),
    ],
    ids=lambda case: case[:40] if isinstance(case, str) else "",
)
def test_what_is_no_count_is_one_error_that_says_what_to_do(call, message):
    complains(call, message)


# ---------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("number", [3, np.int8(3), np.uint64(3), np.array(3), torch.tensor(3)])
def test_integers_of_numpy_and_torch_are_integers(number):
    found = check_int("steps", number)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("number", [True, np.bool_(True), torch.tensor(True), 3.0, np.float64(3), "3", None, [3]])
def test_truth_values_fractions_and_words_are_no_integers(number):
    with pytest.raises(InvalidType, match=r"steps = .*must be an integer"):
        check_int("steps", number)


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.float16, torch.tensor, lambda x: np.array(x)])
def test_a_penalty_may_be_a_number_of_any_type(kind):
    torch.testing.assert_close(activity_weights(NETWORK, kind(0.5)), activity_weights(NETWORK, 0.5))
    torch.testing.assert_close(activity_weights(NETWORK, [kind(0.5)] * 2), activity_weights(NETWORK, (0.5, 0.5)))


# ---------------------------------------------------------------------------------------------- labels

LABELS = np.array([2, 0, 1, 1])
LABEL_FORMS = {
    "list": LABELS.tolist(),
    "uint8": LABELS.astype(np.uint8),
    "whole floats": LABELS.astype(np.float32),
    "torch": torch.from_numpy(LABELS),
    "list of tensors": [torch.tensor(v) for v in LABELS],
    "bfloat16": torch.from_numpy(LABELS).bfloat16(),
    "column": LABELS[:, None],
    "one-hot": np.eye(3)[LABELS],
    "one-hot truth values": np.eye(3, dtype=bool)[LABELS],
    "one-hot tensor": torch.eye(3)[LABELS],
    "read-only": read_only(LABELS),
}


@pytest.mark.parametrize("labels", LABEL_FORMS.values(), ids=LABEL_FORMS)
def test_classes_may_have_any_form(labels):
    assert class_labels("labels", labels, 3).tolist() == LABELS.tolist()
    assert accuracy(np.eye(3, dtype=int)[LABELS][:, :, None], labels) == 1.0


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ([0.5, 1], InvalidValue, r"labels = 0\.5: must be classes, integers in 0 \.\. 2, no fractions"),
        ([[0.5, 0.5, 0]], InvalidValue, r"labels = \[0\.5, 0\.5, 0\.0\]: must be .*one-hot"),
        ([[1, 1, 0]], InvalidValue, r"labels = \[1, 1, 0\]"),
        ([0, 3], InvalidValue, r"labels = 3: must be classes, integers in 0 \.\. 2"),
        ([[0, 0, 0, 1]], InvalidValue, r"labels = 3"),
        ([-1], InvalidValue, "labels = -1"),
        ([np.nan], InvalidValue, "labels = nan"),
        (["cat"], InvalidType, "number the classes from 0"),
        (np.zeros((1, 2, 2)), InvalidValue, r"labels\.shape = \(1, 2, 2\)"),
        ([[1], [1, 2]], InvalidType, "one per sample"),
    ],
)
def test_what_is_no_class_is_named(labels, error, words):
    with pytest.raises(error, match=words):
        class_labels("labels", labels, 3)


HELD = {
    **{name: FORMS[name] for name in ("float32", "read-only", "lists", "bfloat16", "torch.sparse")},
    "scipy.sparse": lambda x: [scipy.sparse.csr_matrix(each) for each in x],
    "array of scipy.sparse": lambda x: np.array([scipy.sparse.csr_matrix(each) for each in x], dtype=object),
    "trains": lambda x: [SpikeTrain.from_dense(each) for each in x],
    "SpikeBatch": SpikeBatch.of,
}


@pytest.mark.parametrize("form", HELD.values(), ids=HELD)
def test_training_and_evaluation_take_spikes_of_every_form(form):
    dense = (np.random.default_rng(0).random((4, 6, 5)) < 0.4).astype(np.int64)

    class Data:
        labels = LABELS

    def found(spikes):
        Data.spikes = spikes
        net = UnlayeredNetwork(dense_blocks([6, 8, 3], gain=3.0), schedule=Random(2))
        return fit(net, Data(), Data(), epochs=1)[0].loss, evaluate(net, Data(), schedule=Random(2))

    assert found(form(dense)) == found(dense)


def test_labels_that_no_output_has_are_named():
    class Data:
        spikes, labels = np.zeros((2, 4, 3), int), [0, 2]

    with pytest.raises(InvalidValue, match=r"evaluate: labels = 2: must be classes, integers in 0 \.\. 1"):
        evaluate(NETWORK, Data, schedule=Random(2))


def test_complex_spikes_are_refused():
    net = UnlayeredNetwork(dense_blocks([6, 3], gain=3.0), schedule=Random(2), engine="dense")
    with pytest.raises(InvalidType, match=r"spikes = 'torch\.complex64': must be spike counts"):
        net(torch.zeros((1, 6, 2), dtype=torch.complex64))


@pytest.mark.parametrize("form", ["one-hot", "whole floats", "uint8", "torch"])
def test_training_takes_labels_of_every_form(form):
    class Data:
        spikes = (np.random.default_rng(0).random((4, 6, 5)) < 0.4).astype(np.uint8)

    def loss(labels):
        Data.labels = labels
        net = UnlayeredNetwork(dense_blocks([6, 8, 3], gain=3.0), schedule=Random(2))
        return fit(net, Data(), Data(), epochs=1)[0].loss

    assert loss(LABEL_FORMS[form]) == loss(LABELS)
