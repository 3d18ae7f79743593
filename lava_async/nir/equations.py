r"""NIR's neurons in time steps, and back.

NIR's current-based neuron (CubaLIF), in seconds:

.. math::
    \tau_{syn} \dot I = -I + w_{in} S, \qquad \tau_{mem} \dot v = v_{leak} - v + r I

One step of length dt with the explicit Euler method, current first (as snnTorch, Lava and NIR's own comparison do it):

.. math::
    I' = I (1 - d_u) + d_u w_{in} S, \qquad v' = v (1 - d_v) + d_v (v_{leak} + r I')

with ``du = dt / tau_syn`` and ``dv = dt / tau_mem``. With ``u = dv r I`` this is the neuron of this package,

.. math::
    u' = u (1 - d_u) + g S, \qquad v' = v (1 - d_v) + u' + bias, \qquad g = d_u d_v w_{in} r, \quad bias = d_v v_{leak}

and the weights of the synapses take up the gain g. LIF is the same with du = 1 and w_in = 1. IF has no leak: du = 1,
dv = 0, ``g = dt r``; where a graph does not say dt, r = 1 means ``g = 1``, since sinabs, norse and spyx count in time
steps. What frameworks compute otherwise is in :mod:`lava_async.nir.frameworks`.

With exponential decay, ``du = 1 - exp(-dt / tau_syn)`` and ``dv = 1 - exp(-dt / tau_mem)``.

Integrators (LI, CubaLI, I) are the same without a threshold: here one that no voltage reaches, `NEVER`, so that the
voltage is the answer.

Where the threshold is subtracted, that happens with the spike, before the next decay. snnTorch's default does it one
time step later, after the decay: ``v' = v (1 - dv) + u' - vth``. That is ``(v - vth) (1 - dv) + u' - dv vth``, so the
rest, ``dv vth``, is what each neuron brings to itself one time step later; and since currents last, ``(1 - du)`` times
as much is taken back in the time step after.

A constant input b of the synapses (Affine) is filtered by the current, which a bias of the voltage is not. Without
memory of the current (du = 1) it is the bias ``g b``; otherwise it is what an input channel adds that emits one spike
in every time step, with weights ``g b``.

Back, LIF has r = 1 and weights times ``1 / dv``, which frameworks that ignore r read too; CubaLIF has ``r = 1 / dv``
and ``w_in = 1 / du``, which snnTorch and spikingjelly ask for. A decay of 0 becomes a time constant of ``2^30 dt``: in
32 bits, ``1 - 2^-30`` is 1.

Where weights and thresholds are integers, voltages often equal the threshold, and it takes ``>`` and exact sums not to
fire there. The weights that other frameworks read are not integers (times ``1 / dv``) and some fire at ``>=``. Such
thresholds are therefore written larger by ``2^-20`` of themselves, and what they were is noted, so that it comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import CubaParams
from lava_async.nir.errors import package
from lava_async.nir.frameworks import NIR, Framework
from lava_async.nir.graph import Node
from lava_async.synapses import Sparse, Synapses

DT = 1e-4
"""Length of a time step in seconds unless a graph says otherwise; that of snnTorch and Lava in the paper on NIR."""
DECAYS = ("euler", "exponential")
ENDLESS = 2.0**30
"""Time constant, in time steps, that stands for no decay."""

RAISED = 2.0**-20
"""By how much of itself a threshold that voltages may equal is raised in a file."""

NEVER = float(np.finfo(np.float32).max)
"""Threshold of neurons that do not spike."""
INTEGRATORS = ("CubaLI", "I", "LI")
"""Types of neurons that do not spike."""

Floats = NDArray[np.float64]


class Time(NamedTuple):
    """How a graph is read in time steps.

    Parameters
    ----------
    dt : float
        Length of a time step in seconds.
    given : bool
        Whether the caller or the graph says so; if not, IF with r = 1 counts in time steps.
    exponential : bool
        Whether decays are ``1 - exp(-dt / tau)`` instead of ``dt / tau``.
    framework : Framework
        By whose equations.
    """

    dt: float
    given: bool = True
    exponential: bool = False
    framework: Framework = NIR


class Neurons(NamedTuple):
    """Neurons of a layer (n,): their parameters and the gain g of all that reaches them."""

    params: CubaParams
    gain: Floats


class Written(NamedTuple):
    """Neurons of a layer (n,) as a node of NIR: what multiplies the weights that reach them, what the bias adds."""

    node: Any
    factor: Floats
    constant: Floats


def check_dt(dt: object) -> float:
    """Return the length of a time step, a positive number."""
    if isinstance(dt, bool) or not isinstance(dt, (int, float, np.number)):
        raise InvalidType("nir dt", dt, "a number of seconds")
    if not (np.isfinite(dt) and dt > 0):
        raise InvalidValue("nir dt", dt, "a positive number of seconds")
    return float(dt)


def check_decay(decay: object) -> str:
    """Return the name of a kind of decay."""
    if decay not in DECAYS:
        raise InvalidValue("nir decay", decay, " or ".join(map(repr, DECAYS)))
    return str(decay)


def to_steps(node: Node, shape: tuple[int, ...], time: Time, reset: str = "zero") -> Neurons:
    """Return the neurons of a node of type CubaLIF, LIF, IF, CubaLI, LI or I in time steps.

    Parameters
    ----------
    node : Node
        The node; parameters of one neuron count for all.
    shape : tuple of int
        Shape of the layer.
    time : Time
        How to read it.
    reset : {"zero", "subtract"}
        What becomes of the voltage of a neuron that fires.
    """

    def of(field: str) -> Floats:
        values = np.asarray(node.numbers(field), np.float64)
        given = values.shape
        while values.ndim > len(shape) and values.shape[0] == 1:  # of a batch of one
            values = values[0]
        try:
            return np.broadcast_to(values, shape).reshape(-1)
        except ValueError:
            raise node.error(f"{field}.shape = {given}: must be {shape}") from None

    def decay(field: str) -> Floats:
        tau = of(field)
        if not (tau > 0).all():
            raise node.error(f"{field} = {tau.min():g}: must be positive")
        if time.exponential:
            return -np.expm1(-time.dt / tau)
        if not (tau >= time.dt * (1 - 1e-9)).all():
            raise node.error(
                f"{field} = {tau.min():g}: must be at least dt = {time.dt:g} s; give the dt that the file "
                "was made with, decay='exponential', or the framework that wrote it"
            )
        return np.minimum(time.dt / tau, 1.0)

    one, zero = np.ones(int(np.prod(shape))), np.zeros(int(np.prod(shape)))
    if node.kind in ("IF", "I"):
        r = of("r")
        du, dv, bias = one, zero, zero
        gain = r if not time.given and (r == 1).all() else time.dt * r
    else:
        lasting = node.kind in ("CubaLIF", "CubaLI")
        du, dv = (decay("tau_syn"), decay("tau_mem")) if lasting else (one, decay("tau"))
        r, w_in = of("r"), of("w_in") if lasting and node.has("w_in") else one
        own = time.framework.gain
        gain = du * dv * w_in * r if own is None else own(du, dv, r, w_in)
        bias = dv * of("v_leak")
        du, dv = _endless(du), _endless(dv)
    to = of("v_reset") if node.has("v_reset") else zero
    if to.any():
        raise node.error(f"v_reset = {to[to != 0][0]:g}: must be 0, what voltages are reset to here")
    silent = node.kind in INTEGRATORS
    vth = np.full(one.size, NEVER) if silent else _lowered(node, of("v_threshold"))
    try:
        return Neurons(CubaParams(du, dv, vth, bias, reset=reset), gain)
    except (InvalidValue, InvalidType) as error:
        raise node.error(str(error)) from error


def later_reset(params: CubaParams, layer: int) -> list[Synapses]:
    """Return the synapses of each neuron of a layer to itself that make its reset one of the next time step."""
    du, dv, vth = (np.asarray(x, np.float64) for x in (params.du, params.dv, params.vth))
    rest = np.broadcast_to(dv * vth, np.broadcast_shapes(du.shape, dv.shape, vth.shape))
    found: list[Synapses] = []
    for late, weights in ((1, -rest), (2, (1 - du) * rest)):
        own = np.flatnonzero(weights)
        if len(own):
            size = (rest.size, rest.size)
            found.append(Sparse(layer, layer, own, own, weights[own].astype(np.float32), size, np.full(len(own), late)))
    return found


def _endless(decay: Floats) -> Floats:
    """Return decays, 0 where the time constant is so long that it stands for none."""
    return np.where(decay <= (1 + 1e-6) / ENDLESS, 0.0, decay)


def raised(vth: Floats) -> Floats:
    """Return thresholds a little above what they are."""
    return vth + RAISED * np.maximum(vth, 1.0)


def _lowered(node: Node, vth: Floats) -> Floats:
    """Return thresholds as they were before :func:`raised`, if they are noted."""
    noted = node.metadata.get("v_threshold")
    if isinstance(noted, np.ndarray) and noted.dtype.kind == "f" and noted.size == vth.size:
        exact = noted.reshape(-1)
        if np.array_equal(raised(exact), vth):
            return exact
    return vth


def to_time(
    params: CubaParams, here: slice, shape: tuple[int, ...], dt: float, shared: Callable[[Floats], bool]
) -> Written:
    """Return the node of a layer.

    Parameters
    ----------
    params : CubaParams
        Parameters of all neurons of the network.
    here : slice
        The neurons of the layer.
    shape : tuple of int
        Shape of the layer.
    dt : float
        Length of a time step in seconds.
    shared : callable
        Whether values (n,) are such that the synapses of the layer can take them up: of a convolution, equal in each
        channel.
    """
    nir = package()
    du, dv, vth, bias = (np.asarray(x, np.float64)[here] for x in (params.du, params.dv, params.vth, params.bias))
    one, still = np.ones(bias.size), np.zeros(bias.size)

    def node(kind: str, **fields: Floats) -> Any:
        make = getattr(nir, kind)
        if "v_reset" in make.__dataclass_fields__:  # nir 1.0.6 asks for it, earlier versions do not know it
            fields["v_reset"] = still
        return make(**{name: values.reshape(shape) for name, values in fields.items()})

    spiking = not (vth >= NEVER).all()
    fires, threshold = ("F", {"v_threshold": vth}) if spiking else ("", {})
    if (du == 1).all() and (dv == 0).all():
        return Written(node(f"I{fires}", r=one / dt, **threshold), one, bias)
    du, dv = (np.where(decay == 0, 1 / ENDLESS, decay) for decay in (du, dv))
    if (du == 1).all() and shared(dv) and shared(bias):
        return Written(node(f"LI{fires}", tau=dt / dv, r=one, v_leak=still, **threshold), 1 / dv, bias / dv)
    common = {"r": 1 / dv, "v_leak": bias / dv, **threshold}
    if (du == 1).all():
        return Written(node(f"LI{fires}", tau=dt / dv, **common), one, still)
    return Written(node(f"CubaLI{fires}", tau_syn=dt / du, tau_mem=dt / dv, w_in=1 / du, **common), one, still)
