"""Lava Processes: asynchronous neurons, spike schedulers, whole networks, and runs that cannot hang."""

from lava_async.extras import require
from lava_async.proc.start_method import import_lava

require("lava", "lava_async.proc")
import_lava()
