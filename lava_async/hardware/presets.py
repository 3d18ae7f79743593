"""Former name of :mod:`lava_async.chips.presets`."""

from lava_async.chips.presets import *  # noqa: F403
