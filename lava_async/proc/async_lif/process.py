"""The Process of asynchronous neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from lava_async.proc.async_neurons.process import LIF_NUMBERS, AsyncNeurons, NeuronOptions
from lava_async.proc.lava_params import lif_params
from lava_async.records import check_range, real_array

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncLIF(AsyncNeurons):
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

    var_names: ClassVar[dict[str, str]] = {"u": "u", "v": "v"}
    number_types: ClassVar[dict[str, type]] = LIF_NUMBERS

    def __init__(
        self,
        *,
        u: ArrayLike = 0,
        v: ArrayLike = 0,
        du: ArrayLike = 0,
        dv: ArrayLike = 0,
        bias_mant: ArrayLike = 0,
        bias_exp: ArrayLike = 0,
        vth: ArrayLike = 10,
        **kwargs: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(
            {"du": du, "dv": dv, "bias_mant": bias_mant, "bias_exp": bias_exp, "vth": vth},
            state={"u": u, "v": v},
            **kwargs,
        )
        check_range("AsyncLIF.vth", real_array("AsyncLIF.vth", vth), 0, np.inf)

    params = staticmethod(lif_params)
