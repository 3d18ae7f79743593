"""Whether a network fits on Loihi, and what a run would cost there.

::

    hardware.check(network, "loihi1").verdict       # 'fits Loihi 1: 5 of 128 cores'
    mapping = hardware.place(network, "loihi1")     # which neuron lies in which core
    hardware.cost(network, result, "davies2018", layered=False, mapping=mapping).energy()       # in joules

`targets` holds published limits, `presets` published energies and times; what nobody published is None.
"""

from lava_async.chips.presets import PRESETS, Preset, Price, preset_of
from lava_async.chips.targets import TARGETS, Target, target_of
from lava_async.hardware import machine, summary
from lava_async.hardware.cost import GROUPS, Cost, Entry, cost, operations_per_core
from lava_async.hardware.limits import Check, Fit, check
from lava_async.hardware.lockstep import lockstep_ticks
from lava_async.hardware.mapping import Hops, Load, Mapping
from lava_async.hardware.numbering import renumber
from lava_async.hardware.placing import place
from lava_async.hardware.report import core_rows, hop_rows

__all__ = [
    "GROUPS",
    "PRESETS",
    "TARGETS",
    "Check",
    "Cost",
    "Entry",
    "Fit",
    "Hops",
    "Load",
    "Mapping",
    "Preset",
    "Price",
    "Target",
    "check",
    "core_rows",
    "cost",
    "hop_rows",
    "lockstep_ticks",
    "machine",
    "operations_per_core",
    "place",
    "preset_of",
    "renumber",
    "summary",
    "target_of",
]
