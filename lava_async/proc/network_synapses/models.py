"""ProcessModels of all synapses of a network."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from lava_async.neurons.loihi import STATE_SHIFT
from lava_async.proc.clock import Moment
from lava_async.proc.network_synapses.process import NetworkSynapses

if TYPE_CHECKING:
    from lava.magma.core.process.process import ProcessParameters


class AbstractPyNetworkSynapsesModel(PyLoihiProcessModel):
    """Keeps spikes under way until the Lava time step in which they arrive. Sources: channel - C, neuron."""

    counts: np.ndarray = LavaPyType(np.ndarray, np.int64)
    synaptic_operations: np.ndarray = LavaPyType(np.ndarray, np.int64)
    neuron_updates: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        self.net, self.clock = proc_params["network"], proc_params["clock"]
        self.layered = proc_params["schedule"].layered
        self.early = proc_params["input_first"] or self.layered
        self.fan: dict[tuple[int, int, int], Any] = {}  # source, delay, layer -> places, targets, weights
        self.routes: dict[int, list[tuple[int, int, int]]] = {}  # source -> delay, time steps to wait, layer
        for j in range(-self.net.n_inputs, self.net.n_neurons):
            self.lay_out(j)
        # Lava time step -> (sample, source, delay) -> payload
        self.under_way: dict[int, dict[tuple[int, int, int], int]] = defaultdict(lambda: defaultdict(int))

    def lay_out(self, j: int) -> None:
        """Sort the synapses of a source by delay and, for the layered schedule, by the layer that they reach."""
        fan, of = self.net.fan_out(j), self.net.layer_of
        reached = of[fan.target] if self.layered else np.zeros_like(fan.target)
        self.routes[j] = []
        for d, layer in sorted(set(zip(fan.delay.tolist(), reached.tolist(), strict=True))):
            part = (fan.delay == d) & (reached == layer)
            self.fan[j, d, layer] = np.flatnonzero(part), fan.target[part], fan.weight[part]
            # With the layered schedule feedback arrives at the next time step.
            back = self.layered and j >= 0 and of[j] >= layer
            if d or self.layered:
                self.routes[j].append((d, max(d, int(back)), layer))

    def run_spk(self) -> None:
        """Send what arrives now; then take what comes in, was emitted, was released."""
        now = self.clock.at(self.time_step)
        if now.begins:
            for var in (self.counts, self.synaptic_operations, self.neuron_updates):
                var[:] = 0
        self.a_out.send(self.arriving(now))

        C, outputs = self.net.n_inputs, self.net.outputs
        frame, released_input = self.inp.recv()[:C], self.i_in.recv()[:C]
        emitted, released = self.e_in.recv() != 0, self.s_in.recv()
        self.counts += emitted
        self.out.send(np.resize(emitted[outputs], len(outputs) or 1).astype(np.int32))
        # Input that is delivered at once comes one Lava time step before the time step that it belongs to.
        self.send_later(frame, -C, self.time_step + self.early)
        self.send_later(emitted, 0, self.time_step)
        if not self.layered:
            self.send_now(frame if self.early else released_input, -C)
            self.send_now(released, 0)

    def arriving(self, now: Moment) -> np.ndarray:
        """Return the sum of what arrives, in ascending order of the sources and, for each, of its connections."""
        layer = int(now.k) if self.layered else 0
        total, touched = np.zeros(self.net.n_neurons, self.net.params.arrays().bias.dtype), set()
        arrived: dict[int, list[Any]] = defaultdict(list)  # source -> parts with different delays
        for (sample, j, d), payload in self.under_way.pop(self.time_step, {}).items():
            if sample == now.sample:
                place, target, weight = self.fan[j, d, layer]
                arrived[j].append((place, target, total.dtype.type(payload) * weight))
        for j in sorted(arrived):
            place, target, brought = (np.concatenate(column) for column in zip(*arrived[j], strict=True))
            order = np.argsort(place)
            np.add.at(total, target[order], brought[order])
            touched.update(target.tolist())
            self.synaptic_operations += len(target)
        self.neuron_updates += self.net.n_neurons * bool(now.opens) if self.layered else len(touched)
        return total >> STATE_SHIFT if self.net.params.tag == "fixed_pt" else total

    def send_later(self, spikes: np.ndarray, first: int, lava_step: int) -> None:
        """Send spikes of the time step in which `lava_step` lies through synapses that make them wait."""
        moment = self.clock.at(lava_step)
        if moment.t < 0:  # Before the first time step nothing is taken.
            return
        for i in np.flatnonzero(spikes):
            for d, bins, layer in self.routes[first + i]:
                arrival = lava_step - int(moment.k) + bins * self.clock.steps_per_bin + layer
                self.under_way[arrival][int(moment.sample), first + i, d] += int(spikes[i])

    def send_now(self, spikes: np.ndarray, first: int) -> None:
        """Send spikes through synapses without delay: they arrive in the next Lava time step."""
        moment = self.clock.at(self.time_step + (first < 0 and self.early))
        if moment.t < 0:
            return
        sample = int(moment.sample)
        for i in np.flatnonzero(spikes):
            if (first + i, 0, 0) in self.fan:
                self.under_way[self.time_step + 1][sample, first + i, 0] += int(spikes[i])


@implements(proc=NetworkSynapses, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyNetworkSynapsesModelFloat(AbstractPyNetworkSynapsesModel):
    """Synapses of float networks."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    i_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    e_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)


@implements(proc=NetworkSynapses, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyNetworkSynapsesModelFixed(AbstractPyNetworkSynapsesModel):
    """Synapses of networks in Loihi's integers."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    i_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    e_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
