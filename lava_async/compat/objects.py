"""Functions and classes of Lava that are replaced after a module ran.

Lines are those of lava-nc 0.10.0 and lava-dl 0.6.0.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from lava_async.compat.conditions import always, numpy_2, python_3_12


class ObjectPatch(NamedTuple):
    """A change of the objects of one module: `name` for reports, whether it is `needed` here, and what to `apply`."""

    name: str
    needed: Callable[[], bool]
    apply: Callable[[ModuleType], None]


def to_python(value: object) -> object:
    """Return a NumPy scalar as a Python number, which computes as the scalar did under NumPy 1; else the value."""
    import numpy as np  # here, since the hook is installed before NumPy is imported

    if isinstance(value, np.generic) and value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        return value.item()
    return value


def python_arguments(module: ModuleType) -> None:
    """Hand Python numbers to the constructors of Processes (process.py, line 31).

    ``LIF(du=np.uint16(..), vth=np.int16(..))`` and others compute `vth << 6`, `vth * (1 << exp)` and `du * 4096`: int64
    with NumPy 1, int16 that wraps with NumPy 2.
    """
    call_original = module.ProcessPostInitCaller.__call__

    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        return call_original(cls, *map(to_python, args), **{name: to_python(value) for name, value in kwargs.items()})

    module.ProcessPostInitCaller.__call__ = __call__


def missing_private_members(module: ModuleType) -> None:
    """Let a Collection say that it has no private attribute (process.py, line 627).

    It raises AssertionError, and unittest.mock of Python 3.12 asks for `_is_coroutine_marker`.
    """
    get_original = module.Collection.__getattr__

    def __getattr__(self: Any, name: Any) -> Any:  # noqa: N807
        if isinstance(name, str) and name.startswith("_"):
            raise AttributeError(name)
        return get_original(self, name)

    module.Collection.__getattr__ = __getattr__


def python_initial_values(module: ModuleType) -> None:
    """Keep ``Var(init=np.int16(..))`` of a LavaPyType(int) as a Python number (compiler/utils.py, line 19)."""
    init_original = module.VarInitializer.__init__

    def __init__(self: Any, name: Any, shape: Any, value: Any, var_id: Any) -> None:  # noqa: N807
        init_original(self, name, shape, to_python(value), var_id)

    module.VarInitializer.__init__ = __init__


def python_sizes_of_convolutions(module: ModuleType) -> None:
    """Compute the sizes of convolutions in Python numbers (conv/utils.py, lines 124-131 and 262-295).

    conv/models.py hands them over as arrays of int8; with NumPy 2 ``200 + 2 * int8`` raises an error or wraps.
    """
    sizes = {"input_shape", "kernel_size", "stride", "padding", "dilation", "groups", "group", "output_shape"}

    def to_ints(value: Any) -> Any:
        is_number = getattr(value, "ndim", 1) == 0 or isinstance(value, int)
        return int(value) if is_number else tuple(int(size) for size in value)

    def with_python_sizes(function: Any) -> Any:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            for name in sizes & set(bound.arguments):
                bound.arguments[name] = to_ints(bound.arguments[name])
            return function(*bound.args, **bound.kwargs)

        return call

    for name in ("output_shape", "conv", "conv_scipy", "conv_to_sparse"):
        setattr(module, name, with_python_sizes(getattr(module, name)))


def wide_numbers_of_netx(module: ModuleType) -> None:
    """Read integers of a .net file as int64 (netx/utils.py, line 69): hdf5.py, line 137, computes `iDecay - 1`."""
    import numpy as np

    get_original = module.NetDict.__getitem__

    def __getitem__(self: Any, key: Any) -> Any:  # noqa: N807
        value = get_original(self, key)
        return np.int64(value) if isinstance(value, np.integer) and value.dtype.itemsize < 8 else value

    module.NetDict.__getitem__ = __getitem__


def one_number_for_inv_sqrt(module: ModuleType) -> None:
    """Hand a number to int(), not an array of one element (graded/models.py, lines 192 and 218)."""
    import numpy as np

    original = module.inv_sqrt

    def inv_sqrt(s_fp: Any, *args: Any, **kwargs: Any) -> Any:
        return original(np.asarray(s_fp).item(), *args, **kwargs)

    module.inv_sqrt = inv_sqrt  # type: ignore[attr-defined]


def trapezoid(module: ModuleType) -> None:
    """Give metrics.py, line 165, np.trapz, which NumPy 2.0 renamed to np.trapezoid and 2.4 dropped."""
    import numpy as np

    class WithTrapz:
        trapz = staticmethod(np.trapezoid)  # type: ignore[attr-defined,unused-ignore]

        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

    module.np = WithTrapz()  # type: ignore[attr-defined]


def quiet_weight_norm(module: ModuleType) -> None:
    """Silence torch's warning that weight_norm is deprecated (layer.py, line 28), about which users can do nothing.

    slayer needs the old function: it reads `weight_g` and `weight_v`, which the new one calls otherwise.
    """
    original = module.GenericLayer.enable_weight_norm

    @functools.wraps(original)
    def enable_weight_norm(self: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".?torch.nn.utils.weight_norm.? is deprecated")
            original(self)

    module.GenericLayer.enable_weight_norm = enable_weight_norm


def quiet_fork(module: ModuleType) -> None:
    """Silence Python's warning that a process with threads forks (multiprocessing.py, lines 41 and 98).

    Lava's actors are forked; they run no code of the threads of NumPy and torch, and Lava offers no other way.
    """

    def without_warning(start: Callable[[Any], None]) -> Callable[[Any], None]:
        @functools.wraps(start)
        def quiet_start(self: Any) -> None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
                start(self)

        return quiet_start

    for forking in (module.SystemProcess, module.MultiProcessing):
        forking.start = without_warning(forking.start)


OBJECT_PATCHES: dict[str, tuple[ObjectPatch, ...]] = {
    "lava.magma.core.process.process": (
        ObjectPatch("Python arguments", numpy_2, python_arguments),
        ObjectPatch("missing private members", python_3_12, missing_private_members),
    ),
    "lava.magma.compiler.utils": (ObjectPatch("Python initial values", numpy_2, python_initial_values),),
    "lava.proc.conv.utils": (ObjectPatch("Python sizes of convolutions", numpy_2, python_sizes_of_convolutions),),
    "lava.proc.graded.models": (ObjectPatch("one number for inv_sqrt", numpy_2, one_number_for_inv_sqrt),),
    "lava.magma.runtime.message_infrastructure.multiprocessing": (ObjectPatch("quiet fork", python_3_12, quiet_fork),),
    "lava.lib.dl.netx.utils": (ObjectPatch("wide numbers of netx", numpy_2, wide_numbers_of_netx),),
    "lava.lib.dl.slayer.object_detection.boundingbox.metrics": (ObjectPatch("trapezoid", numpy_2, trapezoid),),
    "lava.lib.dl.slayer.synapse.layer": (ObjectPatch("quiet weight norm", always, quiet_weight_norm),),
}
