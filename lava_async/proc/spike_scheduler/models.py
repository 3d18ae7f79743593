"""ProcessModels of the queue of emitted spikes; its order is that of `lava_async.schedules`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async.engine.queue import NEVER, PendingQueue
from lava_async.execution import Execution
from lava_async.proc.clock import Moment
from lava_async.proc.spike_scheduler.process import SpikeScheduler
from lava_async.stopping import not_ended

if TYPE_CHECKING:
    from lava.magma.core.process.process import ProcessParameters


class AbstractPySpikeSchedulerModel(PyLoihiProcessModel):
    """Takes what was emitted and releases a group, once per Lava time step. Sources: input channels, then neurons."""

    pending: np.ndarray = LavaPyType(np.ndarray, np.int64)
    counts: np.ndarray = LavaPyType(np.ndarray, np.int64)
    forward_steps: np.ndarray = LavaPyType(np.ndarray, np.int64)
    dropped: np.ndarray = LavaPyType(np.ndarray, np.int64)
    carried: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        n, self.C = int(np.prod(proc_params["shape"])), proc_params["n_inputs"]
        self.clock, self.schedule = proc_params["clock"], proc_params["schedule"]
        self.stop, self.outputs = proc_params["until"].lower(), self.C + proc_params["outputs"]
        layer, queued = (np.broadcast_to(proc_params[x], proc_params["shape"]).ravel() for x in ("layer_of", "queued"))
        self.graded = proc_params["graded"]
        self.queue = PendingQueue(
            Execution(self.schedule, proc_params["until"], seed=proc_params["seed"]),
            np.zeros(1, np.int64),
            np.concatenate([np.arange(-self.C, 0), proc_params["first"] + np.arange(n)]),
            np.concatenate([np.full(self.C, -1), layer]),
            np.concatenate([np.broadcast_to(proc_params["queued_inputs"], self.C), queued]),
            # What is released: as many spikes as wait, or the sum of numbers.
            np.int64 if "fixed_pt" in self.tags else float,
        )
        self.last: int | None = None  # forward step at which a stop rule ends the time step
        self.active = False  # something was pending after the last forward step

    def run_spk(self) -> None:
        """Run one forward step."""
        now = self.clock.at(self.time_step)
        if now.opens:
            self.open(now)
        spikes = np.concatenate([self.inp.recv()[: self.C], self.s_in.recv().ravel()])
        self.take(spikes, now.k)
        released = self.release(spikes, now)
        self.pending[:] = self.queue.waiting[0, self.C :].reshape(self.pending.shape)
        self.inp_out.send(np.resize(released[: self.C], self.proc_params["n_inputs"] or 1))
        self.s_out.send(released[self.C :].reshape(self.pending.shape))

    def open(self, now: Moment) -> None:
        """Open a time step: what waited longer is older; nothing waits when a sample begins."""
        self.last = None
        self.queue.emitted -= self.clock.steps_per_bin
        self.queue.samples[0] = now.sample
        if now.begins:
            self.active = False
            self.queue.clear()
            for array in (self.counts, self.forward_steps, self.dropped, self.carried):
                array[:] = 0

    def take(self, spikes: np.ndarray, k: int) -> None:
        """Queue what was emitted."""
        here = np.flatnonzero(spikes)
        is_input = here < self.C
        momentum = np.where(is_input, np.inf, np.abs(spikes[here]) if self.graded else spikes[here])
        number = np.where(is_input, spikes[here], 1).astype(np.int64)
        payload = spikes[here].astype(self.queue.payload.dtype) if self.graded else number
        self.queue.push(0, here, np.where(is_input, NEVER, k), momentum, number, payload, self.graded)
        self.counts.ravel()[here[~is_input] - self.C] += 1

    def release(self, spikes: np.ndarray, now: Moment) -> np.ndarray:
        """Return what is released, for each source; what a stop rule ends is dropped."""
        released, layered = np.zeros_like(self.queue.payload[0]), self.schedule.layered
        if now.t >= 0 and (now.k == 0 or self.active):
            self.forward_steps += self.queue.layer.max() + 1 if layered else 1
        if self.stop.extra_steps >= 0 and self.last is None and spikes[self.outputs].any():
            self.last = now.k + self.stop.extra_steps
        waiting = self.queue.waiting.sum()
        self.active = False
        if waiting and not layered:
            over = now.k == self.last or self.schedule.ends(int(now.t), int(now.k))
            if over or now.k + 1 >= self.stop.limit:
                if not over and not self.stop.truncate:
                    raise not_ended(int(now.t), int(now.sample), self.stop.limit)
                self.dropped += waiting
                self.queue.clear()
            else:
                self.active = True
                if now.k == self.clock.steps_per_bin - 1:
                    self.carried += waiting
        _, group, payload = self.queue.pop(int(now.t), int(now.k))
        released[group] = payload
        return released


@implements(proc=SpikeScheduler, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySpikeSchedulerModelFloat(AbstractPySpikeSchedulerModel):
    """Momenta in floating point."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    inp_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)


@implements(proc=SpikeScheduler, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySpikeSchedulerModelFixed(AbstractPySpikeSchedulerModel):
    """Momenta in Loihi's integers."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    inp_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
