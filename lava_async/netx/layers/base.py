"""What every layer type of .net files is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import h5py
import numpy as np

from lava_async.netx.chain import Chain
from lava_async.netx.h5 import Node, put
from lava_async.netx.plan import Stage
from lava_async.records import ArrayRecord


@dataclass(frozen=True, eq=False)
class LayerType(ArrayRecord, ABC):
    """A layer as it is in a file.

    Parameters
    ----------
    shape : tuple of int
        Shape of what it sends on, ``(n,)`` or C, H, W.
    """

    shape: tuple[int, ...]

    kind: ClassVar[str]
    """The type string of the file format."""

    @classmethod
    @abstractmethod
    def read(cls, node: Node) -> LayerType:
        """Read the group of a layer; raises NetxError."""

    @abstractmethod
    def build(self, chain: Chain) -> None:
        """Add the layer to a growing network; raises NetxError."""

    def write(self, group: h5py.Group) -> None:
        """Write the group of a layer."""
        put(group, "type", np.array([self.kind], "S10"))
        put(group, "shape", self.shape)

    @classmethod
    def plan(cls, stage: Stage) -> LayerType | None:
        """Return the layer of this type that a layer of a network is, None if it is of another type.

        Raises
        ------
        NotSayableError
            If stock netx could not run it.
        """
        return None

    @property
    def neurons(self) -> tuple[int, ...] | None:
        """Shape of the neurons of this layer, None if it has none."""
        return None
