"""Files of NIR that are wrong, or made to hurt: an error that names file and node, and nothing taken from elsewhere."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from lava_async import nir
from lava_async.nir import NirError

ONE = np.ones(3)
NODES = "node/nodes"


def add(group, name, kind, **fields):
    """Write a node into a file."""
    node = group.create_group(name)
    node["type"] = kind
    for field, value in fields.items():
        node[field] = value


def edges(file, *pairs):
    if "edges" in file["node"]:
        del file["node/edges"]
    file["node"].create_dataset("edges", data=list(pairs), dtype=h5py.string_dtype())


def start(path):
    file = h5py.File(path, "w")
    file.create_group("node")["type"] = "NIRGraph"
    return file, file.create_group(NODES)


@pytest.fixture
def matrix(tmp_path):
    """A file with all-to-all synapses ``fc`` between an input and neurons ``if``."""
    file, nodes = start(tmp_path / "matrix.nir")
    with file:
        add(nodes, "input", "Input", shape=np.array([3]))
        add(nodes, "fc", "Linear", weight=np.ones((3, 3)))
        add(nodes, "if", "IF", r=ONE, v_threshold=ONE)
        add(nodes, "output", "Output", shape=np.array([3]))
        edges(file, ("input", "fc"), ("fc", "if"), ("if", "output"))
    return tmp_path / "matrix.nir"


@pytest.fixture
def grid(tmp_path):
    """A file with pooling ``pool`` and a convolution ``conv`` between an input and neurons ``if``."""
    file, nodes = start(tmp_path / "grid.nir")
    with file:
        add(nodes, "input", "Input", shape=np.array([1, 8, 8]))
        add(nodes, "pool", "SumPool2d", kernel_size=np.array([1, 1]), stride=np.array([1, 1]), padding=np.array([0, 0]))
        add(
            nodes, "conv", "Conv2d", weight=np.ones((1, 1, 3, 3)), stride=1, padding=0, dilation=1, groups=1, bias=[0.0]
        )
        add(nodes, "if", "IF", r=ONE[:1], v_threshold=ONE[:1])
        add(nodes, "output", "Output", shape=np.array([1, 6, 6]))
        edges(file, ("input", "pool"), ("pool", "conv"), ("conv", "if"), ("if", "output"))
    return tmp_path / "grid.nir"


def change(path, node, **fields):
    with h5py.File(path, "a") as file:
        for field, value in fields.items():
            if field in file[NODES][node]:
                del file[NODES][node][field]
            if value is not None:
                file[NODES][node][field] = value
    return path


def refused(path, words, **options):
    with pytest.raises(NirError, match=rf"{path.name}: .*{words}"):
        nir.read(path, reset="zero", **options)


def test_the_files_that_are_changed_below_can_be_read(matrix, grid):
    assert nir.read(matrix, reset="zero").n_neurons == 3
    assert nir.read(grid, reset="zero").n_neurons == 36


# -------------------------------------------------------------------------------------- content of other files


def external_storage(group, other):
    group.create_dataset("weight", (3, 3), "f8", external=[(str(other), 0, 72)])


def external_link(group, other):
    group["weight"] = h5py.ExternalLink(str(other), "/weight")


def soft_link(group, other):
    group["weight"] = h5py.SoftLink("/node/nodes/if/r")


def virtual(group, other):
    layout = h5py.VirtualLayout((3, 3), "f8")
    layout[:] = h5py.VirtualSource(str(other), "weight", (3, 3))
    group.create_virtual_dataset("weight", layout)


def reference(group, other):
    group.create_dataset("weight", data=[[group.ref] * 3] * 3, dtype=h5py.ref_dtype)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (external_storage, "is stored in another file"),
        (external_link, "is a link to another place"),
        (soft_link, "is a link to another place"),
        (virtual, "is stored in another file"),
        (reference, "must be numbers"),
    ],
)
def test_weights_that_are_elsewhere_are_refused(tmp_path, matrix, make, words):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["weight"] = np.ones((3, 3))
    with h5py.File(matrix, "a") as file:
        del file[f"{NODES}/fc/weight"]
        make(file[f"{NODES}/fc"], tmp_path / "other.h5")
    refused(matrix, f"node fc: weight {words}|node fc: weight is of type")


def test_a_node_that_is_elsewhere_is_refused(tmp_path, matrix):
    with h5py.File(matrix, "a") as file:
        del file[f"{NODES}/fc"]
        file[f"{NODES}/fc"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/")
    refused(matrix, "node fc: .*is a link to another place")


# ---------------------------------------------------------------------------------------------- huge or absurd


@pytest.mark.parametrize(
    "shape", [[-3], [0], [2**40], [2**63 + 5], [3.0], [], [1, 2**20, 2**20], [1, -8, -8], [2, 2, 2, 2]]
)
def test_shapes_of_inputs_are_positive_and_of_a_size_that_a_network_can_have(grid, shape):
    kind = np.uint64 if shape and shape[0] == 2**63 + 5 else None
    refused(change(grid, "input", shape=np.array(shape, kind)), "node input: shape = ")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stride": [0, 0]}, r"stride = \(0, 0\).*must be positive"),
        ({"padding": [-1, -1]}, r"padding = \(-1, -1\): must be at least 0"),
        ({"padding": [2**30, 2**30]}, "must be at most .* neurons"),
        ({"padding": [2**30, 2**30], "stride": [2**30, 2**30]}, "must leave a grid of at most"),
        ({"padding": "x" * 10_000}, "padding = x+[.]{3}: must be numbers"),
        (
            {"padding": "same", "stride": [2, 2]},
            "padding = same: must be numbers, 'valid', or 'same' with a stride of 1",
        ),
        ({"dilation": [2**31 - 1, 1]}, "the window is larger than the grid"),
        ({"dilation": [2**31, 1]}, "must be integers of at most 31 bits"),
        ({"groups": 0}, "groups = 0: must divide"),
        ({"groups": [1, 1]}, "must be an integer"),
        ({"weight": np.ones((1, 1, 9, 9))}, "the window is larger than the grid"),
        ({"weight": np.ones((0, 1, 3, 3))}, "weight.shape"),
        ({"bias": np.ones(2)}, r"bias.shape = \(2,\)"),
    ],
)
def test_convolutions_that_make_no_sense_are_refused(grid, fields, words):
    refused(change(grid, "conv", **fields), f"node conv: .*{words}")


def test_a_small_file_does_not_become_a_large_network(grid):
    refused(change(grid, "input", shape=np.array([1, 2000, 2000])), "node if: one v_threshold for shape")


def test_windows_that_would_have_to_be_listed_one_by_one_are_refused(grid):
    change(grid, "input", shape=np.array([1, 300, 300]))
    window = {"kernel_size": np.array([3, 3]), "stride": np.array([1, 1])}
    refused(change(grid, "pool", **window), "nodes pool, conv: would become .* weights")


def test_a_dataset_that_claims_more_than_the_file_can_hold_is_refused(matrix):
    with h5py.File(matrix, "a") as file:
        del file[f"{NODES}/fc/weight"]
        file[f"{NODES}/fc"].create_dataset("weight", (10**5, 10**6), "f8", chunks=(1000, 1000), compression="gzip")
    refused(matrix, "node fc: weight .*more than this file can hold")


@pytest.mark.parametrize("pairs", [16, 40])
def test_branches_that_join_again_and_again_are_an_error_at_once(matrix, pairs):
    with h5py.File(matrix, "a") as file:
        last, found = "fc", [("input", "fc"), ("if", "output")]
        for i in range(pairs):
            for side in ("left", "right", "join"):
                add(file[NODES], f"{side}{i}", "Flatten", start_dim=0, end_dim=-1)
            found += [(last, f"left{i}"), (last, f"right{i}"), (f"left{i}", f"join{i}"), (f"right{i}", f"join{i}")]
            last = f"join{i}"
        edges(file, *found, (last, "if"))
    refused(matrix, "node join4: 32 ways without neurons lead there: must be at most 16")


def test_branches_that_join_once_add_up(matrix):
    with h5py.File(matrix, "a") as file:
        for side in ("left", "right"):
            add(file[NODES], side, "Flatten", start_dim=0, end_dim=-1)
        edges(
            file, ("input", "left"), ("input", "right"), ("left", "fc"), ("right", "fc"), ("fc", "if"), ("if", "output")
        )
    assert sum(s.weights.sum() for s in nir.read(matrix, reset="zero").synapses) == 18


def test_a_long_chain_of_nodes_is_read(matrix):
    with h5py.File(matrix, "a") as file:
        names = [f"z{i}" for i in range(500)]
        for name in names:
            add(file[NODES], name, "Flatten", start_dim=0, end_dim=-1)
        edges(file, *zip(["input", *names], [*names, "fc"], strict=True), ("fc", "if"), ("if", "output"))
    assert nir.read(matrix, reset="zero").n_neurons == 3


def test_graphs_within_graphs_without_end_are_refused(matrix):
    with h5py.File(matrix, "a") as file:
        group = file[NODES]
        for _ in range(100):
            group = group.create_group("x")
            group["type"] = "NIRGraph"
            group = group.create_group("nodes")
    refused(matrix, "")


# ------------------------------------------------------------------------------------------------ wrong fields


@pytest.mark.parametrize(
    ("node", "fields", "words"),
    [
        ("fc", {"weight": 1.0}, r"node fc: weight.shape = \(\)"),
        ("fc", {"weight": "text"}, "node fc: weight is of type"),
        ("fc", {"weight": np.ones((3, 3), complex)}, "node fc: weight is of type complex"),
        ("fc", {"weight": np.full((3, 3), np.nan)}, "node fc: weight = nan: must be finite"),
        ("fc", {"weight": np.full((3, 3), 1e300)}, r"nodes fc: .*= 1e\+300"),
        ("fc", {"weight": None}, "node fc: weight is missing"),
        ("fc", {"type": None}, "node fc: type is missing"),
        ("fc", {"type": 3}, "node fc: type is missing"),
        ("fc", {"type": "Secret"}, "node fc: Secret: must be one of"),
        ("if", {"r": None}, "node if: r is missing"),
        ("if", {"r": np.ones((2, 2))}, r"node if: r.shape = \(2, 2\): must be \(3,\)"),
        ("if", {"v_threshold": -ONE}, r"node if: .*vth \[0\] = -1.0: must be"),
        ("if", {"v_threshold": np.inf * ONE}, "node if: v_threshold = inf: must be finite"),
        ("if", {"v_reset": ONE}, "node if: v_reset = 1: must be 0"),
    ],
)
def test_fields_that_are_wrong_are_named(matrix, node, fields, words):
    refused(change(matrix, node, **fields), words)


@pytest.mark.parametrize("dt", ["abc", np.ones(3), np.nan, -1.0])
def test_a_noted_length_of_a_time_step_that_is_none_is_named(matrix, dt):
    with h5py.File(matrix, "a") as file:
        file["node/metadata/dt"] = dt
    refused(matrix, "metadata: nir dt = ")


def test_notes_of_strangers_that_make_no_sense_are_ignored(matrix):
    with h5py.File(matrix, "a") as file:
        for field, value in (("index", 10**18), ("shape", np.array([-1, -3])), ("name", np.ones(3))):
            file[f"{NODES}/if/metadata/{field}"] = value
    (layer,) = nir.read(matrix, reset="zero").layers
    assert (layer.name, layer.shape) == ("if", (3,))


@pytest.mark.parametrize("given", [None, np.ones((2, 2)), np.array([b"a", b"b"])])
def test_edges_are_pairs_of_names(matrix, given):
    with h5py.File(matrix, "a") as file:
        del file["node/edges"]
        if given is not None:
            file["node/edges"] = given
    refused(matrix, "/node: edges must be pairs of names")


def test_names_that_control_terminals_are_shown_escaped(matrix):
    with h5py.File(matrix, "a") as file:
        file[NODES].move("fc", "\x1b[31mfc")
        file[f"{NODES}/\x1b[31mfc/weight"][0, 0] = np.nan
        edges(file, ("input", "\x1b[31mfc"), ("\x1b[31mfc", "if"), ("if", "output"))
    with pytest.raises(NirError) as caught:
        nir.read(matrix)
    assert r"node \x1b[31mfc: weight = nan" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_name_of_a_thousand_letters_is_shown_in_part(matrix):
    with h5py.File(matrix, "a") as file:
        edges(file, ("x" * 1000, "if"))
    refused(matrix, r"edge x{57}\.\.\. -> if")


# ------------------------------------------------------------------------------------------ not a file of NIR


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe.nir")
    for path in (tmp_path, tmp_path / "pipe.nir"):
        with pytest.raises(NirError, match="is no file of NIR that can be read"):
            nir.read(path)


def test_damaged_files_are_read_or_named(matrix):
    content = matrix.read_bytes()
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        damaged = np.frombuffer(content, np.uint8).copy()
        at = rng.integers(0, len(damaged), 8)
        damaged[at] ^= (1 << rng.integers(0, 8, 8)).astype(np.uint8)
        matrix.write_bytes(damaged.tobytes()[: None if seed % 4 else len(content) // 2])
        try:
            nir.read(matrix, reset="zero")
        except NirError as error:
            errors.append(str(error))
    assert len(errors) >= 10
    assert all(error.startswith(f"{matrix}: ") for error in errors)
