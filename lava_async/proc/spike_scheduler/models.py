"""ProcessModels of the queue of emitted spikes; its order is that of `lava_async.schedules`."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async import draws
from lava_async.proc.clock import Moment
from lava_async.proc.spike_scheduler.process import SpikeScheduler
from lava_async.schedules import Pending
from lava_async.stopping import not_ended

#: Forward step in which input spikes were emitted: before every other.
NEVER = -1


class AbstractPySpikeSchedulerModel(PyLoihiProcessModel):
    """Takes what was emitted and releases a group, once per Lava time step. Sources: input channels, then neurons."""

    pending: np.ndarray = LavaPyType(np.ndarray, np.int64)
    counts: np.ndarray = LavaPyType(np.ndarray, np.int64)
    forward_steps: np.ndarray = LavaPyType(np.ndarray, np.int64)
    dropped: np.ndarray = LavaPyType(np.ndarray, np.int64)
    carried: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        n, self.C = int(np.prod(proc_params["shape"])), proc_params["n_inputs"]
        self.clock, self.schedule = proc_params["clock"], proc_params["schedule"]
        self.stop, self.outputs = proc_params["until"].lower(), self.C + proc_params["outputs"]
        self.index = np.concatenate([np.arange(-self.C, 0), proc_params["first"] + np.arange(n)])
        layer, queued = (np.broadcast_to(proc_params[x], proc_params["shape"]).ravel() for x in ("layer_of", "queued"))
        self.layer = np.concatenate([np.full(self.C, -1), layer])
        self.queued = np.concatenate([np.broadcast_to(proc_params["queued_inputs"], self.C), queued])
        self.graded = proc_params["graded"]
        self.waiting, self.emitted = np.zeros((2, self.C + n), np.int64)
        # What is released: as many spikes as wait, or the sum of numbers.
        self.payload = np.zeros(self.C + n, np.int64 if "fixed_pt" in self.tags else float)
        self.momentum = np.zeros(self.C + n)
        self.last: int | None = None  # forward step at which a stop rule ends the time step
        self.active = False  # something was pending after the last forward step

    def run_spk(self) -> None:
        """Run one forward step."""
        now = self.clock.at(self.time_step)
        if now.opens:
            self.open(now)
        spikes = np.concatenate([self.inp.recv()[: self.C], self.s_in.recv().ravel()])
        self.take(spikes, now.k)
        group = self.choose(spikes, now)
        released = np.zeros_like(self.payload)
        released[group] = self.payload[group]
        self.payload[group] = self.waiting[group] = 0
        self.pending[:] = self.waiting[self.C :].reshape(self.pending.shape)
        self.inp_out.send(np.resize(released[: self.C], self.proc_params["n_inputs"] or 1))
        self.s_out.send(released[self.C :].reshape(self.pending.shape))

    def open(self, now: Moment) -> None:
        """Open a time step: what waited longer is older; nothing waits when a sample begins."""
        self.last = None
        self.emitted -= self.clock.steps_per_bin
        if now.begins:
            self.active = False
            for array in (self.payload, self.waiting, self.counts, self.forward_steps, self.dropped, self.carried):
                array[:] = 0

    def take(self, spikes: np.ndarray, k: int) -> None:
        """Queue what was emitted."""
        here = np.flatnonzero(spikes)
        first, is_input = here[self.waiting[here] == 0], here < self.C
        size = np.abs(spikes[first]) if self.graded else spikes[first]
        self.momentum[first] = np.where(first < self.C, np.inf, size)
        self.emitted[first] = np.where(first < self.C, NEVER, k)
        spikes_here = np.where(is_input, spikes[here], 1).astype(np.int64) * self.queued[here]
        if self.graded:
            self.waiting[here] = self.queued[here]
            self.payload[here] += (spikes[here] * self.queued[here]).astype(self.payload.dtype)
        else:
            self.waiting[here] += spikes_here
            self.payload[here] += spikes_here
        self.counts.ravel()[here[~is_input] - self.C] += 1

    def choose(self, spikes: np.ndarray, now: Moment) -> np.ndarray:
        """Return who is released; what a stop rule ends is dropped."""
        layered = self.schedule.layered
        if now.t >= 0 and (now.k == 0 or self.active):
            self.forward_steps += self.layer.max() + 1 if layered else 1
        if self.stop.extra_steps >= 0 and self.last is None and spikes[self.outputs].any():
            self.last = now.k + self.stop.extra_steps
        waiting = np.flatnonzero(self.waiting)
        self.active = False
        if layered or not len(waiting):
            return waiting
        over = now.k == self.last or self.schedule.ends(int(now.t), int(now.k))
        if over or now.k + 1 >= self.stop.limit:
            if not over and not self.stop.truncate:
                raise not_ended(now.t, now.sample, self.stop.limit)
            self.dropped += self.waiting.sum()
            self.payload[:] = self.waiting[:] = 0
            return waiting[:0]
        self.active = True
        if now.k == self.clock.steps_per_bin - 1:
            self.carried += self.waiting.sum()
        i = self.index[waiting]
        pending = Pending(
            i,
            self.momentum[waiting],
            self.emitted[waiting],
            self.layer[waiting],
            int(now.t),
            int(now.k),
            lambda stream: draws.key(self.proc_params["seed"], stream, int(now.sample), int(now.t), int(now.k), i),
        )
        return waiting[np.sort(self.schedule.pick(pending))]


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
