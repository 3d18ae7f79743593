"""The neuron group of a layer: Loihi's CUBA neuron, in the words of the file format.

netx gives Lava's LIF ``du = iDecay - 1``, ``dv = vDecay``, ``vth = vThMant`` and ``bias_exp = 6``; so does this module.
"""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from lava_async.netx.h5 import Node, put, warn
from lava_async.netx.plan import Stage
from lava_async.neurons import LoihiParams
from lava_async.records import ArrayRecord

BIAS_EXP = 6
MOST_BIAS = 2**25 - 1
MOST_THRESHOLD = 2**25 - 1
NEVER = (131071, 131072, 262143)
"""Thresholds that stand for neurons that shall not fire, in files of lava-dl."""
CUBA = ("CUBA", "LOIHI")
IGNORED = {
    "refDelay": (1, "the time steps of a refractory period"),
    "wgtExp": (0, "an exponent of the weights"),
    "weight_exp": (0, "the exponent by which training scaled the current"),
}
OTHERS = {
    "SDNN": "sigma-delta neurons send graded values, not spikes",
    "RF": "resonators have two state variables that oscillate",
    "ALIF": "the threshold adapts",
    "ADRF": "the threshold adapts",
}


@dataclass(frozen=True, eq=False)
class Neuron(ArrayRecord):
    """Parameters of the CUBA neurons of a layer, each one number or one per channel.

    Parameters
    ----------
    i_decay, v_decay : int () or (channels,)
        What current and voltage lose per time step, of 4096.
    threshold : int () or (channels,)
        Threshold before the shift by 6 bits.
    """

    i_decay: NDArray[np.int64]
    v_decay: NDArray[np.int64]
    threshold: NDArray[np.int64]

    @classmethod
    def read(cls, node: Node, channels: int) -> Neuron:
        """Read the neuron group of a layer of so many channels (a dense layer: neurons)."""
        _check_type(node)
        words = (("iDecay", 4096), ("vDecay", 4096), ("vThMant", MOST_THRESHOLD))
        values = [_per_channel(node, name, high, channels) for name, high in words]
        for name, (normal, meaning) in IGNORED.items():
            if name in node and (found := node.integer(name, -1024, 1024)) != normal:
                warn(node, name, f"{found}, {meaning}: stock netx ignores it, and so does the network that was loaded")
        _compare_theta(node, values[-1])
        node.used.update(("tauRho", "scaleRho"))  # Of the surrogate gradient; nothing to run.
        return cls(*values)

    def write(self, layer: h5py.Group) -> None:
        """Write the neuron group of a layer, as slayer does."""
        group = layer.create_group("neuron")
        put(group, "type", CUBA[0])
        for name, value in (
            ("iDecay", self.i_decay),
            ("vDecay", self.v_decay),
            ("vThMant", self.threshold),
            ("refDelay", 1),
            ("gradedSpike", False),
        ):
            put(group, name, value)

    def params(self, n: int, bias: NDArray[np.int64] | None) -> LoihiParams:
        """Return the parameters of the n neurons of the layer, given their biases, shape (n,)."""
        du, dv, vth = (np.repeat(x, n // x.size) for x in (self.i_decay - 1, self.v_decay, self.threshold))
        mant = np.zeros(n, np.int64) if bias is None else bias
        return LoihiParams(du, dv, vth, bias_mant=mant, bias_exp=np.full(n, BIAS_EXP), weight_exp=np.zeros(n, np.int64))

    @classmethod
    def of(cls, params: LoihiParams, channels: int) -> Neuron | None:
        """Return what :meth:`params` turns into these parameters of n neurons, None if there is no such thing."""
        values = []
        for array in (np.asarray(params.du) + 1, np.asarray(params.dv), np.asarray(params.vth)):
            table = array.reshape(channels, -1)
            if (table != table[:, :1]).any():
                return None
            values.append(table[0, 0] if (table == table[0, 0]).all() else table[:, 0])
        return cls(*(np.asarray(x, dtype=np.int64) for x in values))


#: What netx takes for a dense layer without a neuron group.
INTEGRATOR = Neuron(np.array(0), np.array(4096), np.array(131072))


def _per_channel(node: Node, name: str, high: int, channels: int) -> NDArray[np.int64]:
    values = node.integers(name, 0, high)
    if values.size == 1:
        return values.reshape(())
    if values.size != channels or max(values.shape) != channels:
        raise node.fail(name, f".shape = {values.shape}: must be one number or {channels}, one per channel")
    return values.reshape(-1)


def _compare_theta(node: Node, threshold: NDArray[np.int64]) -> None:
    """Warn if old files, which say the threshold twice, contradict themselves; but neurons may be kept from firing."""
    if "theta" not in node:
        return
    theta = node.numbers("theta")
    if theta.size == threshold.size == 1 and theta.item() != threshold.item() << 6 and threshold not in NEVER:
        warn(
            node, "vThMant", f"{threshold.item()} is not theta / 64 = {theta.item() / 64:g}: the file may be corrupted"
        )


def _check_type(node: Node) -> None:
    # netx's README and slayer take CUBA if no type is given.
    name = node.text("type") if "type" in node else CUBA[0]
    if name not in CUBA:
        why = next((f" ({reason})" for kind, reason in OTHERS.items() if name.upper().startswith(kind)), "")
        raise node.fail("type", f" = {name}{why}: must be {' or '.join(CUBA)}")
    if "gradedSpike" in node and node.integer("gradedSpike", 0, 1):
        raise node.fail("gradedSpike", " = True: must be False, the neurons here send spikes without a payload")
    if "messageBits" in node and (bits := node.integer("messageBits", 0, 64)):
        raise node.fail("messageBits", f" = {bits}: must be 0, the neurons here send spikes without a payload")


def read_bias(node: Node, n: int) -> NDArray[np.int64] | None:
    """Read the biases of n neurons or channels, in units of 2^6; one number counts for all. None if there are none."""
    if "bias" not in node:
        return None
    bias = node.integers("bias", -MOST_BIAS, MOST_BIAS)
    if bias.size not in (1, n) or bias.size != max(bias.shape, default=1):
        raise node.fail("bias", f".shape = {bias.shape}: must be ({n},)")
    return np.broadcast_to(bias.reshape(-1), (n,))


def bias_of(params: LoihiParams) -> NDArray[np.int64] | None:
    """Return the biases as the file format says them, in units of 2^6, or None if it cannot."""
    bias = params.arrays().bias
    return None if (bias % 2**BIAS_EXP).any() else bias >> BIAS_EXP


def said(stage: Stage, channels: int) -> tuple[Neuron, NDArray[np.int64] | None]:
    """Return neurons and biases (None: all are 0) of a layer of a network, as the file format says them.

    Raises
    ------
    NotSayableError
        If it cannot.
    """
    neuron, bias = Neuron.of(stage.params, channels), bias_of(stage.params)
    if neuron is None:
        raise stage.cannot("decays or thresholds differ within a channel")
    if bias is None:
        raise stage.cannot("a bias is no multiple of 2^6")
    return neuron, bias if bias.any() else None
