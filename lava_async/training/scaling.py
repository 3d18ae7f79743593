"""First weights by data: layer by layer, so that a wanted part of the neurons fires per time step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lava_async.errors import InvalidValue
from lava_async.training.blocks.base import NeuronBlock, is_drawn, learned_weights

log = logging.getLogger(__name__)
#: Halvings of the range of factors, 1/4096 .. 4096.
_HALVINGS, _WIDEST = 14, 12.0


def scale_layers(
    layers: Sequence[NeuronBlock], rate: float, measure: Callable[[int], float], *, only_drawn: bool
) -> list[float]:
    """Scale the weights of one layer after another until a wanted part of its neurons fires.

    Parameters
    ----------
    layers : sequence of NeuronBlock
        From the first layer to the last.
    rate : float
        The wanted part of the neurons of each layer, above 0 and below 1.
    measure : function of the index of a layer
        Returns the part of its neurons that fires per time step with the weights as they are now.
    only_drawn : bool
        Leave weights alone that have learned, or that are a user's own.

    Returns
    -------
    list of float
        What `measure` returns for each layer afterwards.

    Raises
    ------
    InvalidValue
        If `rate` is not above 0 and below 1.
    """
    if not 0 < rate < 1:
        raise InvalidValue("scale_to.rate", rate, "a part of the neurons, above 0 and below 1")
    reached = []
    for layer in layers:
        weights = [w for w in learned_weights(layer.block) if w.requires_grad]
        scaled = layer.fires and bool(weights) and (is_drawn(layer.block) or not only_drawn)
        factor = _scale(weights, rate, lambda index=layer.index: measure(index)) if scaled else 1.0
        reached.append(measure(layer.index))
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
    return reached


@torch.no_grad()
def _scale(weights: Sequence[Tensor], rate: float, measure: Callable[[], float]) -> float:
    """Multiply the weights of a layer so that it fires as nearly at a rate as their grid allows; return the factor."""
    first = [w.clone() for w in weights]

    def measure_at(power: float) -> float:
        for w, start in zip(weights, first, strict=True):
            w.copy_(start * 2.0**power)
        return measure()

    low, high, tried = -_WIDEST, _WIDEST, dict[float, float]()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tried[middle] = measure_at(middle)
        low, high = (middle, high) if tried[middle] < rate else (low, middle)
    best = min(tried, key=lambda power: (abs(tried[power] - rate), abs(power)))
    measure_at(best)
    return float(2.0**best)
