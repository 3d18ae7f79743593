"""Synapses: which neurons a spike reaches, with which weights.

A type is one file with a frozen dataclass. :meth:`Synapses.fan_out` tells the synapses of one source neuron; that is
enough for both engines. Dense, sparse and convolutional synapses have code of their own in the compiled engine, others
run there as lists. Indices are local: source neuron 0 is the first of its layer, target neuron 0 the first of its own.
"""

from __future__ import annotations

from lava_async.synapses.base import INPUT, MAX_DELAY, Fan, Synapses, weights_of
from lava_async.synapses.conv import Conv
from lava_async.synapses.dense import Dense
from lava_async.synapses.sparse import Sparse

__all__ = ["INPUT", "MAX_DELAY", "Conv", "Dense", "Fan", "Sparse", "Synapses", "weights_of"]
