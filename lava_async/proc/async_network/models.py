"""ProcessModels of a whole network: on the engine of `lava_async.simulate`, or composed of Processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyAsyncProcessModel, PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.async_protocol import AsyncProtocol
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async.errors import InvalidType
from lava_async.neurons import CubaParams, LoihiParams, unknown
from lava_async.proc.async_lif.process import AsyncLIF
from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.proc.channels import ReceivingEnd
from lava_async.proc.network_synapses.process import NetworkSynapses
from lava_async.proc.spike_scheduler.process import SpikeScheduler
from lava_async.proc.stepper import TimeSteps

if TYPE_CHECKING:
    from lava.magma.core.process.process import ProcessParameters

#: Seconds between two looks for a command.
GLANCE_SECONDS = 1e-3
#: Seconds without a frame after which a stop or pause is obeyed: Processes in step with Loihi's finish theirs first.
QUIET_SECONDS = 0.1


class Answering:
    """What the models on the engine share: one frame in, one answer out, the Vars follow."""

    u: np.ndarray
    v: np.ndarray
    var_ports: list[Any]
    counts: np.ndarray = LavaPyType(np.ndarray, np.int64)
    forward_steps: np.ndarray = LavaPyType(np.ndarray, np.int64)
    synaptic_operations: np.ndarray = LavaPyType(np.ndarray, np.int64)
    neuron_updates: np.ndarray = LavaPyType(np.ndarray, np.int64)
    dropped: np.ndarray = LavaPyType(np.ndarray, np.int64)
    decided: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)  # type: ignore[call-arg]
        self.settings = proc_params
        self.time_steps = TimeSteps(proc_params["network"], proc_params["execution"])
        self.elapsed = 0
        self.written = False

    def on_var_update(self) -> None:
        """Current or voltage may have been set."""
        self.written = True

    def answer(self, frame: np.ndarray) -> np.ndarray:
        """Return the output spikes of one time step."""
        interval, since = self.settings["reset_interval"], self.elapsed - self.settings["reset_offset"]
        shape = self.settings["out_shape"]
        self.elapsed += 1
        if since < 0:
            return np.zeros(shape, np.int32)
        if interval and since > 0 and since % interval == 0:
            self.begin(since // interval)
        if self.written or self.var_ports:
            self.adopt()
        flat = frame if frame.ndim == 1 else np.ascontiguousarray(frame.T).ravel()  # (W, H, C) becomes slayer's C, H, W
        spikes = self.time_steps.step(flat)
        stepper = self.time_steps.stepper
        self.u[:], self.v[:] = stepper.state.u, stepper.state.v
        self.counts += stepper.counts
        for var, more in zip(self.counters(), stepper.totals(), strict=True):
            var[0] += more
        self.decided[0] = stepper.state.decided
        return spikes if len(shape) == 1 else spikes.reshape(shape[::-1]).T

    def adopt(self) -> None:
        """Take over what others wrote into current and voltage."""
        now = self.time_steps.stepper.state
        for var, state in ((self.u, now.u), (self.v, now.v)):
            changed = np.flatnonzero(var != state)
            state[changed] = var[changed]
        self.written = False

    def begin(self, sample: int) -> None:
        """Begin a sample: everything zero."""
        self.time_steps.stepper.reset(sample)
        for var in (self.u, self.v, self.counts, self.decided, *self.counters()):
            var[:] = 0

    def counters(self) -> tuple[np.ndarray, ...]:
        """Return the Vars of one number."""
        return self.forward_steps, self.synaptic_operations, self.neuron_updates, self.dropped


class AbstractPyAsyncNetworkModel(Answering, PyLoihiProcessModel):
    """Runs one time step per Lava time step."""

    decided_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        """Run one time step on the frame that arrived and send what the output neurons emitted."""
        self.out.send(self.answer(self.inp.recv()))
        self.decided_out.send(self.decided.astype(np.int32))


@implements(proc=AsyncNetwork, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncNetworkModelFloat(AbstractPyAsyncNetworkModel):
    """Float networks."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    u: np.ndarray = LavaPyType(np.ndarray, np.float32)
    v: np.ndarray = LavaPyType(np.ndarray, np.float32)


@implements(proc=AsyncNetwork, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncNetworkModelFixed(AbstractPyAsyncNetworkModel):
    """Networks in Loihi's integers."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    v: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)


@implements(proc=AsyncNetwork, protocol=AsyncProtocol)
@requires(CPU)
@tag("floating_pt", "fixed_pt")
class PyAsyncNetworkModelAsync(Answering, PyAsyncProcessModel):
    """Networks of both arithmetics that answer a frame when it comes, under the AsyncProtocol.

    Select it with ``exception_proc_model_map={AsyncNetwork: PyAsyncNetworkModelAsync}``. A run of n steps answers n
    frames.
    """

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    decided_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    u: np.ndarray = LavaPyType(np.ndarray, float)
    v: np.ndarray = LavaPyType(np.ndarray, float)

    def run_async(self) -> None:
        """Answer frames until enough were answered, or until told to stop or pause."""
        for _ in range(self.num_steps):
            if not self.wait_until(self.inp.probe):
                return
            spikes = self.answer(self.inp.recv())
            if not self.wait_until(self._has_room):
                return
            self.out.send(spikes)
            self.decided_out.send(self.decided.astype(np.int32))

    def _has_room(self) -> bool:
        """Tell whether an answer can be sent."""
        return all(port.probe() for port in (*self.out.csp_ports, *self.decided_out.csp_ports))

    def wait_until(self, ready: Callable[[], bool]) -> bool:
        """Wait until a port is ready; False if there is a command to obey instead."""
        deadline = np.inf
        while not ready():
            if self.check_for_stop_cmd() or self.check_for_pause_cmd():
                deadline = min(deadline, time.monotonic() + QUIET_SECONDS)
            if time.monotonic() > deadline:
                return False
            self.rest()
        # Without a source there is always a frame: silence.
        return bool(self.inp.csp_ports) or not (self.check_for_stop_cmd() or self.check_for_pause_cmd())

    def rest(self) -> None:
        """Let a moment pass, no longer than until a frame comes."""
        missing = next((end for end in self.inp.csp_ports if not end.probe()), None)
        if isinstance(missing, ReceivingEnd):
            missing.wait(GLANCE_SECONDS)
        else:
            time.sleep(GLANCE_SECONDS / 10)


@implements(proc=AsyncNetwork, protocol=LoihiProtocol)
@tag("floating_pt", "fixed_pt")
class SubAsyncNetworkModel(AbstractSubProcessModel):
    """The network as a composition: flat neurons, one queue for all of them, all synapses.

    Select it with ``select_sub_proc_model=True``. One Lava time step is then one forward step. In fixed point it is
    exact as long as less than 2^24 arrives at a neuron at once: a current that is still out of range after it wrapped
    wraps again when anything arrives, and here a sum of 0 is nothing.
    """

    def __init__(self, proc: AsyncNetwork) -> None:
        net, p = proc.network, cast(Any, proc.network.params)
        if name := unknown(p, CubaParams, LoihiParams):
            raise InvalidType(
                "AsyncNetwork.network.params",
                name,
                "CubaParams or LoihiParams for a composition of Processes; select_sub_proc_model=False runs any model",
            )
        if proc.decided_out.out_connections:
            allowed = "left unconnected in a composition of Processes, where no rule ends samples"
            raise InvalidType("AsyncNetwork.decided_out", "connected", allowed)
        layered = proc.schedule.layered
        early = proc.proc_params["input_first"] or layered
        interval = proc.proc_params["reset_interval"]
        steps = proc.forward_steps_per_bin()
        offset = early + proc.proc_params["reset_offset"]
        clock: dict[str, Any] = {"steps_per_bin": steps, "reset_interval": interval}
        bias: dict[str, Any] = (
            {"bias_mant": p.bias_mant, "bias_exp": p.bias_exp} if p.tag == "fixed_pt" else {"bias_mant": p.bias}
        )
        self.neurons = AsyncLIF(
            shape=(net.n_neurons,),
            du=p.du,
            dv=p.dv,
            vth=p.vth,
            **bias,
            refractory=proc.proc_params["refractory"],
            offset=offset + net.layer_of * layered,
            **clock,
        )
        self.synapses = NetworkSynapses(network=net, schedule=proc.schedule, input_first=early, offset=offset, **clock)
        fans = [net.fan_out(j) for j in range(-net.n_inputs, net.n_neurons)]
        queued = np.array([(fan.delay == 0).any() or not len(fan.delay) for fan in fans])
        self.scheduler = SpikeScheduler(
            shape=(net.n_neurons,),
            schedule=proc.schedule,
            until=proc.until,
            seed=proc.proc_params["seed"],
            layer_of=net.layer_of,
            outputs=net.outputs,
            queued=queued[net.n_inputs :],
            n_inputs=0 if early else net.n_inputs,
            queued_inputs=early or queued[: net.n_inputs],
            offset=offset,
            **clock,
        )
        for child in (self.neurons, self.synapses, self.scheduler):
            child.arithmetic = p.tag

        self.synapses.a_out.connect(self.neurons.a_in)
        self.neurons.s_out.connect([self.scheduler.s_in, self.synapses.e_in])
        self.scheduler.s_out.connect(self.synapses.s_in)
        if net.n_inputs:
            frames = proc.inp if proc.inp.shape == (net.n_inputs,) else proc.inp.transpose((2, 1, 0)).flatten()
            frames.connect(self.synapses.inp)
            if not early:
                frames.connect(self.scheduler.inp)
                self.scheduler.inp_out.connect(self.synapses.i_in)
        if len(net.outputs):
            flat = proc.out.shape == (len(net.outputs),)
            spikes = self.synapses.out if flat else self.synapses.out.reshape(proc.out.shape[::-1]).transpose((2, 1, 0))
            spikes.connect(proc.out)

        for owner, names in (
            (self.neurons, ("u", "v")),
            (self.scheduler, ("forward_steps", "dropped")),
            (self.synapses, ("counts", "synaptic_operations", "neuron_updates")),
        ):
            for name in names:
                getattr(proc, name).alias(getattr(owner, name))
