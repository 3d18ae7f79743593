"""First weights by data: layer by layer, so that a wanted part of the neurons fires per time step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lava_async.errors import InvalidValue
from lava_async.stopping import Quiescence
from lava_async.training.blocks.base import is_drawn, learned_weights

if TYPE_CHECKING:
    from lava_async.training.unlayered import UnlayeredNetwork

log = logging.getLogger(__name__)
#: Halvings of the range of factors, 1/4096 .. 4096.
_HALVINGS, _WIDEST = 14, 12.0


def scale_to(network: UnlayeredNetwork, spikes: Any, rate: float, *, only_drawn: bool) -> list[float]:
    """Scale weights; see :meth:`UnlayeredNetwork.scale_to`."""
    if not 0 < rate < 1:
        raise InvalidValue("scale_to.rate", rate, "a part of the neurons, above 0 and below 1")
    reached = []
    until, network.until = network.until, Quiescence()
    training = network.training
    network.eval()
    try:
        for layer in network._layers:
            weights = [w for w in learned_weights(layer.block) if w.requires_grad]
            scaled = bool(weights) and (is_drawn(layer.block) or not only_drawn)
            factor = _factor(network, layer.index, weights, spikes, rate) if scaled else 1.0
            reached.append(_rate(network, layer.index, spikes))
            if not scaled:
                continue
            log.info(
                "scale_to: weights of %s (%s) times %.4g: %.1f %% of its neurons fire per time step",
                layer.where,
                layer.layer.name,
                factor,
                100 * reached[-1],
            )
            if not rate / 2 <= reached[-1] <= 2 * rate:
                log.warning(
                    "scale_to: %.2g %% of the neurons of %s (%s) fire per time step, which is as near to "
                    "%.2g %% as 8-bit weights get here: choose another threshold",
                    100 * reached[-1],
                    layer.where,
                    layer.layer.name,
                    100 * rate,
                )
    finally:
        network.until = until
        network.train(training)
    return reached


@torch.no_grad()
def _factor(network: UnlayeredNetwork, index: int, weights: list[Tensor], spikes: Any, rate: float) -> float:
    """Multiply weights so that a layer fires at a rate, as nearly as the grid of weights allows; return the factor."""
    first = [w.clone() for w in weights]

    def at(power: float) -> float:
        for w, start in zip(weights, first, strict=True):
            w.copy_(start * 2.0**power)
        return _rate(network, index, spikes)

    low, high, tried = -_WIDEST, _WIDEST, dict[float, float]()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tried[middle] = at(middle)
        low, high = (middle, high) if tried[middle] < rate else (low, middle)
    best = min(tried, key=lambda power: (abs(tried[power] - rate), abs(power)))
    at(best)
    return float(2.0**best)


@torch.no_grad()
def _rate(network: UnlayeredNetwork, index: int, spikes: Any) -> float:
    """Return the part of the neurons of a layer that fires per time step."""
    rows = network.to_network().layer_slices[index]
    counts = network.run(spikes, np.arange(len(spikes)), slice(rows.start, rows.stop)).counts
    return float(counts.mean()) if counts.numel() else 0.0
