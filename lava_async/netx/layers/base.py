"""What every layer type of .net files is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import h5py
import numpy as np

from lava_async.netx.builder import NetworkBuilder
from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group, write_dataset
from lava_async.records import ArrayRecord


@dataclass(frozen=True, eq=False)
class LayerType(ArrayRecord, ABC):
    """A layer as it is in a file.

    Parameters
    ----------
    shape : tuple of int
        Shape of what it sends on, ``(n,)`` or C, H, W.

    Examples
    --------
    >>> from lava_async.netx.layers import LAYER_TYPES
    >>> LAYER_TYPES["flatten"].__name__, LAYER_TYPES["dense_rec"].__name__
    ('FlattenLayer', 'RecurrentLayer')
    """

    shape: tuple[int, ...]

    kind: ClassVar[str]
    """The type string of the file format."""

    @classmethod
    @abstractmethod
    def read(cls, node: H5Group) -> LayerType:
        """Read the group of a layer; raises NetxError."""

    @abstractmethod
    def build(self, builder: NetworkBuilder) -> None:
        """Add the layer to a growing network; raises NetxError."""

    def write(self, group: h5py.Group) -> None:
        """Write the group of a layer."""
        write_dataset(group, "type", np.array([self.kind], "S10"))
        write_dataset(group, "shape", self.shape)

    @classmethod
    def match(cls, view: LayerView) -> LayerType | None:
        """Return the layer of this type that a layer of a network is, None if it is of another type.

        Raises
        ------
        NotExportable
            If stock netx could not run it.
        """
        return None

    @property
    def neurons(self) -> tuple[int, ...] | None:
        """Shape of the neurons of this layer, None if it has none."""
        return None
