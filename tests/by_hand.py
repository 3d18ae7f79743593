"""ProcessModels driven by hand: built as Lava builds them, but in this process, with lists in place of channels."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np


class Port:
    """An end of a channel: what is sent is copied into the type of the sending port, as in Lava."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype, self.items = shape, dtype, deque()

    def send(self, data: np.ndarray) -> None:
        assert data.shape == self.shape
        self.items.append(np.array(data, dtype=self.dtype))

    def recv(self) -> np.ndarray:
        return self.items.popleft()


def build(process: Any, model_class: Any) -> Any:
    """Return a ProcessModel of a Process with its Vars and with ports that hold what is sent."""
    process._model_class = model_class
    model = model_class(process.proc_params)
    for var in process.vars:
        array = np.empty(var.shape, getattr(model_class, var.name).d_type)
        array[:] = var.init
        setattr(model, var.name, array)
    for port in [*process.in_ports, *process.out_ports]:
        setattr(model, port.name, Port(port.shape, getattr(model_class, port.name).d_type))
    return model


def step(model: Any, **inputs: np.ndarray) -> Any:
    """Run one time step on the given inputs; return the model, whose out-ports hold the answer."""
    for name, data in inputs.items():
        getattr(model, name).send(data)
    model.time_step += 1
    model.run_spk()
    return model
