"""Adaptive neurons (ALIF), in the words of slayer's files; stock netx does not know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group
from lava_async.netx.neurons.base import (
    BIAS_EXP,
    MOST_THRESHOLD,
    NeuronKind,
    gathered,
    gathered_bias,
    no_payload,
    per_channel,
    spread,
)
from lava_async.netx.neurons.cuba import ignored
from lava_async.neurons import LoihiAlifParams


@dataclass(frozen=True, eq=False)
class AlifNeuron(NeuronKind):
    """Parameters of the adaptive neurons of a layer, each one number or one per channel.

    Parameters
    ----------
    i_decay, v_decay, th_decay, ref_decay : int () or (channels,)
        What current, voltage, threshold and refractory voltage lose per time step, of 4096.
    threshold, step : int () or (channels,)
        Threshold at rest and its step, before the shift by 6 bits.
    """

    i_decay: NDArray[np.int64]
    v_decay: NDArray[np.int64]
    th_decay: NDArray[np.int64]
    ref_decay: NDArray[np.int64]
    threshold: NDArray[np.int64]
    step: NDArray[np.int64]

    types: ClassVar[tuple[str, ...]] = ("ALIF",)
    stock: ClassVar[bool] = False

    @classmethod
    def read(cls, node: H5Group, channels: int) -> AlifNeuron:  # noqa: D102
        no_payload(node)
        ignored(node)
        ranges = {
            **dict.fromkeys(("iDecay", "vDecay", "thDecay", "refDecay"), (0, 4096)),
            "vThMant": (0, MOST_THRESHOLD),
            "vThStep": (-MOST_THRESHOLD, MOST_THRESHOLD),
        }
        return cls(*(per_channel(node, name, *ends, channels) for name, ends in ranges.items()))

    def fields(self) -> Mapping[str, Any]:  # noqa: D102
        return {
            "iDecay": self.i_decay,
            "vDecay": self.v_decay,
            "thDecay": self.th_decay,
            "refDecay": self.ref_decay,
            "vThMant": self.threshold,
            "vThStep": self.step,
            "refDelay": 1,
            "gradedSpike": False,
        }

    def params(self, n: int, bias: NDArray[np.int64] | None) -> LoihiAlifParams:  # noqa: D102
        mant = np.zeros(n, np.int64) if bias is None else bias
        return LoihiAlifParams(
            du=spread(self.i_decay - 1, n),
            dv=spread(self.v_decay, n),
            dth=spread(self.th_decay, n),
            drho=spread(self.ref_decay, n),
            vth=spread(self.threshold, n),
            theta_step=spread(self.step, n),
            bias_mant=mant,
            bias_exp=np.full(n, BIAS_EXP if mant.any() else 0),
        )

    @classmethod
    def of(cls, view: LayerView, channels: int) -> tuple[AlifNeuron, NDArray[np.int64] | None] | None:  # noqa: D102
        p = view.params
        if not isinstance(p, LoihiAlifParams):
            return None
        values = (np.asarray(p.du) + 1, p.dv, p.dth, p.drho, p.vth, p.theta_step)
        found = cls(*(gathered(view, x, channels, "decays or thresholds") for x in values))
        return found, gathered_bias(view, p.shifted_bias(), BIAS_EXP)
