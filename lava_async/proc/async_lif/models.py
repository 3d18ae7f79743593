"""The ProcessModels of asynchronous leaky integrate-and-fire neurons."""

from lava_async.proc.async_lif.process import AsyncLIF
from lava_async.proc.async_neurons.models import model_of

# Lava's compiler looks for ProcessModels among the classes of this module, and pickle for their names.
PyAsyncLifModelFloat = model_of(AsyncLIF, False, __name__, "PyAsyncLifModelFloat")
PyAsyncLifModelFixed = model_of(AsyncLIF, True, __name__, "PyAsyncLifModelFixed")
