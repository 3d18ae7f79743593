"""Networks from and to NIR, the Neuromorphic Intermediate Representation, which other simulators and chips read.

::

    nir.write(network, "digits.nir")            # one file that snnTorch, Norse, sinabs, SpiNNaker2 ... may read
    network = nir.read("theirs.nir")            # a Network in floating point
    nir.export(network), nir.convert(graph)     # the same with a `nir.NIRGraph` in memory

NIR describes neurons in continuous time; :mod:`lava_async.nir.equations` says how they become time steps and back. What
NIR cannot express - integer arithmetic, delays of single synapses, outputs that are part of a layer - is named in a
:class:`NirError`. All but :func:`read` needs the optional package: ``pip install "lava-async[nir]"``. Versions 1.0.4 to
1.0.8 are tested.

References
----------
Pedersen et al., "Neuromorphic intermediate representation", Nature Communications 15, 8122, 2024.
"""

from lava_async.nir.bias import add_bias_channel
from lava_async.nir.equations import DT
from lava_async.nir.errors import MissingNir, NirError, NirWarning
from lava_async.nir.reading import convert, read
from lava_async.nir.writing import as_float, export, write

__all__ = [
    "DT",
    "MissingNir",
    "NirError",
    "NirWarning",
    "add_bias_channel",
    "as_float",
    "convert",
    "export",
    "read",
    "write",
]
