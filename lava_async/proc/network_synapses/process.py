"""The Process of all synapses of a network."""

from __future__ import annotations

from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var

from lava_async.errors import InvalidType
from lava_async.network import Network
from lava_async.proc.checked_process import CheckedProcess
from lava_async.proc.clock import Clock
from lava_async.schedules import ExecutionKind, Layered, checked


class NetworkSynapses(CheckedProcess):
    """All synapses of a network as one connection between flat populations, exactly as `lava_async.simulate` sums them.

    ::

        a_out = arriving                             # as every Lava connection: what came one Lava time step ago
        arriving = W @ s_in + W_in @ inp             # synapses without delay, of released spikes
        later[t + d] += W_d @ e_in + W_in_d @ inp    # synapses with a delay of d time steps, of emitted spikes
        out = e_in[outputs] > 0                      # what the output neurons emit, in the same Lava time step

    Stock `Dense` and `Sparse` do the same for weights that they do not truncate and sums that do not round. This one
    takes any network: float sums in the order of the engines, one weight exponent per neuron, delays in time steps.

    Parameters
    ----------
    network : Network
        Whose synapses.
    schedule : Schedule
        ``Layered()`` lets the spikes of a time step reach layer k in its forward step k.
    steps_per_bin, offset, reset_interval
        As in :class:`~lava_async.proc.async_lif.process.AsyncLIF` behind it.
    input_first : bool
        Input is delivered at once; False: it comes through `i_in` when a scheduler releases it.
    name, log_config
        As in every Lava Process.

    Attributes
    ----------
    inp : InPort (C,)
        Input spike counts; (1,) if there is no input.
    i_in : InPort (C,)
        Input spike counts that a scheduler released.
    s_in : InPort (N,)
        Payloads of released spikes.
    e_in : InPort (N,)
        Emitted spikes, any value but 0.
    a_out : OutPort (N,)
        For `AsyncLIF.a_in`.
    out : OutPort (n_out,)
        Spikes of the output neurons; (1,) if there are none.
    counts : Var (N,)
        Spikes of each neuron since the sample began, as are the counters below.
    synaptic_operations, neuron_updates : Var (1,)
        As in :class:`lava_async.Result`.

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used; when the network is compiled, if the chosen model has the other arithmetic.

    Examples
    --------
    >>> import numpy as np
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.io.sink import RingBuffer as Sink
    >>> from lava.proc.io.source import RingBuffer as Source
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.proc.runtime import run
    >>> network = Network.feedforward([[[3], [5]]], LoihiParams(du=0, dv=0, vth=1, weight_exp=[1, 2]))
    >>> source, synapses = Source(data=np.array([[2, 0]])), NetworkSynapses(network=network)
    >>> sink = Sink(shape=(2,), buffer=2)
    >>> source.s_out.connect(synapses.inp)
    >>> synapses.a_out.connect(sink.a_in)
    >>> session = run(sink, 2, Loihi2SimCfg(select_tag="fixed_pt"))
    >>> sink.data.get()
    array([[ 0., 12.],
           [ 0., 40.]])
    """

    def __init__(
        self,
        *,
        network: Network,
        schedule: ExecutionKind = Layered(),  # noqa: B008 (frozen)
        steps_per_bin: int = 1,
        offset: int = 1,
        reset_interval: int | None = None,
        input_first: bool = True,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: object,
    ) -> None:
        self.refuse(kwargs)
        if not isinstance(network, Network):
            raise InvalidType("NetworkSynapses.network", network, "a Network")
        checked("NetworkSynapses.schedule", schedule)
        super().__init__(
            network=network,
            schedule=schedule,
            steps_per_bin=steps_per_bin,
            offset=offset,
            reset_interval=reset_interval,
            input_first=bool(input_first),
            name=name,
            log_config=log_config,
        )
        self.proc_params["clock"] = Clock.checked("NetworkSynapses", steps_per_bin, offset, reset_interval)
        self.arithmetic = network.params.tag

        inputs, neurons, outputs = (network.n_inputs or 1,), (network.n_neurons,), (len(network.outputs) or 1,)
        self.inp = InPort(shape=inputs)
        self.i_in = InPort(shape=inputs)
        self.s_in = InPort(shape=neurons)
        self.e_in = InPort(shape=neurons)
        self.a_out = OutPort(shape=neurons)
        self.out = OutPort(shape=outputs)
        self.counts = Var(shape=neurons, init=0)
        self.synaptic_operations = Var(shape=(1,), init=0)
        self.neuron_updates = Var(shape=(1,), init=0)
