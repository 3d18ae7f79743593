"""What was here is in :mod:`lava_async.spikes`."""

from lava_async.renamed import renamed
from lava_async.spikes import SpikeBatch

__getattr__ = renamed(__name__, {"EventBatch": SpikeBatch, "as_events": SpikeBatch.of}, globals())
