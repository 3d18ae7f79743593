"""What the core is given: arrays, networks, rules and events of the wrong kind are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from core_cases import INSTRUCTION_SETS, engine, ring

from lava_async import _core

RULES: dict[str, Any] = {
    "order": (0, 0, 0.0),
    "layered": False,
    "group_size": 2,
    "extra_steps": 2**31 - 1,
    "limit": 100,
    "truncate": True,
    "margin": 0,
    "at_step": False,
    "refractory": True,
    "input_first": True,
    "refractory_dropout": 0.0,
    "seed": 0,
    "replay": None,
}


def batch() -> dict[str, Any]:
    """Return the arrays that all runs take: 2 samples of 5 time steps."""
    return {
        "samples": np.arange(2),
        "channel": np.array([0, 2, 1], np.int32),
        "count": np.ones(3, np.int32),
        "start": np.array([[0, 1, 2, 2, 2, 2], [2, 2, 3, 3, 3, 3]]),
        "u": np.zeros((2, 4), np.float32),
        "v": np.zeros((2, 4), np.float32),
        "forward_steps": np.zeros((2, 5), np.int32),
        "first_output": np.zeros((2, 5), np.int32),
        "tally": np.zeros((2, 3), np.int64),
        "threads": 1,
    }


def forward_arguments() -> dict[str, Any]:
    return {
        **batch(),
        "rules": _core.Rules(**RULES),
        "t0": 0,
        "history": np.zeros((2, 1, 4), np.int32),
        "inputs": np.zeros((2, 0, 3), np.int32),
        "from_rest": True,
        "counts": np.zeros((2, 5, 4), np.int32),
        "decisions": None,
        "record": "groups",
    }


def timed_arguments() -> dict[str, Any]:
    return {
        **forward_arguments(),
        "times": np.ones(7, np.int64),
        "core_of": np.zeros(4, np.int64),
        "way": np.zeros((1, 1), np.int64),
        "replay": None,
        "step_ps": np.zeros((2, 5), np.int64),
        "first_output_ps": np.zeros((2, 5), np.int64),
        "decided_ps": np.zeros(2, np.int64),
    }


def record_arguments() -> dict[str, Any]:
    return {
        **batch(),
        "rules": _core.Rules(**RULES),
        "credit": "last",
        "peak": True,
        "differentiated": False,
        "arctangent": True,
        "decays": True,
        "neurons": True,
        "scale": 1.0,
        "weight_scale": 1.0,
        "weights": [np.ones((4, 3), np.float32), np.ones((4, 4), np.float32)],
        "numbers": [np.full(4, x, np.float32) for x in (0.5, 0.5, 1.0, 0.0, 1.0, 1.0)],
        "wanted": np.zeros((2, 5, 4), np.float32),
        "first_wanted": 0,
        "premature": np.zeros((2, 5, 4), np.uint8),
        "machine": None,
    }


def backward_arguments() -> dict[str, Any]:
    return {
        "derivative": np.ones((2, 5, 4), np.float32),
        "threads": 1,
        "weights": [np.zeros((4, 3), np.float32), np.zeros((4, 4), np.float32)],
        **{name: np.zeros(4, np.float32) for name in ("keep_u", "keep_v", "vth", "bias")},
        "input": np.zeros((2, 5, 3), np.float32),
        "number": None,
    }


def backward(**arguments: Any) -> None:
    _, run = engine().record(**record_arguments())
    run.backward(**arguments)


#: Arrays of one size, whatever their shape.
OF_ONE_SIZE = {"weights", "numbers", "derivative", "keep_u", "keep_v", "vth", "bias", "input"}

CALLS = {
    "run": (lambda **arguments: engine().run(**arguments), forward_arguments),
    "run_timed": (lambda **arguments: engine().run_timed(**arguments), timed_arguments),
    "record": (lambda **arguments: engine().record(**arguments), record_arguments),
    "backward": (backward, backward_arguments),
}


def damaged(array: np.ndarray) -> dict[str, np.ndarray]:
    """Return an array of another type, of other shapes, and spread in memory."""
    other = {np.int32: np.int64, np.int64: np.int32, np.float32: np.float64, np.uint8: np.int32}[array.dtype.type]
    found = {
        "type": array.astype(other),
        "dimensions": array[None],
        "longer": np.concatenate([array, array]),
        "object": array.astype(object),
    }
    if array.itemsize > 1:
        found["bytes swapped"] = array.astype(array.dtype.newbyteorder())
    if array.size:
        found["shorter"] = array[:-1].copy()
    spread = np.repeat(array, 2, axis=array.ndim - 1)[..., ::2]
    return found if spread.flags.c_contiguous else {**found, "spread": spread}


def wrong_arrays() -> Iterator[tuple[str, str, int, str]]:
    """Name each array of each call with each damage."""
    for call, (_, arguments) in CALLS.items():
        for name, value in arguments().items():
            arrays = value if isinstance(value, list) else [value]
            for i, array in enumerate(arrays):
                if isinstance(array, np.ndarray):
                    for damage in sorted(damaged(array).keys() - ({"dimensions"} if name in OF_ONE_SIZE else set())):
                        yield call, name, i, damage


@pytest.mark.parametrize("call", CALLS)
def test_the_arrays_as_they_should_be_are_taken(call):
    run, arguments = CALLS[call]
    run(**arguments())


@pytest.mark.parametrize(("call", "name", "i", "damage"), list(wrong_arrays()))
def test_an_array_of_wrong_type_shape_or_layout_is_refused(call, name, i, damage):
    run, arguments = CALLS[call]
    given = arguments()
    value = given[name]
    if isinstance(value, list):
        value[i] = damaged(value[i])[damage]
    else:
        given[name] = damaged(value)[damage]
    with pytest.raises((TypeError, ValueError)):
        run(**given)


OUT_OF_RANGE: list[tuple[str, dict[str, Any]]] = [
    ("run", {"channel": np.array([0, 3, 1], np.int32)}),
    ("run", {"channel": np.array([0, -1, 1], np.int32)}),
    ("run", {"start": np.array([[0, 1, 2, 2, 2, 4], [2, 2, 3, 3, 3, 3]])}),
    ("run", {"start": np.array([[0, 1, 2, 1, 2, 2], [2, 2, 3, 3, 3, 3]])}),
    ("run", {"start": np.array([[-1, 1, 2, 2, 2, 2], [2, 2, 3, 3, 3, 3]])}),
    ("run", {"start": np.zeros((2, 0), np.int64)}),
    ("record", {"first_wanted": 1}),
    ("record", {"first_wanted": -1}),
    ("record", {"weights": [np.ones((4, 3), np.float32)]}),
    ("record", {"numbers": []}),
    ("run_timed", {"core_of": np.array([0, 0, 0, 1])}),
    ("run_timed", {"core_of": np.array([0, 0, -1, 0])}),
    ("run_timed", {"way": np.zeros((2, 1), np.int64)}),
    ("run_timed", {"replay": np.array([[0, 7, 0]])}),
    ("run_timed", {"replay": np.array([[0, 0, 1]])}),
    ("backward", {"weights": []}),
]


@pytest.mark.parametrize(("call", "wrong"), OUT_OF_RANGE, ids=str)
def test_an_index_out_of_range_is_refused(call, wrong):
    run, arguments = CALLS[call]
    with pytest.raises((TypeError, ValueError)):
        run(**{**arguments(), **wrong})


def test_groups_to_replay_name_neurons_of_the_network():
    """One that is none is not pending, and no place in memory."""
    ready = engine()
    ready.set_neurons(*(np.full(4, x) for x in (0.5, 0.5, 0.9, 0.0, 1.0)))
    for source in (4, 10**9, -4, -(10**9)):
        rules = _core.Rules(**RULES | {"replay": (np.array([[0, 0, 1]]), np.array([source], np.int32))})
        status, _ = ready.run(**forward_arguments() | {"rules": rules})
        assert status == ("not pending", 0, 0, 0, source)


def int32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


GRID = [1, 3, 3, 2, 2, 2, 1]

SPECS: list[tuple[str, tuple[Any, ...]]] = [
    ("add_dense", (-2, 0, None)),
    ("add_dense", (1, 0, None)),
    ("add_dense", (0, 1, None)),
    ("add_dense", (0, -1, None)),
    ("add_dense", (-1, 0, int32(0, 0))),
    ("add_dense", (-1, 0, int32(0, -1, 0))),
    ("add_dense", (-1, 0, np.zeros(3))),
    ("add_sparse", (-1, 0, int32(0, 3), int32(0, 1), None, None, 2)),
    ("add_sparse", (-1, 0, int32(0, -1), int32(0, 1), None, None, 2)),
    ("add_sparse", (-1, 0, int32(0, 1), int32(0, 4), None, None, 2)),
    ("add_sparse", (-1, 0, int32(1, 0), int32(0, 1), None, None, 2)),
    ("add_sparse", (-1, 0, int32(0, 1), int32(0), None, None, 2)),
    ("add_sparse", (-1, 0, int32(0, 1), int32(0, 1), None, None, 3)),
    ("add_sparse", (-1, 0, int32(0, 1), int32(0, 1), int32(0, -1), None, 2)),
    ("add_sparse", (-1, 0, int32(0, 1), int32(0, 1), None, int32(0, 2), 2)),
    ("add_conv", (-1, 0, [1] * 15, None)),
    ("add_conv", (-1, 0, [0] * 16, None)),
    ("add_conv", (-1, 0, [-1] * 16, None)),
]


@pytest.mark.parametrize(("method", "arguments"), SPECS, ids=str)
def test_a_wrong_set_of_synapses_is_refused(method, arguments):
    with pytest.raises((TypeError, ValueError)):
        getattr(_core.NetworkSpec(3, [4], []), method)(*arguments)


@pytest.mark.parametrize(
    "arguments", [(-1, [4], []), (3, [0], []), (3, [4], [4]), (3, [4], [-1]), (3, [2**31 - 1], [])]
)
def test_a_wrong_network_is_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        _core.NetworkSpec(*arguments)


@pytest.mark.parametrize("arguments", [("float16", "baseline"), ("float32", "mmx")])
def test_a_wrong_engine_is_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        _core.Engine(ring(), *arguments, False)


@pytest.mark.parametrize(
    "arguments",
    [
        (0, np.ones((4, 4), np.float32)),
        (2, np.ones((4, 3), np.float32)),
        (-1, np.ones((4, 3), np.float32)),
        (0, np.ones((4, 3), np.int16)),
        (0, None),
        (0, np.ones((4, 6), np.float32)[:, ::2]),
    ],
    ids=str,
)
def test_wrong_weights_are_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        engine().set_weights(*arguments)


@pytest.mark.parametrize(
    "wrong",
    [
        np.ones(3),
        np.ones(5),
        np.ones((4, 1)),
        np.ones(4, np.float32),
        np.ones(8)[::2],
    ],
    ids=lambda x: f"{x.dtype}{x.shape}",
)
@pytest.mark.parametrize("place", range(5))
def test_wrong_parameters_of_neurons_are_refused(place, wrong):
    arrays = [np.ones(4)] * 5
    arrays[place] = wrong
    with pytest.raises((TypeError, ValueError)):
        engine().set_neurons(*arrays)


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": (99, 0, 0.0)},
        {"group_size": 0},
        {"limit": 0},
        {"replay": (np.zeros((1, 2), np.int64), int32())},
        {"replay": (np.array([[0, 1, 2]]), int32(0))},
        {"replay": (np.array([[0, 1, 1], [0, 2, 0]]), int32(0))},
    ],
    ids=str,
)
def test_wrong_rules_are_refused(wrong):
    with pytest.raises((TypeError, ValueError)):
        _core.Rules(**RULES | wrong)


@pytest.mark.parametrize(("method", "arguments"), SPECS, ids=str)
def test_a_set_of_synapses_that_was_refused_is_not_in_the_network(method, arguments):
    spec = ring()
    with pytest.raises((TypeError, ValueError)):
        getattr(spec, method)(*arguments)
    made = _core.Engine(spec, "float32", INSTRUCTION_SETS[0], False)
    with pytest.raises(ValueError, match="synapses"):
        made.set_weights(2, np.ones(2, np.float32))


def frame_arguments() -> list[Any]:
    return [np.ones(3), int32(0, 0, 0), int32(0, 0, 0)]


def spikes_arguments() -> list[Any]:
    return [np.ones((2, 3, 4)), np.zeros((2, 5), np.int64), 1]


def events_arguments(n_channels: int = 8) -> list[Any]:
    """Return what moves two events of a sensor of 2 x 2 pixels, one of each polarity, by a pixel in both directions."""
    moves = np.array([[1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0]])
    hashes, new_start = np.ones((4, 1), np.uint64), np.zeros((1, 2), np.int64)
    start = np.array([[0, 2]])
    return [int32(0, 4), int32(1, 1), start, n_channels, 2, 2, moves, hashes, False, 0.0, 0.0, new_start]


LISTS: dict[str, tuple[Any, list[int]]] = {
    "list_frame": (frame_arguments, [1, 2]),
    "list_spikes": (spikes_arguments, [1]),
    "move_events": (events_arguments, [0, 1, 2, 11]),
}
"""Functions on lists of events, and the places of their arrays of one type."""


@pytest.mark.parametrize(
    ("function", "place", "damage"),
    [
        (function, place, damage)
        for function, (arguments, places) in LISTS.items()
        for place in places
        for damage in damaged(arguments()[place])
        # Lists of a frame have room for more.
        if not (function == "list_frame" and damage == "longer")
    ],
)
def test_a_wrong_list_of_events_is_refused(function, place, damage):
    given = LISTS[function][0]()
    given[place] = damaged(given[place])[damage]
    with pytest.raises((TypeError, ValueError)):
        getattr(_core, function)(*given)


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        ("list_frame", np.ones(3, complex)),
        ("list_frame", np.ones(6)[::2]),
        ("list_frame", np.ones(4)),
        ("list_spikes", np.ones((2, 3, 4), complex)),
        ("list_spikes", np.ones((2, 3, 8))[..., ::2]),
        ("list_spikes", np.ones((3, 4))),
        ("list_spikes", np.ones((3, 3, 4))),
        ("move_events", int32(0, 8)),
        ("move_events", int32(0, -1)),
    ],
)
def test_wrong_input_is_refused(function, wrong):
    given = LISTS[function][0]()
    given[0] = wrong
    with pytest.raises((TypeError, ValueError)):
        getattr(_core, function)(*given)


def test_events_move():
    channel, count = _core.move_events(*events_arguments())
    assert (channel.tolist(), count.tolist()) == ([3, 7], [1, 1])


def test_channels_of_moved_events_are_whole_pictures():
    """With 5 channels of 2 x 2 pixels, channel 4 would move to channel 7."""
    with pytest.raises(ValueError, match="shapes"):
        _core.move_events(*events_arguments(n_channels=5))
