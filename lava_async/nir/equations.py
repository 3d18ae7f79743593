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
dv = 0, ``g = dt r``. A constant input b of the synapses (Affine) is filtered by the current, which a bias of the
voltage is not; without memory of the current (du = 1) it is the bias ``g b``, otherwise it cannot be said.

Back, ``r = 1 / dv`` and ``w_in = 1 / du`` make g = 1, so that weights stay what they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import CubaParams
from lava_async.nir.errors import NirError, package

DT = 1e-4
"""Length of a time step in seconds unless a graph says otherwise; that of snnTorch and Lava in the paper on NIR."""

Floats = NDArray[np.float64]


class Neurons(NamedTuple):
    """Neurons of a layer (n,): their parameters and the gain g of all that reaches them."""

    params: CubaParams
    gain: Floats


def check_dt(dt: Any) -> float:
    """Return the length of a time step, a positive number."""
    if isinstance(dt, bool) or not isinstance(dt, (int, float, np.number)):
        raise InvalidType("nir dt", dt, "a number of seconds")
    if not (np.isfinite(dt) and dt > 0):
        raise InvalidValue("nir dt", dt, "a positive number of seconds")
    return float(dt)


def to_steps(name: str, node: Any, shape: tuple[int, ...], dt: float) -> Neurons:
    """Return the neurons of a node of type CubaLIF, LIF or IF in time steps.

    Parameters
    ----------
    name : str
        Name of the node, for errors.
    node : nir.CubaLIF, nir.LIF or nir.IF
        The node; parameters of other shapes are broadcast.
    shape : tuple of int
        Shape of the layer.
    dt : float
        Length of a time step in seconds.
    """

    def of(field: str) -> Floats:
        values = np.asarray(getattr(node, field), np.float64)
        try:
            return np.broadcast_to(values, shape).reshape(-1)
        except ValueError:
            raise NirError(f"node {name}: {field}.shape = {values.shape}: must be {shape}") from None

    def decay(field: str) -> Floats:
        tau = of(field)
        if not (tau >= dt * (1 - 1e-9)).all():
            raise NirError(f"node {name}: {field} = {tau.min():g}: must be at least dt = {dt:g} s")
        return np.minimum(dt / tau, 1.0)

    kind = type(node).__name__
    one, zero = np.ones(int(np.prod(shape))), np.zeros(int(np.prod(shape)))
    if kind == "IF":
        du, dv, gain, bias = one, zero, dt * of("r"), zero
    else:
        du, dv = (decay("tau_syn"), decay("tau_mem")) if kind == "CubaLIF" else (one, decay("tau"))
        gain = du * dv * of("r") * (of("w_in") if kind == "CubaLIF" else one)
        bias = dv * of("v_leak")
    reset = of("v_reset")
    if reset.any():
        raise NirError(f"node {name}: v_reset = {reset[reset != 0][0]:g}: must be 0, what voltages are reset to here")
    try:
        return Neurons(CubaParams(du, dv, of("v_threshold"), bias), gain)
    except (InvalidValue, InvalidType) as error:
        raise NirError(f"node {name}: {error}") from error


def to_time(where: str, params: CubaParams, here: slice, shape: tuple[int, ...], dt: float) -> tuple[Any, Floats]:
    """Return the node of a layer and the constant input (n,) that its synapses must add.

    Parameters
    ----------
    where : str
        The layer, for errors.
    params : CubaParams
        Parameters of all neurons of the network.
    here : slice
        The neurons of the layer.
    shape : tuple of int
        Shape of the layer.
    dt : float
        Length of a time step in seconds.
    """
    nir = package()
    du, dv, vth, bias = (np.asarray(x, np.float64)[here].reshape(shape)
                         for x in (params.du, params.dv, params.vth, params.bias))  # fmt: skip
    still = np.zeros(bias.size)
    if (du == 1).all() and (dv == 0).all():
        return nir.IF(np.full(shape, 1 / dt), vth), bias.reshape(-1)
    for field, values, tau in (("dv", dv, "tau_mem"), ("du", du, "tau_syn")):
        if (values == 0).any():
            raise NirError(f"{where}: {field} = 0: NIR needs a finite {tau} (dt / {field})")
    leak, zero = bias / dv, np.zeros(shape)
    if (du == 1).all():
        return nir.LIF(dt / dv, 1 / dv, leak, vth, zero), still
    return nir.CubaLIF(dt / du, dt / dv, 1 / dv, leak, vth, zero, 1 / du), still
