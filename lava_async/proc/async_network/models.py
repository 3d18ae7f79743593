"""ProcessModels of a whole network, on the engine of `lava_async.simulate`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async.proc.async_network.process import AsyncNetwork
from lava_async.simulation import Stepper


class AbstractPyAsyncNetworkModel(PyLoihiProcessModel):
    """Runs one time step per Lava time step."""

    counts: np.ndarray = LavaPyType(np.ndarray, np.int64)
    forward_steps: np.ndarray = LavaPyType(np.ndarray, np.int64)
    synaptic_operations: np.ndarray = LavaPyType(np.ndarray, np.int64)
    neuron_updates: np.ndarray = LavaPyType(np.ndarray, np.int64)
    dropped: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.stepper = Stepper(**proc_params["rules"])
        self.elapsed = 0
        self.shown: tuple[Any, Any] = (0, 0)

    def run_spk(self) -> None:
        """Run one time step on the frame that arrived and send what the output neurons emitted."""
        self.out.send(self.answer(self.inp.recv()))

    def answer(self, frame: np.ndarray) -> np.ndarray:
        """Return the output spikes of one time step; the Vars follow."""
        interval, since = self.proc_params["reset_interval"], self.elapsed - self.proc_params["reset_offset"]
        if interval and self.elapsed > 0 and since >= 0 and since % interval == 0:
            self.begin(since // interval)
        self.elapsed += 1
        self.adopt(self.u, self.shown[0], self.stepper.state.u)
        self.adopt(self.v, self.shown[1], self.stepper.state.v)
        result = self.stepper.step(frame.T)  # (W, H, C) becomes slayer's C, H, W
        self.shown = result.current, result.voltage
        self.u[:], self.v[:] = self.shown
        self.counts += result.counts[:, 0]
        self.forward_steps += result.forward_steps[0]
        for name in ("synaptic_operations", "neuron_updates", "dropped"):
            getattr(self, name)[:] += getattr(result, name)
        return result.output[:, 0].reshape(self.proc_params["out_shape"][::-1]).T

    @staticmethod
    def adopt(var: np.ndarray, shown: Any, state: np.ndarray) -> None:
        """Take over what others wrote into a Var since it was shown."""
        changed = np.flatnonzero(var != shown)
        state[changed] = var[changed]

    def begin(self, sample: int) -> None:
        """Begin a sample: everything zero."""
        self.stepper.reset(sample)
        self.shown = (0, 0)
        for var in (self.u, self.v, self.counts, self.forward_steps, self.synaptic_operations, self.neuron_updates,
                    self.dropped):  # fmt: skip
            var[:] = 0


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
