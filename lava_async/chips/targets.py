"""What a core and a chip can hold: limits of Loihi 1 and Loihi 2, each with where it was published.

A limit that nobody published is None and is reported as "not published": nothing is filled in by analogy.
Energies and times are in :mod:`lava_async.chips.presets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from lava_async.errors import not_among
from lava_async.registry import Registry

T = TypeVar("T")

DAVIES_2018 = "Davies et al., IEEE Micro 38(1), 82-99, 2018"
INTEL_BRIEF = "Intel Labs, technology brief on Loihi 2, 2021, table comparing it with Loihi (quoted by third parties)"
NENGO_LOIHI = "nengo-loihi, block.py, discretize.py and validate.py"
BRIAN2_LOIHI = "brian2-loihi (Michaelis et al., Front. Neuroinform. 16, 2022), parameter ranges"
LAVA = "lava-nc 0.10, fixed-point models of LIF, Dense and DelayDense"
SANA_FE = "SANA-FE (Boyle et al.), sanafe/examples/loihi.yaml, commit af110515"


@dataclass(frozen=True)
class Limit:
    """A number and where it was published.

    Parameters
    ----------
    value : int or None
        None: not published.
    source : str
        Publication or source file; of None, what was searched for in vain.

    Examples
    --------
    >>> from lava_async.hardware import TARGETS
    >>> TARGETS["loihi1"].neurons.value, TARGETS["loihi2"].axons_out.value
    (1024, None)
    """

    value: int | None
    source: str


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of a parameter, and where they were published.

    Examples
    --------
    >>> from lava_async.hardware import TARGETS
    >>> weight = TARGETS["loihi1"].weight
    >>> weight.low, weight.high
    (-256, 255)
    """

    low: int
    high: int
    source: str


@dataclass(frozen=True)
class Grid:
    """Tiles of a chip: a mesh of ``width`` x ``height`` routers, `cores` cores at each; messages go east-west first.

    Examples
    --------
    >>> from lava_async.hardware import TARGETS
    >>> grid = TARGETS["loihi1"].grid
    >>> grid.width * grid.height * grid.cores
    128
    """

    width: int
    height: int
    cores: int
    source: str


@dataclass(frozen=True)
class Target:
    """Limits of a chip.

    Parameters
    ----------
    name, title : str
        As in ``--target``; for people.
    cores : Limit
        Neuron cores of a chip.
    neurons : Limit
        Neurons of a core.
    synaptic_bits : Limit
        Memory of a core for synapses, in bits.
    axons_in, axons_out : Limit
        Lists of synapses of a core, one per source neuron; pairs of a source neuron in this core and a target core.
    grid : Grid or None
        Where cores lie on the mesh.
    weight : Range
        Weights as integers of 9 bits.
    weight_exp, vth, decay, bias_mant, bias_exp, delay : Range
        In the words and units of :class:`~lava_async.LoihiParams`; `decay` is of 4096, per time step (du + 1, dv).
    payload_bits : Limit
        Bits that a spike carries; 0: a spike is there or not.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from lava_async import LoihiParams, Network
    >>> from lava_async.hardware import TARGETS, check
    >>> from lava_async.chips.targets import Limit
    >>> small = replace(TARGETS["loihi1"], name="small", cores=Limit(1, "an example"))
    >>> network = Network.feedforward([[[1]] * 2000], LoihiParams(du=4095, dv=0, vth=1))
    >>> [each.name for each in check(network, small).broken]
    ['cores']
    """

    name: str
    title: str
    cores: Limit
    neurons: Limit
    synaptic_bits: Limit
    axons_in: Limit
    axons_out: Limit
    grid: Grid | None
    weight: Range
    weight_exp: Range
    vth: Range
    decay: Range
    bias_mant: Range
    bias_exp: Range
    delay: Range
    payload_bits: Limit


LOIHI1 = Target(
    "loihi1",
    "Loihi 1",
    cores=Limit(128, f"{DAVIES_2018}, p. 86"),
    neurons=Limit(1024, f"{DAVIES_2018}, p. 89, constraint 1"),
    synaptic_bits=Limit(128 * 1024 * 8, f"{DAVIES_2018}, p. 89, constraint 2: 128 KB"),
    axons_in=Limit(4096, f"{DAVIES_2018}, p. 89, constraint 4"),
    axons_out=Limit(4096, f"{DAVIES_2018}, p. 89, constraint 3"),
    # Davies 2018, Table 2 speaks of 1-32 tiles, hence 4 cores each; the shape of the mesh is that of SANA-FE.
    grid=Grid(8, 4, 4, SANA_FE),
    weight=Range(-256, 255, f"{DAVIES_2018}, p. 87: 1 to 9 bits"),
    weight_exp=Range(-7, 7, NENGO_LOIHI),
    vth=Range(0, 2**17 - 1, BRIAN2_LOIHI),
    decay=Range(0, 4096, BRIAN2_LOIHI),
    bias_mant=Range(-4095, 4095, NENGO_LOIHI),
    bias_exp=Range(0, 7, NENGO_LOIHI),
    delay=Range(0, 62, f"{DAVIES_2018}, p. 92: 8 time steps, up to 62 in cores with fewer neurons"),
    payload_bits=Limit(0, INTEL_BRIEF),
)

LOIHI2 = Target(
    "loihi2",
    "Loihi 2",
    cores=Limit(128, INTEL_BRIEF),
    neurons=Limit(8192, f"{INTEL_BRIEF}: 1 million neurons in 128 cores"),
    synaptic_bits=Limit(192 * 1024 * 8, f"{INTEL_BRIEF}: 192 KB, all memory of a core, of which synapses get a part"),
    axons_in=Limit(None, "not published: the memory of a core is divided freely"),
    axons_out=Limit(None, "not published: the memory of a core is divided freely"),
    grid=None,
    weight=Range(-256, 255, LAVA),
    weight_exp=Range(-8, 7, LAVA),
    vth=Range(0, 2**17 - 1, LAVA),
    decay=Range(0, 4096, LAVA),
    bias_mant=Range(-4096, 4095, LAVA),
    bias_exp=Range(0, 7, LAVA),
    delay=Range(0, 62, LAVA),
    payload_bits=Limit(32, INTEL_BRIEF),
)

TARGETS: Registry[Target] = Registry("targets", {target.name: target for target in (LOIHI1, LOIHI2)})


def target_of(target: Target | str) -> Target:
    """Return a target given by name, or as it is.

    Raises
    ------
    InvalidValue
        If there is none of this name.

    Examples
    --------
    >>> from lava_async.hardware import target_of
    >>> target_of("loihi2").cores.value
    128
    """
    return by_name("hardware target", TARGETS, target)


def by_name(what: str, known: Mapping[str, T], given: T | str, hint: str = "") -> T:
    """Return what is known by a name, or what is given as it is.

    Parameters
    ----------
    what : str
        What errors call it.
    known : dict
        All there are.
    given : object or str
        One of them, one of one's own, or a name.
    hint : str
        What errors say behind the names.

    Raises
    ------
    InvalidValue
        If there is none of this name.
    """
    if not isinstance(given, str):
        return given
    if given not in known:
        raise not_among(what, given, known, hint)
    return known[given]
