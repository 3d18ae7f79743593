"""The Processes of asynchronous neurons that Lava has as synchronous ones: one Lava time step is one forward step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypedDict

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var
from numpy.typing import ArrayLike

from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import NeuronModel
from lava_async.proc.checked_process import CheckedProcess
from lava_async.proc.clock import Clock, lava_shape
from lava_async.proc.lava_params import (
    atrlif_params,
    delta_params,
    lif_refractory_params,
    rf_params,
    sigma_delta_params,
)
from lava_async.records import check_int

if TYPE_CHECKING:
    from lava.magma.core.model.model import AbstractProcessModel
    from typing_extensions import Required, Unpack

LIF_NUMBERS: dict[str, type] = {"du": int, "dv": int, "bias_mant": int, "bias_exp": int, "vth": int}
"""Parameters of neurons in the words of Lava's LIF, and their types in fixed point."""


class NeuronOptions(TypedDict, total=False):
    """What all Processes of this file take besides their parameters; see :class:`AsyncNeurons`."""

    shape: Required[tuple[int, ...]]
    steps_per_bin: int
    offset: ArrayLike
    refractory: bool
    reset_interval: int | None
    name: str | None
    log_config: LogConfig | None


class AsyncNeurons(CheckedProcess):
    """Neurons that fire whenever input reached them; the base of all Processes in this file.

    Decays and biases act only as a time step opens, every `steps_per_bin` Lava time steps. What arrives is integrated
    in every Lava time step, and a neuron that was reached (or whose time step opens) may fire. With
    ``steps_per_bin=1`` these are the dynamics of the Process of Lava with the same name.

    Parameters
    ----------
    shape : tuple of int
        Number and topology of the neurons.
    steps_per_bin : int
        Forward steps of one time step.
    offset : int or array
        Lava time steps before the first time step opens, for all neurons or one per neuron: 1 behind one stock
        connection, which delays the input by one.
    refractory : bool
        At most one spike per neuron and time step.
    reset_interval : int, optional
        Time steps after which the state begins again; None: never.
    name, log_config
        As in every Lava Process.
    numbers, options, state : dict
        What a subclass hands over, in the words of Lava's Process: the parameters, each a number for all neurons or one
        per neuron, which become Vars; what else there is to say; the initial state, where it may be said.

    Attributes
    ----------
    s_out : OutPort
        Neurons that send numbers: the number. Others: their momentum, by which a SpikeScheduler sorts (1 where that is
        0); stock connections with ``num_message_bits=0`` take any nonzero value as one spike.
    state and parameters : Var
        Under the names of Lava's Process. Parameters that are set in a pause count from the next Lava time step.

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used; when the network is compiled, if a fixed-point model was chosen for floats.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava_async.proc.async_neurons.process import AsyncLIFRefractory, AsyncNeurons
    >>> lif = AsyncLIFRefractory(shape=(2,), du=4095, dv=0, vth=29, refractory_period=2, steps_per_bin=4, offset=1)
    >>> isinstance(lif, AsyncNeurons), lif.a_in.shape, lif.s_out.shape
    (True, (2,), (2,))
    """

    input_names: ClassVar[tuple[str, ...]] = ("a_in",)
    var_names: ClassVar[dict[str, str]]
    """Var of each number of the state of the neuron model."""
    number_types: ClassVar[dict[str, type]]
    """Type in fixed point of each parameter that is a Var: int, or float for what fixed point rounds by itself."""
    params: ClassVar[Callable[..., NeuronModel]]
    """Returns the parameters in fixed or floating point, given those in Lava's words."""

    def __init__(
        self,
        numbers: Mapping[str, ArrayLike],
        options: Mapping[str, object] | None = None,
        state: Mapping[str, ArrayLike] | None = None,
        *,
        shape: tuple[int, ...],
        steps_per_bin: int = 1,
        offset: ArrayLike = 0,
        refractory: bool = True,
        reset_interval: int | None = None,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: object,
    ) -> None:
        self.refuse(kwargs)
        where, state = type(self).__name__, state or {}
        shape = lava_shape(where, shape)
        for field, value in {**state, **numbers, "offset": offset}.items():
            if np.shape(value) not in ((), (1,), shape):
                raise InvalidValue(f"{where}.{field}.shape", np.shape(value), f"(), (1,) or {shape}")
        super().__init__(
            shape=shape,
            options=dict(options or {}),
            refractory=bool(refractory),
            steps_per_bin=steps_per_bin,
            name=name,
            log_config=log_config,
        )
        self.proc_params["clock"] = Clock.checked(where, steps_per_bin, offset, reset_interval)
        for port in self.input_names:
            setattr(self, port, InPort(shape=shape))
        self.s_out = OutPort(shape=shape)
        for var in self.var_names.values():
            setattr(self, var, Var(shape=shape, init=state.get(var, 0)))
        for field in self.number_types:
            # As in Lava: a bias per neuron in any case, all else as it was given.
            of_field = shape if field.startswith("bias") else np.shape(numbers[field]) or (1,)
            setattr(self, field, Var(shape=of_field, init=numbers[field]))
        self._numbers = numbers

    def check_model(self, model: type[AbstractProcessModel]) -> None:
        """Raise if a ProcessModel has the wrong arithmetic or cannot work with the numbers given."""
        super().check_model(model)
        try:
            self.params("fixed_pt" in model.tags, **self._numbers, **self.proc_params["options"])
        except (InvalidValue, InvalidType) as error:
            field = error.where.rpartition(".")[2]
            raise type(error)(f"{type(self).__name__} {self.name!r}.{field}", error.value, error.allowed) from None


class AsyncLIFRefractory(AsyncNeurons):
    """Leaky integrate-and-fire neurons with a refractory period of time steps: Lava's LIFRefractory.

    Parameters as of :class:`AsyncNeurons`, and as of :class:`~lava_async.proc.async_lif.process.AsyncLIF`: du, dv, vth,
    bias_mant, bias_exp. `refractory_period` (int, at least 1): a neuron that fires in a time step is held in so many
    time steps after it. Lava has it in floating point, this also in integers.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava_async.proc.async_neurons.process import AsyncLIFRefractory
    >>> lif = AsyncLIFRefractory(shape=(2,), du=4095, dv=0, vth=29, refractory_period=2)
    >>> lif.a_in.shape, lif.v.shape
    ((2,), (2,))
    """

    var_names: ClassVar[dict[str, str]] = {"u": "u", "v": "v"}
    number_types: ClassVar[dict[str, type]] = LIF_NUMBERS

    def __init__(
        self,
        *,
        du: ArrayLike = 0,
        dv: ArrayLike = 0,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        vth: ArrayLike = 10,
        refractory_period: int = 1,
        **kwargs: Unpack[NeuronOptions],
    ) -> None:
        check_int("AsyncLIFRefractory.refractory_period", refractory_period, least=1)
        super().__init__(
            {"du": du, "dv": dv, "vth": vth, "bias_mant": bias_mant, "bias_exp": bias_exp},
            {"refractory_period": refractory_period},
            **kwargs,
        )

    params = staticmethod(lif_refractory_params)


class AsyncATRLIF(AsyncNeurons):
    """Neurons whose threshold adapts: Lava's ATRLIF, slayer's alif.

    Parameters as of :class:`AsyncNeurons`; delta_i, delta_v, delta_theta, delta_r, theta_0, theta_step, bias_mant,
    bias_exp as of Lava's ATRLIF, whose fixed point takes decays as fractions, in 4096ths, and adds one to that of the
    current. Vars i, v, theta and r as there.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava_async.proc.async_neurons.process import AsyncATRLIF
    >>> neurons = AsyncATRLIF(shape=(2,), delta_theta=0.25, theta_0=29, theta_step=5)
    >>> neurons.theta.shape, neurons.s_out.shape
    ((2,), (2,))
    """

    var_names: ClassVar[dict[str, str]] = {"u": "i", "v": "v", "theta": "theta", "rho": "r"}
    number_types: ClassVar[dict[str, type]] = {
        "delta_i": float,
        "delta_v": float,
        "delta_theta": float,
        "delta_r": float,
        "theta_0": int,
        "theta_step": int,
        "bias_mant": int,
        "bias_exp": int,
    }

    def __init__(
        self,
        *,
        delta_i: ArrayLike = 0.4,
        delta_v: ArrayLike = 0.4,
        delta_theta: ArrayLike = 0.2,
        delta_r: ArrayLike = 0.2,
        theta_0: ArrayLike = 5,
        theta_step: ArrayLike = 3.75,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        **kwargs: Unpack[NeuronOptions],
    ) -> None:
        numbers = {
            "delta_i": delta_i,
            "delta_v": delta_v,
            "delta_theta": delta_theta,
            "delta_r": delta_r,
            "theta_0": theta_0,
            "theta_step": theta_step,
            "bias_mant": bias_mant,
            "bias_exp": bias_exp,
        }
        super().__init__(numbers, **kwargs)

    params = staticmethod(atrlif_params)


class AsyncSigmaDelta(AsyncNeurons):
    """Sigma-delta neurons, which send by how much their activation has changed: Lava's SigmaDelta.

    Parameters as of :class:`AsyncNeurons`; vth, bias, act_mode (0: unit, 1: relu), spike_exp and state_exp as of Lava's
    SigmaDelta: in fixed point, vth and bias are shifted by both exponents, and what is sent is shifted back by
    `state_exp`, which must be 6. Vars sigma, and sent: what the receivers believe.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava_async.proc.async_neurons.process import AsyncSigmaDelta
    >>> neurons = AsyncSigmaDelta(shape=(2,), vth=4, act_mode=1, state_exp=6)
    >>> neurons.sigma.shape, neurons.s_out.shape
    ((2,), (2,))
    """

    var_names: ClassVar[dict[str, str]] = {"sigma": "sigma", "sent": "sent"}
    number_types: ClassVar[dict[str, type]] = {"vth": int, "bias": int}

    def __init__(
        self,
        *,
        vth: ArrayLike,
        bias: ArrayLike = 0,
        act_mode: int = 1,
        spike_exp: int = 0,
        state_exp: int = 0,
        **kwargs: Unpack[NeuronOptions],
    ) -> None:
        check_int("AsyncSigmaDelta.act_mode", int(act_mode), most=1)
        options = {"act_mode": int(act_mode), "spike_exp": spike_exp, "state_exp": state_exp}
        super().__init__({"vth": vth, "bias": bias}, options, **kwargs)

    params = staticmethod(sigma_delta_params)


class AsyncDelta(AsyncNeurons):
    """Neurons that send by how much their input has changed, the input of sigma-delta networks: Lava's Delta.

    Parameters as of :class:`AsyncNeurons`; vth, spike_exp and state_exp as of Lava's Delta: in fixed point, input and
    vth are shifted by both exponents, and what is sent is shifted back by `state_exp`, which must be 6. The input of a
    time step is all that arrives in its forward steps.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava_async.proc.async_neurons.process import AsyncDelta
    >>> AsyncDelta(shape=(2,), vth=4, state_exp=6).s_out.shape
    (2,)
    """

    var_names: ClassVar[dict[str, str]] = {"x": "x", "sent": "sent"}
    number_types: ClassVar[dict[str, type]] = {"vth": int}

    def __init__(
        self, *, vth: ArrayLike, spike_exp: int = 0, state_exp: int = 0, **kwargs: Unpack[NeuronOptions]
    ) -> None:
        options = {"spike_exp": spike_exp, "state_exp": state_exp}
        super().__init__({"vth": vth}, options, **kwargs)

    params = staticmethod(delta_params)


class AsyncRF(AsyncNeurons):
    """Resonate and fire neurons, which fire as their phase passes zero: Lava's RF.

    Parameters as of :class:`AsyncNeurons`; period, alpha, vth, state_exp and decay_bits as of Lava's RF; in fixed point
    these are 6 and 12. Ports a_real_in and a_imag_in, Vars real and imag as there.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava_async.proc.async_neurons.process import AsyncRF
    >>> neurons = AsyncRF(shape=(2,), period=10, alpha=0.1, vth=1.0)
    >>> neurons.a_real_in.shape, neurons.imag.shape
    ((2,), (2,))
    """

    input_names: ClassVar[tuple[str, ...]] = ("a_real_in", "a_imag_in")
    var_names: ClassVar[dict[str, str]] = {"x": "real", "y": "imag", "before": "imag_before"}
    number_types: ClassVar[dict[str, type]] = {"period": float, "alpha": float, "vth": int}
    variant: ClassVar[str] = "rf"

    def __init__(
        self,
        *,
        period: ArrayLike,
        alpha: ArrayLike,
        vth: ArrayLike = 1,
        state_exp: int = 0,
        decay_bits: int = 0,
        **kwargs: Unpack[NeuronOptions],
    ) -> None:
        numbers = {"period": period, "alpha": alpha, "vth": vth}
        options = {"state_exp": state_exp, "decay_bits": decay_bits, "variant": self.variant}
        super().__init__(numbers, options, **kwargs)

    params = staticmethod(rf_params)


class AsyncRF_IZ(AsyncRF):  # noqa: N801 (Lava's name)
    """Resonate and fire neurons with a threshold and a reset: Lava's RF_IZ; parameters as of :class:`AsyncRF`.

    Examples
    --------
    >>> import lava_async  # before Lava
    >>> from lava_async.proc.async_neurons.process import AsyncRF_IZ
    >>> AsyncRF_IZ(shape=(2,), period=10, alpha=0.1, vth=1.0).real.shape
    (2,)
    """

    variant: ClassVar[str] = "rf_iz"
