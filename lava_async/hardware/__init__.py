"""Whether a network fits on Loihi, and what a run would cost there.

`targets` holds published limits, `presets` published energies and times, `mapping` places neurons in cores.
"""

from lava_async.hardware.mapping import Hops, Load, Mapping, place
from lava_async.hardware.presets import PRESETS, Preset, preset_of
from lava_async.hardware.targets import TARGETS, Target, target_of

__all__ = ["PRESETS", "TARGETS", "Hops", "Load", "Mapping", "Preset", "Target", "place", "preset_of", "target_of"]
