"""What training says when it cannot get anywhere: a sentence in the log, once per training and reason."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.metrics import silent_outputs
from lava_async.network import Network
from lava_async.silence import Activity
from lava_async.thresholds import STEPS, out_of_reach
from lava_async.training.gradient import WEIGHT_SCALE

if TYPE_CHECKING:
    from lava_async.training.unlayered import UnlayeredNetwork

log = logging.getLogger(__name__)
#: Least and largest weight on the grid of 8 bits, in the integers of a deployed network.
_LEAST, _MOST = -4 * WEIGHT_SCALE, 4 * WEIGHT_SCALE - 2
#: Part of a layer's weights at those limits from which it is said.
_MANY = 0.05
#: Epochs after which an accuracy at chance is said.
_EPOCHS = 2


class Watch:
    """Looks at each epoch of a training, and says what keeps it from learning.

    Parameters
    ----------
    network : UnlayeredNetwork
        What is trained.
    labels : (B,) int64, optional
        Classes of the training samples, if their labels are classes.
    """

    def __init__(self, network: UnlayeredNetwork, labels: NDArray[np.int64] | None) -> None:
        self._network, self._said = network, set[str]()
        # Without classes all outputs count, and there is no chance to be compared with.
        self._shares = np.ones(network.n_outputs) if labels is None else np.bincount(labels) / len(labels)
        self._samples = 0 if labels is None else len(labels)
        self.start_epoch()

    def start_epoch(self) -> None:
        """Forget what the last epoch did."""
        self._activity: Activity | None = None
        self._gradient = False

    def begin(self) -> None:
        """Say which layers cannot fire, whatever comes."""
        network = self._network.to_network()
        read_out = len(network.layers) - 1 if len(silent_outputs(network)) else None
        for i in out_of_reach(network):
            if i == read_out:
                continue
            self._say(
                f"reach {i}",
                "no neuron of %s can reach its threshold within %d time steps, even if all that "
                "reaches it fires: call scale_to, or choose larger weights or a lower threshold",
                network.layers[i].name,
                STEPS,
            )

    def add(self, counts: Tensor) -> None:
        """Look at the spike counts (B, N, T) of a batch, and at the gradients that it gave."""
        if self._activity is None:
            self._activity = Activity(self._network.to_network(), np.flatnonzero(self._shares))
        self._activity.add(counts.detach().sum((0, 2)).cpu().numpy(), counts.shape[0] * counts.shape[2])
        parameters = self._network.parameters()
        self._gradient = self._gradient or any(p.grad is not None and bool(p.grad.any()) for p in parameters)

    def end_epoch(self, epoch: int, accuracy: float) -> None:
        """Say what kept this epoch from learning, with its training accuracy."""
        where = f"epoch {epoch}"
        if self._activity is not None:
            for reason, sentence in self._activity.sentences():
                self._say(reason, "%s: %s", where, sentence)
            if not self._gradient:
                self._say(
                    "gradient",
                    "%s: all gradients are zero, so that nothing is learned: no neuron came near its "
                    "threshold; call scale_to, or choose a wider surrogate",
                    where,
                )
        chance = float(self._shares.max())
        noise = (chance * (1 - chance) / max(self._samples, 1)) ** 0.5
        if epoch >= _EPOCHS and 0 < chance < 1 and accuracy <= chance + noise:
            self._say(
                "chance",
                "%s: the accuracy of %.1f %% on the training samples is no better than chance (%.1f "
                "%%): try another learning rate, or look at the labels",
                where,
                100 * accuracy,
                100 * chance,
            )
        for name, part in _at_limits(self._network.to_network()):
            self._say(
                f"limits {name}",
                "%s: %.0f %% of the weights of %s are at the limits of the 8-bit grid: choose "
                "a lower threshold, or a smaller learning rate",
                where,
                100 * part,
                name,
            )

    def _say(self, reason: str, sentence: str, *values: Any) -> None:
        if reason not in self._said:
            self._said.add(reason)
            log.warning("fit: " + sentence, *values)


def _at_limits(network: Network) -> list[tuple[str, float]]:
    """Return name and part of the layers many of whose weights are the least or the largest there are."""
    found = []
    for i, layer in enumerate(network.layers):
        arrays: list[NDArray[Any]] = []

        def look(_: str, weights: NDArray[Any], arrays: list[NDArray[Any]] = arrays) -> NDArray[Any]:
            arrays.append(weights.ravel())
            return weights

        for synapses in network.synapses:
            if synapses.target == i:
                synapses.map_weights(look)
        weights = np.concatenate(arrays) if arrays else np.zeros(0)
        part = float(np.mean((weights <= _LEAST) | (weights >= _MOST))) if weights.size else 0.0
        if part > _MANY:
            found.append((layer.name, part))
    return found


def finite(tensors: Iterable[Tensor]) -> bool:
    """Tell whether all numbers of some tensors are finite."""
    return all(bool(torch.isfinite(x).all()) for x in tensors)
