"""A Process that passes its input on until it misbehaves as it is told to."""

import lava_async  # noqa: F401  # isort: skip (before Lava)
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var


class Faulty(AbstractProcess):
    def __init__(self, *, fault="none", at=3, shape=(2,)):
        super().__init__(fault=fault, at=at)
        self.inp, self.out = InPort(shape), OutPort(shape)
        self.steps = Var((1,), 0)


class AsyncFaulty(AbstractProcess):
    def __init__(self, *, fault="none", at=3, shape=(2,)):
        super().__init__(fault=fault, at=at)
        self.inp, self.out = InPort(shape), OutPort(shape)
        self.steps = Var((1,), 0)
