"""Resonate and fire neurons (RF), in the words of the file format.

Files hold ``(1 - alpha) cos(2 pi / period)`` and the same of the sine in 4096ths. netx works out alpha and period, from
which Lava's RF and RF_IZ make cosine and sine again, rounded toward zero; so does this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group
from lava_async.netx.neurons.base import MOST_THRESHOLD, NeuronKind, no_payload
from lava_async.neurons import LoihiResonateParams
from lava_async.neurons.loihi import ONE


@dataclass(frozen=True, eq=False)
class ResonatorNeuron(NeuronKind):
    """Parameters of the resonators of a layer: Lava's RF has one of each for all its neurons.

    Parameters
    ----------
    sin_decay, cos_decay : int
        Sine and cosine of a turn with its decay, of 4096.
    threshold : int
        Threshold before the shift by 6 bits.
    """

    sin_decay: int
    cos_decay: int
    threshold: int

    complex_weights: ClassVar[bool] = True
    variant: ClassVar[str]

    @classmethod
    def read(cls, node: H5Group, channels: int) -> ResonatorNeuron:  # noqa: D102
        no_payload(node)
        sine, cosine = (node.integer(name, -ONE, ONE) for name in ("sinDecay", "cosDecay"))
        if sine == 0:
            raise node.fail("sinDecay", " = 0: must not be 0, the state does not turn")
        return cls(sine, cosine, node.integer("vThMant", -MOST_THRESHOLD, MOST_THRESHOLD))

    def fields(self) -> Mapping[str, Any]:  # noqa: D102
        return {
            "sinDecay": self.sin_decay,
            "cosDecay": self.cos_decay,
            "vThMant": self.threshold,
            "gradedSpike": False,
        }

    def params(self, n: int, bias: NDArray[np.int64] | None) -> LoihiResonateParams:  # noqa: D102
        sine, cosine = self.sin_decay / ONE, self.cos_decay / ONE
        alpha, period = 1 - np.sqrt(sine**2 + cosine**2), 1 / (np.arctan2(sine, cosine) / 2 / np.pi)
        vth = np.full(n, self.threshold)
        return LoihiResonateParams(np.full(n, max(alpha, 0.0)), np.full(n, period), vth, variant=self.variant)

    @classmethod
    def of(cls, view: LayerView, channels: int) -> tuple[ResonatorNeuron, None] | None:  # noqa: D102
        p = view.params
        if not isinstance(p, LoihiResonateParams) or p.variant != cls.variant:
            return None
        wanted = p.arrays()
        if any((x != x[0]).any() for x in wanted):
            raise view.cannot("parameters of resonators differ; Lava has one of each for a layer")
        vth = int(np.asarray(p.vth)[0])
        # What Lava rounds toward zero twice may be a 4096th further from zero in the file.
        for more_sine, more_cosine in product((0, 1, -1), repeat=2):
            found = cls(int(wanted.sin[0]) + more_sine, int(wanted.cos[0]) + more_cosine, vth)
            if found.sin_decay and all(
                np.array_equal(a, b) for a, b in zip(found.params(view.layer.size, None).arrays(), wanted, strict=True)
            ):
                return found, None
        raise view.cannot("cosine and sine of resonators come out otherwise in stock netx")


class PhaseNeuron(ResonatorNeuron):
    """Fires as its phase passes zero: Lava's RF."""

    types: ClassVar[tuple[str, ...]] = ("RF_PHASE",)
    variant: ClassVar[str] = "rf"


class IzhikevichNeuron(ResonatorNeuron):
    """Fires at a threshold, and is reset: Lava's RF_IZ."""

    types: ClassVar[tuple[str, ...]] = ("RF_IZHIKEVICH", "RF")
    variant: ClassVar[str] = "rf_iz"
