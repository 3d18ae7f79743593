"""Loihi's CUBA neurons, in the words of the file format.

netx gives Lava's LIF ``du = iDecay - 1``, ``dv = vDecay``, ``vth = vThMant`` and ``bias_exp = 6``; so does this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lava_async.netx.exportable import LayerView
from lava_async.netx.h5 import H5Group, warn
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
from lava_async.neurons import LoihiParams

NEVER = (131071, 131072, 262143)
"""Thresholds that stand for neurons that shall not fire, in files of lava-dl."""
IGNORED = {
    "refDelay": (1, "the time steps of a refractory period"),
    "wgtExp": (0, "an exponent of the weights"),
    "weight_exp": (0, "the exponent by which training scaled the current"),
}


@dataclass(frozen=True, eq=False)
class CubaNeuron(NeuronKind):
    """Parameters of the CUBA neurons of a layer, each one number or one per channel.

    Parameters
    ----------
    i_decay, v_decay : int () or (channels,)
        What current and voltage lose per time step, of 4096.
    threshold : int () or (channels,)
        Threshold before the shift by 6 bits.

    Examples
    --------
    >>> import numpy as np
    >>> from lava_async.netx.neurons import CubaNeuron
    >>> neuron = CubaNeuron(i_decay=np.array(1024), v_decay=np.array(128), threshold=np.array(80))
    >>> neuron.fields()
    {'iDecay': array(1024), 'vDecay': array(128), 'vThMant': array(80), 'refDelay': 1, 'gradedSpike': False}
    """

    i_decay: NDArray[np.int64]
    v_decay: NDArray[np.int64]
    threshold: NDArray[np.int64]

    types: ClassVar[tuple[str, ...]] = ("CUBA", "LOIHI")

    @classmethod
    def read(cls, node: H5Group, channels: int) -> CubaNeuron:  # noqa: D102
        no_payload(node)
        words = (("iDecay", 4096), ("vDecay", 4096), ("vThMant", MOST_THRESHOLD))
        values = [per_channel(node, name, 0, high, channels) for name, high in words]
        ignored(node)
        _compare_theta(node, values[-1])
        return cls(*values)

    def fields(self) -> Mapping[str, Any]:  # noqa: D102
        return {
            "iDecay": self.i_decay,
            "vDecay": self.v_decay,
            "vThMant": self.threshold,
            "refDelay": 1,
            "gradedSpike": False,
        }

    def params(self, n: int, bias: NDArray[np.int64] | None) -> LoihiParams:  # noqa: D102
        du, dv, vth = (spread(x, n) for x in (self.i_decay - 1, self.v_decay, self.threshold))
        mant = np.zeros(n, np.int64) if bias is None else bias
        return LoihiParams(du, dv, vth, bias_mant=mant, bias_exp=np.full(n, BIAS_EXP), weight_exp=np.zeros(n, np.int64))

    @classmethod
    def of(cls, view: LayerView, channels: int) -> tuple[CubaNeuron, NDArray[np.int64] | None] | None:  # noqa: D102
        p = view.params
        if not isinstance(p, LoihiParams):
            return None
        if p.reset != "zero":
            raise view.cannot("neurons that are reset by subtraction; stock netx resets to zero")
        values = (np.asarray(p.du) + 1, p.dv, p.vth)
        found = cls(*(gathered(view, x, channels, "decays or thresholds") for x in values))
        return found, gathered_bias(view, p.shifted_bias(), BIAS_EXP)


#: What netx takes for a dense layer without a neuron group.
INTEGRATOR = CubaNeuron(np.array(0), np.array(4096), np.array(131072))


def ignored(node: H5Group) -> None:
    """Warn of fields that stock netx ignores, where they are not as usual."""
    for name, (normal, meaning) in IGNORED.items():
        if name in node and (found := node.integer(name, -1024, 1024)) != normal:
            warn(node, name, f"{found}, {meaning}: stock netx ignores it, and so does the network that was loaded")
    node.used.update(("tauRho", "scaleRho"))  # Of the surrogate gradient; nothing to run.


def _compare_theta(node: H5Group, threshold: NDArray[np.int64]) -> None:
    """Warn if old files, which say the threshold twice, contradict themselves; but neurons may be kept from firing."""
    if "theta" not in node:
        return
    theta = node.numbers("theta")
    if theta.size == threshold.size == 1 and theta.item() != threshold.item() << 6 and threshold not in NEVER:
        warn(
            node, "vThMant", f"{threshold.item()} is not theta / 64 = {theta.item() / 64:g}: the file may be corrupted"
        )
