"""The state of a training as plain data: what is saved, and checked before it is gone on from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from lava_async.errors import InvalidValue
from lava_async.training.checkpoint import check_alike
from lava_async.training.history import Epoch


def check_state(state: dict[str, Any], mine: dict[str, Any], parameters: list[Any], **most: int) -> None:
    """Raise InvalidValue if anything in a state cannot be gone on from.

    Parameters
    ----------
    state : dict
        What is to be gone on from.
    mine : dict
        The state of this training as it is.
    parameters : list of Parameter
        Those of its optimizer.
    **most : int
        Largest numbers: of epochs in `history`, of a `batch`.
    """
    mine = dict(mine)
    mine["history"] = [asdict(Epoch(0, 0.0, 0.0, 0.0, 0.0))] * _length(state.get("history"))
    mine["best_weights"] = mine["network"] if state.get("best_weights") is not None else None
    moments = state["optimizer"].get("state") if isinstance(state.get("optimizer"), dict) else None
    mine["optimizer"] = {**mine["optimizer"], "state": moments}
    check_alike("state", state, mine)
    for name, largest in most.items():
        found = len(state[name]) if name == "history" else state[name]
        if not 0 <= found <= largest:
            raise InvalidValue(f"state.{name}", found, f"in 0 .. {largest}")
    known = {i: (p.shape, torch.Size()) for i, p in enumerate(parameters)}
    if not isinstance(moments, dict) or not all(
        i in known and isinstance(each, dict) and all(_fits(x, known[i]) for x in each.values())
        for i, each in moments.items()
    ):
        raise InvalidValue("state.optimizer.state", moments, "tensors of the shapes of the parameters")


def _fits(value: Any, shapes: tuple[Any, ...]) -> bool:
    """Tell whether this is what an optimizer keeps of a parameter; some keep numbers, too."""
    return (
        value is None
        or isinstance(value, (bool, int, float))
        or (isinstance(value, torch.Tensor) and value.shape in shapes)
    )


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0
