"""What every kind of neuron in a .net file is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group, write_dataset
from lava_async.neurons import NeuronModel
from lava_async.records import ArrayRecord

BIAS_EXP = 6
"""Biases in files are in units of 2^6, but for sigma-delta neurons."""
MOST_BIAS = 2**25 - 1
MOST_THRESHOLD = 2**25 - 1


class NeuronKind(ArrayRecord, ABC):
    """The neuron group of a layer: parameters in the words of the file format, each one number or one per channel.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.netx.neurons import KINDS, CubaNeuron
    >>> CubaNeuron in KINDS
    True
    >>> neuron = CubaNeuron(i_decay=np.array(1024), v_decay=np.array(128), threshold=np.array(80))
    >>> neuron.params(2, bias=np.zeros(2, int)).vth
    array([80, 80])
    """

    types: ClassVar[tuple[str, ...]]
    """The type strings that stand for it, the one that is written first."""
    stock: ClassVar[bool] = True
    """Whether stock netx knows it."""
    complex_weights: ClassVar[bool] = False
    """Whether synapses into such neurons have a real and an imaginary weight."""

    @classmethod
    @abstractmethod
    def read(cls, node: H5Group, channels: int) -> NeuronKind:
        """Read the neuron group of a layer of so many channels (a dense layer: neurons)."""

    @abstractmethod
    def params(self, n: int, bias: NDArray[np.int64] | None) -> NeuronModel:
        """Return the parameters of the n neurons of the layer, given their biases (n,) as the file says them."""

    @classmethod
    @abstractmethod
    def of(cls, view: LayerView, channels: int) -> tuple[NeuronKind, NDArray[np.int64] | None] | None:
        """Return neurons and biases (None: all are 0) that :meth:`params` turns into those of a layer of a network.

        Returns
        -------
        (NeuronKind, (n,) int or None), or None
            None if they are of another model.

        Raises
        ------
        NotExportable
            If they are of this model, and stock netx could not run them.
        """

    @abstractmethod
    def fields(self) -> Mapping[str, Any]:
        """Return what the group holds besides its type."""

    def write(self, layer: h5py.Group) -> None:
        """Write the neuron group of a layer, as slayer does."""
        group = layer.create_group("neuron")
        write_dataset(group, "type", self.types[0])
        for name, value in self.fields().items():
            write_dataset(group, name, value)


def per_channel(node: H5Group, name: str, low: int, high: int, channels: int) -> NDArray[np.int64]:
    """Read integers, one number () or one per channel (channels,)."""
    values = node.integers(name, low, high)
    if values.size == 1:
        return values.reshape(())
    if values.size != channels or max(values.shape) != channels:
        raise node.fail(name, f".shape = {values.shape}: must be one number or {channels}, one per channel")
    return values.reshape(-1)


def spread(values: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return one number per neuron, given one for all or one per channel."""
    return np.repeat(values, n // values.size)


def gathered(view: LayerView, values: object, channels: int, what: str) -> NDArray[np.int64]:
    """Return one number for all or one per channel, given one per neuron.

    Raises
    ------
    NotExportable
        If numbers differ within a channel.
    """
    table = np.asarray(values, np.int64).reshape(channels, -1)
    if (table != table[:, :1]).any():
        raise view.cannot(f"{what} differ within a channel")
    return np.asarray(table[0, 0] if (table == table[0, 0]).all() else table[:, 0])


def gathered_bias(view: LayerView, bias: NDArray[np.int64], exponent: int) -> NDArray[np.int64] | None:
    """Return biases as the file says them, given those of the state; None if all are 0.

    Raises
    ------
    NotExportable
        If one is no multiple of ``2^exponent``.
    """
    if (bias % 2**exponent).any():
        raise view.cannot(f"a bias is no multiple of 2^{exponent}")
    return bias >> exponent if bias.any() else None


def read_bias(node: H5Group, n: int) -> NDArray[np.int64] | None:
    """Read the biases of n neurons or channels; one number counts for all. None if there are none.

    Raises
    ------
    NetxError
        If there are neither 1 nor n of them, or one is out of range.

    Examples
    --------
    >>> import h5py
    >>> import numpy as np
    >>> from lava_async import hdf5
    >>> from lava_async.netx.neurons import read_bias
    >>> with h5py.File("layer.net", "w") as file:
    ...     file["bias"] = np.array([3])
    ...
    >>> read_bias(hdf5.read("layer.net"), n=2)
    array([3, 3])
    """
    if "bias" not in node:
        return None
    bias = node.integers("bias", -MOST_BIAS, MOST_BIAS)
    if bias.size not in (1, n) or bias.size != max(bias.shape, default=1):
        raise node.fail("bias", f".shape = {bias.shape}: must be ({n},)")
    return np.broadcast_to(bias.reshape(-1), (n,))


def no_payload(node: H5Group) -> None:
    """Raise NetxError if neurons that send spikes are said to send numbers."""
    if "gradedSpike" in node and node.integer("gradedSpike", 0, 1):
        raise node.fail("gradedSpike", " = True: must be False, the neurons here send spikes without a payload")
    if "messageBits" in node and (bits := node.integer("messageBits", 0, 64)):
        raise node.fail("messageBits", f" = {bits}: must be 0, the neurons here send spikes without a payload")
