"""ProcessModels of asynchronous neurons; their equations are those of `lava_async.neurons`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    AsyncNeurons,
    AsyncRF,
    AsyncRF_IZ,
    AsyncSigmaDelta,
)

if TYPE_CHECKING:
    from lava.magma.core.process.process import ProcessParameters


class AbstractPyAsyncNeuronsModel(PyLoihiProcessModel):
    """Runs one forward step per Lava time step."""

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__(proc_params)
        process = self.implements_process
        self.n, self.clock, self.ports = int(np.prod(proc_params["shape"])), proc_params["clock"], process.input_names
        self.names = process.var_names
        self.refractory, self.held = np.zeros(self.n, bool), np.zeros(self.n, np.int64)
        self.begun, self.read = False, False

    def on_var_update(self) -> None:
        """Parameters may have been set."""
        self.read = False

    def read_parameters(self) -> None:
        """Take the parameters from their Vars."""
        process, shape = self.implements_process, self.proc_params["shape"]
        numbers = {name: np.broadcast_to(getattr(self, name), shape).reshape(-1) for name in process.number_types}
        params = process.params("fixed_pt" in self.tags, **numbers, **self.proc_params["options"])
        self.neurons = params.expanded(self.n)
        self.p, self.read = self.neurons.arrays(), True

    def run_spk(self) -> None:
        """Open a time step if its moment has come; integrate; fire."""
        if not self.read:
            self.read_parameters()
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
        # Nothing fires before its first time step opens, whatever its state is; as in the engines, only what opens or
        # is touched is checked.
        begun = np.broadcast_to(np.asarray(now.t) >= 0, shape).reshape(-1)
        fires = begun & touched & ~self.refractory & self.neurons.fires(self.p, state)
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


def model_of(process: type[AsyncNeurons], fixed: bool, module: str, name: str) -> type[AbstractPyAsyncNeuronsModel]:
    """Return the ProcessModel of a Process in one arithmetic: its ports and Vars have the types of Lava's neurons."""
    number: Any = np.int64 if fixed else np.float32
    sent: Any = np.int32 if fixed else float
    bits = {"precision": 24} if fixed else {}
    members: dict[str, Any] = {
        "__module__": module,
        "__doc__": f"{process.__name__} in {'integers' if fixed else 'floating point'}.",
        **{port: LavaPyType(PyInPort.VEC_DENSE, sent, **bits) for port in process.input_names},
        "s_out": LavaPyType(PyOutPort.VEC_DENSE, sent, **bits),
        **{var: LavaPyType(np.ndarray, number, **bits) for var in process.var_names.values()},
        **{field: LavaPyType(np.ndarray, kind if fixed else float) for field, kind in process.number_types.items()},
    }
    model: Any = type(name, (AbstractPyAsyncNeuronsModel,), members)
    decorated = implements(proc=process, protocol=LoihiProtocol)(requires(CPU)(model))
    found: type[AbstractPyAsyncNeuronsModel] = tag("fixed_pt" if fixed else "floating_pt")(decorated)
    return found


# Lava's compiler looks for ProcessModels among the classes of this module, and pickle for their names.
for _process in (AsyncLIFRefractory, AsyncATRLIF, AsyncSigmaDelta, AsyncDelta, AsyncRF, AsyncRF_IZ):
    for _fixed in (False, True):
        _name = f"Py{_process.__name__}Model{'Fixed' if _fixed else 'Float'}"
        globals()[_name] = model_of(_process, _fixed, __name__, _name)
del _process, _fixed, _name
