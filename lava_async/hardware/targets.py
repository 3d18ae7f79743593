"""Former name of :mod:`lava_async.chips.targets`."""

from lava_async.chips.targets import *  # noqa: F403
