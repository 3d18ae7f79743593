"""ProcessModels of the decision that output spikes stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async.proc.readout.process import Readout

if TYPE_CHECKING:
    from lava.magma.core.process.process import ProcessParameters


class AbstractPyReadoutModel(PyLoihiProcessModel):
    """Counts spikes and decides, in every Lava time step."""

    decision: np.ndarray = LavaPyType(np.ndarray, np.int64)
    confidence: np.ndarray = LavaPyType(np.ndarray, float)
    decision_time: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.counts = np.zeros(proc_params["n_classes"])

    def run_spk(self) -> None:
        """Take the output spikes of one Lava time step."""
        clock, spikes = self.proc_params["clock"], self.s_in.recv()
        now = clock.at(self.time_step)
        i = now.sample % len(self.decision)
        if now.t >= 0:
            if now.opens and now.t == 0:
                self.counts[:], self.decision[i], self.confidence[i], self.decision_time[i] = 0, -1, 0, 0
            self.take(spikes, i, now.t * clock.steps_per_bin + now.k + 1)
        self.out.send(self.decision[i : i + 1])

    def take(self, spikes: np.ndarray, i: int, step: int) -> None:
        """Count spikes and decide on sample i at a Lava time step of it."""
        if self.proc_params["rule"] == "first" and self.decision[i] >= 0:
            return
        self.counts += (spikes != 0) if self.proc_params["graded"] else spikes
        if not self.counts.any():
            return
        leading = self.counts.argmax()
        self.confidence[i] = self.counts[leading] / self.counts.sum()
        if leading != self.decision[i]:
            self.decision[i], self.decision_time[i] = leading, step


@implements(proc=Readout, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyReadoutModelFloat(AbstractPyReadoutModel):
    """Spikes as floating point numbers."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)


@implements(proc=Readout, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyReadoutModelFixed(AbstractPyReadoutModel):
    """Spikes as integers."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
