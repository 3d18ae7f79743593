"""The Process of a whole network."""

from __future__ import annotations

import os

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import LogConfig
from lava.magma.core.process.variable import Var

from lava_async.errors import InvalidType, InvalidValue
from lava_async.execution import Execution, Fields, chosen
from lava_async.model_files import load_model
from lava_async.network import Network
from lava_async.proc.checked_process import CheckedProcess
from lava_async.proc.stepper import TimeSteps
from lava_async.records import check_int
from lava_async.schedules import ExecutionKind
from lava_async.stopping import ENDLESS, StopRule
from lava_async.synapses import INPUT, Dense, Sparse


class AsyncNetwork(CheckedProcess):
    """A network that runs without layer synchronization, whole in one Process: one Lava time step is one time step.

    ::

        u[t], v[t] = leak(u[t-1], v[t-1], bias)      # every neuron, once per time step
        u, v += W @ delivered                        # forward steps: first the input, then group after group
        pending |= v > vth;  v[v > vth] = 0          # at most one spike per neuron and time step
        delivered = schedule(pending)                # at most F neurons; until nothing is pending

    Parameters
    ----------
    net_config : str, path or Network
        Name of a .net or .nir file, or a network. Its parameters decide the arithmetic and so the ProcessModel: float
        networks run on models tagged ``floating_pt``, integer networks on models tagged ``fixed_pt``. A .nir file is
        read with the dt that it notes; with options, read it with :func:`lava_async.nir.read`.
    execution : Execution, optional
        How the network runs; default: as its file notes (``network.execution``), else ``Execution()``.
    schedule, until, refractory, input_first, seed : optional
        Each overrides a field of the execution; see :class:`lava_async.Execution`.
    reset_interval : int, optional
        Every so many time steps a new sample begins: the state is zero again and the sample number, which keys random
        schedules, is one more. None: one sample without end.
    reset_offset : int
        Lava time steps before the first sample, for Processes in front that delay the input. Nothing runs in them.
    steps_per_bin : int, optional
        For the composition only, where one Lava time step is one forward step: Lava time steps of one time step. Input
        for time step t is taken at Lava time step ``t * steps_per_bin + 1`` (as an EventSource sends it), output comes
        from the next Lava time step on. Default: as many as the network can need.
    name, log_config
        As in every Lava Process.

    Attributes
    ----------
    inp : InPort
        Input spike counts, or numbers of any sign. ``(C,)``; ``(W, H, C)`` as in netx where the input is an image for a
        convolution.
    out : OutPort
        Spike counts of the output neurons in this time step; of sigma-delta neurons the sum of what they sent, and
        their sigma where they never send (``sigma_output`` in .net files), as Lava's Processes send them. ``(n_out,)``,
        or ``(W, H, C)`` of a convolution.
    decided_out : OutPort (1,)
        Tells receivers, in every time step, after how many time steps ``Margin`` has decided the sample; 0: it goes on.
        After the decision `out` is silent until the next sample begins. Of the models on the engine.
    decided : Var (1,)
        What `decided_out` sent last.
    u, v : Var (N,)
        Current and voltage of all neurons.
    counts : Var (N,)
        Spikes of each neuron since the sample began, as are the counters below.
    forward_steps, synaptic_operations, neuron_updates, dropped : Var (1,)
        As in :class:`lava_async.Result`, summed over the time steps of the sample.
    network, execution
        What runs, and how.
    schedule, until
        Of the execution.

    Raises
    ------
    InvalidValue, InvalidType
        If an argument cannot be used; when the network is compiled, if the chosen model has the other arithmetic, or is
        composed of Processes and cannot run the execution.
    NetxError, NirError
        If the file cannot be read, or a part of the execution that it notes cannot be run and is not overridden.

    See Also
    --------
    lava_async.proc.runtime.run : runs Processes and cannot hang.

    Examples
    --------
    >>> import numpy as np
    >>> import lava_async  # before Lava
    >>> from lava.magma.core.run_configs import Loihi2SimCfg
    >>> from lava.proc.io.sink import RingBuffer as Sink
    >>> from lava.proc.io.source import RingBuffer as Source
    >>> from lava_async import LoihiParams, Network, Random
    >>> from lava_async.proc.runtime import run
    >>> net = AsyncNetwork(
    ...     net_config=Network.feedforward([[[80], [90]], [[60, 60]]], LoihiParams(du=4095, dv=0, vth=70)),
    ...     schedule=Random(group_size=1),
    ... )
    >>> source, sink = Source(data=np.array([[1, 0, 1]])), Sink(shape=net.out.shape, buffer=3)
    >>> source.s_out.connect(net.inp)
    >>> net.out.connect(sink.a_in)
    >>> session = run(net, 3, Loihi2SimCfg(select_tag="fixed_pt"))
    >>> sink.data.get(), net.counts.get()
    (array([[1., 0., 1.]]), array([2., 2., 2.]))
    """

    def __init__(
        self,
        *,
        net_config: str | os.PathLike[str] | Network,
        execution: Execution | None = None,
        schedule: ExecutionKind | None = None,
        until: StopRule | None = None,
        reset_interval: int | None = None,
        reset_offset: int = 0,
        steps_per_bin: int | None = None,
        refractory: bool | None = None,
        input_first: bool | None = None,
        seed: int | None = None,
        name: str | None = None,
        log_config: LogConfig | None = None,
        **kwargs: object,
    ) -> None:
        self.refuse(kwargs)
        fields: Fields = {
            "schedule": schedule,
            "until": until,
            "refractory": refractory,
            "input_first": input_first,
            "seed": seed,
        }
        self.network = _load(net_config, execution, fields)
        how = chosen(execution, self.network.execution, **fields)
        self.execution, self.schedule, self.until = how, how.schedule, how.until
        if reset_interval is not None:
            check_int("AsyncNetwork.reset_interval", reset_interval, least=1)
        if steps_per_bin is not None:
            check_int("AsyncNetwork.steps_per_bin", steps_per_bin, least=1)
        check_int("AsyncNetwork.reset_offset", reset_offset)
        super().__init__(
            net_config=net_config,
            execution=how,
            schedule=how.schedule,
            until=how.until,
            reset_interval=reset_interval,
            reset_offset=reset_offset,
            steps_per_bin=steps_per_bin,
            refractory=how.refractory,
            input_first=how.input_first,
            seed=how.seed,
            name=name,
            log_config=log_config,
        )
        self.arithmetic = self.network.params.tag
        self._steps_per_bin = steps_per_bin
        # One step here, so that what is wrong shows now.
        frame_type = np.int32 if self.arithmetic == "fixed_pt" else np.float64
        TimeSteps(self.network, how).step(np.zeros(self.network.n_inputs, frame_type))
        self.proc_params["network"] = self.network
        self.proc_params["out_shape"] = _port_shape(self.network, len(self) - 1)

        shape = (self.network.n_neurons,)
        self.inp = InPort(shape=_port_shape(self.network, INPUT))
        self.out = OutPort(shape=self.proc_params["out_shape"])
        self.decided_out = OutPort(shape=(1,))
        self.decided = Var(shape=(1,), init=0)
        self.u = Var(shape=shape, init=0)
        self.v = Var(shape=shape, init=0)
        self.counts = Var(shape=shape, init=0)
        self.forward_steps = Var(shape=(1,), init=0)
        self.synaptic_operations = Var(shape=(1,), init=0)
        self.neuron_updates = Var(shape=(1,), init=0)
        self.dropped = Var(shape=(1,), init=0)

    def __len__(self) -> int:
        return len(self.network.layers)

    def __str__(self) -> str:
        return _table(self.network)

    def forward_steps_per_bin(self) -> int:
        """Return how many Lava time steps the composition needs for one time step."""
        if self._steps_per_bin is not None:
            return self._steps_per_bin
        most = self.schedule.forward_steps(len(self))
        if most is not None:
            return most
        limit = self.until.lower().limit
        if self.proc_params["refractory"]:  # Every forward step but the first delivers a spike of another neuron.
            sources = self.network.n_neurons + self.network.n_inputs * (not self.proc_params["input_first"])
            return min(sources + 1, limit)
        if limit == ENDLESS:
            raise InvalidValue("AsyncNetwork.steps_per_bin", None, "given, since neurons may fire any number of times")
        return limit


def _load(net_config: object, execution: Execution | None, fields: Fields) -> Network:
    """Return the network; what an argument says about its execution is not looked at in its file."""
    if isinstance(net_config, Network):
        return net_config
    if not isinstance(net_config, (str, os.PathLike)):
        raise InvalidType("AsyncNetwork.net_config", net_config, "a path of a .net or .nir file or a Network")
    noted = fields if execution is None else chosen(execution, **fields).fields()
    return load_model(net_config, **noted).network


def _port_shape(network: Network, layer: int) -> tuple[int, ...]:
    """Return the shape of a port: (W, H, C) for images of convolutions, else flat."""
    if layer == INPUT:
        shape, ends = network.input_shape, [s for s in network.synapses if s.source == INPUT]
    else:
        here, whole = network.layer_slices[layer], np.arange(network.n_neurons)
        if not np.array_equal(network.outputs, whole[here]):
            return (len(network.outputs),)
        shape, ends = network.layers[layer].shape, [s for s in network.synapses if s.target == layer]
    image = len(shape) == 3 and not all(isinstance(s, (Dense, Sparse)) for s in ends)
    return shape[::-1] if image else (int(np.prod(shape)),)


def _table(network: Network) -> str:
    """Return the layers as a table, in the manner of netx."""
    lines = ["|   Layer    |  W  |  H  |  C  | neurons | synapses |delay|"]
    for index, layer in enumerate(network.layers):
        channels, height, width = (*layer.shape, 1, 1)[:3]
        ends = [s for s in network.synapses if s.target == index]
        synapses = sum(len(s.fan_out(j).target) for s in ends for j in range(s.n_source))
        delayed = any(s.max_delay for s in ends)
        name = layer.name or f"layer {index}"
        lines.append(f"|{name:12.12}|{width:5}|{height:5}|{channels:5}|{layer.size:9}|{synapses:10}|{delayed!s:5}|")
    return "\n".join(lines)
