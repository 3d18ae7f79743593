"""The Process of asynchronous neurons."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var
from numpy.typing import ArrayLike

from lava_async.errors import InvalidType, InvalidValue
from lava_async.neurons import CubaParams, LoihiParams
from lava_async.proc.checked_process import CheckedProcess
from lava_async.proc.clock import Clock, lava_shape
from lava_async.records import check_range, real_array


class AsyncLIF(CheckedProcess):
    """Leaky integrate-and-fire neurons that fire whenever input reached them: one Lava time step is one forward step.

    ::

        u = u * (1-du);  v = v * (1-dv) + u + bias   # only as a time step opens: every steps_per_bin Lava time steps
        u = u + a_in;    v = v + a_in                # in every forward step; v only while not refractory
        s_out = v if v > vth else 0                  # a graded spike carries the momentum, the voltage before the reset
        v = 0                                        # reset at a spike; then refractory until the next time step opens

    With ``steps_per_bin=1`` these are the dynamics of `lava.proc.lif.LIF`.

    Parameters
    ----------
    shape : tuple of int
        Number and topology of the neurons.
    u, v : number or array
        Initial current and voltage.
    du, dv, vth : number or array
        As `LIF`, for all neurons or one per neuron; integers for fixed point.
    bias_mant, bias_exp : number or array
        As `LIF`; a float model ignores `bias_exp`.
    steps_per_bin : int
        Forward steps of one time step.
    offset : int or array
        Lava time steps before the first time step opens, for all neurons or one per neuron: 1 behind one stock
        connection, which delays the input by one.
    refractory : bool
        At most one spike per neuron and time step.
    reset_interval : int, optional
        Time steps after which u and v begin again at zero; None: never.
    name, log_config
        As in every Lava Process.

    Attributes
    ----------
    a_in : InPort
        Weighted input.
    s_out : OutPort
        Momentum of the neurons that fire, 0 elsewhere. Stock connections with ``num_message_bits=0`` take any nonzero
        value as one spike; a SpikeScheduler sorts by it.
    u, v, du, dv, vth, bias_mant, bias_exp : Var
        As `LIF`.

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used; when the network is compiled, if a fixed-point model was chosen for floats.

    Examples
    --------
    >>> import numpy as np
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.dense.process import Dense
    >>> from lava.proc.io.sink import RingBuffer as Sink
    >>> from lava.proc.io.source import RingBuffer as Source
    >>> from lava_async.proc.runtime import run
    >>> source = Source(data=np.array([[1, 0, 1, 1, 0, 0]]))
    >>> dense, sink = Dense(weights=np.array([[30]])), Sink(shape=(1,), buffer=6)
    >>> lif = AsyncLIF(shape=(1,), du=4095, dv=0, vth=29, steps_per_bin=2, offset=1)
    >>> source.s_out.connect(dense.s_in)
    >>> dense.a_out.connect(lif.a_in)
    >>> lif.s_out.connect(sink.a_in)
    >>> session = run(lif, 6, Loihi2SimCfg(select_tag="fixed_pt"))
    >>> sink.data.get()  # the third input finds it refractory: it fires at most once per time step
    array([[   0., 1920.,    0., 1920.,    0.,    0.]])
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        u: ArrayLike = 0,
        v: ArrayLike = 0,
        du: ArrayLike = 0,
        dv: ArrayLike = 0,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        vth: ArrayLike = 10,
        steps_per_bin: int = 1,
        offset: ArrayLike = 0,
        refractory: bool = True,
        reset_interval: int | None = None,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: object,
    ) -> None:
        self.refuse(kwargs)
        shape = lava_shape("AsyncLIF", shape)
        super().__init__(
            shape=shape,
            u=u,
            v=v,
            du=du,
            dv=dv,
            bias_mant=bias_mant,
            bias_exp=bias_exp,
            vth=vth,
            steps_per_bin=steps_per_bin,
            offset=offset,
            refractory=bool(refractory),
            reset_interval=reset_interval,
            name=name,
            log_config=log_config,
        )
        values = {
            "u": u,
            "v": v,
            "du": du,
            "dv": dv,
            "bias_mant": bias_mant,
            "bias_exp": bias_exp,
            "vth": vth,
            "offset": offset,
        }
        for field, value in values.items():
            if np.shape(value) not in ((), (1,), shape):
                raise InvalidValue(f"AsyncLIF.{field}.shape", np.shape(value), f"(), (1,) or {shape}")
        self.proc_params["clock"] = Clock.checked("AsyncLIF", steps_per_bin, offset, reset_interval)
        self._neuron = {field: values[field] for field in ("du", "dv", "vth", "bias_mant", "bias_exp")}
        check_range("AsyncLIF.vth", real_array("AsyncLIF.vth", vth), 0, np.inf)

        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.u = Var(shape=shape, init=u)
        self.v = Var(shape=shape, init=v)
        self.du = Var(shape=np.shape(du) or (1,), init=du)
        self.dv = Var(shape=np.shape(dv) or (1,), init=dv)
        self.bias_exp = Var(shape=shape, init=bias_exp)
        self.bias_mant = Var(shape=shape, init=bias_mant)
        self.vth = Var(shape=np.shape(vth) or (1,), init=vth)

    def check_model(self, model: Any) -> None:
        """Raise if a ProcessModel has the wrong arithmetic or cannot work with the numbers given."""
        super().check_model(model)
        try:
            neuron_params("fixed_pt" in model.tags, **self._neuron)
        except (InvalidValue, InvalidType) as error:
            field = error.where.rpartition(".")[2]
            raise type(error)(f"AsyncLIF {self.name!r}.{field}", error.value, error.allowed) from None


def neuron_params(fixed: bool, du: Any, dv: Any, vth: Any, bias_mant: Any, bias_exp: Any) -> CubaParams | LoihiParams:
    """Return the parameters of neurons in the words of `LIF` as those of one arithmetic."""
    if fixed:
        return LoihiParams(du, dv, vth, bias_mant, bias_exp)
    return CubaParams(du, dv, vth, bias_mant)
