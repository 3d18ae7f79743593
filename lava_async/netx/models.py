"""Parameters of neuron models in the group ``/async/network``: every model of the package, word for word.

Networks of plain CUBA neurons are written as by version 0.1, which reads them. Others have the arithmetic "models",
which 0.1 refuses: ``params`` then has a group per layer, or one for all, and in "models" name and words of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import h5py
import numpy as np

from lava_async.netx.h5 import H5Group, NetxError, write_dataset
from lava_async.neurons import MODELS, CubaParams, LoihiParams, MixedParams, NeuronModel, Params, combine, unknown

PLAIN = {kind.tag: kind for kind in (CubaParams, LoihiParams)}
"""Models that are known by their arithmetic alone."""
GENERAL = "models"
"""What the arithmetic is called where models are named."""
EXTRAS = ("refractory_steps", "sync_threshold")
_KINDS = {kind.__name__: kind for kind in MODELS}


def write_params(group: h5py.Group, params: Params) -> None:
    """Write the parameters of a network.

    Raises
    ------
    NetxError
        If a model is none of the package.
    """
    parts = params.parts if isinstance(params, MixedParams) else (params,)
    for part in parts:
        if type(part) not in _KINDS.values():
            raise NetxError(f"Network.params = {part.describe()}: files hold {', '.join(_KINDS)}")
    where = group.create_group("params")
    if isinstance(params, NeuronModel) and unknown(params, *PLAIN.values()) is None:
        write_dataset(group, "arithmetic", params.tag)
        _write_numbers(where, params, ())
        return
    write_dataset(group, "arithmetic", GENERAL)
    write_dataset(where, "models", json.dumps([[type(part).__name__, *part.words()] for part in parts]))
    for k, part in enumerate(parts):
        _write_numbers(where.create_group(f"{k}"), part, EXTRAS)


def _write_numbers(group: h5py.Group, part: NeuronModel, extras: Sequence[str]) -> None:
    for name in (*_numbers(type(part)), *extras):
        values = np.asarray(getattr(part, name))
        write_dataset(group, name, values[0] if (values == values[0]).all() else values)


def _numbers(kind: type[NeuronModel]) -> list[str]:
    """Return the parameters of the equations of a model that are numbers."""
    return [name for name in kind.names() if name not in (*kind.choices, *EXTRAS)]


def read_params(group: H5Group, sizes: Sequence[int]) -> Params:
    """Read the parameters of a network whose layers have these sizes.

    Raises
    ------
    NetxError
        If anything is missing or malformed.
    """
    arithmetic, node = group.text("arithmetic"), group.group("params")
    if arithmetic in PLAIN:
        kind = PLAIN[arithmetic]
        values: dict[str, Any] = {name: node.numbers(name) for name in _numbers(kind)}
        made: Callable[[], Params] = partial(kind, **values)
        params = group.checked("params", made)
        return params
    if arithmetic != GENERAL:
        raise group.fail("arithmetic", f" = {arithmetic}: must be one of {', '.join((*PLAIN, GENERAL))}")
    said = node.json("models")
    if not isinstance(said, list) or len(said) not in (1, len(sizes)):
        raise node.fail("models", f"must be a list with one model for all or {len(sizes)}, one per layer")
    parts = [
        _part(node, k, each, n)
        for k, (each, n) in enumerate(zip(said, sizes if len(said) > 1 else (sum(sizes),), strict=True))
    ]
    found: Params = node.checked("models", lambda: combine(parts))
    return found


def _part(node: H5Group, k: int, said: Any, n: int) -> NeuronModel:
    """Read the parameters of n neurons from group k, given the name and the words of their model."""
    if not isinstance(said, list) or not said or not all(isinstance(word, str) for word in said):
        raise node.fail("models", f"[{k}] = {said}: must be a list of a name and words")
    name, *words = said
    if name not in _KINDS or len(words) != len(_KINDS[name].choices):
        raise node.fail("models", f"[{k}] = {said}: must be one of {', '.join(_KINDS)} with its words")
    kind, own = _KINDS[name], node.group(f"{k}")
    values: dict[str, Any] = {x: own.numbers(x) for x in (*_numbers(kind), *EXTRAS)}
    values |= dict(zip(kind.choices, words, strict=True))
    found: NeuronModel = node.checked(f"{k}", lambda: kind(**values).expanded(n))
    return found
