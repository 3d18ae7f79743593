"""ProcessModels of asynchronous neurons; their equations are those of `lava_async.neurons`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async.proc.async_lif.process import AsyncLIF, neuron_params


class AbstractPyAsyncLifModel(PyLoihiProcessModel):
    """Runs one forward step per Lava time step."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.refractory = np.zeros(proc_params["shape"], bool)
        self.params: Any = None

    def on_var_update(self) -> None:
        """Parameters may have been set."""
        self.params = None

    def run_spk(self) -> None:
        """Open a time step if its moment has come; integrate; fire."""
        if self.params is None:
            values = [
                np.broadcast_to(x, self.v.shape) for x in (self.du, self.dv, self.vth, self.bias_mant, self.bias_exp)
            ]
            self.params = neuron_params("fixed_pt" in self.tags, *values)
            self.p = self.params.arrays()
        now = self.proc_params["clock"].at(self.time_step)
        opens = np.broadcast_to(now.opens, self.v.shape)
        self.u[now.begins] = self.v[now.begins] = 0
        if opens.any():
            leaked = self.params.open(self.p, {"u": self.u, "v": self.v}, np.zeros(self.v.shape, bool))
            self.u[opens], self.v[opens] = leaked["u"][opens], leaked["v"][opens]
            self.refractory[opens] = False
        arriving = self.params.arriving(self.a_in.recv(), ...)
        touched = opens | (arriving != 0)
        after = self.params.integrate(self.p, {"u": self.u, "v": self.v}, arriving, self.refractory)
        self.u[touched], self.v[touched] = after["u"][touched], after["v"][touched]
        # Nothing fires before its first time step opens, whatever its voltage is; as in the engines, only what opens or
        # is touched is checked.
        above = self.params.fires(self.p, {"u": self.u, "v": self.v})
        fires = touched & (np.asarray(now.t) >= 0) & above & ~self.refractory
        self.s_out.send(np.where(fires, self.v, 0))
        self.v[fires] = 0
        self.refractory |= fires & self.proc_params["refractory"]


@implements(proc=AsyncLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncLifModelFloat(AbstractPyAsyncLifModel):
    """Neurons in floating point."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    u: np.ndarray = LavaPyType(np.ndarray, np.float32)
    v: np.ndarray = LavaPyType(np.ndarray, np.float32)
    du: np.ndarray = LavaPyType(np.ndarray, float)
    dv: np.ndarray = LavaPyType(np.ndarray, float)
    bias_mant: np.ndarray = LavaPyType(np.ndarray, float)
    bias_exp: np.ndarray = LavaPyType(np.ndarray, float)
    vth: np.ndarray = LavaPyType(np.ndarray, float)


@implements(proc=AsyncLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncLifModelFixed(AbstractPyAsyncLifModel):
    """Neurons in Loihi's integers."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=16)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    v: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=24)
    du: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=12)
    dv: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=12)
    bias_mant: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=13)
    bias_exp: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=3)
    vth: np.ndarray = LavaPyType(np.ndarray, np.int64, precision=17)
