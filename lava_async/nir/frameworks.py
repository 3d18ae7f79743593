r"""What a file of NIR does not say: by which equations the framework computes that wrote it.

All of these were found by holding the spikes that each framework emitted against equations; ``tests/nir_files`` has
both. With x the weighted input of a time step and the notation of :mod:`lava_async.nir.equations`:

============  ==================================================================================================
framework     a time step
============  ==================================================================================================
norse         CubaLIF: the current takes input whole, ``I' = I (1 - du) + x``, ``v' = v (1 - dv) + dv (v_leak + r I')``;
              taus are noted times dt = 1e-3
rockpool      CubaLIF: ``I' = (I + x) (1 - du)``, ``v' = v (1 - dv) + I'``; LIF: ``v' = v (1 - dv) + x``. Decays are
              exponential, as many thresholds are subtracted as there are in v, and each is a spike
sinabs        exponential decays, taus in time steps
spyx          LIF, IF: ``s = v > vth``, then ``v' = v (1 - dv) + x - s vth``; CubaLIF: ``s = v > vth``, then
              ``I' = I (1 - du) + x`` and ``v' = (v - s vth) (1 - dv) + I'``. Taus are in time steps
snntorch,     as in the file
spikingjelly
============  ==================================================================================================

In spyx s is what v was a time step before, so whatever reaches a layer is a time step late, which delays of synapses
say exactly. Its files lead what comes into recurrent neurons through their recurrent weights, which it passes by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidValue, nearest

Floats = NDArray[np.float64]


class Framework(NamedTuple):
    """How a framework computes.

    Parameters
    ----------
    dt : float, optional
        Seconds of a time step, where neither the caller nor the file says so.
    decay : {"euler", "exponential"}
        Kind of decays.
    resets : mapping from types of neurons to str
        What neurons do after a spike, if there is but one answer.
    several : bool
        Whether a neuron emits several spikes in a time step.
    gain : function of du, dv, r, w_in (n,), optional
        Returns what multiplies the input of neurons with time constants; default: NIR's own.
    late : int
        Time steps by which input comes later.
    around : bool
        Whether edges lead the input of recurrent neurons through their recurrent weights, which it does not pass.
    """

    dt: float | None = None
    decay: str = "euler"
    resets: Mapping[str, str] = MappingProxyType({})
    several: bool = False
    gain: Callable[[Floats, Floats, Floats, Floats], Floats] | None = None
    late: int = 0
    around: bool = False


def _whole(du: Floats, dv: Floats, r: Floats, w_in: Floats) -> Floats:
    return dv * w_in * r


def _decayed(du: Floats, dv: Floats, r: Floats, w_in: Floats) -> Floats:
    return np.where(du == 1, 1.0, 1 - du)  # LIF has no current that could decay.


def _one(du: Floats, dv: Floats, r: Floats, w_in: Floats) -> Floats:
    return np.ones_like(du)


SPIKING = ("CubaLIF", "IF", "LIF")
NIR = Framework()
FRAMEWORKS = {
    "norse": Framework(dt=1e-6, resets=dict.fromkeys(SPIKING, "zero"), gain=_whole),
    "rockpool": Framework(1e-3, "exponential", dict.fromkeys(SPIKING, "subtract"), several=True, gain=_decayed),
    "sinabs": Framework(1.0, "exponential"),
    "snntorch": NIR,
    "spikingjelly": Framework(resets=dict.fromkeys(SPIKING, "zero")),
    "spyx": Framework(
        dt=1.0,
        resets={"CubaLIF": "subtract", "IF": "subtract_delayed", "LIF": "subtract_delayed"},
        gain=_one,
        late=1,
        around=True,
    ),
}
"""By the name of the framework."""


def framework_of(name: str | None) -> Framework:
    """Return how a framework computes; None: as NIR says.

    Raises
    ------
    InvalidValue
        If it is none of :data:`FRAMEWORKS`.
    """
    if name is None:
        return NIR
    if name not in FRAMEWORKS:
        raise InvalidValue("nir framework", name, "one of " + ", ".join(FRAMEWORKS) + nearest(name, FRAMEWORKS))
    return FRAMEWORKS[name]
