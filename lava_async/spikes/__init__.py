"""Spikes: sparse lists of entries inside, dense arrays at the boundary, time always last."""

from lava_async.spikes.batch import SpikeBatch, Spikes
from lava_async.spikes.counts import ENCODE, LISTED, MAX_PAYLOAD, dense_counts
from lava_async.spikes.train import SpikeTrain

__all__ = ["ENCODE", "LISTED", "MAX_PAYLOAD", "SpikeBatch", "SpikeTrain", "Spikes", "dense_counts"]
