"""Sigma-delta neurons (SDNN), in the words of the file format.

netx gives Lava's SigmaDelta, Delta and Sigma ``spike_exp = 6`` and ``state_exp = 6``: thresholds and biases of files,
and the values that reach the neurons of the input, are shifted left by 12 bits; payloads are shifted right by 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group
from lava_async.netx.neurons.base import MOST_THRESHOLD, NeuronKind, gathered_bias
from lava_async.neurons import LoihiDeltaParams, LoihiSigmaDeltaParams

EXP = 12
"""Exponent of thresholds, biases and input values: netx's ``spike_exp + state_exp``."""
READ_OUT = 2**62
"""Threshold of neurons that never send: their sigma is the answer of the network."""


@dataclass(frozen=True, eq=False)
class Differences(NeuronKind):
    """What all neurons of the type SDNN have.

    Parameters
    ----------
    threshold : int
        Threshold before the shift by 12 bits; Lava has one for all neurons.
    """

    threshold: int

    types: ClassVar[tuple[str, ...]] = ("SDNN",)

    @classmethod
    def read(cls, node: H5Group, channels: int) -> Differences:  # noqa: D102
        node.used.update(("messageBits", "activation"))
        if "messageBits" in node and node.integer("messageBits", 0, 64) == 0:
            raise node.fail("messageBits", " = 0: must be above 0, sigma-delta neurons send numbers")
        return cls(node.integer("vThMant", 0, MOST_THRESHOLD) if "vThMant" in node else 0)

    def fields(self) -> Mapping[str, Any]:  # noqa: D102
        return {"activation": "relu", "vThMant": self.threshold}


class SigmaDeltaNeuron(Differences):
    """Neurons that send by how much their rectified sum has changed: Lava's SigmaDelta."""

    @classmethod
    def read(cls, node: H5Group, channels: int) -> Differences:  # noqa: D102
        if "sigma_output" in node:
            node.used.add("sigma_output")
            return SigmaNeuron.read(node, channels)
        if "activation" in node and (name := node.text("activation")) != "relu":
            raise node.fail("activation", f" = {name}: must be relu, which is what stock netx runs")
        if "vThMant" not in node:
            raise node.fail("vThMant", "missing")
        return super().read(node, channels)

    def params(self, n: int, bias: NDArray[np.int64] | None) -> LoihiSigmaDeltaParams:  # noqa: D102
        mant = np.zeros(n, np.int64) if bias is None else bias
        exponent = np.full(n, EXP if mant.any() else 0)
        return LoihiSigmaDeltaParams(np.full(n, self.threshold << EXP), bias_mant=mant, bias_exp=exponent)

    @classmethod
    def of(cls, view: LayerView, channels: int) -> tuple[Differences, NDArray[np.int64] | None] | None:  # noqa: D102
        p = view.params
        if not isinstance(p, LoihiSigmaDeltaParams):
            return None
        bias = gathered_bias(view, p.shifted_bias(), EXP)
        if p.activation == "unit" and (np.asarray(p.vth) == READ_OUT).all():
            if bias is not None:
                raise view.cannot("neurons that are read out have a bias, and Lava's Sigma none")
            return SigmaNeuron(0), None
        if p.activation != "relu":
            raise view.cannot("sigma-delta neurons without rectification; stock netx rectifies all")
        return cls(_threshold(view, p.vth)), bias


class SigmaNeuron(Differences):
    """Neurons that never send, and whose sum is the answer of the network: Lava's Sigma, which sends it as it is."""

    def fields(self) -> Mapping[str, Any]:  # noqa: D102
        return {**super().fields(), "sigma_output": True}

    def params(self, n: int, bias: NDArray[np.int64] | None) -> LoihiSigmaDeltaParams:  # noqa: D102
        return LoihiSigmaDeltaParams(np.full(n, READ_OUT), activation="unit")

    @classmethod
    def of(cls, view: LayerView, channels: int) -> None:  # noqa: D102
        return None  # SigmaDeltaNeuron finds it.


class DeltaNeuron(Differences):
    """Neurons of the input, which send by how much it has changed: Lava's Delta.

    Examples
    --------
    >>> from lava_async.netx.neurons.sigma_delta import DeltaNeuron
    >>> DeltaNeuron(threshold=64)
    DeltaNeuron(threshold=64)
    """

    def params(self, n: int, bias: NDArray[np.int64] | None) -> LoihiDeltaParams:  # noqa: D102
        return LoihiDeltaParams(np.full(n, self.threshold << EXP), weight_exp=np.full(n, EXP))

    @classmethod
    def of(cls, view: LayerView, channels: int) -> tuple[DeltaNeuron, None] | None:  # noqa: D102
        p = view.params
        if not isinstance(p, LoihiDeltaParams):
            return None
        return cls(_threshold(view, p.vth)), None


def _threshold(view: LayerView, vth: object) -> int:
    values = np.unique(np.asarray(vth))
    if len(values) != 1:
        raise view.cannot("thresholds of sigma-delta neurons differ; Lava has one for a layer")
    if values[0] % 2**EXP:
        raise view.cannot(f"the threshold of sigma-delta neurons is no multiple of 2^{EXP}")
    return int(values[0] >> EXP)
