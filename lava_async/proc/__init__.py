"""Lava Processes: asynchronous neurons, spike schedulers, whole networks, and runs that cannot hang."""

from lava_async.extras import require

require("lava", "lava_async.proc")
