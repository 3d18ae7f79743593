"""ProcessModels of a source of input spikes."""

from __future__ import annotations

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async.proc.event_source.process import EventSource


class AbstractPyEventSourceModel(PyLoihiProcessModel):
    """Sends one frame when a time step opens."""

    def run_spk(self) -> None:
        """Send a frame or silence."""
        batch, now = self.proc_params["spikes"], self.proc_params["clock"].at(self.time_step)
        frame = np.zeros(batch.n_channels, np.int32)
        if now.opens and now.sample < len(batch) and batch.n_steps:
            here = slice(*batch.start[now.sample, now.t : now.t + 2])
            frame[batch.channel[here]] = batch.count[here]
        self.s_out.send(frame.reshape(self.proc_params["shape"][::-1]).T)


@implements(proc=EventSource, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyEventSourceModelFloat(AbstractPyEventSourceModel):
    """Counts as floating point numbers."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)


@implements(proc=EventSource, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyEventSourceModelFixed(AbstractPyEventSourceModel):
    """Counts as integers."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
