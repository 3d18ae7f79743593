"""What modules of Lava get in place of an import that few of their users need."""

from __future__ import annotations

import importlib
from typing import Any


class DeferredModule:
    """Stands for a module, and imports it when an attribute is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)


pyplot = DeferredModule("matplotlib.pyplot")
animation = DeferredModule("matplotlib.animation")


def load(*args: object, **kwargs: object) -> object:
    """Compile a CUDA kernel of slayer, as ``torch.utils.cpp_extension.load`` does."""
    return importlib.import_module("torch.utils.cpp_extension").load(*args, **kwargs)


def rf_params(*args: object, **kwargs: object) -> object:
    """Return the `neuron_params` of slayer's resonators, the only neurons of netx that need slayer, and so torch."""
    return importlib.import_module("lava.lib.dl.slayer.neuron.rf").neuron_params(*args, **kwargs)


class NoTorch:
    """What ``lava.lib.dl.netx.sequential_modules`` uses of torch, where torch is not installed."""

    tensor = None

    @staticmethod
    def is_tensor(_value: object) -> bool:
        """Return False: nothing is a tensor."""
        return False
