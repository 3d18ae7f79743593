"""Texts of Lava that are replaced before a module runs. Lines are those of lava-nc 0.10.0 and lava-dl 0.6.0."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lava_async.compat.conditions import always, no_torch, numpy_2, numpy_2_1, python_3_11


class SourcePatch(NamedTuple):
    """Replacements in the text of one module.

    Parameters
    ----------
    name : str
        What :data:`lava_async.compat.applied` calls it.
    needed : callable
        Whether it is needed here.
    replacements : tuple of (str, str, int)
        Old text, new text, and how often the old one must be found.
    optional : bool
        Whether it only saves imports, so that a module which was imported without it is as good.
    """

    name: str
    needed: Callable[[], bool]
    replacements: tuple[tuple[str, str, int], ...]
    optional: bool = False


_DEFERRED = f"{__package__}.deferred"
_PYPLOT = f"from {_DEFERRED} import pyplot as plt"
_MATPLOTLIB = SourcePatch(
    "matplotlib when used", always, (("import matplotlib.pyplot as plt", _PYPLOT, 1),), optional=True
)
# torch.utils.cpp_extension imports setuptools and warns that there is no CUDA runtime where only its compiler is here.
_CUDA_KERNELS = SourcePatch(
    "CUDA kernels when used",
    always,
    (("from torch.utils.cpp_extension import load", f"from {_DEFERRED} import load", 1),),
    optional=True,
)

SOURCE_PATCHES: dict[str, tuple[SourcePatch, ...]] = {
    # Lines 218-220, 226-228, 234-235: defaults that are instances of a dataclass.
    "lava.magma.compiler.var_model": (
        SourcePatch(
            "dataclass defaults",
            python_3_11,
            (
                ("import dataclass, InitVar", "import dataclass, field, InitVar", 1),
                ("ByteEncoder = ByteEncoder()", "ByteEncoder = field(default_factory=ByteEncoder)", 8),
            ),
        ),
    ),
    # Lines 920, 931: reshape() of ports. NumPy 2.1 renamed the keyword; the old name is gone in 2.4.
    "lava.magma.core.process.ports.ports": (
        SourcePatch("reshape", numpy_2_1, (("np.reshape, newshape=", "np.reshape, shape=", 2),)),
    ),
    # Line 28: deprecated since NumPy 2.5.
    "lava.proc.graded.process": (SourcePatch("trunc", numpy_2, (("np.fix(", "np.trunc(", 1),)),),
    # Line 143: an array of one element is assigned to an element, which is an error since NumPy 2.4.
    "lava.proc.clp.nsm.models": (
        SourcePatch("one element", numpy_2, (("alloc_signal[0] =", "alloc_signal[:1] =", 1),)),
    ),
    "lava.lib.dl.netx.hdf5": (
        # Line 19.
        SourcePatch(
            "slayer when used",
            no_torch,
            (("from lava.lib.dl.slayer.neuron.rf import neuron_params", f"from {_DEFERRED} import rf_params", 1),),
            optional=True,
        ),
        # Lines 280, 285: int() of an array of one element, which is an error since NumPy 2.4.
        SourcePatch(
            "int of an array",
            numpy_2,
            (
                ("int(layer_config['weight'])", "int(layer_config['weight'].item())", 1),
                ("int(layer_config['bias'])", "int(layer_config['bias'].item())", 1),
            ),
        ),
    ),
    # Line 42: asks whether an input is a tensor.
    "lava.lib.dl.netx.sequential_modules": (
        SourcePatch(
            "no torch", no_torch, (("import torch\n", f"from {_DEFERRED} import NoTorch as torch\n", 1),), optional=True
        ),
    ),
    # Lines 7, 8, 7, 6: matplotlib, with its 100 MB, is for pictures that a caller asks for.
    "lava.lib.dl.slayer.io": (
        SourcePatch(
            "matplotlib when used",
            always,
            (
                ("from matplotlib import pyplot as plt", _PYPLOT, 1),
                ("from matplotlib import animation", f"from {_DEFERRED} import animation", 1),
            ),
            optional=True,
        ),
    ),
    "lava.lib.dl.slayer.utils.stats": (_MATPLOTLIB,),
    "lava.lib.dl.bootstrap.ann_sampler": (_MATPLOTLIB,),
    **{
        f"lava.lib.dl.slayer.{module}": (_CUDA_KERNELS,)
        for module in (
            "neuron.dynamics.adaptive_phase_th",
            "neuron.dynamics.adaptive_resonator",
            "neuron.dynamics.adaptive_threshold",
            "neuron.dynamics.leaky_integrator",
            "neuron.dynamics.resonator",
            "utils.filter.conv",
            "utils.time.shift",
        )
    },
}
#: Modules that run when one of their names is used: this one needs cv2, torchvision and pillow (215 MB), prints that a
#: toolbox is missing, and nothing else of slayer needs it.
DEFERRED_MODULES = frozenset({"lava.lib.dl.slayer.object_detection"})
