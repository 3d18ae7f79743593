"""The ways in which a ProcessModel can go wrong."""

import os
import signal
import time

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyAsyncProcessModel, PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.async_protocol import AsyncProtocol
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from faulty.process import AsyncFaulty, Faulty
from lava_async.errors import InvalidValue


class UnpicklableError(Exception):
    """Cannot travel: it needs two arguments and holds a function."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")
        self.function = lambda: one


def misbehave(fault):
    if fault == "raise":
        raise ZeroDivisionError("the model divided by zero")
    if fault == "raise-ours":
        raise InvalidValue("Faulty.fault", fault, "none")
    if fault == "raise-unpicklable":
        raise UnpicklableError("no", "way")
    if fault == "float":
        np.right_shift(1.5, 2)
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "exit":
        raise SystemExit(3)
    while fault == "sleep":
        time.sleep(1)
    while fault == "spin":
        pass


@implements(proc=Faulty, protocol=LoihiProtocol)
@requires(CPU)
class PyFaultyModel(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    steps: np.ndarray = LavaPyType(np.ndarray, float)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.fault, self.at = proc_params["fault"], proc_params["at"]
        if self.at == 0:
            misbehave(self.fault)

    def run_spk(self):
        if self.time_step == self.at:
            misbehave(self.fault)
        self.out.send(self.inp.recv())
        self.steps += 1


@implements(proc=AsyncFaulty, protocol=AsyncProtocol)
@requires(CPU)
class PyAsyncFaultyModel(PyAsyncProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    steps: np.ndarray = LavaPyType(np.ndarray, float)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.fault, self.at = proc_params["fault"], proc_params["at"]

    def run_async(self):
        for _ in range(self.num_steps):
            if self.steps[0] == self.at:
                misbehave(self.fault)
            self.out.send(self.inp.recv())
            self.steps += 1
