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

from lava_async.neurons.base import part_of
from lava_async.proc.async_neurons.process import (
    AsyncATRLIF,
    AsyncDelta,
    AsyncLIFRefractory,
    AsyncRF,
    AsyncRF_IZ,
    AsyncSigmaDelta,
)


class AbstractPyAsyncNeuronsModel(PyLoihiProcessModel):
    """Runs one forward step per Lava time step."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        process = self.implements_process
        shape = proc_params["shape"]
        self.n, self.clock, self.ports = int(np.prod(shape)), proc_params["clock"], process.input_names
        numbers = {
            name: value if isinstance(value, (str, int)) else np.broadcast_to(value, shape).reshape(-1)
            for name, value in proc_params["numbers"].items()
        }
        self.neurons = process.params("fixed_pt" in self.tags, **numbers).expanded(self.n)
        self.names = process.var_names
        self.p = self.neurons.arrays()
        self.refractory, self.held = np.zeros(self.n, bool), np.zeros(self.n, np.int64)
        self.begun = False

    def run_spk(self) -> None:
        """Open a time step if its moment has come; integrate; fire."""
        shape = self.proc_params["shape"]
        state = {name: getattr(self, var).reshape(-1) for name, var in self.names.items()}
        now = self.clock.at(self.time_step)
        opens, begins = (np.broadcast_to(x, shape).reshape(-1) for x in (now.opens, now.begins))
        if begins.any() or not self.begun:
            self.begin(state, begins | (not self.begun))
        if opens.any():
            self.refractory[opens] = self.held[opens] > 0
            self.held[opens] = np.maximum(self.held[opens] - 1, 0)
            put(state, opens, self.neurons.open(self.p, state, self.refractory))
        arrived = [self.neurons.arriving(getattr(self, port).recv().reshape(-1), ...) for port in self.ports]
        touched = opens | np.any([x != 0 for x in arrived], axis=0)
        arriving = arrived[0] if len(arrived) == 1 else np.stack(arrived)
        put(state, touched, self.neurons.integrate(self.p, state, arriving, self.refractory))
        fires = touched & ~self.refractory & self.neurons.fires(self.p, state)
        self.s_out.send(self.fire(state, np.flatnonzero(fires)).reshape(shape))
        self.refractory |= fires & self.proc_params["refractory"]
        self.held[fires] = self.neurons.refractory_steps[fires]
        for name, var in self.names.items():
            getattr(self, var)[...] = state[name].reshape(shape)

    def begin(self, state: dict[str, np.ndarray], which: np.ndarray) -> None:
        """Begin a sample for some neurons: their state is that of rest; a Var that was set counts for the first."""
        for name, rest in self.neurons.start(self.p).items():
            mine = which if self.begun else which & (state[name] == 0)
            state[name][mine] = rest[mine]
        self.held[which], self.refractory[which], self.begun = 0, False, True

    def fire(self, state: dict[str, np.ndarray], who: np.ndarray) -> np.ndarray:
        """Let neurons fire, and return what all neurons send."""
        sent = np.zeros(self.n, self.neurons.dtype)
        if not len(who):
            return sent
        of, before = part_of(self.p, who), {name: values[who] for name, values in state.items()}
        momentum = self.neurons.momentum(of, before)
        after, payload = self.neurons.fire(of, before, self.proc_params["refractory"])
        put(state, who, after)
        sent[who] = payload if self.neurons.graded else np.where(momentum == 0, 1, momentum)
        return sent


def put(state: dict[str, np.ndarray], which: np.ndarray, changed: dict[str, np.ndarray]) -> None:
    """Take over new numbers of some neurons, given those of all, or of these alone."""
    for name, values in changed.items():
        state[name][which] = values[which] if which.dtype == bool else values


class Floats(AbstractPyAsyncNeuronsModel):
    """What neurons in floating point share."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)


class Integers(AbstractPyAsyncNeuronsModel):
    """What neurons in integers share."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)


def floats() -> Any:
    """Return the type of a Var in floating point."""
    return LavaPyType(np.ndarray, np.float32)


def integers() -> Any:
    """Return the type of a Var in integers."""
    return LavaPyType(np.ndarray, np.int64, precision=24)


@implements(proc=AsyncLIFRefractory, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncLifRefractoryModelFloat(Floats):
    """Leaky integrate-and-fire neurons with a refractory period, in floating point."""

    u: np.ndarray = floats()
    v: np.ndarray = floats()


@implements(proc=AsyncLIFRefractory, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncLifRefractoryModelFixed(Integers):
    """The same in Loihi's integers."""

    u: np.ndarray = integers()
    v: np.ndarray = integers()


@implements(proc=AsyncATRLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncATRLIFModelFloat(Floats):
    """Adaptive neurons in floating point."""

    i: np.ndarray = floats()
    v: np.ndarray = floats()
    theta: np.ndarray = floats()
    r: np.ndarray = floats()


@implements(proc=AsyncATRLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncATRLIFModelFixed(Integers):
    """Adaptive neurons in Loihi's integers."""

    i: np.ndarray = integers()
    v: np.ndarray = integers()
    theta: np.ndarray = integers()
    r: np.ndarray = integers()


@implements(proc=AsyncSigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncSigmaDeltaModelFloat(Floats):
    """Sigma-delta neurons in floating point."""

    sigma: np.ndarray = floats()
    sent: np.ndarray = floats()


@implements(proc=AsyncSigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncSigmaDeltaModelFixed(Integers):
    """Sigma-delta neurons in integers."""

    sigma: np.ndarray = integers()
    sent: np.ndarray = integers()


@implements(proc=AsyncDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncDeltaModelFloat(Floats):
    """Delta neurons in floating point."""

    x: np.ndarray = floats()
    sent: np.ndarray = floats()


@implements(proc=AsyncDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncDeltaModelFixed(Integers):
    """Delta neurons in integers."""

    x: np.ndarray = integers()
    sent: np.ndarray = integers()


class ResonatorFloats(AbstractPyAsyncNeuronsModel):
    """What resonators in floating point share."""

    a_real_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    a_imag_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    real: np.ndarray = floats()
    imag: np.ndarray = floats()
    imag_before: np.ndarray = floats()


class ResonatorIntegers(AbstractPyAsyncNeuronsModel):
    """What resonators in integers share."""

    a_real_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_imag_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    real: np.ndarray = integers()
    imag: np.ndarray = integers()
    imag_before: np.ndarray = integers()


@implements(proc=AsyncRF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncRFModelFloat(ResonatorFloats):
    """Resonators in floating point."""


@implements(proc=AsyncRF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncRFModelFixed(ResonatorIntegers):
    """Resonators in integers."""


@implements(proc=AsyncRF_IZ, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyAsyncRF_IZModelFloat(ResonatorFloats):  # noqa: N801 (Lava's name)
    """Resonators with a reset, in floating point."""


@implements(proc=AsyncRF_IZ, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAsyncRF_IZModelFixed(ResonatorIntegers):  # noqa: N801 (Lava's name)
    """Resonators with a reset, in integers."""
